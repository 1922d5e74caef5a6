"""deploy-online from inputs to outputs: what passes, every way to fail, parallel runs, a signal in each phase."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from az_cli import Finished
from deploy_online import TITLE, deploy_online
from errors import ExitCode
from support.fake_azure import Fault, answer, model_version, option, refusal
from support.fake_endpoints import KEY, EndpointWorld, Model, deployment, good
from transport import Request, Response, TransportError

NAME = "taxi-online-913304"
SCHEMA = {"type": "array", "minItems": 3, "items": {"type": "number", "minimum": 0}}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EndpointWorld:
    """A workspace with versions 1 to 3 of taxi; the files as a user has them."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("endpoint.yml").write_text("name: taxi-online\ndescription: fares\nauth_mode: key\n")
    Path("deployment.yml").write_text("name: dp\nendpoint_name: taxi-online\nmodel: azureml:taxi@latest\n")
    Path("request.json").write_text('{"input_data": [[1, 2]]}')
    Path("schema.json").write_text(json.dumps(SCHEMA))
    made = EndpointWorld(tmp_path)
    made.azure.models["taxi"] = [model_version("3"), model_version("2"), model_version("1")]
    made.give(
        endpoint_file="endpoint.yml",
        deployment_file="deployment.yml",
        model="azureml:taxi:3",
        request_file="request.json",
        expect="schema.json",
        traffic="10,50,100",
        soak_seconds="5",
    )
    return made


@pytest.fixture
def live(world: EndpointWorld) -> EndpointWorld:
    """An endpoint on which blue serves."""
    world.azure.add("onlineEndpoints", NAME, {"blue": 100})
    return world


def run(world: EndpointWorld) -> int:
    return world.run(TITLE, deploy_online)


def as_it_was(world: EndpointWorld) -> None:
    """Blue serves, green is gone, nobody holds the endpoint."""
    assert world.azure.traffic(NAME) == {"blue": 100}
    assert list(world.azure.deployments[f"onlineEndpoints/{NAME}"]) == ["blue"]
    assert "deploy-lock" not in world.azure.tags(NAME)


def first_error(world: EndpointWorld) -> str:
    found = [line for line in world.log.splitlines() if line.startswith("::error")]
    assert len(found) == 1, found
    return found[0].replace("%0A", "\n").replace("%25", "%")


def test_a_first_deployment(world: EndpointWorld) -> None:
    assert run(world) == ExitCode.OK, world.log
    outputs = world.outputs
    assert outputs["endpoint-name"] == NAME
    assert outputs["deployment-name"] == "blue"
    assert outputs["scoring-uri"] == f"https://{NAME}.westeurope.inference.ml.azure.com/score"
    assert json.loads(outputs["traffic"]) == {"blue": 100}
    assert outputs["model-version"] == "3"
    assert outputs["rolled-back"] == "false"
    assert world.azure.traffic(NAME) == {"blue": 100}
    assert "deploy-lock" not in world.azure.tags(NAME)
    assert world.summary.startswith("### ✅ taxi:3 serves 100 % of " + NAME)
    assert "[12.5, 31.0, 7.25]" in world.summary


def test_the_summary_tells_what_changed_then_what_is_answered_then_the_tests(world: EndpointWorld) -> None:
    run(world)
    summary = world.summary
    parts = ["#### Traffic", "#### Sample prediction", "#### Tests", "#### Call it"]
    assert sorted(parts, key=summary.index) == parts
    assert "`request.json` is answered in 0 ms (p50) with:" in summary
    assert '<details><summary>The request</summary>\n\n```json\n{"input_data": [[1, 2]]}\n```' in summary
    for way in ("curl", "Python SDK", "REST client"):
        assert f"<details><summary>{way}</summary>" in summary


def test_an_answer_cannot_break_out_of_the_summary(world: EndpointWorld) -> None:
    """A model's answer is its author's word, and a name may come from anybody's file."""
    world.azure.serving["blue"] = lambda _: answer(200, ["```\n</details>\n# pwned ::error::x", 1, 2])
    world.give(expect="")
    assert run(world) == ExitCode.OK, world.log
    fence = "````json\n" if "````json\n" in world.summary else "```json\n"
    block = world.summary.partition("#### Sample prediction")[2].partition(fence)[2].partition("\n```")[0]
    assert block == '["```\\n</details>\\n# pwned ::error::x", 1, 2]'
    assert fence == "````json\n"


