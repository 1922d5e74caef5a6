"""What the inputs and outputs of one step are bound to: values, the pipeline's own, other steps' outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services

from . import bindings
from .bindings import BindingError, ParentInput, ParentOutput
from .problems import Problems
from .specs import Binding, OutputSetting, Spec
from .values import DATA_TYPES, Data, InputPort, Literal, OutputPort, as_text, literal_problem, mode_of


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


class BindingReader:
    """Reads a step's `inputs` and `outputs`; what is wrong goes to `problems`."""

    def __init__(self, services: Services, workspace: WorkspaceRef, problems: Problems) -> None:
        self._services = services
        self._workspace = workspace
        self._problems = problems

    def inputs(self, node: Mapping[str, Any], spec: Spec, scope: Scope, where: str) -> dict[str, Binding]:
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
            value = self._problems.check_data(self._services, self._workspace, Data(str(text), kind, mode), where)
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

    def outputs(self, node: Mapping[str, Any], spec: Spec, scope: Scope, where: str) -> dict[str, OutputSetting]:
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
