"""One set of settings from three kinds of event."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models import MANIFEST, Manifest
from support.fake_azure import World
from train_settings import DEFAULTS, TITLE, settle


@pytest.fixture
def repository(world: World) -> World:
    for model in ("taxi", "wine"):
        spec = Manifest(Path(), {}).model(model)
        for name in (spec.environment_file, spec.pipeline_file):
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return world


def settled(world: World, inputs: object, payload: object) -> dict[str, str]:
    world.env.update(INPUTS=json.dumps(inputs), PAYLOAD=json.dumps(payload))
    assert world.run(TITLE, settle) == 0, world.log
    return world.outputs


def test_nothing_given_trains_taxi(repository: World) -> None:
    found = settled(repository, None, None)
    assert found["environment-file"] == "data-science/models/taxi/environment/taxi_environment_conda.yml"
    assert found["pipeline-file"] == "mlops/azureml/train/taxi_pipeline.yml"
    assert (found["environment"], found["cluster-name"], found["tier"]) == ("dev", "cpu-cluster", "low_priority")
    assert found["resource-group"] == ""
    assert set(found) == set(DEFAULTS)


def test_inputs_of_a_manual_run(repository: World) -> None:
    found = settled(repository, {"model": "wine", "cluster-size": "2", "set": "inputs.a=1 'inputs.b=x y'"}, None)
    assert found["pipeline-file"] == "mlops/azureml/train/wine_pipeline.yml"
    assert found["cluster-size"] == "2"
    assert found["set"] == "inputs.a=1\ninputs.b=x y"


def test_the_manifest_says_what_is_not_given(repository: World) -> None:
    MANIFEST.write_text("models:\n  wine:\n    cluster: {name: big-cluster, size: 8, tier: dedicated}\n")
    found = settled(repository, {"model": "wine", "cluster-size": "2"}, None)
    assert (found["cluster-name"], found["cluster-size"], found["tier"]) == ("big-cluster", "2", "dedicated")
    assert found["node-sku"] == "Standard_DS3_v2"


def test_a_manifest_that_is_wrong_is_told_with_its_line(repository: World) -> None:
    MANIFEST.write_text("models:\n  wine:\n    cluster:\n      tier: spot\n")
    repository.env.update(INPUTS='{"model": "wine"}', PAYLOAD="null")
    assert repository.run(TITLE, settle) == 2
    assert "::error title=train settings,file=mlops/models.yml,line=4::" in repository.log
    assert 'models.wine.cluster.tier: "spot" is none of ["low_priority", "dedicated"].' in repository.log


def test_the_payload_of_a_repository_dispatch(repository: World) -> None:
    found = settled(repository, {}, {"model": "wine", "cluster-size": 8})
    assert (found["pipeline-file"], found["cluster-size"]) == ("mlops/azureml/train/wine_pipeline.yml", "8")


def test_a_payload_cannot_break_out_of_the_summary_or_the_log(repository: World) -> None:
    sku = "x` | y |\n</details>\n::error::pwned"
    settled(repository, None, {"node-sku": sku})
    assert "| `node-sku` | `x' \\| y \\| </details> ::error::pwned` |" in repository.summary
    assert not any(line.startswith("::error::") for line in repository.log.splitlines())


def test_unknown_names_in_a_payload_are_refused(repository: World) -> None:
    repository.env.update(INPUTS="null", PAYLOAD='{"modell": "wine"}')
    assert repository.run(TITLE, settle) == 2
    assert (
        "client_payload has 'modell'; it may have environment, resource-group, workspace-name, model," in repository.log
    )


def test_a_model_that_does_not_exist_is_told_at_once(repository: World) -> None:
    repository.env.update(INPUTS='{"model": "fare", "set": "\'x"}', PAYLOAD="null")
    assert repository.run(TITLE, settle) == 2
    assert "pipeline-file is 'mlops/azureml/train/fare_pipeline.yml': there is no such file" in repository.log
    assert "There is: mlops/azureml/train/taxi_pipeline.yml, mlops/azureml/train/wine_pipeline.yml." in repository.log
    assert "set is ''x': its quotes do not match" in repository.log
    assert repository.outputs == {}
