"""An Azure in memory for the unit tests of scripts/: a transport, a clock and an `az`, all handed in.

Enough of ARM, Entra, GitHub's ID tokens, run history and MLflow to drive every branch; the wire tests use the real
local workspace instead.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from az_cli import Finished
from transport import Request, Response, TransportError

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
TENANT = "22222222-2222-2222-2222-222222222222"
CLIENT = "33333333-3333-3333-3333-333333333333"
SECRET = "s3cr3t-value-that-nobody-may-see"
WORKSPACE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ml/providers/Microsoft.MachineLearningServices/workspaces/aml"
)
API = "https://westeurope.api.azureml.ms"
LOGS = "https://account.blob.core.windows.net/logs/"


class FakeClock:
    """Time that passes only by sleeping; `at` runs callbacks when it is reached."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._due: list[tuple[float, Callable[[], None]]] = []

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_700_000_000.0 + self.now

    def at(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back `seconds` after the start."""
        self._due.append((1000.0 + seconds, callback))

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.now += seconds
        due = [item for item in self._due if item[0] <= self.now]
        self._due = [item for item in self._due if item[0] > self.now]
        for _, callback in due:
            callback()


def answer(status: int, body: Any = None, **headers: str) -> Response:
    """A JSON response; header names get dashes for underscores."""
    data = b"" if body is None else json.dumps(body).encode()
    return Response(status, {name.lower().replace("_", "-"): value for name, value in headers.items()}, data)


def refusal(status: int, code: str, message: str = "") -> Response:
    """ARM's error shape."""
    return answer(status, {"error": {"code": code, "message": message or code}})


@dataclass
class Fault:
    """For requests whose URL matches: the next `times` answers, or a broken connection (None)."""

    pattern: str
    response: Response | None
    times: int = 1
    method: str = ""


@dataclass
class FakeAzure:
    """The transport. Fill `jobs`, `runs`, `models` …; read `requests` afterwards."""

    clock: FakeClock = field(default_factory=FakeClock)
    requests: list[Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    workspace_exists: bool = True
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    states: dict[str, list[str]] = field(default_factory=dict)  # what successive looks at a job see
    children: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)  # "run/path" -> text
    data: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)  # run -> metrics/params/tags
    models: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # newest first
    environments: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # newest first
    computes: dict[str, dict[str, Any]] = field(default_factory=dict)
    operations: dict[str, list[Response]] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    token_life: float = 3600.0
    tokens: dict[str, float] = field(default_factory=dict)  # valid until, in the clock's time
    audiences: dict[str, str] = field(default_factory=dict)  # token -> the scope or resource it was asked for
    id_tokens: dict[str, float] = field(default_factory=dict)
    subject_trusted: bool = True

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        for fault in self.faults:
            if fault.times and re.search(fault.pattern, request.url) and fault.method in ("", request.method):
                fault.times -= 1
                if fault.response is None:
                    raise TransportError("connection reset by peer")
                return fault.response
        parts = urlsplit(request.url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.netloc == "token.actions.githubusercontent.com":
            return self._id_token(request)
        if parts.netloc == "login.microsoftonline.com":
            return self._token(request)
        if parts.netloc == "account.blob.core.windows.net":
            return self._log(unquote(parts.path.removeprefix("/logs/")), request)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.tokens.get(bearer, 0.0) <= self.clock.time():
            return refusal(401, "InvalidAuthenticationToken", "The access token is expired or unknown.")
        if parts.netloc == "management.azure.com":
            return self._arm(request, parts.path, query)
        return self._history(parts.path, query)

    # --- signing in

    def _id_token(self, request: Request) -> Response:
        if request.headers.get("Authorization") != "Bearer request-token":
            return answer(401, {"message": "bad credentials"})
        name = f"id-token-{len(self.id_tokens)}"
        self.id_tokens[name] = self.clock.time() + 300
        return answer(200, {"value": name})

    def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((request.body or b"").decode()).items()}
        assertion = form.get("client_assertion")
        if assertion is not None:
            if self.id_tokens.get(assertion, 0.0) <= self.clock.time():
                return answer(401, {"error": "invalid_client", "error_description": "AADSTS700024: assertion expired"})
            if not self.subject_trusted:
                text = "AADSTS700213: No matching federated identity record found for presented assertion subject."
                return answer(401, {"error": "invalid_request", "error_description": text})
        elif form.get("client_secret") != SECRET:
            text = "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 0"
            return answer(401, {"error": "invalid_client", "error_description": text})
        return answer(200, {"access_token": self.new_token(form["scope"]), "expires_in": self.token_life})

    def new_token(self, audience: str = "") -> str:
        name = f"token-{len(self.tokens)}"
        self.audiences[name] = audience
        self.tokens[name] = self.clock.time() + self.token_life
        return name

    # --- ARM

    def _arm(self, request: Request, path: str, query: Mapping[str, str]) -> Response:
        if path.startswith("/operations/"):
            responses = self.operations[path.removeprefix("/operations/")]
            return responses.pop(0) if len(responses) > 1 else responses[0]
        if not path.startswith(WORKSPACE) or not self.workspace_exists:
            text = "The Resource 'Microsoft.MachineLearningServices/workspaces/aml' under resource group 'rg-ml' was "
            text += "not found."
            return refusal(404, "ResourceNotFound", text)
        rest = [unquote(part) for part in path.removeprefix(WORKSPACE).split("/") if part]
        if not rest:
            properties = {"discoveryUrl": f"{API}/discovery"}
            return answer(200, {"location": "westeurope", "properties": properties})
        kind, names = rest[0], rest[1:]
        if kind == "jobs":
            return self._job(request, names)
        if kind == "computes":
            return self._compute(request, names[0])
        return self._asset({"models": self.models, "environments": self.environments}[kind], names, query)

    def _job(self, request: Request, names: list[str]) -> Response:
        job = self.jobs.get(names[0])
        if job is None:
            return refusal(404, "UserError", f"Run {names[0]} not found")
        if names[1:] == ["cancel"]:
            self.cancelled.append(names[0])
            self.states[names[0]] = ["CancelRequested", "Canceled"]
            return answer(202)
        queue = self.states.get(names[0])
        if queue:
            job["properties"]["status"] = queue.pop(0) if len(queue) > 1 else queue[0]
        return answer(200, job)

    def _compute(self, request: Request, name: str) -> Response:
        body = json.loads(request.body or b"{}")
        if request.method == "PUT":
            self.computes[name] = {"name": name, **body}
            self.computes[name]["properties"]["provisioningState"] = "Succeeded"
        elif name not in self.computes:
            return refusal(404, "ResourceNotFound", f"Compute {name} not found")
        elif request.method == "PATCH":
            inner = self.computes[name]["properties"]["properties"]
            inner["scaleSettings"] = body["properties"]["properties"]["scaleSettings"]
        else:
            return answer(200, self.computes[name])
        headers = {}
        if f"compute-{name}" in self.operations:
            headers["Azure_AsyncOperation"] = f"https://management.azure.com/operations/compute-{name}"
        return answer(201, self.computes[name], **headers)

    def _asset(self, store: Mapping[str, list[dict[str, Any]]], names: list[str], query: Mapping[str, str]) -> Response:
        if not names:
            return answer(200, {"value": [{"name": name} for name in store]})
        versions = store.get(names[0])
        if versions is None:
            return refusal(404, "NotFound", f"{names[0]} not found")
        if len(names) == 3:
            found = [each for each in versions if each["name"] == names[2]]
            return answer(200, found[0]) if found else refusal(404, "NotFound")
        return answer(200, {"value": versions[: int(query.get("$top", "100"))]})

    # --- run history, MLflow, logs

    def _history(self, path: str, query: Mapping[str, str]) -> Response:
        if path == "/discovery":
            return answer(200, {"api": API, "history": API})
        if path.endswith("/runs/get"):
            data = self.data.get(query["run_id"])
            if data is None:
                return answer(404, {"error_code": "RESOURCE_DOES_NOT_EXIST"})
            listed = {part: [{"key": k, "value": v} for k, v in data.get(part, {}).items()] for part in data}
            return answer(200, {"run": {"data": listed}})
        run, what = path.rsplit("/", 2)[-2:]
        if what == "children":
            return answer(200, {"value": self.children.get(run, [])})
        assert what == "details", path
        known = {child["runId"]: child for each in self.children.values() for child in each}
        logs = {name.partition("/")[2]: LOGS + name for name in self.logs if name.startswith(run + "/")}
        return answer(200, {**known.get(run, {}), "logFiles": logs})

    def _log(self, name: str, request: Request) -> Response:
        data = self.logs[name].encode()
        start = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        assert "Authorization" not in request.headers, "a token was sent to the blob store"
        if start is None:
            return Response(200, {}, data)
        if int(start[1]) >= len(data):
            return Response(416)
        return Response(206, {}, data[int(start[1]) :])

    def asked(self, pattern: str, method: str = "") -> list[Request]:
        """The requests whose URL matches."""
        return [each for each in self.requests if re.search(pattern, each.url) and method in ("", each.method)]


