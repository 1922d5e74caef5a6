from __future__ import annotations

import pytest

from .conftest import Mlflow


def artifacts(mlflow: Mlflow, run_id: str = "run-1", kind: str = "experiments") -> str:
    return f"/history/v1.0{mlflow.workspace_id}/{kind}/1/runs/{run_id}/artifacts"


def create(mlflow: Mlflow, *paths: str) -> dict[str, object]:
    body = {"paths": [{"path": path} for path in paths]}
    answer = mlflow.send("POST", artifacts(mlflow) + "/batch/metadata", json=body)
    assert answer.status_code == 200, answer.text
    content: dict[str, object] = answer.json()
    return content


@pytest.mark.parametrize("kind", ["experiments", "experimentids"])
def test_a_runs_artifacts_are_listed_and_signed(mlflow: Mlflow, kind: str) -> None:
    mlflow.log_model("run-1")
    value = mlflow.send("GET", artifacts(mlflow, kind=kind)).json()["value"]
    assert [entry["path"] for entry in value] == ["model/MLmodel", "model/model.pkl"]
    assert value[0]["artifactId"] == "ExperimentRun/dcid.run-1/model/MLmodel"
    signed = mlflow.send("GET", artifacts(mlflow) + "/contentinfo", params={"path": "model/MLmodel"}).json()
    assert "/ExperimentRun/dcid.run-1/model/MLmodel?" in signed["contentUri"]
    assert "sp=r&" in signed["contentUri"]
    older = mlflow.send("GET", artifacts(mlflow) + "/contentinfo/model/MLmodel").json()  # as azureml-core asks
    assert (older["path"], older["container"]) == ("model/MLmodel", signed["container"])
    below = mlflow.send("GET", artifacts(mlflow) + "/prefix/contentinfo", params={"path": "model"}).json()["value"]
    assert [entry["path"] for entry in below] == ["model/MLmodel", "model/model.pkl"]


def test_a_prefix_is_a_folder_and_not_the_beginning_of_a_name(mlflow: Mlflow) -> None:
    mlflow.log_model("run-1", "model")
    mlflow.log_model("run-1", "model2")
    value = mlflow.send("GET", artifacts(mlflow) + "/path", params={"path": "model"}).json()["value"]
    assert [entry["path"] for entry in value] == ["model/MLmodel", "model/model.pkl"]


def test_logging_again_makes_room_for_the_new_file(mlflow: Mlflow) -> None:
    file = mlflow.artifact_file("ExperimentRun/dcid.run-1/notes/a b.txt")
    file.parent.mkdir(parents=True)
    file.write_text("old")
    answer = create(mlflow, "notes/a b.txt", "new.txt")
    assert not file.exists()
    information = answer["artifactContentInformation"]
    assert isinstance(information, dict)
    assert list(information) == ["notes/a b.txt", "new.txt"]
    assert "/notes/a%20b.txt?" in information["notes/a b.txt"]["contentUri"]
    assert "sp=rcw&" in information["new.txt"]["contentUri"]


@pytest.mark.parametrize("path", ["../other/x", "/etc/passwd", "a/../../x", ""])
def test_an_artifact_cannot_leave_its_run(mlflow: Mlflow, path: str) -> None:
    answer = mlflow.send("POST", artifacts(mlflow) + "/batch/metadata", json={"paths": [{"path": path}]})
    assert answer.status_code == 400
    assert f"The artifact path '{path}' is not valid" in answer.json()["error"]["message"]


def test_a_folder_is_not_replaced_by_a_file(mlflow: Mlflow) -> None:
    mlflow.log_model("run-1")
    answer = mlflow.send("POST", artifacts(mlflow) + "/batch/metadata", json={"paths": [{"path": "model"}]})
    assert answer.status_code == 409
    assert "'model' is a folder of artifacts already" in answer.json()["error"]["message"]


def test_an_artifact_that_is_not_there(mlflow: Mlflow) -> None:
    answer = mlflow.send("GET", artifacts(mlflow) + "/contentinfo", params={"path": "no.txt"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceNotFound")
    assert mlflow.send("GET", artifacts(mlflow)).json()["value"] == []


def test_local_uploads_and_the_files_of_a_registered_model(mlflow: Mlflow) -> None:
    base = f"/artifact/v2.0{mlflow.workspace_id}/artifacts"
    body = {"paths": [{"path": "model/MLmodel"}]}
    uploaded = mlflow.send("POST", base + "/LocalUpload/today-1/batch/metadata", json=body).json()
    uri = uploaded["artifactContentInformation"]["model/MLmodel"]["contentUri"]
    assert "/LocalUpload/today-1/model/MLmodel?" in uri
    refused = mlflow.send("POST", base + "/RegisteredModel/taxi:1/batch/metadata", json=body)
    assert (refused.status_code, refused.json()["error"]["message"]) == (
        404,
        "Could not find model 'taxi' version '1' in workspace 'aml-local'.",
    )
    mlflow.call("POST registered-models/create", {"name": "taxi"})
    mlflow.call("POST model-versions/create", {"name": "taxi", "source": mlflow.log_model("run-1")})
    refused = mlflow.send("POST", base + "/RegisteredModel/taxi:1/batch/metadata", json=body)
    assert refused.status_code == 400
    assert "can't be changed. Register a new version." in refused.json()["error"]["message"]
    listed = mlflow.send("GET", base + "/RegisteredModel/taxi:1").json()["value"]
    assert [entry["path"] for entry in listed] == ["model/MLmodel", "model/model.pkl"]


def test_a_steps_token_can_be_renewed_while_it_is_valid(mlflow: Mlflow) -> None:
    path = f"/history/v1.0{mlflow.workspace_id}/experimentids/1/runs/run-1/token"
    first = mlflow.server.token("https://ml.azure.com")
    mlflow.server.time.now += 3500
    answer = mlflow.send("GET", path, token=first)
    renewed = answer.json()["token"]
    mlflow.server.time.now += 200
    assert mlflow.send("GET", path, token=first).status_code == 401
    assert mlflow.send("GET", path, token=renewed).status_code == 200
