"""Parallel steps, read from their components.

Source: learn.microsoft.com/azure/machine-learning/reference-yaml-job-parallel, with its predefined arguments.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azureml_local.errors import not_implemented

from . import bindings
from .bindings import BindingError
from .command_reader import CommandReader
from .problems import Problems
from .specs import CommandSpec, ParallelSpec, seconds

_TABLE_BYTES = 1 << 20  # of a mini-batch of a table, unless the step says otherwise
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# Arguments that Azure's driver takes for itself and that mean nothing here.
_IGNORED = (
    "task_overhead_timeout", "progress_update_timeout", "copy_logs_to_parent", "metrics_name_prefix",
    "push_metrics_to_parent", "resource_monitor_interval",
)  # fmt: skip


@dataclass(frozen=True)
class DriverArguments:
    """What of `program_arguments` is for the driver; `script` is the rest, as a command line."""

    error_threshold: int | None
    failed_percent: int
    start_timeout: float
    header: bool
    script: str


class ParallelReader:
    """Reads parallel components with a step's settings laid over them; what is wrong goes to `problems`."""

    def __init__(self, problems: Problems, commands: CommandReader) -> None:
        self._problems = problems
        self._commands = commands

    def read(self, spec: Mapping[str, Any], node: Mapping[str, Any], where: str) -> ParallelSpec | None:
        before = len(self._problems.found)
        given = {**spec, **{key: value for key, value in node.items() if value is not None}}
        task = {**(spec.get("task") or {}), **(node.get("task") or {})}
        command = self._commands.shared(spec, node, where)
        script = str(task.get("entry_script") or "")
        if not script:
            self._problems.add(f"{where}.task.entry_script", "an entry script is missing")
        if command is None:
            return None
        input_name = self._input(given.get("input_data"), command, where)
        rows_to = self._rows_to(task.get("append_row_to"), command, where)
        arguments = self._arguments(
            str(task.get("program_arguments") or ""), command, f"{where}.task.program_arguments"
        )
        retry = {**(spec.get("retry_settings") or {}), **(node.get("retry_settings") or {})}
        keys = _keys(given.get("partition_keys"))
        table = input_name is not None and command.inputs[input_name].type == "mltable"
        if keys and not table:
            raise not_implemented(f"partition_keys over data that is not an mltable ({where})")
        threshold = self._number(given.get("error_threshold"), -1, -1, f"{where}.error_threshold")
        read = ParallelSpec(
            command=command,
            entry_script=script,
            input_name=input_name or "",
            append_row_to=rows_to,
            arguments=arguments.script,
            mini_batch_size=self._number(
                given.get("mini_batch_size") or None, _TABLE_BYTES if table else 1, 1, f"{where}.mini_batch_size"
            ),
            partition_keys=keys,
            concurrency=self._number(
                given.get("max_concurrency_per_instance"),
                os.cpu_count() or 1,
                1,
                f"{where}.max_concurrency_per_instance",
            ),
            retries=self._number(retry.get("max_retries"), 2, 0, f"{where}.retry_settings.max_retries"),
            timeout=seconds(retry.get("timeout")) or 60.0,
            start_timeout=arguments.start_timeout,
            error_threshold=threshold if arguments.error_threshold is None else arguments.error_threshold,
            mini_batch_error_threshold=self._number(
                given.get("mini_batch_error_threshold"), -1, -1, f"{where}.mini_batch_error_threshold"
            ),
            failed_percent=arguments.failed_percent,
            logging_level=self._level(given.get("logging_level"), where),
            header=arguments.header,
        )
        return read if len(self._problems.found) == before else None

    def _input(self, given: object, command: CommandSpec, where: str) -> str | None:
        """The name in `${{inputs.NAME}}`."""
        at = f"{where}.input_data"
        data = [name for name, port in command.inputs.items() if port.is_data]
        try:
            reference = bindings.parse(str(given or ""))
        except BindingError:
            self._problems.add(at, f"must be one of the step's inputs, such as ${{{{inputs.{(data or ['data'])[0]}}}}}")
            return None
        port = command.inputs.get(reference.name) if isinstance(reference, bindings.ParentInput) else None
        if port is None or not port.is_data:
            self._problems.add(at, f"'{given}' is not a data input of the step; those are: {', '.join(data) or 'none'}")
            return None
        return port.name

    def _rows_to(self, given: object, command: CommandSpec, where: str) -> str | None:
        """The name in `${{outputs.NAME}}`."""
        if not given:
            return None
        try:
            reference = bindings.parse(str(given))
        except BindingError:
            reference = None
        if not isinstance(reference, bindings.ParentOutput) or reference.name not in command.outputs:
            known = ", ".join(command.outputs) or "none"
            self._problems.add(
                f"{where}.task.append_row_to", f"'{given}' is not an output of the step; those are: {known}"
            )
            return None
        return reference.name

    def _arguments(self, text: str, command: CommandSpec, where: str) -> DriverArguments:
        known = {f"inputs.{name}" for name in command.inputs} | {f"outputs.{name}" for name in command.outputs}
        needed, optional = bindings.references_in(text)
        for expression in sorted((needed | optional) - known):
            self._problems.add(where, f"'${{{{{expression}}}}}' is not declared")
        parser = _Parser(add_help=False, allow_abbrev=False)
        parser.add_argument("--error_threshold", type=int)
        parser.add_argument("--allowed_failed_percent", type=int, default=100)
        parser.add_argument("--first_task_creation_timeout", type=float, default=600.0)
        parser.add_argument("--append_row_dataframe_header", type=lambda word: word.lower() == "true", default=False)
        for name in _IGNORED:
            parser.add_argument(f"--{name}")
        try:
            found, rest = parser.parse_known_args(shlex.split(_tight(text), posix=False))
        except ValueError as error:
            self._problems.add(where, f"cannot be read: {error}")
            return DriverArguments(None, 100, 600.0, header=False, script="")
        for name in _IGNORED:
            if getattr(found, name) is not None:
                self._problems.warn(f"{where}: --{name} is ignored")
        return DriverArguments(
            found.error_threshold,
            found.allowed_failed_percent,
            found.first_task_creation_timeout,
            found.append_row_dataframe_header,
            " ".join(rest),
        )

    def _number(self, given: object, default: int, least: int, where: str) -> int:
        if given is None or given == "":
            return default
        try:
            number = int(str(given))
        except ValueError:
            self._problems.add(where, f"must be a whole number, but '{given}' was given")
            return default
        if number < least:
            self._problems.add(where, f"must not be less than {least}, but {number} was given")
        return number

    def _level(self, given: object, where: str) -> str:
        level = str(given or "INFO").upper()
        if level not in LEVELS:
            self._problems.add(f"{where}.logging_level", f"'{given}' is not one of {', '.join(LEVELS)}")
        return level


def _keys(given: object) -> tuple[str, ...]:
    """The partition keys; clients send them as JSON."""
    found = json.loads(given) if isinstance(given, str) and given else given
    return tuple(str(key) for key in found) if isinstance(found, list) else ()


class _Parser(argparse.ArgumentParser):
    """Raises where argparse would end the program."""

    def error(self, message: str) -> Any:
        raise ValueError(message)


def _tight(text: str) -> str:
    """Without blanks inside of expressions, so that each is one word."""
    for expression in set(bindings.expressions(text)):
        for form in (f"${{{{ {expression} }}}}", f"${{{{ {expression}}}}}", f"${{{{{expression} }}}}"):
            text = text.replace(form, f"${{{{{expression}}}}}")
    return text
