"""Pipeline component deployments: from a request to the pipeline job."""

from __future__ import annotations

from typing import Any

from .conftest import Batch, together

SETTINGS = {"ComponentDeployment.Settings.default_compute": "cpu", "continue_on_step_failure": "true"}


def component(batch: Batch) -> str:
    step = batch.jobs.command(
        "cat ${{inputs.data}}/a.txt > ${{outputs.copy}}/${{inputs.word}}",
        inputs={"data": {"type": "uri_folder"}, "word": {"type": "string"}},
        outputs={"copy": {"type": "uri_folder"}},
    )
    node = {
        "type": "command",
        "componentId": step,
        "inputs": {
            "data": {"job_input_type": "uri_folder", "uri": "${{parent.inputs.data}}"},
            "word": {"job_input_type": "literal", "value": "${{parent.inputs.word}}"},
        },
        "outputs": {"copy": {"value": "${{parent.outputs.copies}}"}},
    }
    return batch.jobs.component(
        "copying",
        {
            "type": "pipeline",
            "inputs": {"data": {"type": "uri_folder"}, "word": {"type": "string", "default": "taxi"}},
            "outputs": {"copies": {"type": "uri_folder"}},
            "jobs": {"copy": node},
        },
    )


async def deploy(batch: Batch, identifier: str) -> tuple[int, Any]:
    batch.ok(await batch.endpoint())
    configuration = {
        "deploymentConfigurationType": "PipelineComponent",
        "componentId": {"referenceType": "Id", "assetId": identifier},
        "settings": SETTINGS,
    }
    body = {"location": "westeurope", "properties": {"deploymentConfiguration": configuration}}
    answer: tuple[int, Any] = await batch.jobs.arm("PUT", "/batchEndpoints/letters/deployments/blue", body)
    return answer


def test_data_and_literals_go_to_the_pipeline(batch: Batch) -> None:
    async def work() -> None:
        identifier = component(batch)
        made = batch.ok(await deploy(batch, identifier))
        assert made["properties"]["deploymentConfiguration"]["settings"] == SETTINGS
        batch.ok(await batch.endpoint(defaults={"deploymentName": "blue"}))
        data = {"jobInputType": "UriFolder", "uri": batch.files("in", "text")}
        inputs = {"data": data, "word": {"jobInputType": "Literal", "value": "cab"}}
        to = "azureml://datastores/workspaceblobstore/paths/mine"
        run = await batch.score("", inputData=inputs, outputData={"copies": {"jobOutputType": "UriFolder", "uri": to}})
        assert run.status == "Completed", run.error
        assert batch.text(f"{to}/cab") == "text"
        assert run.tags["azureml.jobtype"] == "azureml.pipelinejob"
        assert set(batch.jobs.children(run.name)) == {"copy"}
        listed = batch.ok(await batch.call("GET", "/jobs"))["value"]
        assert listed[0]["properties"]["outputData"]["copies"]["uri"] == f"{to}/"

        unnamed = await batch.score("", inputData={"UriFolder": data})
        assert unnamed.status == "Completed", unnamed.error
        assert batch.text(unnamed.outputs["copies"]["uri"] + "taxi") == "text"

    together(work)


def test_refusals(batch: Batch) -> None:
    async def work() -> None:
        command = batch.jobs.command("true")
        assert batch.refused(await deploy(batch, command))[1].endswith("is a command component, not a pipeline.")
        batch.ok(await deploy(batch, component(batch)))
        batch.ok(await batch.endpoint(defaults={"deploymentName": "blue"}))
        uri = batch.files("in", "text")
        assert batch.refused(await batch.invoke(uri)) == (
            400,
            "The job has several errors:\n"
            "- inputs.letters: the pipeline component has no such input; it has: data, word.\n"
            "- inputs.data: this required input (uri_folder) is missing.",
        )
        assert batch.refused(await batch.invoke(uri, miniBatchSize=3)) == (
            400,
            "A pipeline component deployment has no settings of scoring, but miniBatchSize was given.",
        )

    together(work)
