"""The job summary of deploy-online: the result, the traffic before and after, the tests, how to call the endpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import traffic
from clock import spoken
from markdown_text import cell, fenced, table
from scoring import HEADER, Tally, as_json
from traffic import Traffic
from workspace import Workspace

_LOG_LINES = 60
_SAMPLE = 1500  # characters


@dataclass
class Step:
    """One traffic step. `verdict` is "" when it passed."""

    traffic: Traffic
    tally: Tally
    verdict: str


@dataclass
class Report:
    """What happened so far; filled on the way, so that it can be told at any point.

    `log_tells`: the log is likely to have the reason, because the deployment did not come up or failed to answer.
    """

    endpoint: str
    deployment: str = ""
    model: str = ""
    uri: str = ""
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
    seconds: float = 0.0
    run_url: str = ""


def render(report: Report, headline: str, reason: str, workspace: Workspace) -> str:
    """The summary as Markdown. `reason`: why it failed, "" for success."""
    links = [f"endpoint `{report.endpoint}`"]
    links += [f"deployment `{report.deployment}`"] if report.deployment else []
    links += [f"model `{report.model}`"] if report.model else []
    links.append(f"[studio]({workspace.studio_url(f'endpoints/realtime/{report.endpoint}/detail')})")
    links += [f"[run]({report.run_url})"] if report.run_url else []
    parts = [f"### {headline} after {spoken(report.seconds)}\n", " · ".join(links) + "\n"]
    if reason:
        first, *rest = reason.splitlines()
        parts.append(f"**{cell(first)}**\n" + "".join(f"\n{cell(line)}\n" for line in rest))
    log = f"{fenced(chr(10).join(report.log.splitlines()[-_LOG_LINES:]))}" if report.log else ""
    if log and report.log_tells:
        parts.append(f"#### End of the log of {cell(report.deployment)}\n\n{log}")
    parts.append(_tests(report))
    parts.append(_traffic(report))
    if log and not report.log_tells:
        name = cell(report.deployment)
        parts.append(f"<details><summary>End of the log of {name}</summary>\n\n{log}\n</details>\n")
    if report.sample:
        shown = json.dumps(as_json(report.sample), ensure_ascii=False)
        shown = shown if len(shown) <= _SAMPLE else shown[:_SAMPLE] + " …"
        parts.append(f"#### Sample prediction\n\n{fenced(shown, 'json')}")
    if report.uri:
        parts.append(f"#### Call it\n\nScoring URI: `{report.uri}`\n\n{_calls(report, workspace)}")
    return "\n".join(part for part in parts if part)


def _traffic(report: Report) -> str:
    names = sorted({*report.before, *report.after})
    if not names:
        return "#### Traffic\n\nThe endpoint has no traffic.\n"
    rows = []
    for name in names:
        old, new = report.before.get(name, 0), report.after.get(name, 0)
        note = "new" if name == report.deployment else "deleted" if name in report.removed else ""
        rows.append([f"`{name}`", f"`{traffic.bar(old)}` {old} %", f"`{traffic.bar(new)}` {new} %", note])
    return "#### Traffic\n\n" + table(["Deployment", "Before", "After", ""], rows)


def _tests(report: Report) -> str:
    rows = []
    if report.smoke is not None:
        rows.append(_row(f"smoke test, directly to `{report.deployment}`", report.smoke, report.smoke_verdict, ""))
    for step in report.steps:
        reached = step.tally.deployments.get(report.deployment, 0)
        share = f"{reached} reached `{report.deployment}`" if reached else ""
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
        return "KEY=$(az account get-access-token --resource https://ml.azure.com --query accessToken -o tsv)"
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
    scope = ", ".join(f'"{part}"' for part in (workspace.subscription, workspace.resource_group, workspace.name))
    sdk = "\n".join(
        [
            "from azure.ai.ml import MLClient",
            "from azure.identity import DefaultAzureCredential",
            "",
            f"client = MLClient(DefaultAzureCredential(), {scope})",
            f'print(client.online_endpoints.invoke("{report.endpoint}", request_file="{file}"))',
        ]
    )
    base = report.uri.removesuffix("/score")
    rest = f"# .env beside tests/online.rest, for the REST client of an editor\nbase_url={base}\napi_key=<the key>"
    return "\n".join(
        f"<details><summary>{title}</summary>\n\n{fenced(text, language)}\n</details>\n"
        for title, language, text in (
            ("curl", "bash", curl),
            ("Python SDK", "python", sdk),
            ("REST client", "ini", rest),
        )
    )
