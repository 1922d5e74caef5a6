"""What the summaries of deploy-online and deploy-batch have in common: how they begin, and how to call the endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clock import spoken
from markdown_text import cell, code, fenced
from workspace import Workspace

KEY_FROM_ENTRA = "KEY=$(az account get-access-token --resource https://ml.azure.com --query accessToken -o tsv)"


@dataclass
class EndpointReport:
    """What both tell. `model` as `taxi:3`; `seconds` since the action began."""

    endpoint: str
    deployment: str = ""
    model: str = ""
    uri: str = ""
    seconds: float = 0.0
    run_url: str = ""


def opening(report: EndpointReport, headline: str, reason: str, links: Iterable[str]) -> list[str]:
    """The result, what it is about, and, for a failure, the reason. `links`: more of them, as Markdown."""
    about = [f"endpoint {code(report.endpoint)}"]
    about += [f"deployment {code(report.deployment)}"] if report.deployment else []
    about += [f"model {code(report.model)}"] if report.model else []
    about += links
    about += [f"[run]({report.run_url})"] if report.run_url else []
    parts = [f"### {headline} after {spoken(report.seconds)}\n", " · ".join(about) + "\n"]
    if reason:
        first, *rest = reason.splitlines()
        parts.append(f"**{cell(first)}**\n" + "".join(f"\n{cell(line)}\n" for line in rest))
    return parts


def folded(summary: str, content: str) -> str:
    """A section that is folded away; `summary` is text."""
    return f"<details><summary>{cell(summary)}</summary>\n\n{content}\n</details>\n"


def call_it(uri: str, ways: Sequence[tuple[str, str, str]]) -> str:
    """How to call the endpoint. `ways`: title, language, text."""
    shown = "\n".join(folded(title, fenced(text, language)) for title, language, text in ways)
    return f"#### Call it\n\nScoring URI: {code(uri)}\n\n{shown}"


def sdk(workspace: Workspace, names: str, *lines: str) -> str:
    """A program with azure-ai-ml: `names` that it imports beside MLClient, and its lines after the client is made."""
    scope = ", ".join(f'"{part}"' for part in (workspace.subscription, workspace.resource_group, workspace.name))
    return "\n".join(
        [
            f"from azure.ai.ml import {names}",
            "from azure.identity import DefaultAzureCredential",
            "",
            f"client = MLClient(DefaultAzureCredential(), {scope})",
            *lines,
        ]
    )
