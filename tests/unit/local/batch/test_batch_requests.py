"""What is posted to a batch endpoint, in the spellings of the SDK and of the documentation."""

from __future__ import annotations

from typing import Any

import pytest

from azureml_local.batch import request
from azureml_local.errors import AzureError
from azureml_local.jobs.values import Data, Literal


def read(**properties: Any) -> request.Invocation:
    return request.read({"properties": properties})


def test_the_sdks_spelling() -> None:
    found = read(
        inputData={"UriFolder": {"jobInputType": "UriFolder", "uri": "azureml://datastores/d/paths/p/"}},
        outputData={"output_name": {"jobOutputType": "UriFile", "uri": "azureml://datastores/d/paths/o/x.csv"}},
        miniBatchSize=3,
        errorThreshold=0,
        retrySettings={"maxRetries": 2, "timeout": "PT9S"},
        compute={"instanceCount": 2, "isLocal": True},
        name="mine",
        properties={"experimentName": "tests"},
    )
    assert found.inputs == {"UriFolder": Data("azureml://datastores/d/paths/p/", "uri_folder")}
    assert found.outputs == {"output_name": request.Output("uri_file", "azureml://datastores/d/paths/o/x.csv")}
    assert found.settings == {
        "miniBatchSize": 3, "errorThreshold": 0, "retrySettings": {"maxRetries": 2, "timeout": "PT9S"},
        "resources": {"instanceCount": 2},
    }  # fmt: skip
    assert (found.name, found.experiment, found.properties) == ("mine", "tests", {})


def test_the_documentations_spelling() -> None:
    found = read(
        InputData={
            "data": {"JobInputType": "UriFile", "Uri": "https://example.org/data.csv"},
            "mode": {"JobInputType": "Literal", "Value": True},
        },
        OutputData={"score": {"JobOutputType": "UriFolder", "Uri": "azureml://datastores/d/paths/o/"}},
    )
    assert found.inputs == {"data": Data("https://example.org/data.csv", "uri_file"), "mode": Literal("True")}
    assert found.outputs == {"score": request.Output("uri_folder", "azureml://datastores/d/paths/o/")}


def test_an_output_dataset_is_a_folder_of_a_datastore() -> None:
    datastore = "/subscriptions/s/resourceGroups/g/providers/p/workspaces/w/datastores/mine"
    found = read(inputData={}, outputDataset={"datastoreId": datastore, "path": "/a/b/"}, outputFileName="x.csv")
    assert found.outputs == {"output_name": request.Output("uri_folder", "azureml://datastores/mine/paths/a/b/")}
    assert found.settings == {"outputFileName": "x.csv"}


def test_a_request_may_ask_for_nothing() -> None:
    """`az ml batch-endpoint invoke` without an input, for a pipeline component that has none."""
    assert request.read({"properties": {}}) == request.read({}) == request.Invocation({}, {}, {})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"properties": "x"}, 'The request needs "properties", an object, with "inputData".'),
        ([], 'The request needs "properties", an object, with "inputData".'),
        ({"properties": {"dataset": {"datasetId": "x"}}}, "'dataset' is of an older version of the API."),
        (
            {"properties": {"inputData": {"a": {"jobInputType": "Folder", "uri": "x"}}}},
            "inputData.a: jobInputType 'Folder' is not one of UriFolder, UriFile, MLTable",
        ),
        ({"properties": {"inputData": {"a": {"jobInputType": "UriFolder"}}}}, "inputData.a: data needs a uri."),
        ({"properties": {"inputData": {"a": {"jobInputType": "Literal"}}}}, "inputData.a: a literal needs a value."),
        (
            {"properties": {"outputData": {"o": {"jobOutputType": "Table"}}}},
            "outputData.o: jobOutputType 'Table' is not known.",
        ),
    ],
)
def test_what_cannot_be_understood_is_refused(body: Any, message: str) -> None:
    with pytest.raises(AzureError) as error:
        request.read(body)
    assert error.value.status == 400
    assert error.value.message.startswith(message)
