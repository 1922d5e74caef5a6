"""Each file of `documents/` has an ARM document and what azure-ai-ml makes of it; a wire test keeps the latter true."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azext_ml import entities, job_entities, serving_entities
from azext_ml.entities import UnfamiliarError

DOCUMENTS = Path(__file__).parent / "documents"
CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "batch-deployment": serving_entities.batch_deployment,
    "batch-endpoint": serving_entities.batch_endpoint,
    "compute": entities.compute,
    "data": entities.data,
    "data-container": entities.data_container,
    "environment": entities.environment,
    "environment-container": entities.environment_container,
    "job": lambda document: job_entities.job(document, "TID"),
    "model": entities.model,
    "model-container": entities.model_container,
    "online-deployment": serving_entities.online_deployment,
    "online-endpoint": serving_entities.online_endpoint,
    "workspace": entities.workspace,
}


def converter(name: str) -> Callable[[Any], Any]:
    """By the whole name, its first two words, or its first."""
    first, _, rest = name.partition("-")
    return next(CONVERTERS[key] for key in (name, f"{first}-{rest.partition('-')[0]}", first) if key in CONVERTERS)


def document(name: str) -> Any:
    return copy.deepcopy(json.loads((DOCUMENTS / f"{name}.json").read_text()))


@pytest.mark.parametrize("name", sorted(path.stem for path in DOCUMENTS.glob("*.json")))
def test_a_document_becomes_what_the_sdk_makes_of_it(name: str) -> None:
    case = document(name)
    assert converter(name)(case["arm"]) == case["az"]


def change(name: str, value: Any, *path: str) -> Any:
    case = document(name)["arm"]
    node = case
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return case


@pytest.mark.parametrize(
    ("name", "where", "field"),
    [
        ("online-deployment", ("properties", "model"), "model"),
        ("online-deployment", ("properties", "environmentId"), "environment"),
        ("batch-deployment", ("properties", "model", "assetId"), "model"),
        ("job-command", ("properties", "environmentId"), "environment"),
    ],
)
def test_what_is_in_a_registry_keeps_its_id(name: str, where: tuple[str, ...], field: str) -> None:
    id_ = "azureml://registries/team/models/m/versions/1"
    assert converter(name)(change(name, id_, *where))[field] == id_


@pytest.mark.parametrize(
    ("name", "value", "path", "says"),
    [
        ("job-command", "Sweep", ["properties", "jobType"], "a Sweep job"),
        ("job-command", {"processCount": 2}, ["properties", "distribution"], "distribution"),
        ("job-pipeline", "parallel", ["properties", "jobs", "prep", "type"], "a parallel step"),
        ("job-pipeline", "Sideways", ["properties", "inputs", "rows", "mode"], "mode"),
        ("compute-cluster", "ComputeInstance", ["properties", "computeType"], "ComputeInstance"),
        ("compute-cluster", {"id": "/s"}, ["properties", "properties", "subnet"], "subnet"),
        (
            "compute-cluster",
            "PT1Y",
            ["properties", "properties", "scaleSettings", "nodeIdleTimeBeforeScaleDown"],
            "PT1Y",
        ),
        ("workspace", "Hub", ["kind"], "a Hub workspace"),
        ("workspace", {"isolationMode": "x"}, ["properties", "managedNetwork"], "managedNetwork"),
        ("model-version", {"publisher": "x"}, ["properties", "intellectualProperty"], "intellectualProperty"),
        ("batch-deployment", None, ["properties", "model"], "a deployment without model"),
        ("batch-deployment", {"type": "PipelineComponent"}, ["properties", "deploymentConfiguration"], "Configuration"),
        ("online-deployment", "Kubernetes", ["properties", "endpointComputeType"], "a Kubernetes deployment"),
        ("online-deployment", {"collections": {}}, ["properties", "dataCollector"], "dataCollector"),
        ("environment-conda", "yesterday", ["systemData", "createdAt"], "time yesterday"),
    ],
)
def test_what_is_not_known_is_left_to_the_sdk(name: str, value: Any, path: list[str], says: str) -> None:
    convert = converter(name)
    with pytest.raises(UnfamiliarError, match=says):
        convert(change(name, value, *path))


@pytest.mark.parametrize(
    ("duration", "seconds"), [("PT120S", 120), ("PT30M", 1800), ("PT1H30M", 5400), ("P1DT1S", 86401), (None, None)]
)
def test_durations(duration: str | None, seconds: float | None) -> None:
    assert entities.seconds(duration) == seconds


@pytest.mark.parametrize(
    ("name", "expected"),
    [("LowPriority", "low_priority"), ("AADToken", "aad_token"), ("AMLToken", "aml_token"), ("Key", "key")],
)
def test_snake_case(name: str, expected: str) -> None:
    assert entities.snake(name) == expected