def job(name: str, status: str = "Running", **properties: Any) -> dict[str, Any]:
    """A pipeline job as Jobs - Get shows it."""
    services = {"Studio": {"endpoint": f"https://ml.azure.com/runs/{name}"}}
    return {"name": name, "properties": {"jobType": "Pipeline", "status": status, "services": services, **properties}}


def child(run: str, name: str, status: str = "Completed", **more: Any) -> dict[str, Any]:
    """A step's run as run history shows it."""
    return {
        "runId": run,
        "displayName": name,
        "status": status,
        "runType": "azureml.StepRun",
        "createdUtc": "2026-01-01T00:00:00.0000000Z",
        "startTimeUtc": "2026-01-01T00:00:01.0000000Z",
        "endTimeUtc": "2026-01-01T00:00:03.5000000Z",
        **more,
    }


def model_version(version: str, job_name: str = "", **properties: Any) -> dict[str, Any]:
    """A model version as Model Versions - List shows it."""
    return {
        "name": version,
        "id": f"{WORKSPACE}/models/m/versions/{version}",
        "systemData": {"createdAt": f"2026-01-01T00:00:{int(version):02d}Z"},
        "properties": {"jobName": job_name, **properties},
    }


@dataclass
class FakeAz:
    """`az` and any other child process; `ml` answers `az ml …`."""

    azure: FakeAzure
    ml: Callable[[Sequence[str]], Finished] = lambda argv: Finished(0, "{}", "")
    calls: list[list[str]] = field(default_factory=list)
    environments: list[dict[str, str]] = field(default_factory=list)
    secrets_seen: list[str] = field(default_factory=list)
    session_error: str = ""
    failing: dict[str, str] = field(default_factory=dict)  # first words of a command -> stderr

    def __call__(self, argv: Sequence[str], env: Mapping[str, str]) -> Finished:
        self.calls.append(list(argv))
        self.environments.append(dict(env))
        for word in argv:
            value = word.partition("=")[2] or word  # as az expands a file's name
            if value.startswith("@"):
                with open(value[1:], encoding="utf-8") as file:  # noqa: PTH123
                    self.secrets_seen.append(file.read())
        words = " ".join(argv[1:])
        for start, stderr in self.failing.items():
            if words.startswith(start):
                return Finished(1, "", stderr)
        if words.startswith("account get-access-token"):
            if self.session_error:
                return Finished(1, "", self.session_error)
            until = self.azure.clock.time() + self.azure.token_life
            token = self.azure.new_token(option(argv, "--resource"))
            found = {"accessToken": token, "expires_on": until, "subscription": SUBSCRIPTION}
            return Finished(0, json.dumps(found), "")
        if words.startswith("account show"):
            found = {"id": SUBSCRIPTION, "tenantId": TENANT, "user": {"name": CLIENT, "type": "servicePrincipal"}}
            return Finished(0, json.dumps(found), "")
        if words.startswith("ml "):
            return self.ml(argv)
        return Finished(0, "", "")

    def launches(self, start: str) -> list[list[str]]:
        """The launches whose command line starts so."""
        return [call for call in self.calls if " ".join(call[1:]).startswith(start)]


