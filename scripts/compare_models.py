"""Train a model from the base branch, then from this checkout, in one workspace, and compare.

The base's version is registered first, so the pipeline's own gate has it as the champion. The workspace is the one that
the environment names, as azure-identity and the local workspace spell it: AZURE_TENANT_ID, AZURE_CLIENT_ID,
AZURE_CLIENT_SECRET, AZURE_SUBSCRIPTION_ID, AZURE_RESOURCE_GROUP, AZUREML_WORKSPACE_NAME. Each training goes through
the same scripts as the train workflow: register_environment, create_compute, run_pipeline.

Inputs: INPUT_MODEL; INPUT_BASE, a commit or empty; INPUT_OUTPUT, a folder for comparison.json and plots/.
Exit codes: 0 trained and compared, whatever the verdict; 1 this checkout's training failed; 2 bad input.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from action import Context, run
from comparison import Comparison, Training
from errors import ExitCode
from inputs import variable
from models import Model, read_manifest
from run_plots import save_plots

TITLE = "compare models"
SCRIPTS = Path(__file__).resolve().parent
_GRAPH = re.compile(r"```mermaid\n.*?\n```", re.DOTALL)


def outputs_of(text: str) -> dict[str, str]:
    """The outputs a script set, from the text of its GITHUB_OUTPUT file."""
    found = {}
    for match in re.finditer(r"^([\w-]+)<<(end_[0-9a-f]+)\n(.*?)\n?\2$", text, re.DOTALL | re.MULTILINE):
        found[match[1]] = match[3]
    return found


@contextmanager
def worktree(commit: str) -> Iterator[Path]:
    """The repository's files at `commit`, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="base-") as folder:
        path = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(path), commit], check=True)
        try:
            yield path
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(path)], check=False)


def target(env: Mapping[str, str]) -> dict[str, str]:
    """The inputs that say where to train and as whom."""
    principal = {
        "clientId": env.get("AZURE_CLIENT_ID", ""),
        "clientSecret": env.get("AZURE_CLIENT_SECRET", ""),
        "tenantId": env.get("AZURE_TENANT_ID", ""),
        "subscriptionId": env.get("AZURE_SUBSCRIPTION_ID", ""),
    }
    return {
        "resource-group": env.get("AZURE_RESOURCE_GROUP", ""),
        "workspace-name": env.get("AZUREML_WORKSPACE_NAME", ""),
        "credentials": json.dumps(principal) if principal["clientSecret"] else "",
    }


def stages(model: Model, job: str) -> list[tuple[str, dict[str, str]]]:
    """Script and inputs of each stage of a training."""
    cluster = model.cluster
    return [
        ("register_environment", {"environment-file": model.environment_file}),
        (
            "create_compute",
            {
                "cluster-name": cluster.name,
                "cluster-size": str(cluster.size),
                "node-sku": cluster.sku,
                "tier": cluster.tier,
            },
        ),
        ("run_pipeline", {"pipeline-file": model.pipeline_file, "job-name": job}),
    ]


def train(root: Path, model: Model, side: str, env: Mapping[str, str]) -> tuple[Training, str]:
    """Train the model of the tree at `root`; also the pipeline's graph as Markdown, "" when there is none."""
    job = f"{model.name}-{side}-{secrets.token_hex(4)}"
    began = time.monotonic()
    outputs: dict[str, str] = {}
    summary = ""
    for script, inputs in stages(model, job):
        with tempfile.TemporaryDirectory() as folder:
            files = {"GITHUB_OUTPUT": Path(folder) / "output", "GITHUB_STEP_SUMMARY": Path(folder) / "summary"}
            given = {variable(name): value for name, value in {**target(env), **inputs}.items()}
            inherited = {name: value for name, value in env.items() if not name.startswith("INPUT_")}
            code = subprocess.run(
                [sys.executable, str(SCRIPTS / f"{script}.py")],
                cwd=root,
                env={**inherited, **given, **{name: str(path) for name, path in files.items()}},
                check=False,
            ).returncode
            texts = {name: path.read_text(encoding="utf-8") if path.exists() else "" for name, path in files.items()}
        outputs = outputs_of(texts["GITHUB_OUTPUT"])
        summary = texts["GITHUB_STEP_SUMMARY"]
        if code:
            status = outputs.get("status") or "not submitted"
            return Training(status, job=job, seconds=time.monotonic() - began, reason=reason_of(summary, script)), ""
    graph = _GRAPH.search(summary)
    training = Training(
        status=outputs.get("status", ""),
        metrics=json.loads(outputs.get("metrics") or "{}"),
        job=job,
        version=outputs.get("model-version", ""),
        seconds=time.monotonic() - began,
    )
    return training, graph[0] if graph else ""


def reason_of(summary: str, script: str) -> str:
    """The bold line of a failed stage's summary, else the stage's name."""
    found = re.search(r"^\*\*(.+?)\*\*$", summary, re.MULTILINE)
    return (found[1].rstrip(".") if found else f"{script} failed").replace("\\", "")


def compare(context: Context) -> int:
    """Trains the base's version, then this one; writes the comparison."""
    inputs, runner = context.inputs, context.runner
    name = inputs.text("model", required=True)
    base = inputs.text("base", pattern=r"[0-9a-f]{7,64}", allowed="it must be a commit's id")
    output = Path(inputs.text("output", required=True))
    manifest = read_manifest()
    if name and name not in manifest.names():
        inputs.wrong("model", name, f"it must be one of {', '.join(manifest.names())}")
    inputs.check()
    model = manifest.model(name)
    before: Training | None = None
    if base:
        with worktree(base) as tree:
            earlier = read_manifest(tree)
            if name in earlier.names():
                runner.say(f"━━━ {name} as in {base[:10]} (base) ━━━")
                before, _ = train(tree, earlier.model(name), "base", runner.env)
    runner.say(f"━━━ {name} as in this change ━━━")
    head, graph = train(Path(), model, "change", runner.env)
    output.mkdir(parents=True, exist_ok=True)
    plots: tuple[str, ...] = ()
    if head.completed:
        context.inputs = type(inputs)({variable(key): value for key, value in target(runner.env).items()})
        _, workspace = context.sign_in(context.target())
        plots = save_plots(workspace, head.job, output / "plots", runner)
    result = Comparison(name, head, before, model.gate, graph, plots)
    text = json.dumps(result.document(), indent=2, allow_nan=False)
    (output / "comparison.json").write_text(text + "\n", encoding="utf-8")
    runner.summary(result.section())
    good, reason = result.verdict()
    runner.say(f"{name}: gate {'passed' if good else 'not passed'}: {reason}.")
    return int(ExitCode.OK if head.completed else ExitCode.JOB_FAILED)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(run(TITLE, compare))
