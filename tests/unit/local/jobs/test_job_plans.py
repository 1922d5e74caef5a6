"""What is refused before anything runs, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from azureml_local.errors import AzureError
from azureml_local.jobs.planning import plan_of
from azureml_local.jobs.specs import CommandSpec, PipelineSpec
from support.local_jobs import Jobs, make_jobs, pipeline, step


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    """One workspace for all: plans create nothing."""
    return make_jobs(tmp_path_factory.mktemp("jobs"))


FOLDER = {"type": "uri_folder"}
ENVIRONMENT = "azureml:plain:1"


def problem(jobs: Jobs, properties: dict[str, Any]) -> str:
    with pytest.raises(AzureError) as refused:
        plan_of(jobs.services, jobs.workspace, properties)
    assert refused.value.status == 400
    assert refused.value.code == "UserError"
    assert jobs.manager.runs.all(jobs.workspace) == []
    return refused.value.message


def command(**more: Any) -> dict[str, Any]:
    return {"jobType": "Command", "command": "echo", "environmentId": ENVIRONMENT, "computeId": "cpu", **more}


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (command(computeId="/subscriptions/s/computes/nope"), "compute: Unknown compute target 'nope'."),
        (
            command(environmentId="azureml:plain:9"),
            (
                "environment: There is no environment 'plain' version '9' in workspace 'aml-local'. "
                "Versions of 'plain': 1."
            ),
        ),
        (
            command(environmentId="azureml:other@latest"),
            "environment: There is no environment 'other' in workspace 'aml-local'.",
        ),
        (
            command(environmentId="azureml:plain@newest"),
            "environment: The label 'newest' in 'azureml:plain@newest' is not known; there is '@latest'.",
        ),
        (command(environmentId=None), "environment: an environment is missing."),
        (command(command=" "), "command: a command is missing."),
        (
            command(command="echo ${{inputs.typo}}", inputs={"x": {"jobInputType": "literal", "value": "1"}}),
            "command: '${{inputs.typo}}' is not declared; the inputs that are: x.",
        ),
        (
            command(command="echo ${{outputs.o}}"),
            "command: '${{outputs.o}}' is not declared; the outputs that are: none.",
        ),
        (
            command(resources={"instanceCount": 5}),
            "resources.instance_count: 5 instances are asked for, but compute 'cpu' has at most 4 node(s).",
        ),
        (
            command(resources={"instanceCount": 0.5}),
            "resources.instance_count: must be a positive integer, but '0.5' was given.",
        ),
        (
            command(distribution={"distributionType": "Ray"}),
            "distribution: the distribution 'ray' is not one of mpi, pytorch, tensorflow.",
        ),
        (
            command(inputs={"d": {"jobInputType": "uri_file", "uri": "azureml:rows:3"}}),
            "inputs.d: There is no data asset 'rows' version '3' in workspace 'aml-local'.",
        ),
        (
            command(inputs={"d": {"jobInputType": "database", "uri": "x"}}),
            (
                "inputs.d: type 'database' is not one of literal, custom_model, mlflow_model, mltable, triton_model, "
                "uri_file, uri_folder."
            ),
        ),
        ({"jobType": "Dance"}, "jobType 'Dance' is not one of Command, Pipeline, Sweep."),
    ],
)
def test_commands_are_refused(jobs: Jobs, properties: dict[str, Any], message: str) -> None:
    assert problem(jobs, properties) == message


def test_several_problems_are_told_together(jobs: Jobs) -> None:
    message = problem(jobs, command(computeId="nope", environmentId="azureml:x:1"))
    assert message.splitlines() == [
        "The job has several errors:",
        "- environment: There is no environment 'x' version '1' in workspace 'aml-local'.",
        "- compute: Unknown compute target 'nope'.",
    ]


@pytest.mark.parametrize("kind", ["AutoML", "Spark", "Labeling"])
def test_what_cannot_be_done_here_is_said(jobs: Jobs, kind: str) -> None:
    with pytest.raises(AzureError) as refused:
        plan_of(jobs.services, jobs.workspace, {"jobType": kind})
    assert refused.value.status == 501


TRAIN = {
    "data": FOLDER,
    "lr": {"type": "number", "min": "0.0", "max": "1.0", "default": "0.1"},
    "kind": {"type": "string", "enum": ["fast", "slow"], "default": "fast"},
    "count": {"type": "integer", "optional": True},
    "flag": {"type": "boolean", "default": "False"},
}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "this required input (uri_folder) is missing"),
        ({"data": "text"}, "must be data of type uri_folder, but the literal 'text' was given"),
        (
            {"data": "${{parent.inputs.lr}}"},
            "must be of type uri_folder, but '${{parent.inputs.lr}}' is of type string",
        ),
        (
            {"data": "${{parent.inputs.roows}}"},
            (
                "'${{parent.inputs.roows}}': the pipeline has no input 'roows' (an empty value counts as none); "
                "it has: rows, lr"
            ),
        ),
        (
            {"data": "${{parent.jobs.prepp.outputs.clean}}"},
            "there is no step 'prepp' in the pipeline; its steps: prep, train",
        ),
        ({"data": "${{parent.jobs.prep.outputs.cleen}}"}, "step 'prep' has no output 'cleen'; it has: clean"),
        (
            {"data": "${{parent.outputs.x}}"},
            "'${{parent.outputs.x}}' is an output; an input can be bound to inputs and other steps' outputs",
        ),
        (
            {"data": "${{foo.bar}}"},
            (
                "'${{foo.bar}}' is not a binding. Use ${{parent.inputs.NAME}}, ${{parent.jobs.STEP.outputs.NAME}} or "
                "${{parent.outputs.NAME}}"
            ),
        ),
        ({"lr": "abc"}, "must be a number, but 'abc' was given"),
        ({"lr": "1.5"}, "must not be greater than 1, but 1.5 was given"),
        ({"lr": "-1"}, "must not be less than 0, but -1 was given"),
        ({"lr": "${{parent.jobs.prep.outputs.clean}}"}, "must be of type number, but"),
        ({"kind": "odd"}, "must be one of fast, slow, but 'odd' was given"),
        ({"count": "1.5"}, "must be an integer, but '1.5' was given"),
        ({"flag": "yes"}, "must be a boolean, but 'yes' was given"),
        ({"typo": "1"}, "the component of step 'train' has no such input; it has: data, lr, kind, count, flag"),
    ],
)
def test_inputs_of_steps_are_refused(jobs: Jobs, inputs: dict[str, str], message: str) -> None:
    train = jobs.command("train ${{inputs.data}} $[[${{inputs.count}}]]", inputs=TRAIN)
    prep = jobs.command("prep ${{outputs.clean}}", outputs={"clean": FOLDER})
    given = {"data": "${{parent.jobs.prep.outputs.clean}}", **inputs} if inputs else {}
    job = pipeline(
        {"prep": step(prep), "train": step(train, given)},
        inputs={
            "rows": {"jobInputType": "uri_folder", "uri": "azureml://datastores/workspaceblobstore/paths/rows"},
            "lr": {"jobInputType": "literal", "value": "0.5"},
        },
    )
    refused = problem(jobs, job)
    name = next(iter(inputs), "data")
    assert refused.startswith(f"jobs.train.inputs.{name}: {message}")


def test_an_optional_input_belongs_into_an_optional_segment(jobs: Jobs) -> None:
    train = jobs.command("train ${{inputs.count}}", inputs={"count": {"type": "integer", "optional": True}})
    assert problem(jobs, pipeline({"train": step(train)})) == (
        "jobs.train.command: '${{inputs.count}}' is an optional input: put it into an optional segment, $[[ … ]]."
    )


def test_steps_that_wait_for_each_other_are_refused(jobs: Jobs) -> None:
    both = jobs.command("x ${{inputs.i}} ${{outputs.o}}", inputs={"i": FOLDER}, outputs={"o": FOLDER})
    nodes = {name: step(both, {"i": f"${{{{parent.jobs.{other}.outputs.o}}}}"}) for name, other in ("ab", "bc", "ca")}
    assert problem(jobs, pipeline(nodes)) == "jobs: the steps wait for each other: a -> b -> c -> a."


def test_an_unknown_component_and_an_unknown_output_are_refused(jobs: Jobs) -> None:
    known = jobs.command("x ${{outputs.o}}", outputs={"o": FOLDER})
    nodes = {
        "one": step("azureml:nope:1"),
        "two": step(known, outputs={"p": {"job_output_type": "uri_folder"}}),
        "three": step(known, outputs={"o": {"value": "${{parent.outputs.q}}", "type": "literal"}}),
    }
    assert problem(jobs, pipeline(nodes)).splitlines()[1:] == [
        "- jobs.one.component: There is no component 'nope' version '1' in workspace 'aml-local'.",
        "- jobs.two.outputs.p: the component has no such output; it has: o.",
        "- jobs.three.outputs.o: '${{parent.outputs.q}}': the pipeline has no output 'q'; it has: none.",
    ]


def test_two_steps_cannot_write_one_output(jobs: Jobs) -> None:
    known = jobs.command("x ${{outputs.o}}", outputs={"o": FOLDER})
    bound = {"o": {"value": "${{parent.outputs.q}}", "type": "literal"}}
    nodes = {"one": step(known, outputs=bound), "two": step(known, outputs=bound)}
    job = pipeline(nodes, outputs={"q": {"jobOutputType": "uri_folder"}})
    assert problem(jobs, job) == "jobs.two.outputs.o: step 'one' writes the pipeline's output 'q' already."


def test_one_unknown_compute_is_one_problem(jobs: Jobs) -> None:
    nodes = {name: step(jobs.command(f"x {name}")) for name in "abc"}
    assert problem(jobs, pipeline(nodes, settings={"default_compute": "nope"})) == (
        "settings.default_compute: Unknown compute target 'nope'."
    )


@pytest.mark.parametrize("kind", ["spark", "automl", "import", "data_transfer", "do_while", "if_else", "parallel_for"])
def test_steps_that_cannot_be_done_here_are_named(jobs: Jobs, kind: str) -> None:
    with pytest.raises(AzureError) as refused:
        plan_of(jobs.services, jobs.workspace, pipeline({"s": {"type": kind}}))
    assert refused.value.status == 501
    assert f"{kind} steps (jobs.s)" in refused.value.message


def test_settings_of_a_step_lie_over_its_component(jobs: Jobs) -> None:
    component = jobs.command(
        "x", environment_variables={"A": "1", "B": "2"}, limits={"timeout": 60}, resources={"instance_count": 1}
    )
    node = step(
        component,
        environment_variables={"B": "3"},
        limits={"job_limits_type": "Command", "timeout": "PT1M40S"},
        resources={"instance_count": 2},
    )
    plan = plan_of(jobs.services, jobs.workspace, pipeline({"s": node}))
    assert isinstance(plan.spec, PipelineSpec)
    spec = plan.spec.steps["s"].spec
    assert isinstance(spec, CommandSpec)
    assert (spec.variables, spec.timeout, spec.instances) == ({"A": "1", "B": "3"}, 100.0, 2)


def test_what_is_ignored_is_said_once(jobs: Jobs) -> None:
    component = jobs.command("x")
    node = step(component, identity={"identity_type": "UserIdentity"}, resources={"instance_type": "gpu"})
    job = pipeline({"a": node, "b": node}, identity={"identityType": "Managed"})
    assert plan_of(jobs.services, jobs.workspace, job).warnings == (
        "identity is ignored: every local step runs as the workspace's own principal",
        "jobs.a.resources.instance_type is ignored: steps run as processes of this machine",
        "jobs.b.resources.instance_type is ignored: steps run as processes of this machine",
    )


@pytest.mark.parametrize("end", ["labels/latest", "versions/3"])
def test_environments_of_microsofts_registry_are_known(jobs: Jobs, end: str) -> None:
    reference = f"azureml://registries/azureml/environments/sklearn-1.5/{end}"
    spec = plan_of(jobs.services, jobs.workspace, command(environmentId=reference)).spec
    assert isinstance(spec, CommandSpec)
    assert spec.environment.name == "sklearn-1.5"
    assert spec.environment.properties["image"].startswith("mcr.microsoft.com/azureml/curated/sklearn-1.5:")


def test_a_registry_that_is_not_there_is_told(jobs: Jobs) -> None:
    reference = "azureml://registries/ours/environments/e/versions/1"
    assert problem(jobs, command(environmentId=reference)) == (
        f"environment: '{reference}': there is no registry 'ours'. Registries here: none but azureml. "
        "`az ml registry create` makes one."
    )
