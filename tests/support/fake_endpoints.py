"""Online and batch endpoints for the Azure in memory: states that take time, a router that counts, an `az` for them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from az_cli import Finished
from support.fake_azure import WORKSPACE, FakeAz, FakeAzure, World, answer, child, job, option, refusal
from transport import Request, Response, TransportError

KEY = "endpoint-key-that-nobody-may-see"
BATCH_SAS = "sv=1&sig=signature-that-nobody-may-see"
INFERENCE = ".westeurope.inference.ml.azure.com"
STORE = "account.blob.core.windows.net"
SCORE = "azureml/batch-job/score"

#: What a deployment answers: it may let time pass on the clock.
Model = Callable[[Request], Response]


def good(_: Request) -> Response:
    """Three fares."""
    return answer(200, [12.5, 31.0, 7.25])


@dataclass
class FakeEndpoints(FakeAzure):
    """FakeAzure with endpoints. Keys of `endpoints` are "onlineEndpoints/name"; of `deployments` the same."""

    endpoints: dict[str, dict[str, Any]] = field(default_factory=dict)
    deployments: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    working: dict[str, float] = field(default_factory=dict)  # endpoint -> busy until, in the clock's time
    change_seconds: float = 0.0  # how long Azure works on one change of an endpoint
    serving: dict[str, Model] = field(default_factory=dict)  # deployment -> its model
    container_logs: dict[str, str] = field(default_factory=dict)
    history_of_traffic: list[dict[str, int]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    before_put: Callable[[str], None] = lambda _: None
    scored: list[tuple[str, str]] = field(default_factory=list)  # (asked by header, answered by)
    # batch
    invoked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # (deployment, inputData)
    predictions: dict[str, str] = field(default_factory=dict)  # file -> content
    batch_states: list[str] = field(default_factory=lambda: ["NotStarted", "Running", "Completed"])
    batch_children: list[dict[str, Any]] = field(default_factory=lambda: [child("s1", "batchscoring")])
    data_assets: dict[str, dict[str, str]] = field(default_factory=dict)  # name -> version -> type
    storage_gives_sas: bool = True
    lose_answer_of_invoke: bool = False
    blobs: dict[str, bytes] = field(default_factory=dict)
    _turns: dict[str, float] = field(default_factory=dict)

    def add(self, kind: str, name: str, deployments: Mapping[str, int] | None = None, **properties: Any) -> None:
        """An endpoint that exists; deployments with their traffic (online) or 100 for the default (batch)."""
        key = f"{kind}/{name}"
        path = "score" if kind == "onlineEndpoints" else "jobs"
        given = dict(deployments or {})
        shares: dict[str, Any] = {"traffic": {name: share for name, share in given.items() if share}}
        if kind == "batchEndpoints":
            shares = {"defaults": {"deploymentName": next((each for each in given if given[each]), None)}}
        self.endpoints[key] = {
            "name": name,
            "location": "westeurope",
            "tags": {},
            "identity": {"type": "SystemAssigned", "principalId": "p"},
            "properties": {
                "authMode": "Key" if kind == "onlineEndpoints" else "AADToken",
                "scoringUri": f"https://{name}{INFERENCE}/{path}",
                **shares,
                **properties,
            },
        }
        self.deployments[key] = {each: deployment(each) for each in given}

    def traffic(self, name: str) -> dict[str, int]:
        found: dict[str, int] = self.endpoints[f"onlineEndpoints/{name}"]["properties"]["traffic"]
        return found

    def tags(self, name: str, kind: str = "onlineEndpoints") -> dict[str, str]:
        found: dict[str, str] = self.endpoints[f"{kind}/{name}"]["tags"]
        return found

    def __call__(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        if parts.netloc.endswith(INFERENCE) and parts.path == "/score":
            self.requests.append(request)
            return self._score(parts.netloc.removesuffix(INFERENCE), request)
        response = self._fault(request)
        if response is None and parts.netloc.endswith(INFERENCE):
            self.requests.append(request)
            return self._invoke(parts.netloc.removesuffix(INFERENCE), request)
        if response is None and parts.netloc == STORE and parts.path.startswith("/container"):
            self.requests.append(request)
            return self._blob(request, unquote(parts.path.removeprefix("/container")).lstrip("/"), parts.query)
        return response or super().__call__(request)

    def _fault(self, request: Request) -> Response | None:
        """A fault for the hosts that FakeAzure does not know."""
        if not urlsplit(request.url).netloc.endswith(INFERENCE):
            return None
        for fault in self.faults:
            if fault.times and re.search(fault.pattern, request.url):
                fault.times -= 1
                if fault.response is None:
                    raise TransportError("connection reset by peer")
                return fault.response
        return None

    def _arm(self, request: Request, path: str, query: Mapping[str, str]) -> Response:
        if path.startswith("/operations/endpoint/"):
            busy = self._busy(path.removeprefix("/operations/endpoint/"))
            return answer(200, {"status": "InProgress" if busy else "Succeeded"}, Retry_After="1")
        rest = [unquote(part) for part in path.removeprefix(WORKSPACE).split("/") if part]
        if path.startswith(WORKSPACE) and rest[:1] in (["datastores"], ["data"]):
            return self._datastore(rest) if rest[0] == "datastores" else self._data(rest[1:])
        if not path.startswith(WORKSPACE) or not rest or not rest[0].endswith("Endpoints"):
            return super()._arm(request, path, query)
        key = "/".join(rest[:2])
        if key not in self.endpoints:
            return refusal(404, "UserError", f"Endpoint {rest[1]} not found")
        if rest[2:3] == ["deployments"]:
            return self._deployment(request, key, rest[3:])
        if rest[2:] == ["listKeys"]:
            return answer(200, {"primaryKey": KEY, "secondaryKey": KEY + "-2"})
        if rest[2:] == ["token"]:
            return answer(200, {"accessToken": KEY + "-token", "expiryTimeUtc": self.clock.time() + 3600})
        return self._endpoint(request, key)

    def _busy(self, key: str) -> bool:
        return self.working.get(key, 0.0) > self.clock.time()

    def _endpoint(self, request: Request, key: str) -> Response:
        document = self.endpoints[key]
        if request.method == "GET":
            state = "Updating" if self._busy(key) else "Succeeded"
            properties = {**document["properties"], "provisioningState": state}
            return answer(200, {**document, "properties": properties})
        self.before_put(key)
        body = json.loads(request.body or b"{}")
        if self._busy(key):
            return refusal(409, "Conflict", "Cannot modify the endpoint in Updating state")
        assert "principalId" not in body.get("identity", {}), "what only Azure writes was written back"
        properties = body["properties"]
        assert not {"scoringUri", "provisioningState"} & set(properties)
        shares = properties.get("traffic") or {}
        if set(shares) - set(self.deployments[key]) or sum(shares.values()) not in (0, 100):
            return refusal(400, "BadRequest", f"bad traffic {shares}")
        if key.startswith("online") and shares != document["properties"]["traffic"]:
            self.history_of_traffic.append(shares)
        uri = document["properties"]["scoringUri"]
        self.endpoints[key] = {**document, **body, "properties": {**properties, "scoringUri": uri}}
        self.working[key] = self.clock.time() + self.change_seconds
        url = f"https://management.azure.com/operations/endpoint/{key}"
        return answer(201, self.endpoints[key], Azure_AsyncOperation=url)

    def _deployment(self, request: Request, key: str, rest: Sequence[str]) -> Response:
        found = self.deployments[key]
        if not rest:
            return answer(200, {"value": list(found.values())})
        name = rest[0]
        if name not in found:
            return refusal(404, "UserError", f"Deployment {name} not found")
        if rest[1:] == ["getLogs"]:
            return answer(200, {"content": self.container_logs.get(name, "")})
        if request.method == "DELETE":
            shares = self.endpoints[key]["properties"].get("traffic") or {}
            if self._busy(key):
                return refusal(409, "Conflict", "Cannot modify the endpoint in Updating state")
            if shares.get(name):
                return refusal(400, "BadRequest", f"Deployment {name} has traffic")
            del found[name]
            self.deleted.append(name)
            return answer(202, None, Location=f"https://management.azure.com/operations/endpoint/{key}")
        return answer(200, found[name])

    # --- batch: data, storage, jobs

    def _datastore(self, rest: Sequence[str]) -> Response:
        if rest[2:] == ["listSecrets"]:
            if not self.storage_gives_sas:
                return refusal(400, "UserError", "The datastore has no stored credential.")
            return answer(200, {"secretsType": "Sas", "sasToken": BATCH_SAS})
        found = {"datastoreType": "AzureBlob", "accountName": "account", "containerName": "container"}
        return answer(200, {"name": rest[1], "properties": found})

    def _data(self, rest: Sequence[str]) -> Response:
        versions = self.data_assets.get(rest[0], {})
        if len(rest) == 1 and versions:
            return answer(200, {"properties": {"latestVersion": max(versions)}})
        if len(rest) == 3 and rest[2] in versions:
            identifier = f"{WORKSPACE}/data/{rest[0]}/versions/{rest[2]}"
            return answer(200, {"id": identifier, "properties": {"dataType": versions[rest[2]]}})
        return refusal(404, "UserError", "Data not found")

    def _blob(self, request: Request, name: str, query: str) -> Response:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if BATCH_SAS not in query and not self.audiences.get(bearer, "").startswith("https://storage.azure.com"):
            return Response(403, {}, b"AuthenticationFailed")
        if "comp=list" in query:
            prefix = parse_qs(query)["prefix"][0]
            listed = "".join(
                f"<Blob><Name>{each}</Name><Properties><Content-Length>{len(data)}</Content-Length></Properties></Blob>"
                for each, data in self.blobs.items()
                if each.startswith(prefix)
            )
            return Response(200, {}, f"<EnumerationResults><Blobs>{listed}</Blobs></EnumerationResults>".encode())
        if request.method == "PUT":
            assert request.headers["x-ms-blob-type"] == "BlockBlob"
            self.blobs[name] = request.body or b""
            return answer(201)
        first, last = request.headers["x-ms-range"].removeprefix("bytes=").split("-")
        return Response(206, {}, self.blobs[name][int(first) : int(last) + 1])

    def _invoke(self, name: str, request: Request) -> Response:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self._for_azure_ml(bearer):
            return refusal(401, "Unauthorized")
        given = json.loads(request.body or b"{}")["properties"]
        job_name = given["name"]
        self.invoked.append((request.headers["azureml-model-deployment"], given["inputData"]))
        self.jobs[job_name] = job(job_name, "NotStarted")
        self.states[job_name] = list(self.batch_states)
        self.children[job_name] = self.batch_children
        self.blobs |= {f"{SCORE}/{file}": text.encode() for file, text in self.predictions.items()}
        if self.lose_answer_of_invoke:
            raise TransportError("connection reset by peer")
        return answer(201, {"name": job_name})

    def _history(self, path: str, query: Mapping[str, str]) -> Response:
        if path.endswith("/rundata"):
            outputs = {"score": {"assetId": "azureml://asset/1", "type": "UriFolder"}}
            return answer(200, {"runMetadata": {"outputs": outputs}})
        if path.endswith("/batchGetResolvedUris"):
            uri = (
                f"azureml://subscriptions/s/resourcegroups/r/workspaces/w/datastores/workspaceblobstore/paths/{SCORE}/"
            )
            return answer(200, {"values": {"azureml://asset/1": {"uri": uri}}})
        return super()._history(path, query)

    # --- scoring

    def _score(self, name: str, request: Request) -> Response:
        key = f"onlineEndpoints/{name}"
        mode = self.endpoints[key]["properties"]["authMode"].lower()
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        accepted = {"key": bearer == KEY, "amltoken": bearer == KEY + "-token", "aadtoken": self._for_azure_ml(bearer)}
        if not accepted[mode]:
            return refusal(401, "Unauthorized")
        asked = request.headers.get("azureml-model-deployment", "")
        deployment_name = asked or self._next(key)
        if deployment_name not in self.deployments[key]:
            return refusal(404, "NotFound", "no such deployment")
        self.scored.append((asked, deployment_name))
        response = self.serving.get(deployment_name, good)(request)
        return Response(
            response.status, {**response.headers, "azureml-model-deployment": deployment_name}, response.body
        )

    def _for_azure_ml(self, bearer: str) -> bool:
        return self.audiences.get(bearer, "").startswith("https://ml.azure.com")

    def _next(self, key: str) -> str:
        """Weighted round robin: exact shares without chance."""
        shares = self.endpoints[key]["properties"]["traffic"]
        for each, share in shares.items():
            self._turns[each] = self._turns.get(each, 0.0) + share
        if not shares:
            return ""
        chosen = max(shares, key=lambda each: self._turns[each])
        self._turns[chosen] -= 100
        return str(chosen)


def deployment(name: str, state: str = "Succeeded", **properties: Any) -> dict[str, Any]:
    """A deployment as Online Deployments - Get shows it."""
    return {"name": name, "properties": {"provisioningState": state, **properties}}


class EndpointWorld(World):
    """World with endpoints; its `az` makes endpoints and deployments, as `state_of_new` says."""

    azure: FakeEndpoints

    def __init__(self, tmp_path: Any) -> None:
        super().__init__(tmp_path)
        self.azure = FakeEndpoints()
        self.clock = self.azure.clock
        self.az = FakeAz(self.azure)
        self.az.ml = self.ml
        self.state_of_new = "Succeeded"
        self.told_of_new = ""
        self.during_create: Callable[[], None] = lambda: None
        self.create_seconds = 120.0

    def ml(self, argv: Sequence[str]) -> Finished:
        """`az ml online-endpoint create`, `online-deployment create`, and the same of batch."""
        group, verb = argv[2], argv[3]
        kind = group.partition("-")[0] + "Endpoints"
        name = option(argv, "--name")
        assert verb == "create", argv
        if group.endswith("-endpoint"):
            if f"{kind}/{name}" in self.azure.endpoints and kind == "onlineEndpoints":
                return Finished(1, "", "ERROR: (UserError) An endpoint with this name already exists.")
            self.azure.add(kind, name)
            return Finished(0, json.dumps({"name": name}), "")
        found = self.azure.deployments[f"{kind}/{option(argv, '--endpoint-name')}"]
        if name in found and kind == "onlineEndpoints":
            return Finished(1, "", "ERROR: (UserError) A deployment with this name already exists.")
        found[name] = deployment(name, "Creating")
        self.during_create()
        self.clock.sleep(self.create_seconds)
        found[name] = deployment(name, self.state_of_new)
        return Finished(1 if self.told_of_new else 0, "...\n{}", self.told_of_new)
