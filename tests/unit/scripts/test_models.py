"""mlops/models.yml: what it says, what conventions say, and what a mistake in it tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import models
from errors import ActionError
from models import Cluster, Manifest, main, nested, parse_manifest, read_manifest
from yaml_scan import scan

ROOT = Path(__file__).parents[3]


def refused(text: str) -> list[str]:
    with pytest.raises(ActionError) as caught:
        parse_manifest(Path(), text)
    assert caught.value.exit_code == 2
    return [problem.message for problem in caught.value.problems]


def test_conventions_alone_make_a_model(tmp_path: Path) -> None:
    model = Manifest(tmp_path, {}).model("churn")
    assert model.environment_file == "data-science/models/churn/environment/churn_environment_conda.yml"
    assert model.pipeline_file == "mlops/azureml/train/churn_pipeline.yml"
    assert model.cluster == Cluster("cpu-cluster", 4, "Standard_DS3_v2", "low_priority")
    assert model.online.deployment_file == "mlops/azureml/deploy/online/churn_online-deployment.yml"
    assert model.batch.endpoint_file == "mlops/azureml/deploy/batch/churn_batch-endpoint.yml"
    assert (model.request_file, model.batch_input) == ("data/churn/churn-request.json", "data/churn/batch")
    assert model.gate is None
    assert model.environments == ("dev", "test", "prod")


def test_a_docker_environment_is_taken_where_there_is_no_conda_one(tmp_path: Path) -> None:
    folder = tmp_path / "data-science/models/churn/environment"
    folder.mkdir(parents=True)
    (folder / "churn_environment_docker.yml").touch()
    assert Manifest(tmp_path, {}).model("churn").environment_file.endswith("_docker.yml")
    (folder / "churn_environment_conda.yml").touch()
    assert Manifest(tmp_path, {}).model("churn").environment_file.endswith("_conda.yml")


def test_the_manifest_wins_over_conventions() -> None:
    text = """\
models:
  churn:
    pipeline-file: pipelines/churn.yml
    cluster: {name: gpu-cluster, size: 1}
    gate: {metric: auc, goal: maximize, limit: 0.8}
    environments: [dev, prod]
    paths:
      - shared/**
"""
    model = parse_manifest(Path(), text).model("churn")
    assert model.pipeline_file == "pipelines/churn.yml"
    assert model.cluster == Cluster("gpu-cluster", 1, "Standard_DS3_v2", "low_priority")
    assert model.gate is not None
    assert (model.gate.limit, model.gate.tolerance) == (0.8, 0.0)
    assert (model.environments, model.paths) == (("dev", "prod"), ("shared/**",))


def test_every_pipeline_is_a_model_with_or_without_an_entry(tmp_path: Path) -> None:
    folder = tmp_path / models.PIPELINES
    folder.mkdir(parents=True)
    (folder / "taxi_pipeline.yml").touch()
    (folder / "pipeline.yml").touch()
    assert Manifest(tmp_path, {"churn": {}}).names() == ["churn", "taxi"]
    assert read_manifest(tmp_path).names() == ["taxi"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("models:\n  taxi:\n    clutser:\n      name: x\n", "line 4: models.taxi: 'clutser' is not allowed."),
        ("models:\n  taxi:\n    gate:\n      metric: rmse\n", "line 4: models.taxi.gate: 'goal' is missing."),
        (
            "models:\n  taxi:\n    cluster:\n      size: many\n",
            'line 4: models.taxi.cluster.size: "many" is no integer.',
        ),
        ("models:\n  Taxi:\n    batch-input: data\n", "line 3: 'Taxi': a model's name has up to 50 small letters"),
        ("models:\n  taxi:\n    batch-input: /data\n", 'line 3: models.taxi.batch-input: "/data" does not match'),
        ("models:\n\ttaxi:\n", "line 2: a tab indents this line"),
        ("modles:\n  taxi:\n    batch-input: x\n", "line 3: the file: 'modles' is not allowed."),
    ],
)
def test_a_mistake_names_its_line(text: str, told: str) -> None:
    assert any(message.startswith(f"mlops/models.yml, {told}") for message in refused(text)), refused(text)


def test_all_mistakes_are_told_at_once() -> None:
    assert len(refused("models:\n  a:\n    cluster: {tier: spot, size: 0}\n  b:\n    gate: {goal: best}\n")) == 4


def test_this_repositorys_manifest_reads_alike_with_a_whole_yaml_parser() -> None:
    text = (ROOT / models.MANIFEST).read_text()
    assert nested(scan(text)) == yaml.safe_load(text)


def test_every_file_of_this_repositorys_models_exists() -> None:
    manifest = read_manifest(ROOT)
    assert {"taxi", "digits"} <= set(manifest.names())
    missing = []
    for name in manifest.names():
        model = manifest.model(name)
        files = {
            "environment-file": model.environment_file,
            "pipeline-file": model.pipeline_file,
            "endpoint-file of online": model.online.endpoint_file,
            "deployment-file of online": model.online.deployment_file,
            "endpoint-file of batch": model.batch.endpoint_file,
            "deployment-file of batch": model.batch.deployment_file,
            "request-file": model.request_file,
            "response schema": model.response_schema,
        }
        missing += [
            f"model {name}: its {key} {file} is not there" for key, file in files.items() if not (ROOT / file).is_file()
        ]
        if not list((ROOT / model.batch_input).glob("*.csv")):
            missing.append(f"model {name}: its batch-input {model.batch_input} has no CSV file")
    if missing:
        told = "; ".join(missing)
        pytest.fail(
            f"{told}. Bring it back, or correct mlops/models.yml (its head tells the conventions).", pytrace=False
        )


def test_the_command_prints_names_and_one_model(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["models.py"]) == 0
    assert "digits\ntaxi\n" in capsys.readouterr().out
    assert main(["models.py", "digits"]) == 0
    assert json.loads(capsys.readouterr().out)["cluster"]["name"] == "digits-cluster"
    assert main(["models.py", "fare"]) == 2
    assert "models: no model 'fare'; there are: digits, taxi" in capsys.readouterr().err
