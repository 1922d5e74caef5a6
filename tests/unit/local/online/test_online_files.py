"""What is laid out for the servers, which environment they get, and what their logs show."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from azureml_local.environments import plan as environment_plans
from azureml_local.environments.build import BuiltEnvironment
from azureml_local.environments.errors import EnvironmentBuildError
from azureml_local.online import layout, logs
from azureml_local.online.deployment_rules import Probe
from azureml_local.online.plan import Code, Environment, ModelFiles, Plan, from_document
from support.local_server import make_server

IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"
CONDA = "dependencies:\n  - python=3.10\n  - pip:\n      - numpy==1.26.4\n"
MLMODEL = "flavors:\n  python_function:\n    env: {conda: conda.yaml, virtualenv: python_env.yaml}\n"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A deployment of a model folder and a code folder."""
    (tmp_path / "store/model/deep").mkdir(parents=True)
    (tmp_path / "store/model/deep/weights.json").write_text("{}")
    (tmp_path / "store/model/MLmodel").write_text(MLMODEL)
    (tmp_path / "store/model/conda.yaml").write_text(CONDA)
    (tmp_path / "store/code/inner").mkdir(parents=True)
    (tmp_path / "store/code/inner/score.py").write_text("")
    probe = Probe(10, 10, 2, 30, 1)
    return Plan(
        endpoint="taxi",
        deployment="blue",
        model=ModelFiles("fares", "3", "custom_model", str(tmp_path / "store/model")),
        code=Code(str(tmp_path / "store/code"), "inner/score.py"),
        environment=Environment("env:1", {"image": IMAGE, "condaFile": CONDA}, None),
        variables={"WORKER_COUNT": "2"},
        instances=1,
        concurrency=4,
        timeout=5.0,
        liveness=probe,
        readiness=probe,
    )


def silent(_: str) -> None:
    """No log."""


def packages(plan: Plan, laid: layout.Laid) -> tuple[tuple[str, ...], ...]:
    return environment_plans.make(layout.environment_spec(plan, laid)).layers


def test_a_plan_survives_being_stored(plan: Plan) -> None:
    kept = json.loads(json.dumps(plan.document()))
    assert from_document(kept) == plan
    bare = replace(plan, model=None, code=None, environment=None)
    assert from_document(json.loads(json.dumps(bare.document()))) == bare


def test_plans_that_differ_in_the_number_of_instances_are_served_alike(plan: Plan) -> None:
    assert plan.serves_the_same == replace(plan, instances=3).serves_the_same
    assert plan.serves_the_same != replace(plan, timeout=6).serves_the_same