def option(argv: Sequence[str], name: str) -> str:
    """Value after an option."""
    return argv[list(argv).index(name) + 1]


class StaticCredential:
    """A token that is always good."""

    def __init__(self, azure: FakeAzure) -> None:
        self._token = azure.new_token()

    def token(self, *, renew: bool = False) -> str:
        """The one token, also on `renew`."""
        return self._token


class World:
    """All of it together: run an action's body and read what it told the runner."""

    def __init__(self, tmp_path: Any) -> None:
        self.azure = FakeAzure()
        self.clock = self.azure.clock
        self.az = FakeAz(self.azure)
        self.out = io.StringIO()
        self.output_file = tmp_path / "output"
        self.summary_file = tmp_path / "summary"
        extension = tmp_path / "extensions" / "ml" / "ml-2.42.0.dist-info"
        extension.mkdir(parents=True)
        (extension / "METADATA").write_text("Name: ml\nVersion: 2.42.0\n")
        self.env = {
            "GITHUB_OUTPUT": str(self.output_file),
            "GITHUB_STEP_SUMMARY": str(self.summary_file),
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "octo/models",
            "GITHUB_RUN_ID": "987654321",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_JOB": "train",
            "GITHUB_SHA": "abc123",
            "RUNNER_TEMP": str(tmp_path),
            "AZURE_EXTENSION_DIR": str(tmp_path / "extensions"),
            "ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.actions.githubusercontent.com/token?v=1",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token",
            "INPUT_RESOURCE_GROUP": "rg-ml",
            "INPUT_WORKSPACE_NAME": "aml",
            "INPUT_SUBSCRIPTION_ID": SUBSCRIPTION,
            "INPUT_CLIENT_ID": CLIENT,
            "INPUT_TENANT_ID": TENANT,
        }

    def give(self, **values: str) -> None:
        """Set inputs: `cluster_size="3"` is the input cluster-size."""
        self.env.update({f"INPUT_{name.upper()}": value for name, value in values.items()})

    def run(self, title: str, body: Any) -> int:
        from action import run

        return run(title, body, env=self.env, transport=self.azure, clock=self.clock, processes=self.az, out=self.out)

    @property
    def log(self) -> str:
        return self.out.getvalue()

    @property
    def summary(self) -> str:
        return self.summary_file.read_text() if self.summary_file.exists() else ""

    @property
    def outputs(self) -> dict[str, str]:
        """The last value of each output, read as the runner reads the file."""
        text = self.output_file.read_text() if self.output_file.exists() else ""
        return {name: value for name, _, value in re.findall(r"^([\w-]+)<<(\S+)\n(.*?)\n\2$", text, re.M | re.S)}
