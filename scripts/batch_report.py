"""The job summary of deploy-batch: the result, who is the default, the scoring job, its first rows, how to call it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from clock import spoken
from job_report import Step, failure_text
from markdown_text import cell, fenced, table
from workspace import Workspace

_LOG_LINES = 40
_WIDTH = 300  # characters of a row


@dataclass
class Report:
    """What happened so far; filled on the way. Rows are None where they are not known."""

    endpoint: str
    deployment: str = ""
    model: str = ""
    uri: str = ""
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
    seconds: float = 0.0
    run_url: str = ""


def render(report: Report, headline: str, reason: str, workspace: Workspace) -> str:
    """The summary as Markdown. `reason`: why it failed, "" for success."""
    links = [f"endpoint `{report.endpoint}`"]
    links += [f"deployment `{report.deployment}`"] if report.deployment else []
    links += [f"model `{report.model}`"] if report.model else []
    links += [f"[job]({report.studio_url})"] if report.studio_url else []
    links += [f"[run]({report.run_url})"] if report.run_url else []
    parts = [f"### {headline} after {spoken(report.seconds)}\n", " · ".join(links) + "\n"]
    if reason:
        first, *rest = reason.splitlines()
        parts.append(f"**{cell(first)}**\n" + "".join(f"\n{cell(line)}\n" for line in rest))
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
            ["Input", f"`{report.source}`" + (f", {report.rows_in} rows" if report.rows_in is not None else "")],
            ["Job", f"`{report.job}` {report.status}"],
        ]
        if report.rows is not None:
            differs = report.rows_in is not None and report.rows != report.rows_in
            note = " ⚠️ not as many as went in" if differs else ""
            rows.append(["Rows scored", f"**{report.rows}**{note}"])
        parts.append("#### Scoring\n\n" + table(["", ""], rows))
    if report.first:
        shown = "\n".join(row if len(row) <= _WIDTH else row[:_WIDTH] + " …" for row in report.first)
        parts.append(f"#### First rows\n\n{fenced(shown)}")
    for step in report.steps:
        if step.tail:
            log = "\n".join(step.tail)[-50_000:]
            parts.append(f"<details><summary>Log of {cell(step.name)}</summary>\n\n{fenced(log)}\n</details>\n")
    if report.uri:
        parts.append(f"#### Call it\n\nScoring URI: `{report.uri}`\n\n{_calls(report, workspace)}")
    return "\n".join(parts)


def _name(deployment: str) -> str:
    return f"`{deployment}`" if deployment else "none"


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
            "KEY=$(az account get-access-token --resource https://ml.azure.com --query accessToken -o tsv)",
            f"curl --fail-with-body {report.uri} \\",
            "  -H \"Authorization: Bearer $KEY\" -H 'Content-Type: application/json' \\",
            f"  --data '{body}'",
        ]
    )
    arguments = ", ".join(f'"{part}"' for part in (workspace.subscription, workspace.resource_group, workspace.name))
    sdk = "\n".join(
        [
            "from azure.ai.ml import Input, MLClient",
            "from azure.identity import DefaultAzureCredential",
            "",
            f"client = MLClient(DefaultAzureCredential(), {arguments})",
            f'data = Input(type="uri_folder", path="{source}")',
            f'job = client.batch_endpoints.invoke("{report.endpoint}", input=data)',
            "client.jobs.stream(job.name)",
        ]
    )
    return "\n".join(
        f"<details><summary>{title}</summary>\n\n{fenced(text, language)}\n</details>\n"
        for title, language, text in (("az", "bash", cli), ("curl", "bash", curl), ("Python SDK", "python", sdk))
    )
