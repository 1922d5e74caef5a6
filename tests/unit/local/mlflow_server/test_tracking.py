from __future__ import annotations

import pytest

from .conftest import Mlflow


def test_a_call_before_mlflow_runs_is_told_to_come_back(mlflow: Mlflow) -> None:
    answer = mlflow.call("GET experiments/search", max_results=1)
    assert (answer["_status"], answer["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert "was not started" in answer["message"]


@pytest.mark.parametrize("body", ["[1]", '"text"'])
def test_a_body_that_is_no_object_is_refused(mlflow: Mlflow, body: str) -> None:
    path = f"/mlflow/v2.0{mlflow.workspace_id}/api/2.0/mlflow/registered-models/create"
    answer = mlflow.send("POST", path, content=body)
    assert answer.json() == {
        "error_code": "INVALID_PARAMETER_VALUE",
        "message": "The request body must be a JSON object.",
    }


def test_mlflow_1_and_2_addresses_lead_to_the_same_registry(mlflow: Mlflow) -> None:
    mlflow.call("POST registered-models/create", {"name": "taxi"})
    for version in ("v1.0", "v2.0"):
        for api in ("api/2.0/mlflow", "api/2.0/preview/mlflow"):
            path = f"/mlflow/{version}{mlflow.workspace_id}/{api}/registered-models/get"
            assert mlflow.send("GET", path, params={"name": "taxi"}).status_code == 200