def test_it_needs_two_az_ml_calls_at_most(world: EndpointWorld) -> None:
    run(world)
    endpoint, created = world.az.launches("ml")
    assert endpoint[2:4] == ["online-endpoint", "create"]
    assert option(endpoint, "--file") == "endpoint.yml"
    assert option(endpoint, "--name") == NAME
    assert created[2:4] == ["online-deployment", "create"]
    assert option(created, "--name") == "blue"
    assert option(created, "--endpoint-name") == NAME
    settings = created[created.index("--set") + 1 : created.index("--only-show-errors")]
    assert settings[0] == "model=azureml:taxi:3"
    assert "tags.commit-sha=abc123" in settings


def test_blue_becomes_green_step_by_step(live: EndpointWorld) -> None:
    assert run(live) == ExitCode.OK, live.log
    assert [call[2] for call in live.az.launches("ml")] == ["online-deployment"]
    assert live.azure.history_of_traffic == [{"blue": 90, "green": 10}, {"blue": 50, "green": 50}, {"green": 100}]
    assert live.azure.deleted == ["blue"]
    assert "deploy-lock" not in live.azure.tags(NAME)
    first_green = next(index for index, (_, by) in enumerate(live.azure.scored) if by == "green")
    assert live.azure.scored[first_green][0] == "green", "it was asked directly before it got traffic"
    assert "| `blue` | `████████████████████` 100 % | `░░░░░░░░░░░░░░░░░░░░` 0 % | deleted |" in live.summary
    assert "| `green` | `░░░░░░░░░░░░░░░░░░░░` 0 % | `████████████████████` 100 % | new |" in live.summary
    assert "5 reached `green`" in live.summary, "10 % of 50 probes"


def test_a_third_run_is_blue_again(live: EndpointWorld) -> None:
    run(live)
    assert run(live) == ExitCode.OK, live.log
    assert live.outputs["deployment-name"] == "blue"
    assert live.azure.traffic(NAME) == {"blue": 100}


def test_the_previous_one_can_be_kept_and_is_replaced_later(live: EndpointWorld) -> None:
    live.give(keep_previous="true")
    assert run(live) == ExitCode.OK
    assert set(live.azure.deployments[f"onlineEndpoints/{NAME}"]) == {"blue", "green"}
    assert live.azure.traffic(NAME) == {"green": 100}
    assert run(live) == ExitCode.OK, live.log
    assert "Deployment blue exists without traffic: it is replaced." in live.log
    assert live.azure.traffic(NAME) == {"blue": 100}


def test_a_canary_keeps_the_rest_where_it_is(live: EndpointWorld) -> None:
    live.give(traffic="20")
    assert run(live) == ExitCode.OK
    assert live.azure.traffic(NAME) == {"blue": 80, "green": 20}
    assert live.azure.deleted == []
    assert live.summary.startswith("### ✅ taxi:3 serves 20 % of")


def test_no_traffic_at_all_only_tests(live: EndpointWorld) -> None:
    live.give(traffic="0")
    assert run(live) == ExitCode.OK
    assert live.azure.traffic(NAME) == {"blue": 100}
    assert {by for _, by in live.azure.scored} == {"green"}


def test_names_can_be_given(world: EndpointWorld) -> None:
    world.give(endpoint_name="fares-eu", deployment_name="taxi-online-dp")
    assert run(world) == ExitCode.OK
    assert world.azure.traffic("fares-eu") == {"taxi-online-dp": 100}


def test_latest_is_resolved_once(world: EndpointWorld) -> None:
    world.give(model="")
    assert run(world) == ExitCode.OK
    assert "model=azureml:taxi:3" in world.az.launches("ml")[1]
    assert world.outputs["model-version"] == "3"


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("azureml:taxi:9", "Model taxi has no version 9; there is 3, 2, 1."),
        ("azureml:wine:1", "There is no model wine in workspace aml."),
    ],
)
def test_a_model_that_is_not_there_is_told_before_anything(world: EndpointWorld, model: str, told: str) -> None:
    world.give(model=model)
    assert run(world) == ExitCode.BAD_INPUT
    assert told in world.log
    assert world.az.launches("ml") == []


