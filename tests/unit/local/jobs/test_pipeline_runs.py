"""Pipelines: order, parallel steps, bindings, failures, reuse - with pretended processes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from azureml_local.jobs.processes import Launch
from support.local_jobs import Jobs, Program, make_jobs, pipeline, step

FOLDER = {"type": "uri_folder"}


def writes(name: str, text: str = "x") -> Program:
    async def program(launch: Launch) -> int:
        Path(launch.environment[f"AZURE_ML_OUTPUT_{name}"], "file.txt").write_text(text)
        return 0

    return program


def chain(jobs: Jobs, **more: Any) -> dict[str, Any]:
    """prep -> train, with train's output as the pipeline's; both reusable."""
    prep = jobs.command("prep ${{outputs.clean}}", outputs={"clean": FOLDER}, is_deterministic=True)
    train = jobs.command(
        "train ${{inputs.data}} --lr ${{inputs.lr}} ${{outputs.model}}",
        inputs={"data": FOLDER, "lr": {"type": "number", "default": "0.1"}},
        outputs={"model": FOLDER},
        is_deterministic=True,
    )
    jobs.launcher.programs |= {"prep": writes("clean"), "train": writes("model")}
    return pipeline(
        {
            "train": step(
                train,
                {"data": "${{parent.jobs.prep.outputs.clean}}", "lr": "${{parent.inputs.lr}}"},
                outputs={"model": {"value": "${{parent.outputs.model}}", "type": "literal"}},
            ),
            "prep": step(prep),
        },
        inputs={"lr": {"jobInputType": "literal", "value": "0.5"}},
        outputs={"model": {"jobOutputType": "uri_folder"}},
        **more,
    )


def test_steps_run_after_those_they_read_from(jobs: Jobs) -> None:
    run = asyncio.run(jobs.run(chain(jobs)))
    assert [status for status, _ in run.history] == ["NotStarted", "Preparing", "Running", "Finalizing", "Completed"]
    steps = jobs.children()
    assert [status for status, _ in steps["train"].history] == [
        "NotStarted", "Starting", "Preparing", "Queued", "Running", "Finalizing", "Completed",
    ]  # fmt: skip
    first, second = jobs.launcher.commands
    assert first.startswith("prep ")
    clean = first.split()[1]
    assert clean.endswith(f"/azureml/{steps['prep'].name}/clean")
    assert second.split()[:4] == ["train", clean, "--lr", "0.5"]
    assert run.outputs["model"]["uri"] == steps["train"].outputs["model"]["uri"]
    assert run.outputs["model"]["uri"].endswith(f"/paths/azureml/{steps['train'].name}/model/")


def test_mlflow_knows_every_run_and_its_end(jobs: Jobs) -> None:
    asyncio.run(jobs.run(chain(jobs)))
    train = jobs.children()["train"]
    assert jobs.mlflow.runs[train.name]["parent_run_id"] == "job"
    assert jobs.mlflow.runs[train.name]["root_run_id"] == "job"
    assert jobs.mlflow.ends == {"job": "FINISHED", train.name: "FINISHED", jobs.children()["prep"].name: "FINISHED"}


def test_a_second_run_reuses_equal_steps(jobs: Jobs) -> None:
    async def twice() -> None:
        await jobs.run(chain(jobs))
        await jobs.run(chain(jobs), "again")

    asyncio.run(twice())
    assert len(jobs.launcher.launches) == 2
    first, again = jobs.children(), jobs.children("again")
    assert again["train"].properties["azureml.isreused"] == "true"
    assert again["train"].properties["azureml.reusedrunid"] == first["train"].name
    assert again["train"].outputs == first["train"].outputs
    assert [run.status for run in again.values()] == ["Completed", "Completed"]


def test_a_reused_step_has_the_metrics_of_the_run_it_reuses(jobs: Jobs) -> None:
    async def twice() -> None:
        await jobs.run(chain(jobs))
        jobs.mlflow.metrics[jobs.children()["train"].name] = {"rmse": 2.5}
        await jobs.run(chain(jobs), "again")

    asyncio.run(twice())
    assert jobs.mlflow.metrics[jobs.children("again")["train"].name] == {"rmse": 2.5}


def test_force_rerun_runs_everything_again(jobs: Jobs) -> None:
    async def twice() -> None:
        await jobs.run(chain(jobs))
        await jobs.run(chain(jobs, settings={"force_rerun": True}), "again")

    asyncio.run(twice())
    assert len(jobs.launcher.launches) == 4


def test_an_output_that_was_removed_is_made_again(jobs: Jobs) -> None:
    async def twice() -> None:
        await jobs.run(chain(jobs))
        for launch in jobs.launcher.launches:
            for name, value in launch.environment.items():
                if name == "AZURE_ML_OUTPUT_clean":
                    Path(value, "file.txt").unlink()
        await jobs.run(chain(jobs), "again")

    asyncio.run(twice())
    assert len(jobs.launcher.launches) == 4  # prep has no output any more, so train's input is another one too


def test_a_changed_parameter_runs_only_what_depends_on_it(jobs: Jobs) -> None:
    async def twice() -> None:
        await jobs.run(chain(jobs))
        changed = chain(jobs)
        changed["inputs"] = {"lr": {"jobInputType": "literal", "value": "0.7"}}
        await jobs.run(changed, "again")

    asyncio.run(twice())
    assert [command.split()[0] for command in jobs.launcher.commands] == ["prep", "train", "train"]
    assert "azureml.isreused" in jobs.children("again")["prep"].properties
    assert "azureml.isreused" not in jobs.children("again")["train"].properties


def test_a_failed_step_is_not_reused(jobs: Jobs) -> None:
    async def fail(_: Launch) -> int:
        return 1

    async def twice() -> str:
        properties = chain(jobs)
        jobs.launcher.programs["train"] = fail
        await jobs.run(properties)
        jobs.launcher.programs["train"] = writes("model")
        return (await jobs.run(properties, "again")).status

    assert asyncio.run(twice()) == "Completed"
    assert [command.split()[0] for command in jobs.launcher.commands] == ["prep", "train", "train"]


def test_independent_steps_share_the_nodes(tmp_path: Path) -> None:
    jobs = make_jobs(tmp_path, nodes=2)
    most, now = 0, 0

    async def work(_: Launch) -> int:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return 0

    jobs.launcher.programs["work"] = work
    nodes = {f"s{number}": step(jobs.command(f"work {number}")) for number in range(5)}
    run = asyncio.run(jobs.run(pipeline(nodes)))
    assert run.status == "Completed"
    assert most == 2
    assert len(jobs.launcher.launches) == 5


@pytest.fixture
def failing(jobs: Jobs) -> Jobs:
    """`bad` exits 3 and says why; `slow` would run for ever."""

    async def bad(launch: Launch) -> int:
        with launch.log.open("a") as log:
            log.write("Traceback\nModuleNotFoundError: No module named 'nope'\n")
        return 3

    async def slow(_: Launch) -> int:
        await asyncio.sleep(3600)
        return 0

    jobs.launcher.programs |= {"bad": bad, "slow": slow}
    return jobs


def test_a_failed_step_ends_the_pipeline_and_says_why(failing: Jobs) -> None:
    bad = failing.command("bad", outputs={"o": FOLDER})
    after = failing.command("after ${{inputs.x}}", inputs={"x": FOLDER})
    nodes = {
        "bad": step(bad),
        "slow": step(failing.command("slow")),
        "after": step(after, {"x": "${{parent.jobs.bad.outputs.o}}"}),
    }
    run = asyncio.run(failing.run(pipeline(nodes)))
    assert run.status == "Failed"
    assert run.error is not None
    assert run.error["message"] == (
        "Step 'bad' failed. Execution failed: the command exited with code 3. Its log is user_logs/std_log.txt."
    )
    assert run.error["tail"].endswith("ModuleNotFoundError: No module named 'nope'")
    steps = failing.children()
    assert {name: step.status for name, step in steps.items()} == {"bad": "Failed", "slow": "Canceled"}
    assert failing.launcher.alive == {}
    assert failing.mlflow.ends[steps["slow"].name] == "KILLED"


def test_continue_on_step_failure_does_what_does_not_depend_on_it(failing: Jobs) -> None:
    bad = failing.command("bad", outputs={"o": FOLDER})
    after = failing.command("after ${{inputs.x}}", inputs={"x": FOLDER})
    nodes = {
        "bad": step(bad),
        "other": step(failing.command("other")),
        "after": step(after, {"x": "${{parent.jobs.bad.outputs.o}}"}),
    }
    run = asyncio.run(failing.run(pipeline(nodes, settings={"continue_on_step_failure": True})))
    assert run.status == "Failed"
    assert {name: step.status for name, step in failing.children().items()} == {"bad": "Failed", "other": "Completed"}


def test_cancel_ends_all_steps(failing: Jobs) -> None:
    async def cancel() -> None:
        nodes = {"one": step(failing.command("slow 1")), "two": step(failing.command("slow 2"))}
        failing.manager.submit(failing.workspace, "job", pipeline(nodes))
        while len(failing.launcher.launches) < 2:
            await asyncio.sleep(0)
        run = await failing.manager.cancel(failing.workspace, "job")
        assert run.status == "Canceled"

    asyncio.run(cancel())
    root = failing.manager.get(failing.workspace, "job")
    assert [status for status, _ in root.history][-2:] == ["CancelRequested", "Canceled"]
    assert {run.status for run in failing.children().values()} == {"Canceled"}
    assert failing.launcher.alive == {}


def test_nested_pipelines_hand_inputs_down_and_outputs_up(jobs: Jobs) -> None:
    inner = jobs.command(
        "inner ${{inputs.d}} ${{inputs.k}} ${{outputs.o}}",
        inputs={"d": FOLDER, "k": {"type": "integer"}},
        outputs={"o": FOLDER},
    )
    jobs.launcher.programs["inner"] = writes("o")
    nested = jobs.component(
        "nested",
        {
            "type": "pipeline",
            "inputs": {"d": FOLDER, "k": {"type": "integer", "default": "5", "optional": True}},
            "outputs": {"out": FOLDER},
            "jobs": {
                "deep": step(
                    inner,
                    {"d": "${{parent.inputs.d}}", "k": "${{parent.inputs.k}}"},
                    outputs={"o": {"value": "${{parent.outputs.out}}", "type": "literal"}},
                )
            },
        },
    )
    reader = jobs.command("reader ${{inputs.x}}", inputs={"x": FOLDER})
    jobs.file("rows/a.csv")
    job = pipeline(
        {
            "nest": {**step(nested, {"d": "${{parent.inputs.rows}}"}), "type": "pipeline"},
            "read": step(reader, {"x": "${{parent.jobs.nest.outputs.out}}"}),
        },
        inputs={"rows": {"jobInputType": "uri_folder", "uri": "azureml://datastores/workspaceblobstore/paths/rows/"}},
    )
    run = asyncio.run(jobs.run(job))
    assert run.status == "Completed", run.error
    nest = jobs.children()["nest"]
    (deep,) = jobs.manager.runs.children(jobs.workspace, nest.name)
    assert (nest.kind, deep.step, deep.parent, deep.root) == ("pipeline", "deep", nest.name, "job")
    inner_command, reader_command = jobs.launcher.commands
    assert inner_command.split()[2] == "5"
    assert inner_command.split()[1].endswith("/rows")
    assert reader_command.split()[1] == inner_command.split()[3]


def test_a_step_is_known_by_its_component(jobs: Jobs) -> None:
    """Programs find a pipeline's steps by azureml.moduleName, the name in the component's YAML."""
    named = {"command": "echo", "environment": f"azureml:{jobs.workspace.id}/environments/plain/versions/1"}
    prepare = jobs.component("prepare", {**named, "type": "command", "name": "uci_heart_prepare"})
    inline = jobs.component("inline", {**named, "type": "command", "name": "azureml_anonymous"})
    asyncio.run(jobs.run(pipeline({"one": step(prepare), "two": step(inline)})))
    names = {name: run.properties["azureml.moduleName"] for name, run in jobs.children().items()}
    assert names == {"one": "uci_heart_prepare", "two": "two"}


def test_a_pipeline_output_with_a_name_becomes_an_asset(jobs: Jobs) -> None:
    job = chain(jobs)
    job["outputs"] = {"model": {"jobOutputType": "uri_folder", "assetName": "kept", "assetVersion": "7"}}
    asyncio.run(jobs.run(job))
    asset = jobs.services.store.get(f"{jobs.workspace.id}/data/kept/versions/7")
    train = jobs.children()["train"]
    assert asset is not None
    assert asset["properties"]["dataUri"] == train.outputs["model"]["uri"]
    assert train.outputs["model"]["asset"] == asset["id"]


@pytest.mark.parametrize(("said", "kind"), [("uri_folder", "uri_file"), ("custom_model", "custom_model")])
def test_a_pipeline_output_of_no_said_type_is_what_the_step_writes(jobs: Jobs, said: str, kind: str) -> None:
    """Clients send uri_folder for outputs that say nothing."""
    writer = jobs.command("w ${{outputs.o}}", outputs={"o": {"type": "uri_file"}})
    bound = {"o": {"value": "${{parent.outputs.out}}", "type": "literal"}}
    run = asyncio.run(jobs.run(pipeline({"w": step(writer, outputs=bound)}, outputs={"out": {"jobOutputType": said}})))
    assert run.outputs["out"]["type"] == kind
