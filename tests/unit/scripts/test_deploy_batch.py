"""deploy-batch from inputs to outputs: scored before it is the default, and every way to be broken off."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy_batch import TITLE, deploy_batch
from errors import ExitCode
from support.fake_azure import Fault, child, model_version, option, refusal
from support.fake_endpoints import BATCH_SAS, EndpointWorld, deployment

NAME = "taxi-batch-913304"
KEY = f"batchEndpoints/{NAME}"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EndpointWorld:
    """A workspace where a batch job scores two files of two rows."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("endpoint.yml").write_text("name: taxi-batch\nauth_mode: aad_token\n")
    Path("deployment.yml").write_text("name: dp\nendpoint_name: taxi-batch\ntype: model\nmodel: azureml:taxi@latest\n")
    Path("batch").mkdir()
    for name in ("a.csv", "b.csv"):
        (Path("batch") / name).write_text("x,y\n1,2\n3,4\n")
    made = EndpointWorld(tmp_path)
    made.azure.models["taxi"] = [model_version("3")]
    made.azure.computes["cpu-cluster"] = {"name": "cpu-cluster"}
    made.azure.predictions = {"predictions.csv": "0,1.5,a.csv\n1,2.5,a.csv\n0,1.5,b.csv\n1,2.5,b.csv\n"}
    made.give(
        endpoint_file="endpoint.yml",
        deployment_file="deployment.yml",
        model="azureml:taxi:3",
        cluster_name="cpu-cluster",
        input="batch",
        expect_rows="4",
        output_folder="predictions",
        set_default="true",
    )
    return made


@pytest.fixture
def live(world: EndpointWorld) -> EndpointWorld:
    """Blue is the default."""
    world.azure.add("batchEndpoints", NAME, {"blue": 100})
    return world


def run(world: EndpointWorld) -> int:
    return world.run(TITLE, deploy_batch)


def default_of(world: EndpointWorld) -> object:
    return (world.azure.endpoints[KEY]["properties"].get("defaults") or {}).get("deploymentName")


def first_error(world: EndpointWorld) -> str:
    found = [line for line in world.log.splitlines() if line.startswith("::error")]
    assert len(found) == 1, found
    return found[0].replace("%0A", "\n").replace("%25", "%")


def test_a_first_deployment_is_scored_and_made_the_default(world: EndpointWorld) -> None:
    assert run(world) == ExitCode.OK, world.log
    outputs = world.outputs
    assert outputs["endpoint-name"] == NAME
    assert outputs["deployment-name"] == "blue"
    assert outputs["job-name"].startswith("batch-987654321-1-")
    assert outputs["status"] == "Completed"
    assert outputs["predictions-path"] == "predictions"
    assert outputs["rows"] == "4"
    assert Path("predictions/predictions.csv").read_text().startswith("0,1.5,a.csv\n")
    assert default_of(world) == "blue"
    assert "deploy-lock" not in world.azure.tags(NAME, "batchEndpoints")
    assert world.summary.startswith("### ✅ 4 rows scored with taxi:3")
    assert "0, 1.5, a.csv" in world.summary
    assert "| `batch`, 4 rows |" in world.summary


def test_it_needs_two_az_ml_calls_at_most(world: EndpointWorld) -> None:
    run(world)
    endpoint, created = world.az.launches("ml")
    assert endpoint[2:4] == ["batch-endpoint", "create"]
    assert created[2:4] == ["batch-deployment", "create"]
    settings = created[created.index("--set") + 1 :]
    assert settings[:2] == ["model=azureml:taxi:3", "compute=azureml:cpu-cluster"]


def test_a_pipelines_cluster_is_its_default_compute(live: EndpointWorld) -> None:
    Path("deployment.yml").write_text("name: dp\ntype: pipeline\ncomponent: azureml:score:1\n")
    live.give(model="")
    assert run(live) == ExitCode.OK, live.log
    created = live.az.launches("ml")[0]
    assert created[created.index("--set") + 1] == "settings.default_compute=azureml:cpu-cluster"