def test_files_lie_as_in_azures_container(plan: Plan, tmp_path: Path) -> None:
    said: list[str] = []
    laid = layout.lay_out(plan, tmp_path / "run", said.append)
    weights = tmp_path / "run/azureml-models/fares/3/model/deep/weights.json"
    assert laid.model_root == tmp_path / "run/azureml-models/fares/3"
    assert weights.read_text() == "{}"
    assert weights.stat().st_mode & 0o222 == 0
    assert laid.script == tmp_path / "run/azureml-app/code/inner/score.py"
    assert laid.script.is_file()
    assert said[0].startswith("copying model fares:3 to ")
    stored = tmp_path / "store/model/deep/weights.json"
    assert stored.stat().st_mode & 0o200

    said.clear()
    assert layout.lay_out(plan, tmp_path / "run", said.append) == laid
    assert said == []  # laid out once
    layout.remove(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_model_that_is_one_file(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "store/model.pkl").write_text("x")
    plan = replace(plan, model=ModelFiles("fares", "4", "custom_model", str(tmp_path / "store/model.pkl")))
    laid = layout.lay_out(plan, tmp_path / "run", silent)
    assert laid.model == tmp_path / "run/azureml-models/fares/4/model.pkl"
    assert laid.model.read_text() == "x"


def test_the_inference_server_is_added_unless_it_is_named(plan: Plan, tmp_path: Path) -> None:
    laid = layout.lay_out(plan, tmp_path / "run", silent)
    assert packages(plan, laid)[-1] == ("azureml-inference-server-http",)
    for named in ("azureml-inference-server-http==1.4.1", "azureml_inference_server_http", "azureml-defaults"):
        conda = CONDA + f"      - {named}\n"
        given = replace(plan, environment=Environment("env:2", {"image": IMAGE, "condaFile": conda}, None))
        assert len([p for layer in packages(given, laid) for p in layer if "inference" in p or "defaults" in p]) == 1


def test_an_image_that_cannot_be_known_is_still_refused(plan: Plan, tmp_path: Path) -> None:
    laid = layout.lay_out(plan, tmp_path / "run", silent)
    plan = replace(plan, environment=Environment("env:1", {"image": "example.org/mine:1"}, None))
    with pytest.raises(EnvironmentBuildError, match=r"what its image 'example.org/mine:1' contains cannot be known"):
        layout.environment_spec(plan, laid)


def test_an_mlflow_model_brings_its_environment_and_gets_our_script(plan: Plan, tmp_path: Path) -> None:
    plan = replace(plan, code=None, environment=None, variables={})
    laid = layout.lay_out(plan, tmp_path / "run", silent)
    assert "def init()" in laid.script.read_text()
    spec = layout.environment_spec(plan, laid)
    assert environment_plans.make(spec).layers == (("numpy==1.26.4",), ("azureml-inference-server-http",))


def test_what_a_server_finds_in_its_environment(plan: Plan, tmp_path: Path) -> None:
    services = make_server(tmp_path / "server").services
    laid = layout.lay_out(plan, tmp_path / "run", silent)
    built = BuiltEnvironment(Path("/env/bin/python"), Path("/env"), (), {"FROM_IMAGE": "1"})
    found = layout.environment_variables(services, plan, laid, built)
    assert found["AZUREML_MODEL_DIR"] == str(tmp_path / "run/azureml-models/fares/3")
    assert found["AML_APP_ROOT"] == str(tmp_path / "run/azureml-app/code")
    assert found["WORKER_COUNT"] == "2"
    assert found["FROM_IMAGE"] == "1"
    assert found["PATH"].startswith("/env/bin:")
    assert "MLFLOW_MODEL_FOLDER" not in found
    assert int(found["OMP_NUM_THREADS"]) >= 1
    plan = replace(plan, variables={"OMP_NUM_THREADS": "7"})
    assert layout.environment_variables(services, plan, laid, built)["OMP_NUM_THREADS"] == "7"


@pytest.mark.parametrize(
    ("instances", "variables", "cores", "threads"),
    [(1, {}, 2, 1), (1, {}, 1, 1), (1, {}, 8, 4), (2, {}, 8, 2), (1, {"WORKER_COUNT": "2"}, 8, 2),
     (8, {}, 8, 1), (1, {"WORKER_COUNT": "0"}, 8, 4), (1, {"WORKER_COUNT": "many"}, 8, 4)],
)  # fmt: skip
def test_workers_share_the_machines_cores_also_with_the_deployment_they_replace(
    plan: Plan, instances: int, variables: dict[str, str], cores: int, threads: int
) -> None:
    assert layout.threads(replace(plan, instances=instances, variables=variables), cores) == threads


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("Traceback …\nModuleNotFoundError: No module named 'torch'\n\nThe above exception …\nTraceback …\n"
         "azureml_inference_server_http.server.user_script.UserScriptImportException: Failed to import\nbye",
         "ModuleNotFoundError: No module named 'torch'"),
        ("azureml_inference_server_http.server.user_script.UserScriptError: score.py does not have a run() function",
         "azureml_inference_server_http.server.user_script.UserScriptError: score.py does not have a run() function"),
        ("pkg.mod.OddError: first\nKeyError\nScore:   POST /score", "KeyError"),
        ("2026-11-23 15:40:28,940 E gunicorn.error - Reason: Worker failed to boot.", None),
        ("", None),
    ],
)  # fmt: skip
def test_the_cause_in_a_log(text: str, cause: str | None) -> None:
    assert logs.cause(text) == cause


def test_logs_show_the_revision_that_was_started_last(tmp_path: Path) -> None:
    kept = logs.Logs(tmp_path / "logs")
    kept.begin("one")
    kept.server.write_text("first\n")
    kept.begin("two")
    kept.server.write_text("second\n")
    kept.step("UserContainerStart", "Failed")
    kept.event("building")
    kept.storage("copying")
    shown = kept.show(logs.INFERENCE_SERVER, 10)
    assert "UserContainerStart: Failed" in shown
    assert "Container events:\nbuilding\n" in shown
    assert shown.endswith("Container logs:\nsecond")
    assert kept.show(logs.STORAGE_INITIALIZER, 10) == "copying"
    assert logs.Logs(tmp_path / "logs").show(logs.INFERENCE_SERVER, 10) == "Container logs:\nsecond"  # after a restart
    for number in range(9):
        kept.begin(str(number))
    assert len(list((tmp_path / "logs").glob("inference-server-*.log"))) <= 5
