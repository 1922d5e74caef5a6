"""Whatever an endpoint or deployment is asked for in vain is told, by the name that YAML has for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from azureml_local import ignored_settings
from azureml_local.ignored_settings import Told
from azureml_local.online import deployment_rules
from support.serving_fields import BATCH_DEPLOYMENT, ONLINE_DEPLOYMENT, ONLINE_ENDPOINT

Given = dict[str, Any]


def _endpoint(given: Given) -> Iterable[str]:
    return ignored_settings.of_online_endpoint(
        {"identity": given.pop("identity", {"type": "SystemAssigned"}), "properties": given}
    )


def _deployment(given: Given) -> Iterable[str]:
    body = {"properties": {"model": "azureml:m:1", **given}}
    return ignored_settings.of_online_deployment(deployment_rules.checked(body, None)[0])


FIELDS = [
    pytest.param(told, field, dict(given), id=f"{told.__name__.removeprefix('_')} {field}")
    for told, table in (
        (_endpoint, ONLINE_ENDPOINT),
        (_deployment, ONLINE_DEPLOYMENT),
        (ignored_settings.of_batch_deployment, BATCH_DEPLOYMENT),
    )
    for field, given in table.items()
    if isinstance(given, dict)
]


@pytest.mark.parametrize(("told", "field", "given"), FIELDS)
def test_a_setting_in_vain_is_told(told: Callable[[Given], Iterable[str]], field: str, given: Given) -> None:
    name = field if field.startswith(("resources.", "request_settings.")) else field.partition(".")[0]
    assert any(name in text for text in told(given)), list(told(given))


def test_defaults_are_not_worth_a_word() -> None:
    assert list(_endpoint({"publicNetworkAccess": "Enabled"})) == []
    assert ignored_settings.of_batch_deployment({"resources": {"instanceCount": 2, "properties": {}}}) == ()
    size = "instance_type Standard_DS3_v2 (servers run on this machine)"
    assert list(_deployment({"egressPublicNetworkAccess": "Enabled"})) == [size]


def test_many_are_told_in_one_sentence() -> None:
    resources = {"instanceType": "Standard_F4s_v2", "shmSize": "2g"}
    assert ignored_settings.of_batch_deployment({"resources": resources}) == (
        "resources.instance_type, resources.shm_size are ignored: steps run as processes of this machine",
    )


def test_each_is_told_once() -> None:
    told = Told()
    assert told.new(["a", "b"]) == ["the local workspace ignores a", "the local workspace ignores b"]
    assert told.new(["b", "c"]) == ["the local workspace ignores c"]
