"""What is special to each kind of asset."""

from __future__ import annotations

from typing import Any

import pytest

from azureml_local.assets import components, environments, models
from azureml_local.errors import AzureError
from support.local_storage import Storage, error_of

IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"
CONDA = "name: x\ndependencies: [python=3.10, {pip: [numpy]}]\n"


def environment(**properties: Any) -> dict[str, Any]:
    return {"properties": {"image": IMAGE, "condaFile": CONDA, **properties}}


def test_an_equal_environment_is_200_and_a_different_one_409(storage: Storage) -> None:
    assert storage.arm("PUT", "/environments/e/versions/1", environment()).status_code == 201
    same = environment(condaFile="# a comment\nname:   x\ndependencies:\n- python=3.10\n- pip:\n  - numpy\n")
    assert storage.arm("PUT", "/environments/e/versions/1", same).status_code == 200
    for other in (environment(image="python:3.11"), environment(condaFile=CONDA.replace("numpy", "scipy"))):
        status, code, _ = error_of(storage.arm("PUT", "/environments/e/versions/1", other))
        assert (status, code) == (409, "Conflict")


def test_a_build_context_is_content_too(storage: Storage) -> None:
    def build(uri: str) -> dict[str, Any]:
        return {"properties": {"build": {"contextUri": uri, "dockerfilePath": "Dockerfile"}}}

    assert storage.arm("PUT", "/environments/e/versions/1", build("https://x/a/")).status_code == 201
    assert storage.arm("PUT", "/environments/e/versions/1", build("https://x/b/")).status_code == 409


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"image": None, "condaFile": None}, "needs an 'image'"),
        ({"build": {"contextUri": "https://x"}}, "either 'image' or 'build', not both"),
        ({"condaFile": "a: [b"}, "The conda file is not YAML"),
        ({"condaFile": "just text"}, "must be a mapping with 'dependencies'"),
    ],
)
def test_a_bad_environment_is_refused(storage: Storage, properties: dict[str, Any], message: str) -> None:
    status, _, text = error_of(storage.arm("PUT", "/environments/e/versions/1", environment(**properties)))
    assert status == 400
    assert message in text
    assert storage.arm("GET", "/environments").json()["value"] == []


def test_curated_environments_are_in_every_workspace(storage: Storage) -> None:
    name = "AzureML-sklearn-1.0-ubuntu20.04-py38-cpu"
    (latest,) = storage.arm("GET", f"/environments/{name}/versions?$top=1&$orderBy=createdtime desc").json()["value"]
    assert latest["properties"]["image"] == f"mcr.microsoft.com/azureml/curated/{name.lower()[8:]}:1"
    found = environments.resolve(storage.services, storage.workspace, f"azureml:{name}:33")
    assert found["properties"]["image"].endswith("-cpu:33")
    registry = "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"
    assert "sklearn-1.5" in environments.resolve(storage.services, storage.workspace, registry)["properties"]["image"]
    assert error_of(storage.arm("GET", "/environments/AzureML-Triton/versions/1"))[0] == 404
    message = error_of(storage.arm("PUT", "/environments/AzureML-mine/versions/1", environment()))[2]
    assert "'AzureML-' is kept for curated environments" in message


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("azureml://registries/mine/environments/e/versions/1", "there is no registry 'mine'"),
        ("azureml://registries/azureml/environments/triton/versions/1", "not one of the curated environments known"),
        ("azureml:nope:1", "Could not find environment 'nope' version '1'"),
        ("azureml:nope@latest", "Could not find environment 'nope'"),
        ("azureml:e@stable", "the label 'stable' is not known"),
        ("conda.yml", "does not name a environment"),
    ],
)  # fmt: skip
def test_an_unknown_environment_is_an_error_that_quotes_it(storage: Storage, reference: str, message: str) -> None:
    with pytest.raises(AzureError, match=message.replace("(", r"\(")):
        environments.resolve(storage.services, storage.workspace, reference)


def test_environments_of_jobs_are_not_listed(storage: Storage) -> None:
    storage.arm("PUT", "/environments/CliV2AnonymousEnvironment/versions/abc", environment(isAnonymous=True))
    assert storage.arm("GET", "/environments").json()["value"] == []
    assert storage.arm("GET", "/environments/CliV2AnonymousEnvironment/versions/abc").status_code == 200


def component(command: str = "python a.py", **spec: Any) -> dict[str, Any]:
    return {"properties": {"componentSpec": {"name": "c", "type": "command", "command": command, **spec}}}


def test_the_default_component_version_is_the_latest(storage: Storage) -> None:
    for version in ("1", "2"):
        storage.arm("PUT", f"/components/c/versions/{version}", component(version=version))
    default = storage.arm("GET", "/components/c/versions/azureml_default").json()
    assert (default["name"], default["properties"]["componentSpec"]["version"]) == ("2", "2")
    for reference in ("azureml:c@latest", "azureml:c@default", f"{storage.workspace.id}/components/c/labels/default"):
        assert components.resolve(storage.services, storage.workspace, reference)["name"] == "2"
    with pytest.raises(AzureError, match="there is no registry 'r'"):
        components.resolve(storage.services, storage.workspace, "azureml://registries/r/components/c/versions/1")


def test_what_a_component_does_cannot_change_but_what_is_said_of_it_can(storage: Storage) -> None:
    storage.arm("PUT", "/components/c/versions/1", component())
    assert storage.arm("PUT", "/components/c/versions/1", component(display_name="C")).status_code == 200
    assert storage.arm("PUT", "/components/c/versions/1", component("rm")).status_code == 409
    assert "needs a 'componentSpec'" in error_of(storage.arm("PUT", "/components/c/versions/2", {"properties": {}}))[2]


