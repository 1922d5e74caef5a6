"""The scoring address of batch endpoints, and the lists of their jobs.

    POST https://ENDPOINT.REGION.inference.ml.azure.com/jobs      starts a job; GET …/jobs and …/jobs/NAME follow it
    GET  {api}/mferp/managementfrontend/…/batchEndpoints/E[/deployments/D]/jobs

Source: learn.microsoft.com/azure/machine-learning/how-to-access-data-batch-endpoints-jobs ("REST"), and the service
client v2020_09_01_dataplanepreview.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.errors import AzureError, bad_request, conflict, unauthorized
from azureml_local.jobs.documents import studio_url
from azureml_local.jobs.runs import Run
from azureml_local.mlflow_server import tracking_uri
from azureml_local.routing import WS, Handler, Host, WorkspaceRef, workspace_of
from azureml_local.services import Services
from azureml_local.store import Document
from azureml_local.tokens import ML_AUDIENCES, Principal, TokenError

from . import deployment_rules, endpoint_rules, job_records, pipelines, request, scoring

DEPLOYMENT_HEADER = "azureml-model-deployment"
REPEAT_HEADER = "repeatability_request-id"  # the SDK repeats a request with the same id when its connection broke
_TYPE = "Microsoft.MachineLearningServices/workspaces/batchEndpoints/jobs"
Called = Callable[[Request, WorkspaceRef, Document, Principal], Awaitable[Response]]
_MFE = "/mferp/managementfrontend" + WS + "/batchEndpoints/{endpoint}"


def install(services: Services) -> None:
    """Routes of invoking and of listing jobs."""
    routes = services.routes

    def at_endpoint(handler: Called) -> Handler:
        """A route of the batch endpoint that the host names; online endpoints may have the same path for themselves."""

        async def route(incoming: Request) -> Response:
            found = endpoint_rules.by_host(services, incoming.headers.get("host", ""))
            if found is None:
                return services.online.answer(incoming)
            return await handler(incoming, *found, _principal(services, incoming))

        return route

    @routes.post(Host.INFERENCE, "/jobs", authenticated=False)
    @at_endpoint
    async def invoke(incoming: Request, workspace: WorkspaceRef, endpoint: Document, principal: Principal) -> Response:
        deployment = _deployment(services, endpoint, incoming.headers.get(DEPLOYMENT_HEADER))
        invocation = request.read(await incoming.json())
        repeat = incoming.headers.get(REPEAT_HEADER)
        former = job_records.started_by(services, endpoint, repeat) if repeat else None
        if former is not None:
            run = services.jobs.get(workspace, former)
        else:
            run = await _start(services, workspace, endpoint, deployment, invocation, principal.name)
            if repeat:
                job_records.note_request(services, endpoint, repeat, run.name)
        return JSONResponse(_shown(services, workspace, endpoint, run), status_code=201)

    @routes.get(Host.INFERENCE, "/jobs", authenticated=False)
    @at_endpoint
    async def list_called(_: Request, workspace: WorkspaceRef, endpoint: Document, __: Principal) -> Response:
        return _list(services, workspace, endpoint)

    @routes.get(Host.INFERENCE, "/jobs/{job}", authenticated=False)
    @at_endpoint
    async def get_called(incoming: Request, workspace: WorkspaceRef, endpoint: Document, _: Principal) -> Response:
        return _one(services, workspace, endpoint, incoming.path_params["job"])

    def endpoint_of(incoming: Request) -> Document:
        return endpoint_rules.find(services, workspace_of(incoming), incoming.path_params["endpoint"])

    @routes.get(Host.API, _MFE + "/jobs")
    async def list_of_endpoint(incoming: Request) -> Response:
        return _list(services, workspace_of(incoming), endpoint_of(incoming))

    @routes.get(Host.API, _MFE + "/deployments/{deployment}/jobs")
    async def list_of_deployment(incoming: Request) -> Response:
        endpoint = endpoint_of(incoming)
        deployment = deployment_rules.find(services, endpoint, incoming.path_params["deployment"])
        return _list(services, workspace_of(incoming), endpoint, deployment["name"])

    @routes.get(Host.API, _MFE + "/jobs/{job}")
    async def get_of_endpoint(incoming: Request) -> Response:
        return _one(services, workspace_of(incoming), endpoint_of(incoming), incoming.path_params["job"])

    @routes.get(Host.API, _MFE + "/deployments/{deployment}/jobs/{job}")
    async def get_of_deployment(incoming: Request) -> Response:
        return _one(services, workspace_of(incoming), endpoint_of(incoming), incoming.path_params["job"])


def _principal(services: Services, incoming: Request) -> Principal:
    """Who calls: batch endpoints take tokens for Azure Machine Learning and nothing else."""
    scheme, _, token = incoming.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthorized()
    try:
        return services.tokens.verify(token.strip(), audiences=ML_AUDIENCES)
    except TokenError as error:
        raise AzureError(401, "InvalidAuthenticationToken", str(error)) from error


def _deployment(services: Services, endpoint: Document, wanted: str | None) -> Document:
    """The deployment that the header names, else the endpoint's default."""
    name = wanted or endpoint["properties"]["defaults"]["deploymentName"]
    if name:
        return deployment_rules.find(services, endpoint, name)
    known = ", ".join(d["name"] for d in endpoint_rules.deployments_of(services, endpoint)) or "none"
    raise AzureError(
        404,
        "NotFound",
        f"The endpoint '{endpoint['name']}' has no default deployment, and the request names none in the header "
        f"{DEPLOYMENT_HEADER}. Its deployments: {known}.",
    )


