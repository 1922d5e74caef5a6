"""Step 4, register: put the model into the registry, if and only if the evaluation said so.

    python register.py --model /tmp/job/model --evaluation /tmp/job/evaluation --output /tmp/job/registration

The version is made from the model as the train step's run logged it, so that the registry leads back to that run,
its parameters and metrics. Repeating the step in the same pipeline run finds the version it made before; another run
that is allowed to register makes a version of its own, even of a train step whose result was reused. model_info.json
tells the outcome.

Exit codes: 0 registered, or not registered because the evaluation said no; 1 something is missing; 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import mlflow
import tracking
from decision import Decision, registration_tags
from mlflow.exceptions import MlflowException
from mlflow.models import Model

MODEL_INFO_FILE = "model_info.json"
GIT_COMMIT_TAG = "mlflow.source.git.commit"  # set by Azure ML when the job was submitted from a git work tree


def commit_of(run_id: str, given: str) -> str:
    """The commit the code came from: as given, else what the pipeline's run knows, else empty."""
    if given and given != "unknown":
        return given
    try:
        tags = mlflow.MlflowClient().get_run(run_id).data.tags
    except MlflowException:
        return ""
    return str(tags.get(GIT_COMMIT_TAG, ""))


def register(name: str, model: Model, tags: dict[str, str]) -> str:
    """The version made from this logged model, new or (on a repeated step of the same job) the one that exists."""
    client = mlflow.MlflowClient()
    try:
        for existing in client.search_model_versions(f"name='{name}'"):
            if existing.run_id == model.run_id and existing.tags.get("job") == tags["job"]:
                return str(existing.version)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    made = mlflow.register_model(f"runs:/{model.run_id}/{model.artifact_path}", name, tags=tags)
    return str(made.version)


def write_info(folder: Path, decision: Decision, version: str | None) -> None:
    """`model_info.json`: name, version (null when none was made), the reference to deploy by, and why."""
    folder.mkdir(parents=True, exist_ok=True)
    info = {
        "registered": version is not None,
        "name": decision.model_name,
        "version": version,
        "reference": f"azureml:{decision.model_name}:{version}" if version is not None else None,
        "champion_version": decision.champion_version,
        "reason": decision.reason,
    }
    (folder / MODEL_INFO_FILE).write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="the folder train.py wrote")
    parser.add_argument("--evaluation", type=Path, required=True, help="the folder evaluate.py wrote")
    parser.add_argument("--output", type=Path, required=True, help="folder for model_info.json")
    parser.add_argument("--commit", default="unknown", help="git commit for the version's tags")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    try:
        decision = Decision.read(args.evaluation)
    except ValueError as error:
        print(f"register: {error}", file=sys.stderr)
        return 1
    if not decision.deploy_flag:
        write_info(args.output, decision, None)
        print(f"register: nothing registered - {decision.reason}")
        return 0

    model = Model.load(str(args.model))
    if not model.run_id:
        print(f"register: {args.model} was not logged to an MLflow run; train.py logs it", file=sys.stderr)
        return 1
    with tracking.step_run("register") as run:
        job = tracking.pipeline_run_id(run.info.run_id)
        tags = registration_tags(decision, job=job, commit=commit_of(job, args.commit))
        version = register(decision.model_name, model, tags)
        result = {"registered_model_name": decision.model_name, "registered_model_version": version}
        mlflow.set_tags(result)
        tracking.show_on_pipeline(run.info.run_id, {}, result)
    write_info(args.output, decision, version)
    print(f"register: {decision.model_name}:{version} - {decision.reason}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
