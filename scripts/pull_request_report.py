"""One comment and one summary for a pull request: the models it touches, are they valid, are they still good enough?

Inputs: INPUT_CHANGES and INPUT_VALIDATION (results of these jobs), INPUT_MODELS (JSON list), INPUT_RESULTS (folder of
artifacts training-<model>/comparison.json), INPUT_PROBLEMS (Markdown of what validation found), INPUT_CHAMPIONS (JSON
of azure_champion.py, may be empty), INPUT_PULL_REQUEST (number). The comment needs GH_TOKEN with pull-requests: write.
Where that is missing - a fork's pull request, a laptop - the comment's text is in the log and the summary, and a notice
says so.

Exit codes: 0 everything may be merged; 1 something may not, or was not trained; 2 bad input.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from action import Context, run
from comparison import Comparison
from errors import ActionError, ExitCode
from github import Runner, cut_to_bytes
from github_api import LIMIT, GitHubApi, NotAllowed
from inputs import Inputs
from markdown_text import cell, code, table

TITLE = "pull request"
MARKER = "<!-- mlops-actions: models of this pull request -->"


def read_results(folder: Path) -> dict[str, Comparison]:
    """Model -> comparison, of every comparison.json below `folder`."""
    found = {}
    for file in sorted(folder.rglob("comparison.json")):
        comparison = Comparison.of(json.loads(file.read_text(encoding="utf-8")))
        found[comparison.model] = comparison
    return found


def overview(models: Sequence[str], results: dict[str, Comparison]) -> str:
    """One row a model."""
    rows = []
    for name in models:
        result = results.get(name)
        if result is None:
            rows.append([code(name), "❌ not trained", "-", "-"])
            continue
        good, _ = result.verdict()
        judged = result.gate.metric if result.gate else ""
        value = result.head.value(judged)
        before = result.base.value(judged) if result.base else None
        rows.append(
            [
                code(name),
                "✅ passed" if good else "❌ not passed",
                f"{code(judged)} {value:.5g}" if value is not None else "-",
                f"{before:.5g}" if before is not None else "-",
            ]
        )
    return table(["Model", "Gate", "This change", "Base"], rows)


def compose(
    models: Sequence[str],
    results: dict[str, Comparison],
    *,
    validation: str,
    problems: str,
    plots: dict[str, str],
    run_url: str,
    champions: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """The whole text, without the marker. `plots`: model -> its artifact's address; `champions`: those on Azure."""
    if not models:
        return "No model is touched by this change; nothing was trained.\n"
    good = all_good(models, results, validation)
    parts = [f"## {'✅' if good else '❌'} Models: {', '.join(cell(name) for name in models)}\n"]
    if validation != "success":
        parts.append("**The YAML files are not right; nothing was trained.**\n")
        parts.append(problems or "The validation did not finish; its log says why.\n")
    else:
        parts.append(overview(models, results))
        for name in models:
            if name in results:
                parts.append(results[name].section(plots.get(name, ""), (champions or {}).get(name)))
            else:
                parts.append(f"### ❌ {cell(name)}\n\nThere is no result; the job's log says why.\n")
    if run_url:
        parts.append(f"[This run]({run_url})\n")
    return "\n".join(parts)


def all_good(models: Sequence[str], results: dict[str, Comparison], validation: str) -> bool:
    """Whether everything that had to be done was, and passed."""
    return not models or (
        validation == "success" and all(name in results and results[name].verdict()[0] for name in models)
    )


def plot_links(github: GitHubApi, runner: Runner, models: Sequence[str]) -> dict[str, str]:
    """Model -> address of the artifact that holds its plots."""
    found = github.artifacts(runner.env.get("GITHUB_RUN_ID", ""))
    return {
        name: f"{runner.run_url}/artifacts/{found[f'training-{name}']}"
        for name in models
        if f"training-{name}" in found
    }


def read_champions(inputs: Inputs) -> dict[str, dict[str, Any]]:
    """Input champions: model -> {workspace, version, value}; none where nobody looked."""
    try:
        found = json.loads(inputs.raw("champions") or "{}")
    except ValueError:
        found = None
    if isinstance(found, dict) and all(isinstance(each, dict) for each in found.values()):
        return found
    inputs.wrong("champions", inputs.raw("champions")[:100], "it must be azure_champion.py's output")
    return {}


def tell(context: Context) -> int:
    """Composes, writes summary and comment."""
    inputs, runner = context.inputs, context.runner
    number = inputs.text("pull-request", pattern=r"\d+", allowed="it must be a pull request's number")
    if inputs.text("changes", default="success") != "success":
        runner.error("The models of this change were not found; the job Find the models says why.", title=TITLE)
        return int(ExitCode.JOB_FAILED)
    validation = inputs.text("validation", default="skipped")
    try:
        models = [str(name) for name in json.loads(inputs.raw("models") or "[]")]
    except ValueError:
        models = []
        inputs.wrong("models", inputs.raw("models"), "it must be a JSON list")
    champions = read_champions(inputs)
    inputs.check()
    folder = Path(inputs.raw("results") or "results")
    results = read_results(folder) if folder.is_dir() else {}
    problems = inputs.raw("problems")
    links: dict[str, str] = {}
    github: GitHubApi | None = None
    why = ""
    try:
        github = GitHubApi.of(runner.env, context.transport, context.clock)
        links = plot_links(github, runner, models)
    except NotAllowed as error:
        why = error.what
    except ActionError as error:  # links are a convenience
        runner.notice(error.text(), title=TITLE)
    body = compose(
        models, results, validation=validation, problems=problems, plots=links, run_url=runner.run_url,
        champions=champions,
    )  # fmt: skip
    runner.summary(body)
    with runner.group("The comment"):
        runner.foreign("│", re.sub(r"\n{3,}", "\n\n", body))
    if github is not None and number:
        try:
            # A change that touches no model gets no comment, but one that an earlier commit got must not go stale.
            if models or github.ours(f"issues/{number}/comments", MARKER):
                runner.say(f"Comment: {github.comment(number, MARKER, cut_to_bytes(body, LIMIT))}")
        except NotAllowed as error:
            why = error.what
        except ActionError as error:
            runner.warning(error.text(), title=TITLE)
    if why and models:
        runner.notice(f"{why} The comment stands in this job's summary instead.", title=TITLE)
    if all_good(models, results, validation):
        runner.say(f"All good: {', '.join(models)}." if models else "No model is touched.")
        return int(ExitCode.OK)
    for name in models:
        result = results.get(name)
        if validation == "success" and (result is None or not result.verdict()[0]):
            runner.error(f"{name}: {result.verdict()[1] if result else 'there is no result'}.", title=TITLE)
    if validation != "success":
        runner.error("The YAML files are not right; the job Validate says where.", title=TITLE)
    return int(ExitCode.JOB_FAILED)


if __name__ == "__main__":
    sys.exit(run(TITLE, tell))
