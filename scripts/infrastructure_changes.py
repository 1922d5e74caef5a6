"""What main.bicep would change, told where people look: one comment on the pull request, or one issue about drift.

    infrastructure_changes.py pull-request    # the comment with our marker is updated, never repeated
    infrastructure_changes.py drift           # the open issue with our marker is opened, updated, or closed

Inputs are INPUT_… variables (see `settings`); `az` is signed in with an identity that may look and nothing else;
GH_TOKEN may write comments and issues. Exit codes: 0 told, whatever the changes are; 2 bad input; 3, 4, 6 what-if or
GitHub failed (still told).
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from az_cli import Launch, essence, json_of, launch
from clock import Clock, SystemClock
from errors import ActionError, ExitCode
from github import Runner, cut_to_bytes
from github_api import LIMIT, GitHubApi
from infrastructure_stack import ENVIRONMENT, Stack, read_stack
from inputs import Inputs
from known_failures import explain
from transport import Transport, send
from what_if import Report, WhatIf, parse

COMMENT_MARKER = "<!-- infrastructure: what-if -->"
ISSUE_MARKER = "<!-- infrastructure: drift -->"
LABEL = "infrastructure-drift"


@dataclass(frozen=True)
class Settings:
    """What to ask about and where to tell it."""

    stack: Stack
    environments: list[str]
    pull_request: str


def settings(inputs: Inputs, mode: str) -> Settings:
    """INPUT_ENVIRONMENTS (JSON list), _PREFIX, _POSTFIX, _LOCATION, _SUBJECT_PREFIX, _PULL_REQUEST."""
    stack = read_stack(inputs)
    number = inputs.text(
        "pull-request", required=mode == "pull-request", pattern=r"\d+", allowed="it must be the pull request's number"
    )
    environments = _environments(inputs)
    inputs.check()
    return Settings(stack, environments, number)


def _environments(inputs: Inputs) -> list[str]:
    text = inputs.raw("environments")
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if (
        not isinstance(names, list)
        or not names
        or not all(isinstance(name, str) and re.fullmatch(ENVIRONMENT[0], name) for name in names)
    ):
        inputs.wrong("environments", text, 'it must be a JSON list of environments, such as ["dev", "prod"]')
        return []
    return names


def ask(stack: Stack, environment: str, run: Launch, env: Mapping[str, str]) -> WhatIf:
    """One what-if. A refusal is an answer too: it is told, and the others are still asked."""
    command = stack.command("what-if", environment)
    # Without this level Azure wants the rights to make the changes it is only asked about.
    done = run([*command, "--no-pretty-print", "--no-prompt", "--validation-level", "ProviderNoRbac"], env)
    if done.code:
        detail = essence(done.stderr)
        known = explain(detail)
        hint = f"\n{known.cause}\n{known.fix}" if known else ""
        return WhatIf(environment, failure=detail + hint)
    return parse(environment, json_of(done.stdout))


def tell_pull_request(report: Report, given: Settings, github: GitHubApi) -> str:
    """Update our comment, or write the first one; says where it is."""
    return f"Comment: {github.comment(given.pull_request, COMMENT_MARKER, cut_to_bytes(report.markdown(), LIMIT))}"


def tell_drift(report: Report, github: GitHubApi, run_url: str) -> str:
    """Open, update or close the issue; says which. Unchanged drift bothers nobody twice."""
    listing = f"issues?state=open&labels={LABEL}"
    found = github.ours(listing, ISSUE_MARKER)
    if report.failed and not report.changed:
        return "Some environments gave no answer; the issue is left as it is."
    if not report.changed:
        if found is None:
            return "No drift."
        issue = f"issues/{found['number']}"
        github.call("POST", f"{issue}/comments", {"body": f"No drift any more: {run_url}\n"})
        github.call("PATCH", issue, {"state": "closed"})
        return f"No drift any more: closed issue {found['number']}."
    body = f"{ISSUE_MARKER}\n{cut_to_bytes(report.markdown(), LIMIT)}"
    if found is None:
        text = {"title": "Infrastructure differs from main.bicep", "body": body, "labels": [LABEL]}
        github.create(listing, ISSUE_MARKER, "issues", text)
        return "Drift: opened an issue."
    issue = f"issues/{found['number']}"
    if str(found.get("body", "")).strip() == body.strip():
        return f"The same drift as before: issue {found['number']}."
    github.call("PATCH", issue, {"body": body})
    github.call("POST", f"{issue}/comments", {"body": f"The drift has changed: {run_url}\n"})
    return f"The drift has changed: updated issue {found['number']}."


def main(
    argv: Sequence[str],
    *,
    run: Launch = launch,
    transport: Transport = send,
    clock: Clock | None = None,
    env: Mapping[str, str] | None = None,
    out: TextIO | None = None,
) -> int:
    env = os.environ if env is None else env
    runner = Runner(env, out)
    mode = argv[0] if argv else ""
    if mode not in {"pull-request", "drift"} or len(argv) != 1:
        runner.error("Usage: infrastructure_changes.py pull-request|drift", title=Path(__file__).stem)
        return int(ExitCode.BAD_INPUT)
    title = "What this pull request would change in Azure" if mode == "pull-request" else "Drift from main.bicep"
    try:
        given = settings(Inputs(env), mode)
        report = Report(title)
        for environment in given.environments:
            with runner.group(f"what-if {environment}"):
                result = ask(given.stack, environment, run, env)
                report.results.append(result)
                runner.foreign(" ", result.failure or f"{len(result.changes)} changes")
        runner.summary(report.markdown())
        github = GitHubApi.of(env, transport, clock or SystemClock())
        told = (
            tell_pull_request(report, given, github)
            if mode == "pull-request"
            else tell_drift(report, github, runner.run_url)
        )
    except ActionError as error:
        runner.fail(title, error)
        return int(error.exit_code)
    runner.say(told)
    for result in report.results:
        if result.failure:
            runner.error(result.failure, title=f"what-if {result.environment}")
    return int(ExitCode.AZURE) if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