def test_the_other_one_of_blue_and_green_is_asked_by_header(live: EndpointWorld) -> None:
    assert run(live) == ExitCode.OK, live.log
    assert [call[2] for call in live.az.launches("ml")] == ["batch-deployment"]
    assert live.azure.invoked[0][0] == "green"
    assert default_of(live) == "green"
    assert set(live.azure.deployments[KEY]) == {"blue", "green"}, "the previous one stays for its jobs"
    assert run_again(live) == ExitCode.OK, live.log
    assert default_of(live) == "blue"


def run_again(world: EndpointWorld) -> int:
    world.give(output_folder="again")
    return run(world)


def test_the_upload_is_named_by_its_content_and_not_repeated(live: EndpointWorld) -> None:
    run(live)
    sent = len(live.azure.asked(r"/container/LocalUpload/.*\.csv", "PUT"))
    assert sent == 2
    assert live.azure.invoked[0][1]["UriFolder"]["uri"].endswith("/batch/")
    run_again(live)
    assert len(live.azure.asked(r"/container/LocalUpload/.*\.csv", "PUT")) == sent


@pytest.mark.parametrize(
    ("given", "kind", "uri"),
    [
        ("batch/a.csv", "UriFile", "/batch/a.csv"),
        ("azureml://datastores/other/paths/in/", "UriFolder", "azureml://datastores/other/paths/in/"),
        ("azureml://datastores/other/paths/in/x.csv", "UriFile", "azureml://datastores/other/paths/in/x.csv"),
        ("https://host/x.csv", "UriFile", "https://host/x.csv"),
        ("azureml:trips:2", "UriFile", "/data/trips/versions/2"),
        ("azureml:trips@latest", "UriFolder", "/data/trips/versions/3"),
    ],
)
def test_inputs_of_every_kind(live: EndpointWorld, given: str, kind: str, uri: str) -> None:
    live.azure.data_assets = {"trips": {"2": "uri_file", "3": "uri_folder"}}
    live.give(input=given, expect_rows="")
    assert run(live) == ExitCode.OK, live.log
    ((found, data),) = live.azure.invoked[0][1].items()
    assert found == kind
    assert data["uri"].endswith(uri) or (given == "batch/a.csv" and data["uri"].endswith("/a.csv"))


def test_a_signed_address_shows_no_signature(live: EndpointWorld) -> None:
    live.give(input="https://host/in/x.csv?sv=1&sig=s3cret", expect_rows="")
    assert run(live) == ExitCode.OK, live.log
    ((_, data),) = live.azure.invoked[0][1].items()
    assert data["uri"] == "https://host/in/x.csv?sv=1&sig=s3cret"
    told = [line for line in live.log.splitlines() if line != "::add-mask::sv=1&sig=s3cret"]
    assert "s3cret" not in "\n".join(told) + live.summary
    assert "`https://host/in/x.csv`" in live.summary


def test_the_summary_tells_what_came_out_and_how_to_call_it(live: EndpointWorld) -> None:
    assert run(live) == ExitCode.OK, live.log
    assert "| Rows scored | **4** |\n| Predictions | `predictions` (output predictions-path) |" in live.summary
    for way in ("az", "curl", "Python SDK", "REST client"):
        assert f"<details><summary>{way}</summary>" in live.summary
    assert "POST https://taxi-batch-" in live.summary


def test_without_input_it_only_deploys(live: EndpointWorld) -> None:
    live.give(input="", expect_rows="")
    assert run(live) == ExitCode.OK
    assert live.azure.invoked == []
    assert default_of(live) == "green"
    assert live.summary.startswith("### ✅ Deployed taxi:3")


def test_the_default_can_be_left_where_it_is(live: EndpointWorld) -> None:
    live.give(set_default="false")
    assert run(live) == ExitCode.OK
    assert default_of(live) == "blue"
    assert live.outputs["rows"] == "4"


