"""Commands, read from command jobs, command components and the steps that use them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services

from . import bindings
from .problems import Problems
from .references import Asset, UnknownReferenceError, asset
from .specs import CommandSpec, Distribution, seconds
from .values import InputPort, OutputPort, as_text, input_port, output_port


class CommandReader:
    """Reads commands; what is wrong goes to `problems`, and the command is then None."""

    def __init__(self, services: Services, workspace: WorkspaceRef, problems: Problems) -> None:
        self._services = services
        self._workspace = workspace
        self._problems = problems

    def of_job(
        self,
        given: Mapping[str, Any],
        *,
        inputs: Mapping[str, InputPort],
        outputs: Mapping[str, OutputPort],
        where: str = "",
        extra: frozenset[str] = frozenset(),
    ) -> CommandSpec | None:
        """The command of a command job (or of a sweep job's trial), whose fields are in REST's camel case.

        extra: expressions that the command may use beside its inputs and outputs.
        """
        return self._command(
            {
                "command": given.get("command"),
                "code": given.get("codeId"),
                "environment": given.get("environmentId"),
                "environment_variables": given.get("environmentVariables"),
                "distribution": given.get("distribution"),
                "resources": given.get("resources"),
                "limits": given.get("limits"),
            },
            {},
            inputs=inputs,
            outputs=outputs,
            where=where,
            extra=extra,
        )

    def of_component(
        self, component: Asset, node: Mapping[str, Any], where: str, extra: frozenset[str] = frozenset()
    ) -> CommandSpec | None:
        """The command of a command component, with a step's settings laid over it."""
        spec = component.properties.get("componentSpec") or {}
        return self._command(
            spec,
            node,
            inputs=ports_of(spec),
            outputs=outputs_of(spec),
            where=where,
            extra=extra,
            component=component.id,
        )

    def _command(
        self,
        spec: Mapping[str, Any],
        node: Mapping[str, Any],
        *,
        inputs: Mapping[str, InputPort],
        outputs: Mapping[str, OutputPort],
        where: str,
        extra: frozenset[str] = frozenset(),
        component: str | None = None,
    ) -> CommandSpec | None:
        before = len(self._problems.found)
        text = str(spec.get("command") or "")
        if not text.strip():
            self._problems.add(_at(where, "command"), "a command is missing")
        self._check_expressions(text, inputs, outputs, _at(where, "command"), extra)
        environment = self.environment(node.get("environment") or spec.get("environment"), where)
        code = self.code(spec.get("code"), where)
        distribution = self._distribution(node.get("distribution") or spec.get("distribution"), where)
        instances = self._instances({**(spec.get("resources") or {}), **(node.get("resources") or {})}, where)
        limits = {**(spec.get("limits") or {}), **(node.get("limits") or {})}
        if instances > 1 and distribution is None:
            at = _at(where, "resources.instance_count")
            self._problems.warn(f"{at} is {instances}, but without 'distribution' the command runs once, on one node")
        if len(self._problems.found) > before or environment is None:
            return None
        return CommandSpec(
            command=text,
            environment=environment,
            code=code,
            inputs=inputs,
            outputs=outputs,
            variables=_variables(spec, node),
            deterministic=str(spec.get("is_deterministic", True)).lower() == "true",
            distribution=distribution,
            instances=instances,
            timeout=seconds(limits.get("timeout")) or None,
            component=component,
        )

    def shared(self, spec: Mapping[str, Any], node: Mapping[str, Any], where: str) -> CommandSpec | None:
        """What a parallel component has in common with a command: ports, environment, code, variables, resources."""
        task = {**(spec.get("task") or {}), **(node.get("task") or {})}
        before = len(self._problems.found)
        environment = self.environment(task.get("environment"), where)
        code = self.code(task.get("code"), where)
        instances = self._instances({**(spec.get("resources") or {}), **(node.get("resources") or {})}, where)
        if len(self._problems.found) > before or environment is None:
            return None
        return CommandSpec(
            command="",
            environment=environment,
            code=code,
            inputs=ports_of(spec),
            outputs=outputs_of(spec),
            variables=_variables(spec, node),
            deterministic=str(spec.get("is_deterministic", True)).lower() == "true",
            instances=instances,
        )

    def environment(self, given: object, where: str) -> Asset | None:
        if not given:
            self._problems.add(_at(where, "environment"), "an environment is missing")
            return None
        return self._asset(str(given), "environments", _at(where, "environment"))

    def code(self, given: object, where: str) -> Asset | None:
        return self._asset(str(given), "codes", _at(where, "code")) if given else None

    def _asset(self, reference: str, collection: str, where: str) -> Asset | None:
        try:
            return asset(self._services, self._workspace, reference, collection)
        except UnknownReferenceError as error:
            self._problems.add(where, str(error))
            return None

    def _check_expressions(
        self,
        command: str,
        inputs: Mapping[str, InputPort],
        outputs: Mapping[str, OutputPort],
        where: str,
        extra: frozenset[str],
    ) -> None:
        known = {f"inputs.{name}" for name in inputs} | {f"outputs.{name}" for name in outputs} | extra
        needed, optional = bindings.references_in(command)
        for expression in sorted((needed | optional) - known):
            names = inputs if expression.startswith("inputs.") else outputs
            listed = ", ".join(names) or "none"
            kind = "outputs" if expression.startswith("outputs.") else "inputs"
            self._problems.add(where, f"'${{{{{expression}}}}}' is not declared; the {kind} that are: {listed}")
        for expression in sorted(needed):
            port = inputs.get(expression.removeprefix("inputs.")) if expression.startswith("inputs.") else None
            if port is not None and port.optional and port.default is None:
                self._problems.add(
                    where, f"'${{{{{expression}}}}}' is an optional input: put it into an optional segment, $[[ … ]]"
                )

    def _instances(self, resources: Mapping[str, Any], where: str) -> int:
        given = resources.get("instance_count", resources.get("instanceCount")) or 1
        try:
            count = int(given)
            if count < 1:
                raise ValueError
        except (TypeError, ValueError):
            self._problems.add(
                _at(where, "resources.instance_count"), f"must be a positive integer, but '{given}' was given"
            )
            return 1
        for key in ("instance_type", "docker_args", "shm_size"):
            if resources.get(key):
                self._problems.warn(
                    f"{_at(where, 'resources.' + key)} is ignored: steps run as processes of this machine"
                )
        return count

    def _distribution(self, given: Mapping[str, Any] | None, where: str) -> Distribution | None:
        if not given:
            return None
        at = _at(where, "distribution")
        kind = str(given.get("distributionType") or given.get("distribution_type") or given.get("type") or "").lower()
        processes = given.get("processCountPerInstance") or given.get("process_count_per_instance") or 1
        if kind not in ("pytorch", "tensorflow", "mpi"):
            self._problems.add(at, f"the distribution '{kind}' is not one of mpi, pytorch, tensorflow")
            return None
        if kind == "mpi" and shutil.which("mpirun") is None:
            self._problems.add(
                at,
                "an MPI program needs 'mpirun', which is not installed on this machine. Install Open MPI, or leave "
                "'distribution' away to run one process",
            )
            return None
        workers = given.get("workerCount") or given.get("worker_count")
        servers = given.get("parameterServerCount") or given.get("parameter_server_count") or 0
        return Distribution(kind, int(processes), int(workers) if workers else None, int(servers))


def ports_of(spec: Mapping[str, Any]) -> dict[str, InputPort]:
    """A component's inputs; those of a group are `group.name`, as expressions name them."""
    ports: dict[str, InputPort] = {}
    for name, given in (spec.get("inputs") or {}).items():
        ports.update(_flat(name, given or {}))
    return ports


def _flat(name: str, given: Mapping[str, Any]) -> dict[str, InputPort]:
    if str(given.get("type")) != "group":
        return {name: input_port(name, given)}
    found: dict[str, InputPort] = {}
    for inner, declared in (given.get("values") or {}).items():
        found.update(_flat(f"{name}.{inner}", declared or {}))
    return found


def outputs_of(spec: Mapping[str, Any]) -> dict[str, OutputPort]:
    return {name: output_port(name, given or {}) for name, given in (spec.get("outputs") or {}).items()}


def _variables(spec: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, str]:
    merged = {**(spec.get("environment_variables") or {}), **(node.get("environment_variables") or {})}
    return {str(name): as_text(value) for name, value in merged.items()}


def _at(where: str, field: str) -> str:
    return f"{where}.{field}" if where else field