async def _start(
    services: Services,
    workspace: WorkspaceRef,
    endpoint: Document,
    deployment: Document,
    invocation: request.Invocation,
    by: str,
) -> Run:
    name = invocation.name or f"batchjob-{uuid.uuid4()}"
    if services.jobs.runs.get(workspace, name) is not None:
        raise conflict(f"A job with the name '{name}' already exists. Choose another name.")
    if deployment_rules.is_pipeline(deployment["properties"]):
        if invocation.settings:
            raise bad_request(
                f"A pipeline component deployment has no settings of scoring, but {', '.join(invocation.settings)} "
                "was given.",
            )
        properties = pipelines.properties_of(services, workspace, endpoint, deployment, invocation)
        run, _ = services.jobs.submit(workspace, name, properties, by=by)
    else:
        plan = await asyncio.to_thread(scoring.plan_of, services, workspace, deployment, invocation)
        shown = scoring.document_of(plan, deployment, invocation, endpoint)
        run = services.jobs.submit_plan(workspace, name, plan, shown, by=by)
    job_records.remember(services, endpoint, deployment, name, invocation.given)
    return run


def _list(services: Services, workspace: WorkspaceRef, endpoint: Document, deployment: str | None = None) -> Response:
    names = [record["name"] for record in job_records.all_of(services, endpoint, deployment)]
    runs = [run for name in names if (run := services.jobs.runs.get(workspace, name)) is not None]
    return JSONResponse({"value": [_shown(services, workspace, endpoint, run) for run in runs], "nextLink": None})


def _one(services: Services, workspace: WorkspaceRef, endpoint: Document, name: str) -> Response:
    run = services.jobs.runs.get(workspace, name)
    if run is None or job_records.find(services, endpoint, name) is None:
        raise AzureError(404, "UserError", f"Batch endpoint '{endpoint['name']}' has no job '{name}'.")
    return JSONResponse(_shown(services, workspace, endpoint, run))


def _shown(services: Services, workspace: WorkspaceRef, endpoint: Document, run: Run) -> Document:
    """A job as BatchJobResource: what was asked for, and how far it is."""
    record = job_records.find(services, endpoint, run.name) or {"deployment": None, "request": {}}
    tracking = tracking_uri(workspace, services.settings.api_host)
    studio = studio_url(services, workspace, run.name)
    return {
        "id": f"{endpoint['id']}/jobs/{run.name}",
        "name": run.name,
        "type": _TYPE,
        "systemData": {
            "createdAt": run.created,
            "createdBy": run.created_by,
            "createdByType": "Application",
            "lastModifiedAt": run.history[-1][1],
        },
        "properties": {
            **record["request"],
            "name": run.name,
            "description": run.description,
            "tags": run.tags,
            "properties": run.properties,
            "status": run.status,
            "provisioningState": "Succeeded",
            "outputData": _output_data(run, record["request"]),
            "interactionEndpoints": {
                "Tracking": {"jobEndpointType": "Tracking", "endpoint": tracking, "port": None, "properties": None},
                "Studio": {"jobEndpointType": "Studio", "endpoint": studio, "port": None, "properties": None},
            },
        },
    }


def _output_data(run: Run, given: Document) -> Document:
    """Where the outputs are, once that is known; before that what was asked for."""
    kinds = {"uri_file": "UriFile", "uri_folder": "UriFolder", "mltable": "MLTable", "mlflow_model": "MLFlowModel",
             "custom_model": "CustomModel", "triton_model": "TritonModel"}  # fmt: skip
    known = {
        name: {"jobOutputType": kinds.get(str(output.get("type")), "UriFolder"), "uri": output["uri"]}
        for name, output in run.outputs.items()
        if output.get("uri")
    }
    return known or given.get("outputData") or {}
