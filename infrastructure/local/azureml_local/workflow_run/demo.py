"""`azureml-local demo`: the repository's own workflows, one after the other, and a table of what came out.

Exit codes: as `azureml-local run`; the first workflow that fails ends the demo.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from azureml_local import settings, shell_environment
from azureml_local.paths import REPOSITORY, StatePaths
from azureml_local.settings import Settings

from . import facts
from .command import add_arguments, execute, keep_summaries, prepare
from .records import RunRecord
from .terminal import Terminal, duration, job_rows, table
from .workflow_file import WorkflowError


def models() -> list[str]:
    """The models of this repository: those with a training pipeline."""
    folder = REPOSITORY / "mlops" / "azureml" / "train"
    return sorted(file.name.removesuffix("_pipeline.yml") for file in folder.glob("*_pipeline.yml"))


def run_workflow(
    paths: StatePaths, config: Settings, name: str, inputs: dict[str, str]
) -> tuple[RunRecord, int, Path, float]:
    """One workflow under act, shown live. Returns its record, exit code, folder and seconds."""
    print(f"\n━━━ workflow {name} ━━━", flush=True)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = [f"--input={key}={value}" for key, value in inputs.items()]
    run = prepare(paths, config, parser.parse_args([name, *options]))
    started = time.monotonic()
    record, code = execute(run, Terminal())
    keep_summaries(record, run.folder)
    return record, code, run.folder, time.monotonic() - started


def training_table(paths: StatePaths, config: Settings, record: RunRecord) -> str:
    """What training brought: version, metrics beside the champion's, the steps' durations."""
    outputs = record.outputs()
    job = outputs.get("job-name", "")
    root = facts.run_data(paths, config, job)
    metrics = {**root["metrics"], **json.loads(outputs.get("metrics") or "{}")}
    version = outputs.get("model-version")
    champion = root["tags"].get("champion_version") or root["params"].get("champion_version") or "none"
    registered = f"{outputs.get('model-name')}, version {version}" if version else "nothing: the champion stays"
    rows: list[tuple[str, ...]] = [("registered", registered, ""), ("champion before", champion, "")]
    for name, value in sorted(metrics.items()):
        if name.startswith("test_"):
            before = metrics.get(f"champion_{name}")
            rows.append((name, f"{value:.4f}", f"{before:.4f}" if before is not None else "-"))
    text = table(rows, header=("model", "now", "champion"))
    steps: list[tuple[str, ...]] = [
        (f"    {step.name}", step.status, duration(step.seconds) if step.seconds is not None else "-")
        for step in facts.pipeline_steps(paths, config, job)
    ]
    return (
        text
        + "\n\n"
        + table(job_rows(record) + steps, header=("workflow job / step / pipeline step", "result", "duration"))
    )


def run(paths: StatePaths, model: str) -> int:
    """Train the model and put it to use, on a workspace that is up."""
    config = settings.load(paths)
    if model not in models():
        print(f"azureml-local demo: no model '{model}'; there are: {', '.join(models())}", file=sys.stderr)
        return 2
    try:
        record, code, folder, seconds = run_workflow(paths, config, "train", {"model": model})
    except (WorkflowError, OSError) as error:
        print(f"azureml-local demo: {error}", file=sys.stderr)
        return 2
    if code != 0:
        print("\n" + table(job_rows(record), header=("job / step", "result", "duration")))
        print(f"\ndemo stopped: workflow train {'was cancelled' if code == 130 else 'failed'}; all it said: {folder}")
        return code
    print(f"\n━━━ {model}, trained in {duration(seconds)} ━━━\n")
    print(training_table(paths, config, record))
    print(
        f"""
Where to look further
  job summaries      {folder}
  your own commands  eval "$({shell_environment.bin_folder(paths)}/azureml-local env)" && az ml job list -o table
  stop it            {shell_environment.bin_folder(paths)}/azureml-local down"""
    )
    return 0
