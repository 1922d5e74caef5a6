"""What endpoints and deployments may look like."""

from __future__ import annotations

from typing import Any

import pytest

from azureml_local.errors import AzureError
from azureml_local.online import deployment_rules, durations, endpoint_rules

DEPLOYMENTS = [{"name": "Blue"}, {"name": "green"}, {"name": "red"}]
READY = {"Blue": True, "green": True, "red": False}


def refusal(call: Any, *arguments: Any) -> AzureError:
    with pytest.raises(AzureError) as caught:
        call(*arguments)
    return caught.value


def test_traffic_takes_the_deployments_own_spelling_and_keeps_zeros() -> None:
    assert endpoint_rules.traffic({"blue": 90, "GREEN": 10, "red": 0, "gone": 0}, DEPLOYMENTS, READY) == {
        "Blue": 90,
        "green": 10,
        "red": 0,
    }
    assert endpoint_rules.traffic(None, [], {}) == {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"blue": 60}, "must add up to 0 or 100, not 60 (Blue=60)"),
        ({"blue": 60, "green": 60}, "not 120"),
        ({"pink": 100}, "names the deployment 'pink', which this endpoint does not have. Its deployments: Blue, green"),
        ({"blue": 33.3}, "must be a whole number from 0 to 100, not 33.3"),
        ({"blue": -1}, "from 0 to 100, not -1"),
        ({"blue": True}, "not True"),
        ({"red": 100}, "cannot go to deployment 'red', which has never been ready"),
        ("blue=100", "must be an object"),
    ],
)
def test_wrong_traffic(given: Any, said: str) -> None:
    error = refusal(endpoint_rules.traffic, given, DEPLOYMENTS, READY)
    assert (error.status, error.target) == (400, "traffic")
    assert said in error.message


@pytest.mark.parametrize(
    ("given", "live", "said"),
    [
        ({"blue": 51}, {}, "At most 50 %"),
        ({"blue": 10, "green": 10}, {}, "to one deployment only, not to Blue and green"),
        ({"blue": 10}, {"Blue": 100}, "'Blue' has 100 % of the live traffic"),
        ({"red": 10}, {}, "never been ready"),
    ],
)
def test_wrong_mirror_traffic(given: Any, live: dict[str, int], said: str) -> None:
    error = refusal(endpoint_rules.mirror_traffic, given, DEPLOYMENTS, live, READY)
    assert said in error.message


def test_a_busy_resource_is_a_conflict_that_names_its_state() -> None:
    document = {"name": "blue", "properties": {"provisioningState": "Updating"}}
    error = refusal(endpoint_rules.refuse_if_busy, "deployment", document)
    assert (error.status, error.code) == (409, "Conflict")
    assert "The deployment 'blue' is in Updating state" in error.message
    document["properties"] = {"provisioningState": "Failed"}
    endpoint_rules.refuse_if_busy("deployment", document)


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT5S", 5), ("PT0.5S", 0.5), ("PT1M30S", 90), ("P1DT1H", 90000), ("PT0S", 0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert durations.seconds(text, "x") == seconds


@pytest.mark.parametrize("text", ["5", "PT", "P", "5S", "PT5", None, 5, "PT5M5M"])
def test_what_is_no_duration(text: object) -> None:
    assert "is not an ISO 8601 duration such as PT5S" in refusal(durations.seconds, text, "requestTimeout").message


def deployment(**properties: Any) -> dict[str, Any]:
    return {"sku": {"capacity": 1}, "properties": {"model": "azureml:m:1", **properties}}


def test_defaults_are_azures() -> None:
    properties, count = deployment_rules.checked({"properties": {"model": "azureml:m:1"}}, None)
    assert count == 1
    assert properties["requestSettings"] == {
        "maxQueueWait": "PT0.5S",
        "maxConcurrentRequestsPerInstance": 1,
        "requestTimeout": "PT5S",
    }
    assert properties["livenessProbe"]["failureThreshold"] == 30
    assert properties["scaleSettings"] == {"scaleType": "Default"}
    probe = deployment_rules.probe(properties["readinessProbe"], "readinessProbe")
    assert probe.patience == 310


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"requestSettings": {"requestTimeout": "PT301S"}}, "at most 300 s, not 301 s"),
        ({"requestSettings": {"requestTimeout": "soon"}}, "'soon' is not an ISO 8601 duration"),
        ({"requestSettings": {"maxConcurrentRequestsPerInstance": 0}}, "must be a whole number of 1 or more, not 0"),
        ({"livenessProbe": {"failureThreshold": "x"}}, "livenessProbe.failureThreshold must be a whole number"),
        ({"livenessProbe": {"period": "PT0S"}}, "livenessProbe.period must be at least one second"),
        ({"instanceType": "big one"}, "The instance type 'big one' is not a VM size such as Standard_DS3_v2"),
        ({"scaleSettings": {"scaleType": "TargetUtilization"}}, "is for Kubernetes deployments"),
        ({"codeConfiguration": {"codeId": "x"}}, "needs 'codeId' and 'scoringScript'"),
        ({"codeConfiguration": {"codeId": "x", "scoringScript": "s"}}, "with a scoring script needs an environment"),
        ({"model": None}, "needs a model, or code"),
        ({"endpointComputeType": "Kubernetes"}, "managed online deployments only, not 'Kubernetes'"),
    ],
)
def test_wrong_deployments(properties: dict[str, Any], said: str) -> None:
    assert said in refusal(deployment_rules.checked, deployment(**properties), None).message


@pytest.mark.parametrize("count", [0, -1, 51, 1.5, "2", True])
def test_wrong_instance_counts(count: object) -> None:
    error = refusal(deployment_rules.capacity, {"sku": {"capacity": count}}, None)
    assert f"must be a whole number from 1 to 50, not {count!r}" in error.message


def test_the_instance_count_stays_when_none_is_given() -> None:
    assert deployment_rules.capacity({}, {"sku": {"capacity": 3}}) == 3
