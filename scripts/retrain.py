"""Training on a schedule: which models, and what came of it.

    retrain.py models      outputs `models`: JSON list with everything the workflow needs of each
    retrain.py outcome     one open issue a model: opened when somebody has to act, else updated

`models` reads INPUTS and PAYLOAD (JSON, each may have `model` and `environment`; no model: all). `outcome` reads
INPUT_MODEL, INPUT_RESULT (the pipeline step's outcome), INPUT_STATUS, INPUT_MODEL_NAME, INPUT_MODEL_VERSION,
INPUT_METRICS (JSON), INPUT_JOB_NAME, INPUT_STUDIO_URL, and GH_TOKEN with issues: write.

A new version and a failure open an issue: the one waits for a release, the other for a person. A champion that stays
opens none, it only updates one that is open. Exit codes: 0; 2 bad input.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import Any

from action import Context, run
from errors import ActionError, ExitCode, Problem, bad_input
from github import cut_to_bytes
from github_api import LIMIT, GitHubApi, NotAllowed
from inputs import Inputs
from job_report import number
from job_result import compare
from markdown_text import cell, code, table
from models import Model, read_manifest
from train_settings import of_model
from workflow_settings import of_event

TITLE = "retrain"
LABEL = "retrain"


# --- which models


def choose(context: Context) -> int:
    """Sets the output `models`."""
    runner = context.runner
    given = of_event({"model": "", "environment": ""}, runner.env)
    asked = given["model"]
    manifest = read_manifest()
    names = manifest.names()
    if asked and asked not in names:
        raise bad_input([Problem(f"model is '{asked}': it must be one of {', '.join(names)}.")])
    chosen = [settings(manifest.model(name), given["environment"]) for name in ([asked] if asked else names)]
    runner.output("models", json.dumps(chosen))
    runner.say(f"To train: {', '.join(each['model'] for each in chosen)}")
    return int(ExitCode.OK)


def settings(model: Model, environment: str) -> dict[str, str]:
    """One entry of the workflow's matrix."""
    return {"model": model.name, "environment": environment or model.environments[0], **of_model(model)}


# --- what came of it


@dataclass(frozen=True)
class Outcome:
    """The end of one model's training. `kind`: registered, kept or failed; `asset`: the name in the registry."""

    model: str
    asset: str
    kind: str
    status: str
    version: str
    metrics: dict[str, float | str]
    job: str
    studio_url: str
    run_url: str

    @property
    def marker(self) -> str:
        """What tells this model's issue from all others."""
        return f"<!-- mlops-actions: retrain {self.model} -->"

    @property
    def title(self) -> str:
        return {
            "registered": f"{self.model}: version {self.version} waits for its release",
            "kept": f"{self.model}: trained again, the champion stays",
            "failed": f"{self.model}: training failed",
        }[self.kind]

    def command(self) -> str:
        """What deploys exactly this version."""
        name = f" -f model-name={self.asset}" if self.asset != self.model else ""
        return f"gh workflow run deploy-online.yml -f model={self.model}{name} -f model-version={self.version}"

    def body(self) -> str:
        """The issue's text, without the marker."""
        links = [f"[{name}]({url})" for name, url in (("run", self.run_url), ("studio", self.studio_url)) if url]
        head = {
            "registered": f"The scheduled training registered **{cell(self.asset)}:{cell(self.version)}**; it passed "
            "the pipeline's gate. Deploy exactly this version:\n\n"
            f"```bash\n{self.command()}\n```\n",
            "kept": "The scheduled training is done; the new model is not better than the champion, which stays.\n",
            "failed": f"The scheduled training ended as **{cell(self.status or 'not submitted')}**. The run's summary "
            "has the reason.\n",
        }[self.kind]
        parts = [head]
        if self.metrics:
            rows = [
                [
                    code(row.name),
                    number(row.value),
                    number(row.champion) if row.champion is not None else "-",
                    f"{row.delta:+.4g}" if row.delta is not None else "-",
                ]
                for row in compare(self.metrics)
            ]
            parts.append(table(["Metric", "Value", "Champion", "Δ"], rows))
        parts.append(" · ".join([*links, *([f"job {code(self.job)}"] if self.job else [])]) + "\n")
        return "\n".join(parts)


def tell(outcome: Outcome, github: GitHubApi) -> str:
    """Open or update the model's issue; says what was done."""
    listing = f"issues?state=open&labels={LABEL}"
    found = github.ours(listing, outcome.marker)
    text = {"title": outcome.title, "body": f"{outcome.marker}\n{cut_to_bytes(outcome.body(), LIMIT)}"}
    if found is None:
        if outcome.kind == "kept":
            return "The champion stays; no issue was opened."
        made = github.create(listing, outcome.marker, "issues", {**text, "labels": [LABEL]})
        return f"Opened issue {made.get('html_url', '')}"
    github.call("PATCH", f"issues/{found['number']}", text)
    if outcome.kind != "kept":  # an edit alone notifies nobody
        github.call("POST", f"issues/{found['number']}/comments", {"body": f"{outcome.title}: {outcome.run_url}\n"})
    return f"Updated issue {found.get('html_url', '')}"


def read_metrics(inputs: Inputs) -> dict[str, Any]:
    """Input metrics, run-pipeline's output; none where it made none."""
    try:
        found = json.loads(inputs.raw("metrics") or "{}")
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    inputs.wrong(
        "metrics", inputs.raw("metrics")[:100], "it must be a JSON object, as run-pipeline's output metrics is"
    )
    return {}


def report(context: Context) -> int:
    """Reads the outcome, writes summary and issue."""
    inputs, runner = context.inputs, context.runner
    model = inputs.text("model", required=True)
    result = inputs.choice("result", ("success", "failure", "cancelled", "skipped"), default="skipped")
    version = inputs.text("model-version")
    metrics = read_metrics(inputs)
    inputs.check()
    if result == "cancelled":
        runner.say("Cancelled; nobody is told.")
        return int(ExitCode.OK)
    outcome = Outcome(
        model=model,
        asset=inputs.text("model-name") or model,
        kind="failed" if result != "success" else "registered" if version else "kept",
        status=inputs.text("status"),
        version=version,
        metrics=metrics,
        job=inputs.text("job-name"),
        studio_url=inputs.text("studio-url"),
        run_url=runner.run_url,
    )
    runner.summary(f"### {cell(outcome.title)}\n\n{outcome.body()}")
    runner.output("outcome", json.dumps(asdict(outcome)))
    try:
        runner.say(tell(outcome, GitHubApi.of(runner.env, context.transport, context.clock)))
    except NotAllowed as error:
        runner.notice(f"{error.what} The outcome stands in this job's summary instead.", title=TITLE)
    except ActionError as error:
        runner.warning(error.text(), title=TITLE)
    return int(ExitCode.OK)


if __name__ == "__main__":
    modes = {"models": choose, "outcome": report}
    if len(sys.argv) != 2 or sys.argv[1] not in modes:
        sys.exit("usage: retrain.py models|outcome")
    sys.exit(run(TITLE, modes[sys.argv[1]]))
