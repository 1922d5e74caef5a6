"""What is to be run, read from the documents and typed: commands, pipelines of steps, and what a step is bound to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from azureml_local.environments.spec import EnvironmentSpec

from .bindings import ParentInput, StepOutput
from .early_termination import Policy
from .references import Asset
from .values import Data, InputPort, Literal, OutputPort, Value

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


@dataclass(frozen=True)
class OutputSetting:
    """Where an output goes and as what it is registered. `uri` may hold `${{name}}` and `${{output_name}}`."""

    type: str | None = None
    mode: str | None = None
    uri: str | None = None
    asset_name: str | None = None
    asset_version: str | None = None
    parent: str | None = None  # it is this output of the pipeline

    def under(self, outer: OutputSetting) -> OutputSetting:
        """With what the pipeline says about the same output taking precedence.

        A pipeline's output that says nothing is sent as uri_folder; the step knows better then.
        """
        return OutputSetting(
            type=self.type if outer.type in (None, "uri_folder") else outer.type,
            mode=outer.mode or self.mode,
            uri=outer.uri or self.uri,
            asset_name=outer.asset_name or self.asset_name,
            asset_version=outer.asset_version or self.asset_version,
            parent=outer.parent,
        )


@dataclass(frozen=True)
class Binding:
    """What a step's input is given: a value, or where to get it. `mode` overrides how it is delivered."""

    source: Literal | Data | ParentInput | StepOutput
    mode: str | None = None


@dataclass(frozen=True)
class Distribution:
    """kind: pytorch, tensorflow or mpi."""

    kind: str
    processes_per_instance: int = 1
    workers: int | None = None
    parameter_servers: int = 0


@dataclass(frozen=True)
class CommandSpec:
    """A command and all that it takes to run it. `timeout` in seconds."""

    command: str
    environment: Asset
    code: Asset | None = None
    inputs: Mapping[str, InputPort] = field(default_factory=dict)
    outputs: Mapping[str, OutputPort] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    deterministic: bool = False
    distribution: Distribution | None = None
    instances: int = 1
    timeout: float | None = None
    component: str | None = None  # id of the component it comes from
    kind: str = "command"


@dataclass(frozen=True)
class ParallelSpec:
    """A parallel run: an entry script with `init()` and `run(mini_batch)` over the files of one input.

    entry_script: None when the MLflow model needs none.  environment: in place of the command's.
    mini_batch_size: files in a mini-batch; of a table, bytes.  partition_keys: columns of a table, instead of a size.
    retries, timeout: of one mini-batch, in seconds.
    error_threshold: failed items that are still accepted; mini_batch_error_threshold the same for mini-batches;
    -1 accepts all; failed_percent the same for mini-batches of a hundred.
    append_row_to: the output that gets the rows, None for `summary_only`; file_name: of the file in it.
    deployment: this is the scoring of a batch deployment, with its model and the folder for outputs of its own.
    """

    command: CommandSpec  # its environment, code, ports, variables; the command itself is empty
    entry_script: str | None
    input_name: str
    append_row_to: str | None
    arguments: str = ""
    mini_batch_size: int = 1
    partition_keys: tuple[str, ...] = ()
    concurrency: int = 1
    retries: int = 2
    timeout: float = 60.0
    start_timeout: float = 600.0
    error_threshold: int = -1
    mini_batch_error_threshold: int = -1
    failed_percent: int = 100
    logging_level: str = "INFO"
    header: bool = False
    file_name: str = "parallel_run_step.txt"
    model: Asset | None = None
    environment: EnvironmentSpec | None = None
    deployment: bool = False
    kind: str = "parallel"

    @property
    def inputs(self) -> Mapping[str, InputPort]:
        return self.command.inputs

    @property
    def outputs(self) -> Mapping[str, OutputPort]:
        return self.command.outputs


@dataclass(frozen=True)
class SweepSpec:
    """A sweep: the same command with values drawn from a search space.

    space: `{"lr": ("uniform", [0.1, 1])}`.  sampling: random, grid or bayesian.  Timeouts in seconds.
    log_base: of random values on a logarithmic scale; e when None.
    """

    trial: CommandSpec
    space: Mapping[str, tuple[str, list[Any]]]
    sampling: str
    seed: int | None
    goal: str
    metric: str
    max_trials: int
    max_concurrent: int
    timeout: float | None = None
    early_termination: Policy | None = None
    log_base: float | None = None
    kind: str = "sweep"

    @property
    def inputs(self) -> Mapping[str, InputPort]:
        return {name: port for name, port in self.trial.inputs.items() if name not in self.space}

    @property
    def outputs(self) -> Mapping[str, OutputPort]:
        return self.trial.outputs


@dataclass(frozen=True)
class PipelineSpec:
    """Steps in the order of the document; who waits for whom follows from their bindings."""

    steps: Mapping[str, Step]
    inputs: Mapping[str, InputPort]
    outputs: Mapping[str, OutputPort]
    component: str | None = None
    kind: str = "pipeline"

    def source_of(self, output: str) -> tuple[str, str] | None:
        """(step, output) that is the pipeline's output."""
        for step in self.steps.values():
            for name, setting in step.outputs.items():
                if setting.parent == output:
                    return step.name, name
        return None


Spec = CommandSpec | PipelineSpec | ParallelSpec | SweepSpec


@dataclass(frozen=True)
class Step:
    """One node of a pipeline."""

    name: str
    spec: Spec
    inputs: Mapping[str, Binding]
    outputs: Mapping[str, OutputSetting]
    compute: str | None = None
    display_name: str | None = None

    @property
    def needs(self) -> set[str]:
        """The steps whose outputs it reads."""
        return {binding.source.step for binding in self.inputs.values() if isinstance(binding.source, StepOutput)}


@dataclass(frozen=True)
class Plan:
    """A whole job, checked: nothing in it refers to what is not there."""

    spec: Spec
    inputs: Mapping[str, Value]
    outputs: Mapping[str, OutputSetting]
    compute: str | None
    datastore: str
    continue_on_failure: bool = False
    force_rerun: bool = False
    warnings: tuple[str, ...] = ()


def seconds(given: object) -> float | None:
    """A duration as REST (`PT1M40S`) or components (a number of seconds) write it."""
    if given is None or given == "":
        return None
    text = str(given)
    if match := _DURATION.fullmatch(text):
        days, hours, minutes, rest = (float(part or 0) for part in match.groups())
        return days * 86400 + hours * 3600 + minutes * 60 + rest
    return float(text)


def with_defaults(spec: CommandSpec, **more: Any) -> CommandSpec:
    """The same command with some settings of the step laid over it; those that are None stay as they are."""
    return replace(spec, **{name: value for name, value in more.items() if value is not None})
