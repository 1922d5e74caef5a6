from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import Response

from azureml_local.routing import WS, Host, Routes


async def handler(_: Request) -> Response:
    return Response()


@pytest.fixture
def routes() -> Routes:
    table = Routes()
    table.get(Host.ARM, WS + "/jobs/{name}")(handler)
    table.put(Host.ARM, WS + "/jobs/{name}")(handler)
    table.get(Host.BLOB, "/{container}/{blob:path}")(handler)
    return table


JOB = "/subscriptions/S/RESOURCEGROUPS/rg/providers/microsoft.machinelearningservices/Workspaces/W/jobs/Mine"


def test_case_of_the_path_does_not_matter_and_names_keep_theirs(routes: Routes) -> None:
    found = routes.find(Host.ARM, "GET", JOB)
    assert found is not None
    assert found[1] == {"subscription": "S", "group": "rg", "workspace": "W", "name": "Mine"}


def test_a_path_parameter_keeps_its_slashes(routes: Routes) -> None:
    found = routes.find(Host.BLOB, "GET", "/c/a/b/c.txt")
    assert found is not None
    assert found[1]["blob"] == "a/b/c.txt"


def test_the_host_family_is_part_of_the_route(routes: Routes) -> None:
    assert routes.find(Host.API, "GET", JOB) is None


def test_methods_tell_a_wrong_method_from_an_unknown_path(routes: Routes) -> None:
    assert routes.methods(Host.ARM, JOB) == {"GET", "PUT"}
    assert routes.methods(Host.ARM, "/nowhere") == set()


def test_a_dot_in_a_pattern_is_a_dot() -> None:
    table = Routes()
    table.get(Host.ARM, "/v1.0/x")(handler)
    assert table.find(Host.ARM, "GET", "/v1.0/x")
    assert table.find(Host.ARM, "GET", "/v1a0/x") is None