def test_code_is_found_again_by_its_hash_while_its_files_are_there(storage: Storage) -> None:
    pending = storage.arm("POST", "/codes/one/versions/1/startPendingUpload", {}).json()["blobReferenceForConsumption"]
    other = storage.arm("POST", "/codes/one/versions/1/startPendingUpload", {}).json()["blobReferenceForConsumption"]
    assert pending["blobUri"] != other["blobUri"], "each upload has a container of its own"
    container, _ = storage.services.blobs.parse_url(pending["blobUri"]) or ("", "")
    body = {"properties": {"codeUri": f"{pending['blobUri']}/src",
                           "properties": {"hash_sha256": "abc", "hash_version": "202208"}}}  # fmt: skip
    assert "upload the files first" in error_of(storage.arm("PUT", "/codes/one/versions/1", body))[2]
    source = storage.services.blobs.path(container, "src")
    source.mkdir()
    assert storage.arm("PUT", "/codes/one/versions/1", body).status_code == 201

    def lookup(query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = storage.arm("GET", f"/codes/two/versions?{query}").json()["value"]
        return found

    assert lookup("hash=abc&hashVersion=202208")[0]["id"].endswith("/codes/one/versions/1")
    assert lookup("hash=abc&hashVersion=1") == lookup("hash=other&hashVersion=202208") == []
    source.rmdir()
    assert lookup("hash=abc&hashVersion=202208") == []


def test_code_must_be_in_the_workspaces_storage(storage: Storage) -> None:
    body = {"properties": {"codeUri": "https://elsewhere.blob.core.windows.net/c/src"}}
    assert "is not in the storage account" in error_of(storage.arm("PUT", "/codes/a/versions/1", body))[2]


def test_data_is_shown_with_the_long_uri_and_its_type(storage: Storage) -> None:
    body = {"properties": {"dataType": "uri_file", "dataUri": "azureml://datastores/workspaceblobstore/paths/a.csv"}}
    document = storage.arm("PUT", "/data/d/versions/1", body).json()
    assert document["properties"]["dataUri"].startswith("azureml://subscriptions/")
    assert storage.arm("PUT", "/data/d/versions/1", body).status_code == 200
    container = storage.arm("GET", "/data/d").json()["properties"]
    assert (container["dataType"], container["latestVersion"], container["nextVersion"]) == ("uri_file", "1", "2")


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"dataType": "csv", "dataUri": "https://x/y"}, "dataType 'csv' is not one of"),
        ({"dataType": "uri_file"}, "needs 'dataUri'"),
        ({"dataType": "uri_file", "dataUri": "./a.csv"}, "is not a URI"),
    ],
)
def test_bad_data_is_refused(storage: Storage, properties: dict[str, str], message: str) -> None:
    assert message in error_of(storage.arm("PUT", "/data/d/versions/1", {"properties": properties}))[2]


def test_an_mlflow_models_flavors_are_read_from_its_files(storage: Storage) -> None:
    storage.file("m/MLmodel", "flavors:\n  sklearn: {pickled_model: model.pkl, code: null}\n")
    uri = "azureml://datastores/workspaceblobstore/paths/m"
    document = models.create_model_version(
        storage.services, storage.workspace, "taxi", uri=uri, model_type="mlflow_model"
    )
    assert document["properties"]["flavors"] == {"sklearn": {"data": {"pickled_model": "model.pkl", "code": "None"}}}


def test_a_model_from_a_jobs_output_lies_where_the_job_wrote_it(storage: Storage) -> None:
    storage.file("azureml/job1/model/model.pkl")
    outputs = {"model": {"uri": "azureml://datastores/workspaceblobstore/paths/azureml/job1/model/"}}
    storage.services.store.put(
        {"id": f"{storage.workspace.id}/jobs/job1", "name": "job1", "properties": {"outputs": outputs}}
    )
    body = {"properties": {"modelUri": "azureml://jobs/job1/outputs/model/paths/model.pkl"}}
    found = storage.arm("PUT", "/models/taxi/versions/1", body).json()["properties"]
    assert found["modelUri"].endswith("/datastores/workspaceblobstore/paths/azureml/job1/model/model.pkl")
    assert found["jobName"] == "job1"
    body["properties"]["modelUri"] = "azureml://jobs/job1/outputs/other"
    message = error_of(storage.arm("PUT", "/models/taxi/versions/2", body))[2]
    assert message == "The job 'job1' has no output 'other'. Its outputs: model, and 'artifacts'."


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"modelUri": "azureml://datastores/workspaceblobstore/paths/nope"}, "There is nothing at the model's path"),
        ({"modelUri": "azureml://datastores/nope/paths/x"}, "Could not find datastore: nope."),
        ({"modelUri": "azureml://jobs/nope/outputs/x"}, "Could not find job 'nope'"),
        ({"modelUri": "azureml://datastores/workspaceblobstore/paths/../x"}, "may not have '..'"),
        ({"modelType": "pickle", "modelUri": "x"}, "modelType 'pickle' is not one of"),
        ({"modelUri": "https://example.org/model.pkl"}, "is not in the workspace's storage"),
        ({}, "needs 'modelUri'"),
    ],
)
def test_a_bad_model_is_refused_and_no_number_is_used(
    storage: Storage, properties: dict[str, str], message: str
) -> None:
    assert message in error_of(storage.arm("PUT", "/models/taxi/versions/1", {"properties": properties}))[2]
    assert storage.arm("GET", "/models/taxi").status_code == 404
