"""The job summary of deploy-batch: the result, who is the default, the scoring job, its first rows, how to call it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from endpoint_report import KEY_FROM_ENTRA, EndpointReport, call_it, folded, opening, sdk
from job_report import Step, failure_text
from markdown_text import cell, code, fenced, table
from workspace import Workspace

_LOG_LINES = 40
_WIDTH = 300  # characters of a row


@dataclass
class Report(EndpointReport):
    """What happened so far; filled on the way. Rows are None where they are not known; `source` as it is shown."""

    before: str = ""
    after: str = ""
    source: str = ""
    job: str = ""
    status: str = ""
    studio_url: str = ""
    rows_in: int | None = None
    rows: int | None = None
    first: list[str] = field(default_factory=list)
    folder: str = ""
    failed: Step | None = None
    steps: Sequence[Step] = ()


def render(report: Report, headline: str, reason: str, workspace: Workspace) -> str:
    """The summary as Markdown. `reason`: why it failed, "" for success."""
    parts = opening(report, headline, reason, [f"[job]({report.studio_url})"] if report.studio_url else [])
    if report.failed is not None:
        text = failure_text(report.failed).partition("\nEnd of its log:")[0]
        parts.append("\n\n".join(cell(line) for line in text.splitlines()) + "\n")
        if report.failed.tail:
            parts.append(fenced("\n".join(report.failed.tail[-_LOG_LINES:])))
    parts.append(
        "#### Default deployment\n\n" + table(["Before", "After"], [[_name(report.before), _name(report.after)]])
    )
    if report.job:
        rows = [
            ["Input", code(report.source) + (f", {report.rows_in} rows" if report.rows_in is not None else "")],
            ["Job", f"{code(report.job)} {cell(report.status)}"],
        ]
        if report.rows is not None:
            differs = report.rows_in is not None and report.rows != report.rows_in
            note = " ⚠️ not as many as went in" if differs else ""
            rows.append(["Rows scored", f"**{report.rows}**{note}"])
        if report.folder:
            rows.append(["Predictions", f"{code(report.folder)} (output predictions-path)"])
        parts.append("#### Scoring\n\n" + table(["", ""], rows))
    if report.first:
        shown = "\n".join(row if len(row) <= _WIDTH else row[:_WIDTH] + " …" for row in report.first)
        parts.append(f"#### First rows\n\n{fenced(shown)}")
    for step in report.steps:
        if step.tail:
            log = "\n".join(step.tail)[-50_000:]
            parts.append(folded(f"Log of {step.name}", fenced(log)))
    if report.uri:
        parts.append(_calls(report, workspace))
    return "\n".join(parts)


def _name(deployment: str) -> str:
    return code(deployment) if deployment else "none"


def _calls(report: Report, workspace: Workspace) -> str:
    scope = f"--resource-group {workspace.resource_group} --workspace-name {workspace.name}"
    source = report.source or "FOLDER"
    cli = "\n".join(
        [
            f"az ml batch-endpoint invoke --name {report.endpoint} {scope} \\",
            f"  --deployment-name {report.deployment} --input {source} --query name -o tsv",
            f"az ml job stream {scope} --name JOB",
            f"az ml job download {scope} --name JOB --output-name score --download-path predictions",
        ]
    )
    uri = "azureml://datastores/workspaceblobstore/paths/FOLDER/"
    body = '{"properties": {"inputData": {"UriFolder": {"jobInputType": "UriFolder", "uri": "' + uri + '"}}}}'
    curl = "\n".join(
        [
            KEY_FROM_ENTRA,
            f"curl --fail-with-body {report.uri} \\",
            "  -H \"Authorization: Bearer $KEY\" -H 'Content-Type: application/json' \\",
            f"  --data '{body}'",
        ]
    )
    rest = "\n".join(
        [
            "@KEY = <what the first line of curl gets>",
            "",
            f"POST {report.uri}",
            "Authorization: Bearer {{KEY}}",
            "Content-Type: application/json",
            "",
            body,
        ]
    )
    program = sdk(
        workspace,
        "Input, MLClient",
        f'data = Input(type="uri_folder", path="{source}")',
        f'job = client.batch_endpoints.invoke("{report.endpoint}", input=data)',
        "client.jobs.stream(job.name)",
    )
    return call_it(
        report.uri,
        [("az", "bash", cli), ("curl", "bash", curl), ("Python SDK", "python", program), ("REST client", "http", rest)],
    )