@pytest.mark.parametrize(("mode", "secret"), [("Key", KEY), ("AMLToken", KEY + "-token"), ("AADToken", "token-1")])
def test_each_way_to_authenticate(live: EndpointWorld, mode: str, secret: str) -> None:
    live.azure.endpoints[f"onlineEndpoints/{NAME}"]["properties"]["authMode"] = mode
    assert run(live) == ExitCode.OK, live.log
    assert f"::add-mask::{secret}\n" in live.log
    without_masks = "\n".join(line for line in live.log.splitlines() if not line.startswith("::add-mask::"))
    everything = without_masks + live.summary + live.output_file.read_text() + str(live.az.calls)
    for hidden in [KEY, *live.azure.tokens, *live.azure.id_tokens]:
        assert hidden not in everything


# --- what does not pass


def crashed(world: EndpointWorld) -> None:
    world.state_of_new = "Failed"
    world.told_of_new = "ERROR: (BadArgument) User container has crashed or terminated"
    world.azure.container_logs["green"] = (
        "Traceback (most recent call last):\n"
        '  File "/app/score.py", line 3, in init\n'
        '    os.environ["AZUREML_MODEL"]\n'
        "KeyError: 'AZUREML_MODEL'\n"
        "Worker failed to boot.\n"
    )


def nonsense(world: EndpointWorld) -> None:
    world.azure.serving["green"] = lambda _: answer(200, [-1.0, 2.0, 3.0])


def slow(world: EndpointWorld) -> None:
    world.give(max_p95_ms="200")

    def after_a_second(request: Request) -> Response:
        world.clock.now += 1.0
        return good(request)

    world.azure.serving["green"] = after_a_second


def failing(world: EndpointWorld) -> None:
    failed = answer(424, {"error": "boom"}, ms_azureml_model_error_statuscode="500")
    world.azure.serving["green"] = lambda _: failed


def late(world: EndpointWorld) -> None:
    def fails_at_half(request: Request) -> Response:
        half = world.azure.traffic(NAME).get("green", 0) >= 50
        return refusal(503, "Overloaded", "too many") if half else good(request)

    world.azure.serving["green"] = fails_at_half


@pytest.mark.parametrize(
    ("broken", "reason", "log_tells"),
    [
        (crashed, "Deployment green of taxi:3 ended as Failed.\n", True),
        (
            nonsense,
            "did not pass its smoke test: the answer is not what expect says: answer[0]: -1.0 is less than 0",
            False,
        ),
        (slow, "did not pass its smoke test: p95 latency is 1000 ms, allowed are 200 ms", False),
        (failing, "did not pass its smoke test: status 424 (the model failed, with 500): ", True),
        (late, "did not pass at 50 % of the traffic: ", True),
    ],
)
def test_what_does_not_pass_is_rolled_back(
    live: EndpointWorld, broken: Callable[[EndpointWorld], None], reason: str, log_tells: bool
) -> None:
    live.azure.container_logs["green"] = "loading the model\n"
    broken(live)
    assert run(live) == ExitCode.REJECTED, live.log
    as_it_was(live)
    assert live.outputs["rolled-back"] == "true"
    assert live.outputs["deployment-name"] == "green"
    assert json.loads(live.outputs["traffic"]) == {"blue": 100}
    error = first_error(live)
    assert reason in error
    assert "Rolled back: the traffic is what it was before, blue 100 %; green is deleted." in error
    assert ("From the log of green:\n" in error) == log_tells
    assert live.summary.startswith("### ❌ green did not pass")
    assert ("#### End of the log of green" in live.summary) == log_tells
    assert "End of the log of green" in live.summary
    assert live.summary.index("**Deployment green") < live.summary.index("#### Traffic")


def test_the_traffic_is_restored_before_the_log_is_read(live: EndpointWorld) -> None:
    late(live)
    seen: list[dict[str, int]] = []
    log = live.azure.container_logs

    class Logs(dict[str, str]):
        def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
            seen.append(live.azure.traffic(NAME))
            return str(super().get(name, default))

    live.azure.container_logs = Logs(log)
    assert run(live) == ExitCode.REJECTED, live.log
    assert seen == [{"blue": 100}]


