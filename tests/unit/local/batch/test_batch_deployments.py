"""Batch deployments: defaults, and everything that is refused before any job runs."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Batch, together


def test_what_is_not_said_gets_azures_defaults(batch: Batch) -> None:
    async def work() -> None:
        batch.ok(await batch.endpoint())
        batch.ok(await batch.deployment(miniBatchSize=None, retrySettings=None))
        shown = batch.ok(await batch.jobs.arm("GET", "/batchEndpoints/letters/deployments/blue"))["properties"]
        assert {key: shown[key] for key in ("miniBatchSize", "maxConcurrencyPerInstance", "errorThreshold")} == {
            "miniBatchSize": 10, "maxConcurrencyPerInstance": 1, "errorThreshold": -1,
        }  # fmt: skip
        assert shown["retrySettings"] == {"maxRetries": 3, "timeout": "PT30S"}
        assert (shown["outputAction"], shown["outputFileName"]) == ("AppendRow", "predictions.csv")
        assert shown["provisioningState"] == "Succeeded"

    together(work)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"model": None}, "A model deployment needs a model."),
        ({"model": {"assetId": "azureml:nothing:1"}}, "Could not find model 'nothing' version '1'"),
        ({"compute": None}, "A model deployment needs a compute to run on."),
        ({"compute": "azureml:gpu"}, "Unknown compute target 'gpu'."),
        ({"resources": {"instanceCount": 5}}, "5 instances are asked for, but compute 'cpu' has at most 4."),
        ({"resources": {"instanceCount": 0}}, "resources.instanceCount must not be less than 1, but 0 was given."),
        ({"environmentId": None}, "A deployment with a scoring script needs an environment"),
        ({"environmentId": "azureml:other:9"}, "Could not find environment 'other' version '9'"),
        ({"codeConfiguration": None}, "The model m:1 is of type custom_model, so the deployment needs a code_config"),
        ({"miniBatchSize": 0}, "miniBatchSize must not be less than 1, but 0 was given."),
        ({"errorThreshold": -2}, "errorThreshold must not be less than -1, but -2 was given."),
        ({"retrySettings": {"maxRetries": -1}}, "retrySettings.maxRetries must not be less than 0"),
        ({"retrySettings": {"timeout": "PT0S"}}, "retrySettings.timeout must be between 1 and 259200 seconds"),
        (
            {"retrySettings": {"timeout": "soon"}},
            "retrySettings.timeout must be between 1 and 259200 seconds, not 'soon'",
        ),
        ({"outputAction": "Print"}, "outputAction 'Print' is not one of append_row, summary_only."),
        ({"outputFileName": "../x"}, "outputFileName '../x' is not the name of a file."),
        ({"loggingLevel": "loud"}, "loggingLevel 'loud' is not one of Debug, Info, Warning."),
        ({"deploymentConfiguration": {"deploymentConfigurationType": "Other"}}, "deploymentConfigurationType must be"),
        (
            {"deploymentConfiguration": {"deploymentConfigurationType": "PipelineComponent"}},
            "A pipeline component deployment needs a component.",
        ),
    ],
)
def test_refusals(batch: Batch, properties: dict[str, Any], message: str) -> None:
    async def work() -> None:
        batch.ok(await batch.endpoint())
        status, said = batch.refused(await batch.deployment(**properties))
        assert status in (400, 404)
        assert said.startswith(message)
        assert batch.ok(await batch.jobs.arm("GET", "/batchEndpoints/letters/deployments"))["value"] == []

    together(work)


@pytest.mark.parametrize("script", ["predict.py", "../code/score.py", "/etc/passwd"])
def test_the_scoring_script_must_be_in_the_code_folder(batch: Batch, script: str) -> None:
    async def work() -> None:
        batch.ok(await batch.endpoint())
        code = {"codeId": batch.code, "scoringScript": script}
        assert batch.refused(await batch.deployment(codeConfiguration=code)) == (
            400,
            f"The scoring script '{script}' is not in the code folder, which has these Python files: score.py.",
        )

    together(work)


def test_an_mlflow_model_must_have_a_python_function(batch: Batch) -> None:
    async def work() -> None:
        batch.ok(await batch.endpoint())
        batch.jobs.file("flavorless/MLmodel", "flavors: {sklearn: {}}")
        uri = "azureml://datastores/workspaceblobstore/paths/flavorless"
        model = {"properties": {"modelUri": uri, "modelType": "mlflow_model"}}
        made = batch.ok(await batch.jobs.arm("PUT", "/models/flavorless/versions/1", model))
        message = batch.refused(
            await batch.deployment(model={"assetId": made["id"]}, codeConfiguration=None, environmentId=None)
        )[1]
        assert message.startswith("model flavorless:1: it has no python_function flavor")

    together(work)


def test_a_deployment_needs_its_endpoint(batch: Batch) -> None:
    async def work() -> None:
        assert batch.refused(await batch.deployment(endpoint="nowhere")) == (
            404,
            "Batch endpoint 'nowhere' not found in workspace 'aml-local'.",
        )

    together(work)


def test_the_default_deployment_is_not_deleted_others_are(batch: Batch) -> None:
    async def work() -> None:
        await batch.ready()
        batch.ok(await batch.deployment("green"))
        status, message = batch.refused(await batch.jobs.arm("DELETE", "/batchEndpoints/letters/deployments/blue"))
        assert (status, message.split(". ")[0]) == (409, "The deployment 'blue' is the default of endpoint 'letters'")
        assert (await batch.jobs.arm("DELETE", "/batchEndpoints/letters/deployments/green"))[0] == 202
        listed = batch.ok(await batch.jobs.arm("GET", "/batchEndpoints/letters/deployments"))["value"]
        assert [entry["name"] for entry in listed] == ["blue"]

    together(work)


def test_tags_and_description_are_patched(batch: Batch) -> None:
    async def work() -> None:
        await batch.ready()
        patch = {"tags": {"a": "b"}, "properties": {"description": "new"}}
        shown = batch.ok(await batch.jobs.arm("PATCH", "/batchEndpoints/letters/deployments/blue", patch))
        assert (shown["tags"], shown["properties"]["description"]) == ({"a": "b"}, "new")
        assert shown["properties"]["miniBatchSize"] == 1

    together(work)
