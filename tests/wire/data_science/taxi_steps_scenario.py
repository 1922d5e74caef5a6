"""Run in the taxi environment by test_taxi_steps.py: the steps as a person runs them, MLflow in a local database.

Prints one JSON object: what each round ended with. Arguments: the step code's folder, the raw rows, a scratch folder.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow

CODE, RAW, SCRATCH = (Path(argument) for argument in sys.argv[1:4])
sys.path.insert(0, str(CODE))

prep, train, evaluate, register = map(importlib.import_module, ("prep", "train", "evaluate", "register"))


def round_of(name: str, *train_options: str, model_name: str = "taxi") -> dict[str, Any]:
    """Prep to register under a pipeline run, as Azure ML sets one; each step must exit 0."""
    here = SCRATCH / name
    mlflow.set_experiment("taxi")
    with mlflow.start_run(run_name=name) as pipeline:
        os.environ["AZUREML_ROOT_RUN_ID"] = pipeline.info.run_id
    prepared, model, evaluation = (str(here / part) for part in ("prepared", "model", "evaluation"))
    assert prep.main(["--raw", str(RAW), "--output", prepared]) == 0
    assert train.main(["--data", prepared, "--model", model, *train_options]) == 0
    judged = ["--data", prepared, "--model", model, "--output", evaluation, "--model-name", model_name]
    assert evaluate.main(judged) == 0
    assert (
        register.main(["--model", model, "--evaluation", evaluation, "--output", str(here), "--commit", "c0ffee"]) == 0
    )
    run = mlflow.MlflowClient().get_run(pipeline.info.run_id)
    return {
        "info": json.loads((here / "model_info.json").read_text()),
        "decision": json.loads((here / "evaluation" / "decision.json").read_text()),
        "pipeline": {"id": pipeline.info.run_id, "metrics": run.data.metrics, "tags": run.data.tags},
    }


def refusal(step: ModuleType, *options: str) -> dict[str, Any]:
    """Exit code and standard error of a step that lacks something."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = step.main(list(options))
    return {"exit": code, "stderr": said.getvalue(), "created": Path("out").exists()}


def versions() -> list[dict[str, Any]]:
    found = mlflow.MlflowClient().search_model_versions("name='taxi'")
    return [{"version": v.version, "tags": dict(v.tags), "run_id": v.run_id} for v in found]


results: dict[str, Any] = {"first": round_of("first"), "second": round_of("second")}

again = ["--model", str(SCRATCH / "second" / "model"), "--evaluation", str(SCRATCH / "second" / "evaluation")]
assert register.main([*again, "--output", str(SCRATCH / "again")]) == 0
results["again"] = json.loads((SCRATCH / "again" / "model_info.json").read_text())

results["worse"] = round_of("worse", "--max-iter", "30")

# The champion's files are lost: what was recorded with it still guards the gate.
for uri in {v.source for v in mlflow.MlflowClient().search_model_versions("name='taxi'")}:
    shutil.rmtree(uri.removeprefix("file://"))
results["champion_lost"] = round_of("champion_lost", "--max-iter", "30")
results["champion_lost_but_equal"] = round_of("champion_lost_but_equal")


# A version that was never measured and cannot be loaded: nobody can tell whether a new model is as good.
client = mlflow.MlflowClient()
client.create_registered_model("unmeasured")
client.create_model_version("unmeasured", str(SCRATCH / "nothing"))
results["unmeasured"] = round_of("unmeasured", model_name="unmeasured")

results["versions"] = versions()
results["refusals"] = {
    "prep": refusal(prep, "--raw", "nowhere", "--output", "out"),
    "train": refusal(train, "--data", "nowhere", "--model", "out"),
    "train_twice": refusal(train, "--data", "nowhere", "--model", str(SCRATCH / "first" / "model")),
    "evaluate": refusal(evaluate, "--data", "nowhere", "--model", "nowhere", "--output", "out"),
    "register": refusal(register, "--model", "nowhere", "--evaluation", "nowhere", "--output", "out"),
}
with mlflow.start_run() as own:
    artifacts = mlflow.MlflowClient()
    evaluated = artifacts.search_runs(
        [own.info.experiment_id], "attributes.run_name = 'evaluate' and tags.champion_version = '1'"
    )
    results["plots"] = sorted(item.path for item in artifacts.list_artifacts(evaluated[0].info.run_id, "plots"))
(SCRATCH / "results.json").write_text(json.dumps(results))