def test_what_nobody_foresaw_is_rolled_back_too(live: EndpointWorld) -> None:
    def strange(request: Request) -> Response:
        if live.azure.traffic(NAME).get("green", 0) >= 50:
            raise KeyError("a field that is\n::not:: there")
        return good(request)

    live.azure.serving["green"] = strange
    assert run(live) == ExitCode.DEFECT, live.log
    as_it_was(live)
    assert live.outputs["rolled-back"] == "true"
    assert "This was not foreseen: KeyError: 'a field that is\\n::not:: there'" in first_error(live)
    assert "report it with the traceback in the log of this step" in live.summary
    assert "::group::Traceback of KeyError\n│ Traceback (most recent call last):" in live.log


def test_a_log_in_a_strange_form_does_not_keep_the_traffic_from_being_restored(live: EndpointWorld) -> None:
    late(live)
    live.azure.faults = [Fault("getLogs", Response(200, {}, b"<html>"))]
    assert run(live) == ExitCode.REJECTED, live.log
    as_it_was(live)
    assert "The log of green cannot be read: This was not foreseen: JSONDecodeError" in live.log


def test_a_signal_on_the_way_back_does_not_leave_it_half_way(live: EndpointWorld) -> None:
    late(live)
    cancel = signalling(signal.SIGTERM)

    def while_restoring(key: str) -> None:
        if live.azure.traffic(NAME).get("green") == 50:
            cancel()

    live.azure.before_put = while_restoring
    assert run(live) == 143, live.log
    as_it_was(live)
    assert live.outputs["rolled-back"] == "true"


def test_a_crash_shows_the_containers_log(live: EndpointWorld) -> None:
    crashed(live)
    run(live)
    assert "Its log says: KeyError: 'AZUREML_MODEL' (score.py, line 3, in init)" in first_error(live)
    assert "KeyError: 'AZUREML_MODEL'" in live.summary
    assert "User container has crashed" in live.summary


def test_a_first_deployment_that_fails_leaves_no_traffic(world: EndpointWorld) -> None:
    world.azure.serving["blue"] = lambda _: refusal(500, "boom")
    assert run(world) == ExitCode.REJECTED
    assert world.azure.traffic(NAME) == {}
    assert world.azure.deployments[f"onlineEndpoints/{NAME}"] == {}
    assert "deploy-lock" not in world.azure.tags(NAME)


def test_a_first_deployment_that_fails_under_traffic_is_taken_out(world: EndpointWorld) -> None:
    asked: list[int] = []

    def tires(request: Request) -> Response:
        asked.append(1)
        return good(request) if len(asked) < 10 else refusal(502, "crashed")

    world.azure.serving["blue"] = tires
    assert run(world) == ExitCode.REJECTED
    assert world.azure.history_of_traffic == [{"blue": 100}, {}]
    assert world.azure.deployments[f"onlineEndpoints/{NAME}"] == {}


def test_without_rollback_everything_stays_for_inspection(live: EndpointWorld) -> None:
    live.give(rollback="false")
    late(live)
    assert run(live) == ExitCode.REJECTED
    assert live.azure.traffic(NAME) == {"blue": 50, "green": 50}
    assert live.outputs["rolled-back"] == "false"
    assert "rollback is 'false': green is left as it is, and so is the traffic, blue 50 %, green 50 %." in first_error(
        live
    )
    assert "deploy-lock" not in live.azure.tags(NAME), "the next run must not wait"


def test_some_errors_can_be_allowed(live: EndpointWorld) -> None:
    asked: list[int] = []

    def one_in_a_hundred(request: Request) -> Response:
        asked.append(1)
        return refusal(503, "Busy") if len(asked) % 100 == 50 else good(request)

    live.azure.serving = {"blue": one_in_a_hundred, "green": one_in_a_hundred}
    live.give(max_error_rate="2.5%", soak_seconds="20")
    assert run(live) == ExitCode.OK, live.log
    asked.clear()
    live.give(max_error_rate="0")
    assert run(live) == ExitCode.REJECTED