def test_deploying_over_the_default_is_told(live: EndpointWorld) -> None:
    live.give(deployment_name="blue")
    assert run(live) == ExitCode.OK
    assert "Deployment blue is the default: its jobs use the new model before it has scored anything." in live.log


def failing_job(world: EndpointWorld) -> None:
    error = {"error": {"message": "1 of 3 mini-batches failed, error_threshold is 0"}}
    world.azure.batch_states = ["Running", "Failed"]
    world.azure.batch_children = [child("s1", "batchscoring", "Failed", error=error)]
    world.azure.logs["s1/user_logs/std_log.txt"] = "b.csv: could not convert string to float\n"


def test_a_failed_job_leaves_the_default_and_shows_its_log(live: EndpointWorld) -> None:
    failing_job(live)
    assert run(live) == ExitCode.JOB_FAILED
    assert default_of(live) == "blue"
    assert "deploy-lock" not in live.azure.tags(NAME, "batchEndpoints")
    error = first_error(live)
    assert "ended as Failed.\nThe default of taxi-batch-913304 is still blue." in error
    assert "b.csv: could not convert string to float" in error
    assert "b.csv: could not convert string to float" in live.summary
    assert live.outputs["status"] == "Failed"


def test_missing_rows_leave_the_default(live: EndpointWorld) -> None:
    live.give(expect_rows="5")
    assert run(live) == ExitCode.REJECTED
    assert "The predictions have 4 rows, 5 were expected (expect-rows)." in first_error(live)
    assert default_of(live) == "blue"
    assert live.outputs["rows"] == "4"


def test_rows_that_differ_from_the_input_are_told(live: EndpointWorld) -> None:
    live.azure.predictions = {"predictions.csv": "0,1.5,a.csv\n"}
    live.give(expect_rows="")
    assert run(live) == ExitCode.OK
    assert "4 rows went in, 1 came out." in live.log
    assert "**1** ⚠️ not as many as went in" in live.summary


def test_what_az_refuses_is_told(live: EndpointWorld) -> None:
    live.told_of_new = "ERROR: (UserError) something is wrong"
    assert run(live) == ExitCode.AZURE
    assert "something is wrong" in first_error(live)
    assert live.azure.invoked == []
    assert default_of(live) == "blue"


def test_a_cluster_that_is_not_there(live: EndpointWorld) -> None:
    live.give(cluster_name="gpu-cluster")
    assert run(live) == ExitCode.BAD_INPUT
    assert "There is no cluster gpu-cluster in workspace aml." in first_error(live)


def test_a_data_asset_that_is_not_there(live: EndpointWorld) -> None:
    live.give(input="azureml:trips:9", expect_rows="")
    assert run(live) == ExitCode.BAD_INPUT
    assert "There is no data asset trips:9 in workspace aml." in first_error(live)


def test_a_refused_invoke(live: EndpointWorld) -> None:
    live.azure.faults = [Fault(r"inference\.ml\.azure\.com/jobs", refusal(403, "Forbidden"))]
    assert run(live) == ExitCode.SIGN_IN
    assert default_of(live) == "blue"
    assert live.azure.cancelled == []


def test_an_invoke_whose_connection_broke_is_not_repeated(live: EndpointWorld) -> None:
    live.azure.lose_answer_of_invoke = True
    assert run(live) == ExitCode.OK, live.log
    assert len(live.azure.invoked) == 1


def test_a_timeout_cancels_the_job(live: EndpointWorld) -> None:
    live.azure.batch_states = ["Running"]
    live.give(timeout_minutes="5")
    assert run(live) == ExitCode.TIMEOUT
    assert live.azure.cancelled == [live.outputs["job-name"]]
    assert default_of(live) == "blue"


def signalling(signum: signal.Signals = signal.SIGINT) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), signum)


def test_a_signal_while_it_scores_cancels_the_job(live: EndpointWorld) -> None:
    live.azure.batch_states = ["Running"]
    live.clock.at(200, signalling())
    assert run(live) == 130
    assert live.azure.cancelled == [live.outputs["job-name"]]
    assert default_of(live) == "blue"
    assert "deploy-lock" not in live.azure.tags(NAME, "batchEndpoints")


