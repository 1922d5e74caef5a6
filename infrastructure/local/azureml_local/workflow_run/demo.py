"""`azureml-local demo`: the repository's own workflows, one after the other, and a table of what came out.

Exit codes: as `azureml-local run`; the first workflow that fails ends the demo.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from azureml_local import settings
from azureml_local.paths import REPOSITORY, StatePaths, own_command, shown_path
from azureml_local.settings import Settings

from . import facts, in_process
from .command import CANCELLED, add_arguments, execute, keep_summaries, prepare
from .records import RunRecord
from .terminal import Terminal, duration, job_rows, table
from .workflow_file import WorkflowError

# Long enough to judge a step by some requests; a real rollout takes the workflow's default.
SOAK_SECONDS = "3"
NEXT = """
What to try next
  other settings, compared with this version; their names: `inputs:` in mlops/azureml/train/{model}_pipeline.yml
    {command} run train --input model={model} --input set=inputs.NAME=VALUE
  commands of your own, as on Azure
    eval "$({command} env)"
    az login --service-principal -u "$AZURE_CLIENT_ID" -p "$AZURE_CLIENT_SECRET" --tenant "$AZURE_TENANT_ID"
    az configure --defaults group="$AZURE_RESOURCE_GROUP" workspace="$AZUREML_WORKSPACE_NAME"
    az ml job list -o table
  stop the workspace
    {command} down"""


def models() -> list[str]:
    """The models of this repository: those with a training pipeline."""
    folder = REPOSITORY / "mlops" / "azureml" / "train"
    return sorted(file.name.removesuffix("_pipeline.yml") for file in folder.glob("*_pipeline.yml"))


@dataclass(frozen=True)
class Done:
    """A workflow that ended: what it said, how, where its files are and how long it took."""

    name: str
    record: RunRecord
    code: int
    folder: Path
    seconds: float


def run_workflow(paths: StatePaths, config: Settings, name: str, inputs: dict[str, str]) -> Done:
    """One workflow under act, shown live."""
    print(f"\n━━━ workflow {name} ━━━", flush=True)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = [f"--input={key}={value}" for key, value in inputs.items()]
    run = prepare(paths, config, parser.parse_args([name, *options]))
    started = time.monotonic()
    record, code = execute(run, Terminal())
    keep_summaries(record, run.folder)
    return Done(name, record, code, run.folder, time.monotonic() - started)


def champion(paths: StatePaths, config: Settings, job: str) -> str:
    """The version that was best before this job, '' for none."""
    root = facts.run_data(paths, config, job)
    found = root["tags"].get("champion_version") or root["params"].get("champion_version") or "none"
    return "" if found == "none" else str(found)


def metric(value: float) -> str:
    """A count as it is, any other number with four decimals."""
    return f"{value:.0f}" if value == int(value) else f"{value:.4f}"


def model_table(paths: StatePaths, config: Settings, record: RunRecord) -> str:
    """What training brought: version and metrics beside the champion's, and why it was registered, or not."""
    outputs = record.outputs()
    job = outputs.get("job-name", "")
    root = facts.run_data(paths, config, job)
    metrics = {**root["metrics"], **json.loads(outputs.get("metrics") or "{}")}
    version = outputs.get("model-version")
    rows: list[tuple[str, ...]] = [
        ("version", f"{version}, registered" if version else "none registered", champion(paths, config, job) or "none")
    ]
    for name, value in sorted(metrics.items()):
        if name.startswith("test_"):
            before = metrics.get(f"champion_{name}")
            rows.append((name, metric(value), "-" if before is None else metric(before)))
    why = root["tags"].get("decision")
    header = (outputs.get("model-name") or "model", "now", "champion before")
    return table(rows, header=header) + (f"\n\n{why}" if why else "")


def duration_table(paths: StatePaths, config: Settings, done: list[Done]) -> str:
    """Every workflow, its jobs, and the pipeline's steps, with their durations."""
    rows: list[tuple[str, ...]] = []
    for each in done:
        rows.append((each.name, "success" if each.code == 0 else "failure", duration(each.seconds), ""))
        rows += [(f"  {row[0]}", *row[1:]) for row in job_rows(each.record)]
        if each.name == "train" and each.code == 0:
            rows += [
                (
                    f"      {step.name}",
                    step.status,
                    "-" if step.seconds is None else duration(step.seconds),
                    "",
                )
                for step in facts.pipeline_steps(paths, config, each.record.outputs().get("job-name", ""))
            ]
    return table(rows, header=("workflow / job / pipeline step", "result", "duration", "environment"))