def test_a_hopeless_soak_ends_early(live: EndpointWorld) -> None:
    live.give(soak_seconds="3600", traffic="100")
    late(live)
    began = live.clock.now
    assert run(live) == ExitCode.REJECTED
    assert live.clock.now - began < 300


def test_a_deployment_may_need_a_moment_to_answer(live: EndpointWorld) -> None:
    ready = live.clock.now + live.create_seconds + 20
    live.azure.serving["green"] = lambda request: good(request) if live.clock.now > ready else refusal(503, "Warming")
    assert run(live) == ExitCode.OK, live.log
    assert "green does not answer yet: status 503 (no instance can take the request now)" in live.log


def test_a_broken_connection_is_an_error_of_a_request(live: EndpointWorld) -> None:
    def broken(_: Request) -> Response:
        raise TransportError("connection reset by peer")

    live.azure.serving["green"] = broken
    assert run(live) == ExitCode.REJECTED
    assert "no answer: connection reset by peer" in live.summary
    as_it_was(live)


def test_what_az_refuses_is_told_and_nothing_stays(live: EndpointWorld) -> None:
    create = live.az.ml

    def ml(argv: Sequence[str]) -> Finished:
        create(argv)
        del live.azure.deployments[f"onlineEndpoints/{NAME}"]["green"]
        return Finished(1, "", "ERROR: Error: Validation for ManagedOnlineDeploymentSchema failed: x: Unknown field.")

    live.az.ml = ml
    assert run(live) == ExitCode.BAD_INPUT
    assert "Unknown field." in first_error(live)
    assert live.outputs["rolled-back"] == "false"
    as_it_was(live)


def test_a_create_whose_connection_broke_is_waited_for(live: EndpointWorld) -> None:
    live.told_of_new = "ERROR: Connection aborted."
    live.state_of_new = "Creating"
    live.clock.at(150, lambda: live.azure.deployments[f"onlineEndpoints/{NAME}"].update(green=deployment("green")))
    assert run(live) == ExitCode.OK, live.log


def test_a_deployment_that_never_comes_up_times_out_and_is_removed(live: EndpointWorld) -> None:
    live.state_of_new = "Creating"
    live.give(timeout_minutes="5")
    assert run(live) == ExitCode.TIMEOUT
    as_it_was(live)


def test_going_back_that_fails_says_how_to_do_it_by_hand(live: EndpointWorld) -> None:
    late(live)
    late_model = live.azure.serving["green"]

    def then_nothing_goes(request: Request) -> Response:
        if live.azure.traffic(NAME).get("green") == 50:
            live.azure.faults = [Fault("management", refusal(403, "AuthorizationFailed"), times=10_000)]
        return late_model(request)

    live.azure.serving["green"] = then_nothing_goes
    assert run(live) == ExitCode.REJECTED
    assert "Going back failed too: " in first_error(live)
    assert f"check it with `az ml online-endpoint show --name {NAME} --query traffic`" in first_error(live)
    assert live.outputs["rolled-back"] == "false"


# --- refusals


def test_bad_inputs_are_told_together_and_nothing_is_asked(world: EndpointWorld) -> None:
    Path("endpoint.yml").write_text("name: taxi-online\ntraffic:\n  blue: 100\n")
    Path("deployment.yml").write_text("name: dp\ncode_configuration:\n  code: ./src\n")
    Path("request.json").write_text('{"a": }')
    Path("schema.json").write_text('{"format": "x"}')
    world.give(
        endpoint_name="1x",
        deployment_name="a",
        model="taxi",
        traffic="50,10",
        soak_seconds="-1",
        max_error_rate="200",
        max_p95_ms="fast",
        rollback="yes",
        keep_previous="no",
        timeout_minutes="0",
        ml_extension_version="new",
    )
    assert run(world) == ExitCode.BAD_INPUT
    for part in (
        "endpoint.yml, line 3: `traffic:` must not be set in the file",
        "code_configuration.code names ./src, which does not exist",
        "request-file is 'request.json': it is not JSON: Expecting value: line 1 column 7",
        "expect is 'schema.json': # uses 'format', which is not supported here.",
        "endpoint-name is '1x': it must have 3 to 32 letters, digits or -",
        "deployment-name is 'a': it must have 3 to 32 letters, digits or -",
        "model is 'taxi': it must name a registered model and its version, as in azureml:taxi:3.",
        "traffic is '50,10': each step must be larger than the one before.",
        "soak-seconds is '-1'",
        "max-error-rate is '200': it must be a percentage from 0 to 100, as in 0.5.",
        "max-p95-ms is 'fast'",
        "rollback is 'yes': it must be 'true' or 'false'.",
        "keep-previous is 'no'",
        "timeout-minutes is '0'",
        "ml-extension-version is 'new'",
        "15 problems with the inputs",
    ):
        assert part in world.log, part
    assert world.azure.requests == []
    assert world.outputs == {}


