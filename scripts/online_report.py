"""The job summary of deploy-online: the result, the traffic before and after, the tests, how to call the endpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import traffic
from endpoint_report import KEY_FROM_ENTRA, EndpointReport, call_it, folded, opening, sdk
from markdown_text import cell, code, fenced, table
from scoring import HEADER, Tally, as_json
from traffic import Traffic
from workspace import Workspace

_LOG_LINES = 60
_SAMPLE = 1500  # characters of an answer
_REQUEST = 3000  # characters of the request


@dataclass
class Step:
    """One traffic step. `verdict` is "" when it passed."""

    traffic: Traffic
    tally: Tally
    verdict: str


@dataclass
class Report(EndpointReport):
    """What happened so far; filled on the way, so that it can be told at any point.

    `log_tells`: the log is likely to have the reason, because the deployment did not come up or failed to answer.
    """

    auth_mode: str = ""
    before: Traffic = field(default_factory=dict)
    after: Traffic = field(default_factory=dict)
    smoke: Tally | None = None
    smoke_verdict: str = ""
    steps: list[Step] = field(default_factory=list)
    sample: str = ""
    log: str = ""
    log_tells: bool = True
    removed: list[str] = field(default_factory=list)
    request_file: Path | None = None
    request: str = ""


def render(report: Report, headline: str, reason: str, workspace: Workspace) -> str:
    """The summary as Markdown. `reason`: why it failed, "" for success."""
    studio = workspace.studio_url(f"endpoints/realtime/{report.endpoint}/detail")
    parts = opening(report, headline, reason, [f"[studio]({studio})"])
    log = fenced("\n".join(report.log.splitlines()[-_LOG_LINES:])) if report.log else ""
    title = f"End of the log of {report.deployment}"
    if log and report.log_tells:
        parts.append(f"#### {cell(title)}\n\n{log}")
    # Of a failure the tests are the news, of a success what it changed.
    parts += [_tests(report), _traffic(report)] if reason else [_traffic(report), _sample(report), _tests(report)]
    if log and not report.log_tells:
        parts.append(folded(title, log))
    if reason:
        parts.append(_sample(report))
    if report.uri:
        parts.append(_calls(report, workspace))
    return "\n".join(part for part in parts if part)


def _sample(report: Report) -> str:
    """The last good answer, and what it answers."""
    if not report.sample:
        return ""
    shown = json.dumps(as_json(report.sample), ensure_ascii=False)
    shown = shown if len(shown) <= _SAMPLE else shown[:_SAMPLE] + " …"
    asked = code(report.request_file.as_posix()) if report.request_file else "The request"
    speed = f" in {report.smoke.p50_ms:.0f} ms (p50)" if report.smoke and report.smoke.answers else ""
    request = report.request if len(report.request) <= _REQUEST else report.request[:_REQUEST] + " …"
    text = f"#### Sample prediction\n\n{asked} is answered{speed} with:\n\n{fenced(shown, 'json')}"
    return text + ("\n" + folded("The request", fenced(request, "json")) if request else "")


def _traffic(report: Report) -> str:
    names = sorted({*report.before, *report.after})
    if not names:
        return "#### Traffic\n\nThe endpoint has no traffic.\n"
    rows = []
    for name in names:
        old, new = report.before.get(name, 0), report.after.get(name, 0)
        note = "new" if name == report.deployment else "deleted" if name in report.removed else ""
        rows.append([code(name), f"`{traffic.bar(old)}` {old} %", f"`{traffic.bar(new)}` {new} %", note])
    return "#### Traffic\n\n" + table(["Deployment", "Before", "After", ""], rows)


def _tests(report: Report) -> str:
    rows = []
    if report.smoke is not None:
        rows.append(_row(f"smoke test, directly to {code(report.deployment)}", report.smoke, report.smoke_verdict, ""))
    for step in report.steps:
        reached = step.tally.deployments.get(report.deployment, 0)
        share = f"{reached} reached {code(report.deployment)}" if reached else ""
        rows.append(_row(traffic.told(step.traffic), step.tally, step.verdict, share))
    if not rows:
        return ""
    head = ["Step", "Requests", "Failed", "p50", "p95", "Result"]
    return "#### Tests\n\n" + table(head, rows)


def _row(what: str, tally: Tally, verdict: str, note: str) -> list[str]:
    requests = str(tally.answers) + (f" ({note})" if note else "")
    result = f"❌ {cell(verdict[:300])}" if verdict else "✅"
    return [what, requests, str(tally.errors), f"{tally.p50_ms:.0f} ms", f"{tally.p95_ms:.0f} ms", result]


def credential_command(endpoint: str, auth_mode: str, workspace: Workspace) -> str:
    """The shell line that puts the endpoint's credential into KEY."""
    if auth_mode.lower() == "aadtoken":
        return KEY_FROM_ENTRA
    query = "primaryKey" if auth_mode.lower() == "key" else "accessToken"
    return (
        f"KEY=$(az ml online-endpoint get-credentials --name {endpoint} --resource-group {workspace.resource_group} "
        f"--workspace-name {workspace.name} --query {query} -o tsv)"
    )


def _calls(report: Report, workspace: Workspace) -> str:
    file = (report.request_file or Path("request.json")).as_posix()
    curl = "\n".join(
        [
            credential_command(report.endpoint, report.auth_mode, workspace),
            f"curl --fail-with-body {report.uri} \\",
            "  -H \"Authorization: Bearer $KEY\" -H 'Content-Type: application/json' \\",
            f"  --data @{file}" + (f"   # -H '{HEADER}: {report.deployment}' asks this deployment only"),
        ]
    )
    ask = f'print(client.online_endpoints.invoke("{report.endpoint}", request_file="{file}"))'
    base = report.uri.removesuffix("/score")
    rest = f"# .env beside tests/online.rest, for the REST client of an editor\nbase_url={base}\napi_key=<the key>"
    return call_it(
        report.uri,
        [
            ("curl", "bash", curl),
            ("Python SDK", "python", sdk(workspace, "MLClient", ask)),
            ("REST client", "ini", rest),
        ],
    )
