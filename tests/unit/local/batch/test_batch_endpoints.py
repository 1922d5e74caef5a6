"""Batch endpoints: what they may be, their default deployment, and who may call them."""

from __future__ import annotations

from azureml_local import online
from azureml_local.online.access import KEY, Guard, Keys
from azureml_local.online.router import EndpointRoute

from .conftest import Batch, together


def test_an_endpoint_shows_its_address_and_has_no_default_at_first(batch: Batch) -> None:
    async def work() -> None:
        made = batch.ok(await batch.endpoint("Letters", description="d", properties={"p": "1"}))
        assert made["properties"]["provisioningState"] == "Creating"
        operation = made["properties"]["properties"]["AzureAsyncOperationUri"]
        assert (await batch.jobs.server.call("GET", operation)).json()["status"] in ("InProgress", "Succeeded")
        shown = batch.ok(await batch.jobs.arm("GET", "/batchEndpoints/letters"))
        assert shown["name"] == "letters"
        assert shown["properties"] == {
            "authMode": "AADToken", "description": "d", "provisioningState": "Succeeded",
            "properties": {
                "p": "1", "azureml.onlineendpointid": shown["id"], "AzureAsyncOperationUri": operation,
            },
            "defaults": {"deploymentName": None},
            "scoringUri": "https://letters.westeurope.inference.ml.azure.com/jobs",
            "swaggerUri": "https://letters.westeurope.inference.ml.azure.com/swagger.json",
        }  # fmt: skip
        listed = batch.ok(await batch.jobs.arm("GET", "/batchEndpoints"))
        assert [entry["name"] for entry in listed["value"]] == ["letters"]

    together(work)


def test_what_an_endpoint_may_not_be(batch: Batch) -> None:
    async def work() -> None:
        assert batch.refused(await batch.endpoint("1st"))[1].startswith("The batch endpoint name '1st' is not valid.")
        assert batch.refused(await batch.endpoint(authMode="key")) == (
            400,
            "authMode 'key' is not possible for a batch endpoint: it is always aad_token.",
        )
        assert batch.refused(await batch.endpoint(defaults={"deploymentName": "blue"})) == (
            400,
            "The default deployment 'blue' does not exist in endpoint 'letters'. Its deployments: none.",
        )
        batch.jobs.services.store.put({"id": f"{batch.jobs.workspace.id}/onlineEndpoints/letters", "name": "letters"})
        message = batch.refused(await batch.endpoint())[1]
        assert "already in use in region westeurope, by an online endpoint of workspace 'aml-local'" in message

    together(work)


def test_the_default_changes_by_put_and_by_patch(batch: Batch) -> None:
    async def work() -> None:
        await batch.ready()
        batch.ok(await batch.deployment("green"))
        patch = {"tags": {"t": "1"}, "properties": {"defaults": {"deploymentName": "GREEN"}}}
        batch.ok(await batch.jobs.arm("PATCH", "/batchEndpoints/letters", patch))
        shown = batch.ok(await batch.jobs.arm("GET", "/batchEndpoints/letters"))
        assert (shown["properties"]["defaults"], shown["tags"]) == ({"deploymentName": "green"}, {"t": "1"})

    together(work)


def test_deleting_an_endpoint_takes_its_deployments_and_leaves_its_jobs(batch: Batch) -> None:
    async def work() -> None:
        await batch.ready()
        run = await batch.score(batch.files("in", "1"))
        status, _ = await batch.jobs.arm("DELETE", "/batchEndpoints/letters")
        assert status == 202
        assert batch.refused(await batch.jobs.arm("GET", "/batchEndpoints/letters"))[0] == 404
        assert batch.refused(await batch.jobs.arm("GET", "/batchEndpoints/letters/deployments/blue"))[0] == 404
        assert batch.ok(await batch.jobs.arm("GET", f"/jobs/{run.name}"))["properties"]["status"] == "Completed"
        assert (await batch.jobs.arm("DELETE", "/batchEndpoints/letters"))[0] == 204
        batch.ok(await batch.endpoint())
        assert batch.ok(await batch.call("GET", "/jobs"))["value"] == [], "a new endpoint has no jobs of the old one"

    together(work)


def test_callers_need_a_token_for_azure_machine_learning(batch: Batch) -> None:
    async def work() -> None:
        await batch.ready()
        uri = batch.files("in", "1")
        body = {"properties": {"inputData": {"a": {"jobInputType": "UriFolder", "uri": uri}}}}
        for token in ("", "nonsense", batch.jobs.server.token("https://management.azure.com")):
            status, answer = await batch.call("POST", "/jobs", body, token=token)
            assert status == 401, answer
        batch.jobs.server.time.now += 4000
        old = batch.jobs.server.token("https://ml.azure.com")
        batch.jobs.server.time.now += 4000
        assert "expired" in batch.refused(await batch.call("POST", "/jobs", body, token=old))[1]
        assert batch.jobs.manager.runs.all(batch.jobs.workspace) == []
        assert batch.refused(await batch.call("GET", "/jobs", token=""))[0] == 401

    together(work)


def test_a_batch_endpoint_has_no_keys(batch: Batch) -> None:
    async def work() -> None:
        batch.ok(await batch.endpoint())
        status, message = batch.refused(await batch.jobs.arm("POST", "/batchEndpoints/letters/listkeys", {}))
        assert status == 400
        assert message.startswith("The batch endpoint 'letters' has no keys")

    together(work)


def test_an_online_endpoint_may_have_the_path_of_jobs_for_itself(batch: Batch) -> None:
    """Both kinds share a family of host names; which kind is asked decides, not the path."""
    services = batch.jobs.services
    online.install(services)
    guard = Guard(KEY, "fares", Keys("key", "other"), services.tokens)
    services.online.router.endpoints["fares"] = EndpointRoute("fares", guard, (("blue", 100),), ())

    async def work() -> None:
        batch.ok(await batch.endpoint())
        for method, path in (("POST", "/jobs"), ("GET", "/jobs"), ("GET", "/jobs/one")):
            wrong = await batch.call(method, path, {}, endpoint="fares", token="no")
            assert batch.refused(wrong) == (401, "The key is not one of this endpoint's. It may have been regenerated.")
            unknown = await batch.call(method, path, {}, endpoint="nobody")
            assert batch.refused(unknown) == (404, "There is no online endpoint 'nobody' in this region.")
        assert batch.ok(await batch.call("GET", "/jobs")) == {"value": [], "nextLink": None}

    together(work)