def test_a_schema_needs_a_request(world: EndpointWorld) -> None:
    world.give(request_file="")
    assert run(world) == ExitCode.BAD_INPUT
    assert "expect is 'schema.json': it needs a request to be answered. Give request-file too." in world.log


def test_without_a_request_the_traffic_moves_untested_and_says_so(live: EndpointWorld) -> None:
    live.give(request_file="", expect="")
    assert run(live) == ExitCode.OK
    assert "There is no request-file: the traffic moves without a test." in live.log
    assert live.azure.scored == []
    assert live.azure.traffic(NAME) == {"green": 100}


def test_the_live_one_is_not_overwritten(live: EndpointWorld) -> None:
    live.give(deployment_name="blue")
    assert run(live) == ExitCode.BAD_INPUT
    assert "Deployment blue serves 100 % of the traffic now" in first_error(live)
    as_it_was(live)


def test_two_live_ones_leave_no_place(live: EndpointWorld) -> None:
    live.azure.add("onlineEndpoints", NAME, {"blue": 60, "green": 40})
    assert run(live) == ExitCode.BAD_INPUT
    assert "serve traffic: blue 60 %, green 40 %." in first_error(live)
    assert live.azure.traffic(NAME) == {"blue": 60, "green": 40}
    assert "deploy-lock" not in live.azure.tags(NAME)


def test_another_auth_mode_is_told_and_left(live: EndpointWorld) -> None:
    Path("endpoint.yml").write_text("name: taxi-online\nauth_mode: aml_token\n")
    assert run(live) == ExitCode.OK
    assert f"Endpoint {NAME} has auth_mode Key, endpoint.yml says aml_token. It is left as it is" in live.log


def test_an_endpoint_that_exists_gets_what_its_file_says(live: EndpointWorld) -> None:
    Path("endpoint.yml").write_text(
        "name: taxi-online\ndescription: fares in dollars\npublic_network_access: enabled\ntags:\n  team: fares\n"
    )
    live.azure.endpoints[f"onlineEndpoints/{NAME}"]["properties"]["publicNetworkAccess"] = "Enabled"
    live.azure.tags(NAME)["cost-center"] = "7"
    assert run(live) == ExitCode.OK
    found = live.azure.endpoints[f"onlineEndpoints/{NAME}"]
    assert found["properties"]["description"] == "fares in dollars"
    assert found["properties"]["publicNetworkAccess"] == "Enabled"
    assert found["properties"]["authMode"] == "Key"
    assert found["tags"]["team"] == "fares"
    assert found["tags"]["cost-center"] == "7"
    assert found["tags"]["commit-sha"] == "abc123"


def test_a_passing_failure_of_az_is_tried_once_more(live: EndpointWorld) -> None:
    create = live.az.ml
    calls: list[int] = []

    def ml(argv: Sequence[str]) -> Finished:
        calls.append(1)
        return Finished(1, "", "ERROR: Connection aborted.") if len(calls) == 1 else create(argv)

    live.az.ml = ml
    assert run(live) == ExitCode.OK, live.log
    assert len(calls) == 2


def test_mirrored_traffic_of_an_idle_deployment_ends_with_it(live: EndpointWorld) -> None:
    live.azure.add("onlineEndpoints", NAME, {"blue": 100, "green": 0}, mirrorTraffic={"green": 30})
    assert run(live) == ExitCode.OK, live.log
    assert live.azure.endpoints[f"onlineEndpoints/{NAME}"]["properties"]["mirrorTraffic"] == {}


