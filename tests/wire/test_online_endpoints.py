"""Online endpoints, for real: the SDK makes them, HTTPS calls them, the inference server answers.

Most deployments here share one environment with nothing but the inference server in it.
"""

from __future__ import annotations

import asyncio
import collections
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from azureml_local.jobs import processes
from conftest import LocalWorkspace
from support.rest import Rest

pytestmark = pytest.mark.wire

IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"
CONDA = "dependencies: [python=3.11, pip, {pip: [azureml-inference-server-http]}]"
SCORE = """
import json, os, time
def init():
    pass
def run(raw):
    data = json.loads(raw)
    if "mark" in data:
        with open(data["mark"] + "." + os.environ["AZUREML_DEPLOYMENT_NAME"], "a") as file:
            file.write("x")
    if data.get("die"):
        os._exit(9)
    time.sleep(data.get("sleep", 0))
    if data.get("fail"):
        raise ValueError("this row is wrong")
    return {"who": os.environ["AZUREML_DEPLOYMENT_NAME"], "version": VERSION, "size": len(raw), "pid": os.getpid()}
"""


class Endpoint:
    """An endpoint of its own, made and called by REST."""

    def __init__(self, workspace: LocalWorkspace, name: str) -> None:
        self.rest = Rest(workspace.paths, workspace.settings)
        self.name = name
        self.path = f"/onlineEndpoints/{name}"
        self.url = f"https://{name}.{workspace.settings.location}.inference.ml.azure.com/score"
        self.rest.call("PUT", "/environments/tiny/versions/1", {"properties": {"image": IMAGE, "condaFile": CONDA}})
        self.rest.succeed("PUT", self.path, {"properties": {"authMode": "Key"}})
        self.key = str(self.rest.call("POST", self.path + "/listKeys").json()["primaryKey"])

    def code(self, name: str, text: str = "") -> str:
        return self.rest.put_code(f"{self.name}-{name}", score=text or f"VERSION = '{name}'\n{SCORE}")

    def body(self, code: str, count: int = 1, concurrency: int = 100, **properties: Any) -> dict[str, Any]:
        return {
            "sku": {"name": "Default", "capacity": count},
            "properties": {
                "endpointComputeType": "Managed",
                "environmentId": f"{self.rest.settings.workspace_id}/environments/tiny/versions/1",
                "codeConfiguration": {"codeId": code, "scoringScript": "score.py"},
                "requestSettings": {"maxConcurrentRequestsPerInstance": concurrency, "requestTimeout": "PT20S"},
                **properties,
            },
        }

    def deploy(self, deployment: str, code: str, **options: Any) -> None:
        self.rest.succeed("PUT", f"{self.path}/deployments/{deployment}", self.body(code, **options))

    def traffic(self, mirror: dict[str, int] | None = None, **traffic: int) -> None:
        properties = {"authMode": "Key", "traffic": traffic, "mirrorTraffic": mirror or {}}
        self.rest.succeed("PUT", self.path, {"properties": properties})

    def headers(self, **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", **more}

    def ask(self, body: Any = None, **headers: str) -> httpx.Response:
        with self.rest.client() as client:
            return client.post(self.url, json=body or {}, headers=self.headers(**headers))

    def logs(self, deployment: str, lines: int = 100) -> str:
        answer = self.rest.call("POST", f"{self.path}/deployments/{deployment}/getLogs", {"tail": lines})
        return str(answer.json()["content"])

    def delete(self) -> None:
        self.rest.succeed("DELETE", self.path)


SDK = """
import json, os, sys
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (CodeConfiguration, Environment, ManagedOnlineDeployment, ManagedOnlineEndpoint, Model,
                                  OnlineRequestSettings, ProbeSettings)
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential

folder, image = sys.argv[1:]
client = MLClient(DefaultAzureCredential(), os.environ["AZURE_SUBSCRIPTION_ID"], os.environ["AZURE_RESOURCE_GROUP"],
                  os.environ["AZUREML_WORKSPACE_NAME"])
endpoints, deployments, seen = client.online_endpoints, client.online_deployments, {}

endpoint = endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="by-sdk", tags={"team": "a"})).result()
seen["endpoint"] = [endpoint.scoring_uri, endpoint.openapi_uri, endpoint.auth_mode, endpoint.provisioning_state,
                    endpoint.tags]

def blue(script):
    return ManagedOnlineDeployment(
        name="blue", endpoint_name="by-sdk", model=Model(path=folder + "/model"),
        code_configuration=CodeConfiguration(code=folder + "/code", scoring_script=script),
        environment=Environment(image=image, conda_file=folder + "/conda.yml"),
        environment_variables={"FACTOR": "10"}, instance_type="Standard_DS3_v2", instance_count=1,
        request_settings=OnlineRequestSettings(request_timeout_ms=8000, max_concurrent_requests_per_instance=2),
        readiness_probe=ProbeSettings(initial_delay=10, period=5, failure_threshold=20))

try:
    deployments.begin_create_or_update(blue("broken.py")).result()
except HttpResponseError as error:
    seen["broken"] = [error.error.code, error.message]
seen["state after failure"] = deployments.get("blue", "by-sdk").provisioning_state
made = deployments.begin_create_or_update(blue("score.py")).result()
seen["deployment"] = [made.provisioning_state, made.instance_count, made.request_settings.request_timeout_ms]
endpoint.traffic = {"blue": 100}
seen["traffic"] = endpoints.begin_create_or_update(endpoint).result().traffic
seen["invoked"] = json.loads(endpoints.invoke("by-sdk", request_file=folder + "/request.json"))
seen["logs"] = deployments.get_logs("blue", "by-sdk", lines=200)
seen["storage"] = deployments.get_logs("blue", "by-sdk", lines=20, container_type="storage-initializer")
before = endpoints.get_keys("by-sdk")
endpoints.begin_regenerate_keys("by-sdk", key_type="secondary").result()
after = endpoints.get_keys("by-sdk")
seen["keys"] = [before.primary_key == after.primary_key, before.secondary_key == after.secondary_key]
seen["listed"] = [[e.name for e in endpoints.list()], [d.name for d in deployments.list("by-sdk")]]
try:
    deployments.begin_delete("blue", "by-sdk").result()
except HttpResponseError as error:
    seen["delete with traffic"] = error.message
endpoints.begin_delete("by-sdk").result()
seen["left"] = [e.name for e in endpoints.list() if e.name == "by-sdk"]
print()
print(json.dumps(seen))  # the SDK prints dots while it waits
"""


def test_the_sdk_from_create_to_delete(workspace: LocalWorkspace, tmp_path: Path) -> None:
    for name, text in (
        ("model/weights.json", '{"offset": 5}'),
        ("code/helper.py", "import os\n\ndef scaled(x, offset):\n    return x * int(os.environ['FACTOR']) + offset\n"),
        (
            "code/score.py",
            "import json, os\nfrom helper import scaled\n\ndef init():\n    global offset\n"
            "    folder = os.path.join(os.environ['AZUREML_MODEL_DIR'], 'model')\n"
            "    offset = json.load(open(os.path.join(folder, 'weights.json')))['offset']\n"
            "    print('weights are loaded')\n\n"
            "def run(raw):\n    return [scaled(x, offset) for x in json.loads(raw)['data']]\n",
        ),
        (
            "code/broken.py",
            "def init():\n    raise RuntimeError('the weights are missing')\n\ndef run(raw):\n    pass\n",
        ),
        ("conda.yml", CONDA),
        ("request.json", '{"data": [1, 2]}'),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    seen = json.loads(workspace.python(SDK, str(tmp_path), IMAGE).stdout.splitlines()[-1])

    host = "https://by-sdk.westeurope.inference.ml.azure.com"
    assert seen["endpoint"] == [f"{host}/score", f"{host}/swagger.json", "key", "Succeeded", {"team": "a"}]
    code, message = seen["broken"]
    assert code == "ResourceNotReady"
    told = (
        "User container has crashed or terminated. The server exited with code 3. RuntimeError: the weights are missing"
    )
    assert told in message
    assert "Worker failed to boot" in message
    assert seen["state after failure"] == "Failed"
    assert seen["deployment"] == ["Succeeded", 1, 8000]
    assert seen["traffic"] == {"blue": 100}
    assert seen["invoked"] == [15, 25]
    assert "UserContainerStart: Succeeded" in seen["logs"]
    assert "weights are loaded" in seen["logs"]
    assert "copying model" in seen["storage"]
    assert seen["keys"] == [True, False]
    assert "by-sdk" in seen["listed"][0]
    assert seen["listed"][1] == ["blue"]
    assert "has 100 % of the live traffic" in seen["delete with traffic"]
    assert seen["left"] == []


def test_what_callers_are_told(workspace: LocalWorkspace) -> None:
    endpoint = Endpoint(workspace, "told")
    endpoint.deploy("blue", endpoint.code("v1"), concurrency=1, requestSettings={"requestTimeout": "PT1S"})
    assert endpoint.ask().status_code == 404
    endpoint.traffic(blue=100)

    answer = endpoint.ask()
    assert (answer.status_code, answer.json()["who"]) == (200, "blue")
    assert answer.headers["azureml-model-deployment"] == "blue"
    assert answer.headers["x-request-id"] == answer.headers["x-ms-request-id"]
    wrong = endpoint.ask(Authorization="Bearer wrong")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "Unauthorized")
    assert endpoint.ask(**{"azureml-model-deployment": "pink"}).status_code == 404
    failed = endpoint.ask({"fail": True})
    assert failed.status_code == 424
    assert failed.headers["ms-azureml-model-error-statuscode"] == "500"
    assert failed.headers["ms-azureml-model-error-reason"] == "model_error"
    assert "ValueError: this row is wrong" in endpoint.logs("blue")
    with endpoint.rest.client() as client:
        swagger = client.get(endpoint.url.replace("/score", "/swagger.json"), headers=endpoint.headers())
        assert swagger.json()["info"]["title"] == "told"
        assert client.get(endpoint.url.replace("/score", "/swagger.json")).status_code == 401

    answers: list[httpx.Response] = []
    slow = [threading.Thread(target=lambda: answers.append(endpoint.ask({"sleep": 3}))) for _ in range(3)]
    for thread in slow:
        thread.start()
    for thread in slow:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [408, 408, 429]
    endpoint.delete()
    assert "no online endpoint 'told'" in endpoint.ask().text


def test_fifty_megabytes(workspace: LocalWorkspace) -> None:
    endpoint = Endpoint(workspace, "large")
    endpoint.deploy("blue", endpoint.code("v1"))
    endpoint.traffic(blue=100)
    body = '{"text": "' + "x" * 50_000_000 + '"}'
    with endpoint.rest.client() as client:
        answer = client.post(endpoint.url, content=body, headers=endpoint.headers())
    assert answer.json()["size"] == len(body)
    endpoint.delete()


def test_traffic_is_split_mirrored_and_moved_without_losing_a_request(
    workspace: LocalWorkspace, tmp_path: Path
) -> None:
    endpoint = Endpoint(workspace, "moved")
    first, second = endpoint.code("v1"), endpoint.code("v2")
    endpoint.deploy("blue", first)
    endpoint.traffic(blue=100)

    async def many(count: int, at_once: int, body: Any) -> collections.Counter[str]:
        turns = asyncio.Semaphore(at_once)
        limits = httpx.Limits(max_connections=at_once)

        async def one(client: httpx.AsyncClient) -> str:
            async with turns:
                answer = await client.post(endpoint.url, json=body, headers=endpoint.headers())
                assert answer.status_code == 200, answer.text
                assert answer.headers["azureml-model-deployment"] == answer.json()["who"]
                return str(answer.json()["who"])

        async with endpoint.rest.async_client(limits=limits) as client:
            return collections.Counter(await asyncio.gather(*(one(client) for _ in range(count))))

    # 50 requests a second from here to the end, while green comes, takes over, is replaced, and blue goes
    ended = threading.Event()
    seen: collections.Counter[tuple[int, str]] = collections.Counter()

    def load() -> None:
        with endpoint.rest.client() as client:
            while not ended.wait(0.08):
                answer = client.post(endpoint.url, json={}, headers=endpoint.headers())
                seen[answer.status_code, answer.json().get("version", answer.text)] += 1

    callers = [threading.Thread(target=load) for _ in range(4)]
    for caller in callers:
        caller.start()
    endpoint.deploy("green", second)
    assert endpoint.ask(**{"azureml-model-deployment": "green"}).json()["who"] == "green"

    endpoint.traffic(mirror={"green": 50}, blue=100)
    mark = str(tmp_path / "asked")
    assert asyncio.run(many(100, 20, {"mark": mark})) == {"blue": 100}
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and not Path(mark + ".green").exists():
        time.sleep(0.05)
    assert 20 <= len(Path(mark + ".green").read_text()) <= 80

    endpoint.traffic(blue=90, green=10)
    split = asyncio.run(many(600, 50, {}))
    assert 0.85 <= split["blue"] / 600 <= 0.95  # the exact weights are a unit test's matter; this is 4 sigma
    endpoint.traffic(green=100)
    endpoint.rest.succeed("DELETE", endpoint.path + "/deployments/blue")
    endpoint.deploy("green", first, count=2)
    ended.set()
    for caller in callers:
        caller.join()
    assert {status for status, _ in seen} == {200}, seen
    assert {version for _, version in seen} == {"v1", "v2"}
    assert len({endpoint.ask({"sleep": 0.01}).json()["pid"] for _ in range(10)}) >= 1
    endpoint.delete()


def test_a_server_that_dies_comes_back(workspace: LocalWorkspace) -> None:
    endpoint = Endpoint(workspace, "mortal")
    endpoint.deploy("blue", endpoint.code("v1"))
    endpoint.traffic(blue=100)
    died = endpoint.ask({"die": True})
    assert died.status_code == 424
    assert "ended or broke off" in died.json()["error"]["message"]
    first = answering(endpoint)
    workspace.local("fault", "add", "kill-deployment", "--match", "^mortal/blue$")
    while answering(endpoint) == first:
        time.sleep(0.1)
    assert "The server was ended by signal 9. It is started again" in endpoint.logs("blue")
    listed = json.loads(workspace.local("fault", "list", "--json").stdout)
    fault = next(fault for fault in listed if fault["kind"] == "kill-deployment")
    assert (fault["live"], fault["hits"]) == (False, 1)
    endpoint.delete()


def answering(endpoint: Endpoint) -> int:
    """The process that answers, as soon as one does."""
    deadline = time.monotonic() + 30
    while (answer := endpoint.ask()).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return int(answer.json()["pid"])


def test_tokens(workspace: LocalWorkspace) -> None:
    endpoint = Endpoint(workspace, "tokens")
    endpoint.deploy("blue", endpoint.code("v1"))
    statuses = {}
    for mode in ("AMLToken", "AADToken"):
        properties = {"authMode": mode, "traffic": {"blue": 100}}
        endpoint.rest.succeed("PUT", endpoint.path, {"properties": properties})
        assert endpoint.ask().status_code == 401  # the key no longer opens
        if mode == "AMLToken":
            token = endpoint.rest.call("POST", endpoint.path + "/token").json()["accessToken"]
        else:
            token = endpoint.rest.token("https://ml.azure.com")
        other = endpoint.rest.token()
        statuses[mode] = [endpoint.ask(Authorization=f"Bearer {each}").status_code for each in (token, other)]
    assert statuses == {"AMLToken": [200, 401], "AADToken": [200, 401]}
    endpoint.delete()


def test_a_killed_workspace_serves_again_with_the_same_keys_and_traffic(own_workspace: LocalWorkspace) -> None:
    endpoint = Endpoint(own_workspace, "again")
    endpoint.deploy("blue", endpoint.code("v1"))
    endpoint.deploy("green", endpoint.code("v2"))
    endpoint.traffic(blue=100)
    servers = [endpoint.ask(**{"azureml-model-deployment": name}).json()["pid"] for name in ("blue", "green")]
    endpoint.rest.call(
        "PUT",
        endpoint.path + "/deployments/slow",
        endpoint.body(endpoint.code("v3", "import time\n\ndef init(): time.sleep(60)\n")),
    )

    os.kill(json.loads(own_workspace.paths.process.read_text())["pid"], signal.SIGKILL)
    own_workspace.local("up")
    deadline = time.monotonic() + 60
    statuses = []
    while (answer := endpoint.ask()).status_code != 200:
        statuses.append(answer.status_code)
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)
    assert set(statuses) <= {503}
    assert (answer.json()["who"], answer.json()["version"]) == ("blue", "v1")
    assert all(processes.start_time(pid) is None for pid in servers)
    assert endpoint.rest.call("GET", endpoint.path).json()["properties"]["traffic"] == {"blue": 100}
    slow = endpoint.rest.call("GET", endpoint.path + "/deployments/slow").json()
    assert slow["properties"]["provisioningState"] == "Failed"