def test_a_signal_while_it_is_created(live: EndpointWorld) -> None:
    live.during_create = signalling(signal.SIGTERM)
    assert run(live) == 143
    assert live.azure.cancelled == []
    assert "deploy-lock" not in live.azure.tags(NAME, "batchEndpoints")


def test_another_run_is_waited_for(live: EndpointWorld) -> None:
    until = live.clock.time() + 3000
    live.azure.tags(NAME, "batchEndpoints")["deploy-lock"] = f"octo/models:111:1:deploy:x {until:.0f} https://run/1"
    live.clock.at(100, lambda: live.azure.tags(NAME, "batchEndpoints").clear())
    assert run(live) == ExitCode.OK, live.log
    assert "is being deployed to by another run (https://run/1)" in live.log


def test_storage_that_takes_identities_only(live: EndpointWorld) -> None:
    live.azure.storage_gives_sas = False
    assert run(live) == ExitCode.OK, live.log
    asked = live.azure.asked(r"account\.blob\.core\.windows\.net/container")
    assert asked
    assert all(live.azure.audiences[each.headers["Authorization"][7:]].startswith("https://storage") for each in asked)


def test_bad_inputs_are_told_together_and_nothing_is_asked(world: EndpointWorld) -> None:
    Path("full").mkdir()
    (Path("full") / "old.csv").touch()
    world.give(
        input="nothing",
        expect_rows="many",
        output_folder="full/old.csv",
        endpoint_name="1x",
        deployment_name="a",
        cluster_name="1",
        model="taxi",
        set_default="yes",
        timeout_minutes="0",
        ml_extension_version="new",
    )
    assert run(world) == ExitCode.BAD_INPUT
    for part in (
        "input is 'nothing': there is no such file or folder in ",
        "expect-rows is 'many'",
        "output-folder is 'full/old.csv': it is a file, not a folder.",
        "endpoint-name is '1x'",
        "deployment-name is 'a'",
        "cluster-name is '1'",
        "model is 'taxi'",
        "set-default is 'yes'",
        "timeout-minutes is '0'",
        "ml-extension-version is 'new'",
        "10 problems with the inputs",
    ):
        assert part in world.log, part
    assert world.azure.requests == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"input": "azureml:trips"}, "it must be azureml:NAME:VERSION"),
        ({"input": "azureml://jobs/x"}, "it must be azureml://datastores/NAME/paths/PATH"),
        ({"input": "empty"}, "the folder is empty"),
        ({"input": ""}, "expect-rows is '4': it needs an input to be scored. Give input too."),
        ({"output_folder": "full"}, "it is not empty; predictions must not mix with other files"),
    ],
)
def test_refusals(world: EndpointWorld, given: dict[str, str], told: str) -> None:
    Path("empty").mkdir()
    Path("full").mkdir()
    (Path("full") / "old.csv").touch()
    world.give(**given)
    assert run(world) == ExitCode.BAD_INPUT
    assert told in world.log


def test_no_secret_is_told(live: EndpointWorld) -> None:
    run(live)
    assert f"::add-mask::{BATCH_SAS}" in live.log
    without_masks = "\n".join(line for line in live.log.splitlines() if not line.startswith("::add-mask::"))
    everything = without_masks + live.summary + live.output_file.read_text() + str(live.az.calls)
    for hidden in [BATCH_SAS, *live.azure.tokens, *live.azure.id_tokens]:
        assert hidden not in everything


def test_a_deployment_in_the_making_is_waited_for(live: EndpointWorld) -> None:
    live.state_of_new = "Updating"
    live.clock.at(150, lambda: live.azure.deployments[KEY].update(green=deployment("green")))
    assert run(live) == ExitCode.OK, live.log
    assert option(live.az.launches("ml")[0], "--endpoint-name") == NAME