# --- parallel runs


def test_a_busy_endpoint_is_waited_for(live: EndpointWorld) -> None:
    live.azure.change_seconds = 20
    live.azure.working[f"onlineEndpoints/{NAME}"] = live.clock.time() + 60
    assert run(live) == ExitCode.OK, live.log
    assert f"Endpoint {NAME} is Updating: waiting." in live.log
    assert live.azure.history_of_traffic[-1] == {"green": 100}


def test_an_endpoint_that_is_being_deleted_is_made_anew(live: EndpointWorld) -> None:
    live.azure.working[f"onlineEndpoints/{NAME}"] = live.clock.time() + 60
    live.clock.at(30, live.azure.endpoints.clear)
    assert run(live) == ExitCode.OK, live.log
    assert [call[2] for call in live.az.launches("ml")] == ["online-endpoint", "online-deployment"]
    assert live.azure.traffic(NAME) == {"blue": 100}


def mark(world: EndpointWorld, owner: str, seconds: float, before: str = '{"blue":100}') -> None:
    until = world.clock.time() + seconds
    world.azure.tags(NAME).update({"deploy-lock": f"{owner} {until:.0f} https://run/1", "deploy-before": before})


def test_another_run_is_waited_for(live: EndpointWorld) -> None:
    mark(live, "octo/models:111:1:deploy:x", 3000)
    live.clock.at(100, live.azure.tags(NAME).clear)
    assert run(live) == ExitCode.OK, live.log
    assert f"Endpoint {NAME} is being deployed to by another run (https://run/1): waiting for it" in live.log
    assert live.clock.now > 1100


def test_another_run_that_does_not_end_is_named(live: EndpointWorld) -> None:
    mark(live, "octo/models:111:1:deploy:x", 30_000)
    live.give(timeout_minutes="10")
    assert run(live) == ExitCode.TIMEOUT
    assert f"Endpoint {NAME} is held by another run: https://run/1." in first_error(live)
    assert live.az.launches("ml online-deployment") == []
    assert "deploy-lock" in live.azure.tags(NAME), "not ours to remove"


def test_what_a_dead_run_left_is_mended_first(live: EndpointWorld) -> None:
    live.azure.add("onlineEndpoints", NAME, {"blue": 50, "green": 50})
    mark(live, "octo/models:111:1:deploy:x", -5)
    assert run(live) == ExitCode.OK, live.log
    assert "The run that held this endpoint (https://run/1) is over without cleaning up." in live.log
    assert live.azure.history_of_traffic[0] == {"blue": 100}
    assert live.outputs["deployment-name"] == "green"
    assert live.azure.traffic(NAME) == {"green": 100}


def test_an_earlier_attempt_of_the_same_run_is_over(live: EndpointWorld) -> None:
    live.env["GITHUB_RUN_ATTEMPT"] = "2"
    mark(live, "octo/models:987654321:1:train:x", 3000)
    assert run(live) == ExitCode.OK
    assert live.clock.now < 1300


def test_a_rival_that_wrote_last_has_the_endpoint(live: EndpointWorld) -> None:
    """Both read an unmarked endpoint; the rival's write arrives after ours, so it is the rival's."""
    live.clock.at(1, lambda: mark(live, "octo/models:111:1:deploy:x", 3000))
    live.clock.at(200, lambda: live.azure.tags(NAME).clear())
    assert run(live) == ExitCode.OK, live.log
    assert live.clock.now > 1200
    assert "is being deployed to by another run" in live.log


def test_an_endpoint_that_is_taken_over_is_not_touched_any_more(live: EndpointWorld) -> None:
    def steal() -> None:
        mark(live, "octo/models:111:1:deploy:x", 3000)

    live.during_create = steal
    assert run(live) == ExitCode.AZURE
    assert f"Another run has taken endpoint {NAME} over: https://run/1." in first_error(live)
    assert live.azure.history_of_traffic == []
    assert "octo/models:111" in live.azure.tags(NAME)["deploy-lock"]


