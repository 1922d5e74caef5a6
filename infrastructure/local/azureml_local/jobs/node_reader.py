"""The steps of a pipeline: which component each runs, on which compute, and in which order they go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from azureml_local.errors import not_implemented
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services

from . import bindings
from .bindings import ParentInput, StepOutput
from .command_reader import CommandReader, outputs_of, ports_of
from .node_bindings import BindingReader, Scope
from .parallel_reader import ParallelReader
from .problems import Problems
from .references import Asset, UnknownReferenceError, asset, compute_name
from .specs import CommandSpec, ParallelSpec, PipelineSpec, Spec, Step, SweepSpec
from .sweep_reader import SweepReader
from .values import OutputPort

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
        self._bindings = BindingReader(services, workspace, problems)

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
            inputs=self._bindings.inputs(node, spec, scope, where),
            outputs=self._bindings.outputs(node, spec, scope, where),
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
