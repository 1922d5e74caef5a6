"""From the REST document of a job to a checked plan. Nothing is created before the whole document is understood.

All that is wrong is reported together, each with its place in the document, in one 400 as Azure answers bad jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from azureml_local.errors import AzureError, bad_request, not_implemented
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services

from . import nodes
from .command_reader import CommandReader
from .node_bindings import Scope
from .node_reader import NodeReader, order_of_steps
from .problems import Problems
from .references import UnknownReferenceError, asset, compute_name
from .specs import CommandSpec, OutputSetting, ParallelSpec, PipelineSpec, Plan, Spec, SweepSpec
from .sweep_reader import SweepReader
from .values import DATA_TYPES, Data, InputPort, Literal, OutputPort, Value, as_text, literal_problem, mode_of

_NOT_HERE = {
    "automl": "automl jobs",
    "spark": "spark jobs",
    "labeling": "data labeling jobs",
    "finetuning": "fine-tuning jobs",
    "base": "jobs without a type",
}
DEFAULT_DATASTORE = "workspaceblobstore"


def plan_of(services: Services, workspace: WorkspaceRef, properties: Mapping[str, Any]) -> Plan:
    """The plan of a job's `properties`. Raises AzureError: 400 with all that is wrong, 501 for what isn't done here."""
    return _Planner(services, workspace, properties).plan()


class _Planner:
    def __init__(self, services: Services, workspace: WorkspaceRef, properties: Mapping[str, Any]) -> None:
        self._services = services
        self._workspace = workspace
        self._given = properties
        self._problems = Problems()
        self._bad_computes: set[str] = set()

    def plan(self) -> Plan:
        kind = str(self._given.get("jobType") or "").lower()
        readers: dict[str, Callable[[], tuple[Spec, Mapping[str, Value]] | None]] = {
            "command": self._command,
            "pipeline": self._pipeline,
            "sweep": self._sweep,
        }
        if kind not in readers:
            if kind in _NOT_HERE:
                raise not_implemented(_NOT_HERE[kind])
            raise bad_request(f"jobType '{self._given.get('jobType')}' is not one of Command, Pipeline, Sweep.")
        self._ignored()
        settings = {key.lower().replace("_", ""): value for key, value in (self._given.get("settings") or {}).items()}
        datastore = compute_name(settings.get("defaultdatastore")) or DEFAULT_DATASTORE
        if self._services.store.get(f"{self._workspace.id}/datastores/{datastore}") is None:
            self._problems.add("settings.default_datastore", f"there is no datastore '{datastore}'")
        found = readers[kind]()
        compute = self._default_compute()
        if found is not None:
            spec, _ = found
            if not isinstance(spec, PipelineSpec):
                self._check_nodes(compute, spec)
        outputs = self._outputs()
        self._problems.raise_any()
        assert found is not None
        spec, inputs = found
        return Plan(
            spec=spec,
            inputs=inputs,
            outputs=outputs,
            compute=compute,
            datastore=datastore,
            continue_on_failure=_true(settings.get("continueonstepfailure")),
            force_rerun=_true(settings.get("forcererun")),
            warnings=tuple(self._problems.warnings),
        )

    # -- the three kinds ---------------------------------------------------------------------------------------

    def _command(self) -> tuple[Spec, Mapping[str, Value]] | None:
        inputs = self._inputs()
        spec = self._command_reader().of_job(
            self._given, inputs={name: _port(name, value) for name, value in inputs.items()}, outputs=self._ports()
        )
        return None if spec is None else (spec, inputs)

    def _sweep(self) -> tuple[Spec, Mapping[str, Value]] | None:
        inputs = self._inputs()
        ports = {name: _port(name, value) for name, value in inputs.items()}
        spec = SweepReader(self._problems).of_job(self._given, self._command_reader(), ports, self._ports())
        return None if spec is None else (spec, inputs)

    def _pipeline(self) -> tuple[Spec, Mapping[str, Value]] | None:
        inputs = self._inputs()
        reader = NodeReader(self._services, self._workspace, self._problems, self._check_compute)
        component = self._given.get("componentId")
        if component:
            try:
                found = asset(self._services, self._workspace, str(component), "components")
            except UnknownReferenceError as error:
                self._problems.add("component", str(error))
                return None
            document = found.properties.get("componentSpec") or {}
            if document.get("type") != "pipeline":
                self._problems.add("component", f"'{found.name}' is a {document.get('type')} component, not a pipeline")
                return None
            spec = reader.pipeline(document, "", self._default_compute(), component=found.id)
            self._check_values(spec, inputs)
            return spec, inputs
        ports = {name: _port(name, value) for name, value in inputs.items()}
        scope = Scope("", ports, self._ports(), self._default_compute(), inline=True)
        steps = reader.steps(self._given.get("jobs") or {}, scope)
        if not self._given.get("jobs"):
            self._problems.add("jobs", "a pipeline needs at least one step")
        spec = PipelineSpec(steps=order_of_steps(steps, "", self._problems), inputs=ports, outputs=self._ports())
        return spec, inputs

    def _command_reader(self) -> CommandReader:
        return CommandReader(self._services, self._workspace, self._problems)

    # -- inputs and outputs of the job ---------------------------------------------------------------------------

    def _inputs(self) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for name, given in (self._given.get("inputs") or {}).items():
            kind = str((given or {}).get("jobInputType") or (given or {}).get("job_input_type") or "").lower()
            where = f"inputs.{name}"
            if kind == "literal":
                values[name] = Literal(as_text(given.get("value", "")))
            elif kind in DATA_TYPES:
                if not given.get("uri"):
                    self._problems.add(where, "a data input needs a path")
                    continue
                value = Data(str(given["uri"]), kind, mode_of(given.get("mode")))
                values[name] = self._problems.check_data(self._services, self._workspace, value, where)
            else:
                self._problems.add(where, f"type '{kind}' is not one of literal, {', '.join(sorted(DATA_TYPES))}")
        return values

    def _ports(self) -> dict[str, OutputPort]:
        return {
            name: OutputPort(name, setting.type or "uri_folder", setting.mode)
            for name, setting in self._outputs().items()
        }

    def _outputs(self) -> dict[str, OutputSetting]:
        settings = {}
        for name, given in (self._given.get("outputs") or {}).items():
            given = given or {}  # noqa: PLW2901 - null means all defaults
            kind = str(given.get("jobOutputType") or given.get("job_output_type") or "uri_folder").lower()
            if kind not in DATA_TYPES:
                self._problems.add(f"outputs.{name}", f"type '{kind}' is not one of {', '.join(sorted(DATA_TYPES))}")
            settings[name] = OutputSetting(
                type=kind,
                mode=mode_of(given.get("mode")),
                uri=given.get("uri") or None,
                asset_name=given.get("assetName") or None,
                asset_version=given.get("assetVersion") or None,
            )
        return settings

    def _check_values(self, spec: PipelineSpec, inputs: Mapping[str, Value]) -> None:
        """The job's inputs against what its pipeline component declares."""
        for name, value in inputs.items():
            port = spec.inputs.get(name)
            if port is None:
                known = ", ".join(spec.inputs) or "none"
                self._problems.add(f"inputs.{name}", f"the pipeline component has no such input; it has: {known}")
            elif port.is_data != isinstance(value, Data):
                self._problems.add(f"inputs.{name}", f"must be of type {port.type}")
            elif isinstance(value, Literal) and (problem := literal_problem(port, value.value)):
                self._problems.add(f"inputs.{name}", problem)
        for name, port in spec.inputs.items():
            if name not in inputs and not port.optional and port.default is None:
                self._problems.add(f"inputs.{name}", f"this required input ({port.type}) is missing")

    # -- compute -------------------------------------------------------------------------------------------------

    def _default_compute(self) -> str | None:
        settings = {key.lower().replace("_", ""): value for key, value in (self._given.get("settings") or {}).items()}
        given = self._given.get("computeId") or settings.get("defaultcompute")
        name = compute_name(given)
        if name is not None:
            self._check_compute(name, "compute" if self._given.get("computeId") else "settings.default_compute", None)
        return name

    def _check_compute(self, name: str | None, where: str, instances: int | None) -> None:
        if name is None or name.lower() in nodes.RESERVED:
            return
        try:
            most = nodes.capacity_of(self._services, self._workspace, name)
        except AzureError as error:
            if name.lower() not in self._bad_computes:  # once is enough: all steps may share it
                self._bad_computes.add(name.lower())
                self._problems.add(where, error.message)
            return
        if instances is not None and instances > most:
            self._problems.add(
                where, f"{instances} instances are asked for, but compute '{name}' has at most {most} node(s)"
            )

    def _check_nodes(self, compute: str | None, spec: Spec) -> None:
        command = (
            spec.trial if isinstance(spec, SweepSpec) else spec.command if isinstance(spec, ParallelSpec) else spec
        )
        if isinstance(command, CommandSpec):
            self._check_compute(compute, "resources.instance_count", command.instances)

    def _ignored(self) -> None:
        """What only Azure can do is said once."""
        given = self._given
        if (given.get("identity") or {}).get("identityType"):
            self._problems.warn("identity is ignored: every local step runs as the workspace's own principal")
        for name, service in (given.get("services") or {}).items():
            kind = (service or {}).get("jobServiceType") or (service or {}).get("type")
            if str(kind).lower() not in ("tracking", "studio"):
                self._problems.warn(f"services.{name} ({kind}) is ignored: there is no node to log in to")
        resources = given.get("resources") or {}
        for key in ("instanceType", "dockerArgs", "shmSize", "locations", "maxInstanceCount"):
            if resources.get(key):
                self._problems.warn(f"resources.{key} is ignored: steps run as processes of this machine")
        if (given.get("queueSettings") or {}).get("jobTier"):
            self._problems.warn(
                "queue_settings are ignored: there is one queue for each compute, first come first served"
            )


def _port(name: str, value: Value) -> InputPort:
    """The port that an undeclared input stands for: a job's own inputs declare no types for literals."""
    return InputPort(name, value.type if isinstance(value, Data) else "string")


def _true(given: object) -> bool:
    return str(given).lower() == "true"
