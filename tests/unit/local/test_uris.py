from __future__ import annotations

import pytest

from azureml_local import uris
from azureml_local.assets import models
from azureml_local.errors import AzureError
from support.local_storage import Storage


@pytest.fixture
def filled(storage: Storage) -> Storage:
    """A file d/f.csv with a data asset `d`, a model `m` of the same name as a data asset, and a finished job."""
    uri = storage.file("d/f.csv", "data")
    storage.arm("PUT", "/data/d/versions/1", {"properties": {"dataType": "uri_file", "dataUri": uri}})
    models.create_model_version(storage.services, storage.workspace, "m", uri=uri)
    outputs = {"o": {"uri": "azureml://datastores/workspaceblobstore/paths/d"}, "p": {}, "default": {}}
    job = {"id": f"{storage.workspace.id}/jobs/j", "name": "j", "properties": {"outputs": outputs}}
    storage.services.store.put(job)
    return storage


def relative(storage: Storage, uri: str, **options: tuple[str, ...]) -> str:
    path = uris.resolve(storage.services, storage.workspace, uri, **options)
    return path.relative_to(storage.services.blobs.root / storage.services.blobs.account).as_posix().partition("/")[2]


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("azureml://datastores/workspaceblobstore/paths/d/f.csv", "d/f.csv"),
        ("azureml://datastores/workspaceblobstore/paths/", "."),
        ("azureml://datastores/WorkspaceBlobStore/paths/with%20space", "with space"),
        ("azureml://{scope}/datastores/workspaceblobstore/paths/d/f.csv", "d/f.csv"),
        ("azureml://jobs/j/outputs/o/paths/f.csv", "d/f.csv"),
        ("azureml://jobs/j/outputs/o", "d"),
        ("azureml://jobs/j/outputs/p", "azureml/j/p"),
        ("azureml://{scope}/jobs/j/outputs/p/paths/x", "azureml/j/p/x"),
        ("azureml://jobs/j/outputs/artifacts/paths/model/", "ExperimentRun/dcid.j/model"),
        ("azureml://jobs/j/outputs/default", "ExperimentRun/dcid.j"),
        ("runs:/j/model", "ExperimentRun/dcid.j/model"),
        ("azureml://h/mlflow/v2.0{id}/experiments/e/runs/j/artifacts/model", "ExperimentRun/dcid.j/model"),
        ("azureml://artifacts/LocalUpload/abc/model", "LocalUpload/abc/model"),
        ("azureml:d:1", "d/f.csv"),
        ("azureml:d@latest", "d/f.csv"),
        ("azureml:m:1", "d/f.csv"),
        ("{id}/data/d/versions/1", "d/f.csv"),
        ("azureml:{id}/models/m/versions/1", "d/f.csv"),
        ("{id}/data/d/labels/latest", "d/f.csv"),
        ("azureml://locations/westeurope/workspaces/{guid}/data/d/versions/1", "d/f.csv"),
        ("models:/m/1", "d/f.csv"),
        ("models:/m/latest", "d/f.csv"),
        ("https://{host}/{container}/d/f.csv?sv=1&sig=2", "d/f.csv"),
        ("wasbs://{container}@{host}/d/f.csv", "d/f.csv"),
    ],
)
def test_every_form_leads_to_its_file(filled: Storage, uri: str, expected: str) -> None:
    settings = filled.services.settings
    scope = f"subscriptions/{settings.subscription_id}/resourcegroups/rg-local/workspaces/aml-local"
    uri = uri.format(
        scope=scope,
        id=filled.workspace.id,
        guid=settings.workspace_guid,
        host=filled.services.blobs.host,
        container=filled.container,
    )
    assert relative(filled, uri) == expected.removeprefix(".")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("azureml:nope:1", "Could not find asset 'azureml:nope:1' among the workspace's data or models"),
        ("azureml:d@stable", "the label 'stable' is not known"),
        ("azureml://datastores/nope/paths/x", "Could not find datastore: nope."),
        ("azureml://datastores/workspaceblobstore/paths/a/../../x", "may not have '..'"),
        ("azureml://datastores/workspaceblobstore/paths/a/%2e%2e/x", "may not have '..'"),
        ("azureml://jobs/nope/outputs/o", "Could not find job 'nope'"),
        ("azureml://jobs/j/outputs/x", "Its outputs: default, o, p, and 'artifacts'"),
        ("azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/x", "there is no workspace 'w'"),
        ("azureml:///nonsense", "is not a reference that can be read here"),
        ("s3://bucket/x", "cannot read s3:// storage"),
        ("abfss://c@a.dfs.core.windows.net/x", "cannot read abfss:// storage"),
        ("./data/x.csv", "the client must upload it first"),
        ("/home/me/x.csv", "the client must upload it first"),
        ("file:///home/me/x.csv", "the client must upload it first"),
        ("https://{host}/nope/x", "there is no container 'nope'"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(filled: Storage, uri: str, message: str) -> None:
    with pytest.raises(AzureError) as caught:
        uris.resolve(filled.services, filled.workspace, uri.format(host=filled.services.blobs.host))
    assert message in caught.value.message


def test_the_caller_says_which_kind_a_short_name_means(filled: Storage) -> None:
    with pytest.raises(AzureError, match="among the workspace's models"):
        uris.resolve(filled.services, filled.workspace, "azureml:d:1", kinds=("models",))


def test_assets_that_lead_to_each_other_end_in_an_error(storage: Storage) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        uri = f"azureml://locations/x/workspaces/{storage.services.settings.workspace_guid}/data/{other}/versions/1"
        storage.arm("PUT", f"/data/{name}/versions/1", {"properties": {"dataType": "uri_file", "dataUri": uri}})
    with pytest.raises(AzureError, match="leads round in a circle"):
        uris.resolve(storage.services, storage.workspace, "azureml:a:1")