def test_a_stale_write_is_never_repeated(live: EndpointWorld) -> None:
    """A PUT that met 409 is decided anew from what is there then: a tag set meanwhile survives."""
    hits: list[str] = []

    def rival(key: str) -> None:
        if not hits:
            hits.append(key)
            live.azure.tags(NAME)["note"] = "written by somebody"
            live.azure.working[key] = live.clock.time() + 10

    live.azure.before_put = rival
    assert run(live) == ExitCode.OK, live.log
    assert live.azure.tags(NAME)["note"] == "written by somebody"


# --- signals


def signalling(signum: signal.Signals = signal.SIGINT) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), signum)


def test_a_signal_before_anything_was_begun(live: EndpointWorld) -> None:
    live.azure.faults = [Fault("workspaces/aml\\?", refusal(503, "Busy"), times=9)]
    live.clock.at(1, signalling())
    assert run(live) == 130
    as_it_was(live)


def test_a_signal_while_waiting_for_another_run(live: EndpointWorld) -> None:
    mark(live, "octo/models:111:1:deploy:x", 3000)
    live.clock.at(30, signalling(signal.SIGTERM))
    assert run(live) == 143
    assert "octo/models:111" in live.azure.tags(NAME)["deploy-lock"]


def test_a_signal_while_marking(live: EndpointWorld) -> None:
    live.azure.before_put = lambda _: signalling()() if not live.azure.tags(NAME) else None
    live.azure.change_seconds = 0
    assert run(live) == 130
    as_it_was(live)


def test_a_signal_during_creation(live: EndpointWorld) -> None:
    live.during_create = signalling()
    assert run(live) == 130
    as_it_was(live)
    assert live.outputs["rolled-back"] == "true"
    assert "Deployment green is being deleted." in live.log
    assert live.summary.startswith("### 🚫 Cancelled")


def test_a_signal_during_the_smoke_test(live: EndpointWorld) -> None:
    def model(request: Request) -> Response:
        signalling()()
        return good(request)

    live.azure.serving["green"] = model
    assert run(live) == 130
    as_it_was(live)


def at_half(world: EndpointWorld) -> Model:
    def model(request: Request) -> Response:
        if world.azure.traffic(NAME).get("green") == 50:
            signalling(signal.SIGTERM)()
        return good(request)

    return model


def test_a_signal_while_traffic_moves_restores_it(live: EndpointWorld) -> None:
    live.azure.serving["green"] = at_half(live)
    assert run(live) == 143
    as_it_was(live)
    assert live.azure.history_of_traffic[-1] == {"blue": 100}
    assert live.outputs["rolled-back"] == "true"
    assert json.loads(live.outputs["traffic"]) == {"blue": 100}


def test_a_signal_that_azure_is_too_slow_for_is_told(live: EndpointWorld) -> None:
    def slow_from_half(key: str) -> None:
        if live.azure.traffic(NAME).get("green") == 10:
            live.azure.change_seconds = 60

    live.azure.before_put = slow_from_half
    live.azure.serving["green"] = at_half(live)
    assert run(live) == 143
    assert "deploy-lock" in live.azure.tags(NAME), "the mark stays, and with it the traffic to restore"
    assert json.loads(live.azure.tags(NAME)["deploy-before"]) == {"blue": 100}


def test_a_signal_after_the_commit_keeps_the_new_one(live: EndpointWorld) -> None:
    delete = live.azure._deployment

    def interrupted(request: Request, key: str, rest: list[str]) -> Response:
        done = delete(request, key, rest)
        if request.method == "DELETE" and rest[0] == "blue":
            signalling()()
        return done

    live.azure._deployment = interrupted  # type: ignore[assignment, method-assign]
    assert run(live) == 130
    assert live.azure.traffic(NAME) == {"green": 100}
    assert list(live.azure.deployments[f"onlineEndpoints/{NAME}"]) == ["green"]
    assert "deploy-lock" not in live.azure.tags(NAME)
    assert live.outputs["rolled-back"] == "false"


def test_another_version_of_the_extension_can_be_asked_for(live: EndpointWorld, tmp_path: Path) -> None:
    live.env["AZURE_EXTENSION_DIR"] = str(tmp_path / "none")
    live.give(ml_extension_version="2.40.0")
    assert run(live) == ExitCode.OK
    assert option(live.az.launches("extension add")[0], "--version") == "2.40.0"