MLFLOW = """
import sys, mlflow
from mlflow.models import infer_signature
import pandas as pd

class Fares(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return (model_input["distance"] * 2.5 + model_input["passengers"]) * (params or {}).get("factor", 1.0)

table = pd.DataFrame({"distance": [1.5, 2.0], "passengers": [1, 2]})
signature = infer_signature(table, table["distance"], params={"factor": 1.0})
versions = [f"mlflow=={mlflow.__version__}", f"pandas=={pd.__version__}", "sqlalchemy<2.1"]
mlflow.pyfunc.save_model(sys.argv[1], python_model=Fares(), signature=signature, pip_requirements=versions)
"""


def test_an_mlflow_model_without_code(workspace: LocalWorkspace, tmp_path: Path) -> None:
    endpoint = Endpoint(workspace, "no-code")
    rest = endpoint.rest
    container = rest.call("GET", "/datastores/workspaceblobstore").json()["properties"]["containerName"]
    folder = rest.paths.blobs / rest.settings.storage_account / container / "fares"
    workspace.python(MLFLOW, str(folder / "model"))
    model = {"modelType": "mlflow_model", "modelUri": "azureml://datastores/workspaceblobstore/paths/fares/model"}
    assert rest.call("PUT", "/models/no-code-fares/versions/1", {"properties": model}).status_code == 201
    body = {
        "properties": {
            "endpointComputeType": "Managed",
            "model": "azureml:no-code-fares:1",
            "requestSettings": {"requestTimeout": "PT30S"},
        }
    }
    rest.succeed("PUT", endpoint.path + "/deployments/blue", body)
    endpoint.traffic(blue=100)
    table: dict[str, Any] = {"columns": ["distance", "passengers"], "index": [0, 1], "data": [[2, 1], [4, 3]]}
    records = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    for request in (
        {"input_data": table},
        {"dataframe_split": table},
        {"dataframe_records": records},
        {"input_data": table["data"]},
    ):
        assert endpoint.ask(request).json() == [6.0, 13.0], request
    assert endpoint.ask({"input_data": table, "params": {"factor": 2.0}}).json() == [12.0, 26.0]
    for wrong, said in (
        ({"rows": []}, "The request has none of input_data"),
        ({"input_data": {"columns": ["distance"], "data": [[1.0]]}}, "passengers"),
    ):
        refused = endpoint.ask(wrong)
        assert (refused.status_code, refused.headers["ms-azureml-model-error-statuscode"]) == (424, "400")
        assert said in refused.json()["message"]
    endpoint.delete()