def online_lines(paths: StatePaths, config: Settings, done: Done, model: str, version: tuple[str, str]) -> list[str]:
    """The live endpoint's answer to the model's request, beside what the model says in-process."""
    outputs = done.record.outputs()
    endpoint, request = outputs["endpoint-name"], REPOSITORY / "data" / model / f"{model}-request.json"
    answer = facts.ask_endpoint(paths, config, endpoint, request)
    lines = [f"endpoint        {outputs['scoring-uri']}", f"traffic         {outputs.get('traffic', '')}"]
    lines.append(f"live answer     {json.dumps(answer)}")
    own = in_process.predict(paths, in_process.model_folder(paths, config, *version), request)
    if own is not None:
        lines.append(f"in-process      {json.dumps(own)}")
        lines.append(
            "                equal"
            if in_process.same(own, answer)
            else "                DIFFERENT: the endpoint does not say what the model says"
        )
    return lines


def batch_lines(done: Done) -> list[str]:
    """The number of rows scored, and the first of them."""
    lines = [f"rows scored     {done.record.outputs().get('rows', '?')}"]
    for file in sorted((done.folder / "artifacts").rglob("*.csv"))[:1]:
        lines.append(f"predictions     {shown_path(file)}")
        lines += [f"    {line}" for line in file.read_text().splitlines()[:4]]
    return lines


def stages(model: str) -> list[str]:
    """The workflows that this repository has files for, in order."""
    folder = REPOSITORY / "mlops" / "azureml" / "deploy"
    return ["train", *(
        f"deploy-{kind}" for kind in ("online", "batch") if (folder / kind / f"{model}_{kind}-deployment.yml").exists()
    )]  # fmt: skip


def is_known(model: str) -> bool:
    """Whether there is such a model; if not, which there are is told."""
    if model in models():
        return True
    print(f"azureml-local demo: no model '{model}'; there are: {', '.join(models())}", file=sys.stderr)
    return False


def run(paths: StatePaths, model: str) -> int:
    """Train the model and put it to use, on a workspace that is up."""
    config = settings.load(paths)
    done: list[Done] = []
    version = (model, "")
    for name in stages(model):
        inputs = {"model": model}
        if done:
            inputs["model-version"] = version[1]
        if name == "deploy-online":
            inputs["soak-seconds"] = SOAK_SECONDS
        try:
            done.append(run_workflow(paths, config, name, inputs))
        except (WorkflowError, OSError) as error:
            print(f"azureml-local demo: {error}", file=sys.stderr)
            return 2
        last = done[-1]
        if last.code != 0:
            print("\n" + duration_table(paths, config, done))
            how = "was cancelled" if last.code == CANCELLED else "failed"
            print(f"\ndemo stopped: workflow {name} {how}; all it said: {shown_path(last.folder)}")
            return last.code
        if name == "train":
            outputs = last.record.outputs()
            trained = outputs.get("model-version") or champion(paths, config, outputs.get("job-name", ""))
            if not trained:
                print("\n" + model_table(paths, config, last.record))
                print("\nNo version was registered and none was there before, so there is nothing to deploy.")
                return 0
            version = (outputs.get("model-name") or model, trained)
    tell(paths, config, model, version, done)
    return 0


def tell(paths: StatePaths, config: Settings, model: str, version: tuple[str, str], done: list[Done]) -> None:
    """The end: model, endpoints, durations, where to look further."""
    names, seconds = ", ".join(each.name for each in done), sum(each.seconds for each in done)
    print(f"\n━━━ {model}: {names} in {duration(seconds)} ━━━\n")
    print(model_table(paths, config, done[0].record))
    for each in done[1:]:
        lines = online_lines(paths, config, each, model, version) if each.name == "deploy-online" else batch_lines(each)
        print(f"\n{each.name}\n" + "\n".join(f"  {line}" for line in lines))
    print("\n" + duration_table(paths, config, done))
    command = own_command()
    print(f"\nSummaries and full logs (their links to ml.azure.com open by `{command} open LINK`)")
    for each in done:
        print(f"  {each.name:<13}  {shown_path(each.folder)}/")
    print(NEXT.format(command=command, model=model))
