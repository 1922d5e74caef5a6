"""The steps of a pipeline: the component each runs, what its inputs and outputs are bound to, the order they go in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from azureml_local.errors import not_implemented
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services

from . import bindings
from .bindings import BindingError, ParentInput, ParentOutput, StepOutput
from .command_reader import CommandReader, outputs_of, ports_of
from .parallel_reader import ParallelReader
from .problems import Problems
from .references import Asset, UnknownReferenceError, asset, compute_name
from .specs import Binding, CommandSpec, OutputSetting, ParallelSpec, PipelineSpec, Spec, Step, SweepSpec
from .sweep_reader import SweepReader
from .values import DATA_TYPES, Data, InputPort, Literal, OutputPort, as_text, literal_problem, mode_of

_NOT_HERE = {
    "spark": "spark steps",
    "automl": "automl steps",
    "import": "import steps",
    "data_transfer": "data_transfer steps",
    "do_while": "do_while steps",
    "if_else": "if_else steps",
    "parallel_for": "parallel_for steps",
}

ComputeCheck = Callable[[str | None, str, int | None], None]


@dataclass(frozen=True)
class Scope:
    """What the steps of one pipeline see of it.

    where: the place of the pipeline in the document, "" for the job.
    inline: the pipeline is the job itself, whose literal inputs declare no type.
    """

    where: str
    inputs: Mapping[str, InputPort]
    outputs: Mapping[str, OutputPort]
    compute: str | None
    inline: bool = False


class NodeReader:
    """Reads `jobs`, at every depth."""

    def __init__(
        self, services: Services, workspace: WorkspaceRef, problems: Problems, check_compute: ComputeCheck
    ) -> None:
        self._services = services
        self._workspace = workspace
        self._problems = problems
        self._check_compute = check_compute
        self._commands = CommandReader(services, workspace, problems)

    def pipeline(
        self, document: Mapping[str, Any], where: str, compute: str | None, component: str | None = None
    ) -> PipelineSpec:
        """A pipeline component's document."""
        scope = Scope(where, ports_of(document), outputs_of(document), compute)
        steps = self.steps(document.get("jobs") or {}, scope)
        return PipelineSpec(order_of_steps(steps, where, self._problems), scope.inputs, scope.outputs, component)

    def steps(self, jobs: Mapping[str, Any], scope: Scope) -> dict[str, Step]:
        """All steps of a pipeline, in the document's order."""
        found: dict[str, Step] = {}
        for name, node in jobs.items():
            step = self._step(name, node or {}, scope)
            if step is not None:
                found[name] = step
        known = {name: step.spec.outputs for name, step in found.items()}
        for name, step in found.items():
            self._check_sources(step, known, set(jobs), f"{_at(scope.where, name)}")
        self._check_outputs(found, scope)
        return found

    def _step(self, name: str, node: Mapping[str, Any], scope: Scope) -> Step | None:
        where = _at(scope.where, name)
        kind = str(node.get("type") or "command").lower()
        if kind in _NOT_HERE:
            raise not_implemented(f"{_NOT_HERE[kind]} ({where})")
        compute = self._compute(node, scope)
        spec = self._spec(kind, node, where, compute)
        if spec is None:
            return None
        instances = _instances(spec)
        if instances is not None:
            self._check_compute(compute, f"{where}.compute", instances)
        if (node.get("identity") or {}).get("identity_type") or (node.get("identity") or {}).get("type"):
            self._problems.warn("identity is ignored: every local step runs as the workspace's own principal")
        return Step(
            name=name,
            spec=spec,
            inputs=self._inputs(node, spec, scope, where),
            outputs=self._outputs(node, spec, scope, where),
            compute=compute,
            display_name=node.get("display_name") or None,
        )

    def _compute(self, node: Mapping[str, Any], scope: Scope) -> str | None:
        given = node.get("computeId") or node.get("compute")
        if given and bindings.is_expression(given):
            reference = bindings.parse(str(given))
            if isinstance(reference, ParentInput) and (port := scope.inputs.get(reference.name)):
                return compute_name(port.default) or scope.compute
        return compute_name(given) or scope.compute

    def _spec(self, kind: str, node: Mapping[str, Any], where: str, compute: str | None) -> Spec | None:
        trial = node.get("trial")
        identifier = node.get("componentId") or (trial.get("componentId") if isinstance(trial, Mapping) else trial)
        if not identifier:
            self._problems.add(where, "the step has no component")
            return None
        component = self._component(str(identifier), where)
        if component is None:
            return None
        document = component.properties.get("componentSpec") or {}
        actual = str(document.get("type") or "command").lower()
        if actual in _NOT_HERE:
            raise not_implemented(f"{_NOT_HERE[actual]} ({where})")
        if kind == "sweep":
            return SweepReader(self._problems).of_node(node, self._commands, component, where)
        if actual == "pipeline":
            return self.pipeline(document, where, compute, component.id)
        if actual == "parallel":
            return ParallelReader(self._problems, self._commands).read(document, node, where)
        if actual != "command":
            raise not_implemented(f"{actual} steps ({where})")
        return self._commands.of_component(component, node, where)

    def _component(self, reference: str, where: str) -> Asset | None:
        try:
            return asset(self._services, self._workspace, reference, "components")
        except UnknownReferenceError as error:
            self._problems.add(f"{where}.component", str(error))
            return None

    # -- inputs --------------------------------------------------------------------------------------------------

    def _inputs(self, node: Mapping[str, Any], spec: Spec, scope: Scope, where: str) -> dict[str, Binding]:
        bound: dict[str, Binding] = {}
        for name, given in (node.get("inputs") or {}).items():
            at = f"{where}.inputs.{name}"
            port = spec.inputs.get(name)
            if port is None:
                known = ", ".join(spec.inputs) or "none"
                self._problems.add(
                    at, f"the component of step '{where.rpartition('.')[2]}' has no such input; it has: {known}"
                )
                continue
            binding = self._binding(given, port, scope, at)
            if binding is not None:
                bound[name] = binding
        for name, port in spec.inputs.items():
            if name not in (node.get("inputs") or {}) and not port.optional and port.default is None:
                self._problems.add(f"{where}.inputs.{name}", f"this required input ({port.type}) is missing")
        return bound

    def _binding(self, given: Any, port: InputPort, scope: Scope, where: str) -> Binding | None:
        entry: Mapping[str, Any] = given if isinstance(given, Mapping) else {"value": given}
        kind = str(entry.get("job_input_type") or entry.get("jobInputType") or entry.get("type") or "literal").lower()
        mode = mode_of(entry.get("mode"))
        text = entry.get("uri") if kind in DATA_TYPES else entry.get("value")
        if bindings.is_expression(text):
            return self._reference(str(text), port, scope, where, mode)
        if kind in DATA_TYPES:
            if not port.is_data:
                self._problems.add(where, f"must be of type {port.type}, but data of type {kind} was given")
                return None
            value = Data(str(text), kind, mode)
            self._problems.check_data(self._services, self._workspace, value, where)
            return Binding(value, mode)
        if text is None:
            return None
        if port.is_data:
            self._problems.add(where, f"must be data of type {port.type}, but the literal '{text}' was given")
            return None
        literal = as_text(text)
        if any(True for _ in bindings.expressions(literal)):
            self._problems.add(where, f"'{literal}': an expression cannot be part of a longer text")
            return None
        if problem := literal_problem(port, literal):
            self._problems.add(where, problem)
            return None
        return Binding(Literal(literal))

    def _reference(self, text: str, port: InputPort, scope: Scope, where: str, mode: str | None) -> Binding | None:
        try:
            reference = bindings.parse(text)
        except BindingError as error:
            self._problems.add(where, str(error))
            return None
        if isinstance(reference, ParentOutput):
            self._problems.add(
                where, f"'{text}' is an output; an input can be bound to inputs and other steps' outputs"
            )
            return None
        if isinstance(reference, ParentInput):
            outer = scope.inputs.get(reference.name)
            if outer is None:
                if port.optional or port.default is not None:
                    return None
                known = ", ".join(scope.inputs) or "none"
                self._problems.add(
                    where,
                    f"'{text}': the pipeline has no input '{reference.name}' (an empty value counts as none); "
                    f"it has: {known}",
                )
                return None
            if outer.is_data != port.is_data:
                self._problems.add(where, f"must be of type {port.type}, but '{text}' is of type {outer.type}")
                return None
            return Binding(reference, mode)
        if not port.is_data:
            self._problems.add(where, f"must be of type {port.type}, but '{text}' is the data of another step")
            return None
        return Binding(reference, mode)

    def _check_sources(
        self, step: Step, known: Mapping[str, Mapping[str, OutputPort]], named: set[str], where: str
    ) -> None:
        for name, binding in step.inputs.items():
            source = binding.source
            if not isinstance(source, StepOutput):
                continue
            at = f"{where}.inputs.{name}"
            if source.step not in named:
                self._problems.add(
                    at, f"there is no step '{source.step}' in the pipeline; its steps: {', '.join(sorted(named))}"
                )
            elif source.step in known and source.name not in known[source.step]:
                listed = ", ".join(known[source.step]) or "none"
                self._problems.add(at, f"step '{source.step}' has no output '{source.name}'; it has: {listed}")

    # -- outputs -------------------------------------------------------------------------------------------------

    def _outputs(self, node: Mapping[str, Any], spec: Spec, scope: Scope, where: str) -> dict[str, OutputSetting]:
        settings = {name: OutputSetting() for name in spec.outputs}
        for name, given in (node.get("outputs") or {}).items():
            at = f"{where}.outputs.{name}"
            if name not in spec.outputs:
                known = ", ".join(spec.outputs) or "none"
                self._problems.add(at, f"the component has no such output; it has: {known}")
                continue
            entry: Mapping[str, Any] = given if isinstance(given, Mapping) else {"value": given}
            settings[name] = OutputSetting(
                type=entry.get("job_output_type") or entry.get("jobOutputType") or None,
                mode=mode_of(entry.get("mode")),
                uri=entry.get("uri") or None,
                asset_name=entry.get("name") or entry.get("assetName") or None,
                asset_version=entry.get("version") or entry.get("assetVersion") or None,
                parent=self._parent_output(entry.get("value"), scope, at),
            )
        return settings

    def _parent_output(self, text: Any, scope: Scope, where: str) -> str | None:
        if text is None:
            return None
        try:
            reference = bindings.parse(str(text))
        except BindingError as error:
            self._problems.add(where, str(error))
            return None
        if not isinstance(reference, ParentOutput):
            self._problems.add(where, f"'{text}': an output can be bound to an output of the pipeline only")
            return None
        if reference.name not in scope.outputs:
            known = ", ".join(scope.outputs) or "none"
            self._problems.add(where, f"'{text}': the pipeline has no output '{reference.name}'; it has: {known}")
            return None
        return reference.name

    def _check_outputs(self, steps: Mapping[str, Step], scope: Scope) -> None:
        bound: dict[str, str] = {}
        for step in steps.values():
            for name, setting in step.outputs.items():
                if setting.parent is None:
                    continue
                if setting.parent in bound:
                    self._problems.add(
                        f"{_at(scope.where, step.name)}.outputs.{name}",
                        f"step '{bound[setting.parent]}' writes the pipeline's output '{setting.parent}' already",
                    )
                bound[setting.parent] = step.name


def order_of_steps(steps: Mapping[str, Step], where: str, problems: Problems) -> dict[str, Step]:
    """The steps, each after those it needs; a circle is a problem."""
    ordered: dict[str, Step] = {}
    waiting = dict(steps)
    while waiting:
        ready = [name for name, step in waiting.items() if not (step.needs & waiting.keys())]
        if not ready:
            circle = _circle(waiting)
            problems.add(f"{where}.jobs" if where else "jobs", f"the steps wait for each other: {' -> '.join(circle)}")
            return dict(steps)
        for name in ready:
            ordered[name] = waiting.pop(name)
    return ordered


def _circle(waiting: Mapping[str, Step]) -> list[str]:
    path = [next(iter(waiting))]
    while True:
        following = min(waiting[path[-1]].needs & waiting.keys())
        if following in path:
            return [*path[path.index(following) :], following]
        path.append(following)


def _instances(spec: Spec) -> int | None:
    if isinstance(spec, CommandSpec):
        return spec.instances
    if isinstance(spec, ParallelSpec):
        return spec.command.instances
    return spec.trial.instances if isinstance(spec, SweepSpec) else None


def _at(where: str, name: str) -> str:
    return f"{where}.jobs.{name}" if where else f"jobs.{name}"
