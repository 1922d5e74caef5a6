"""Parallel runs: the driver of `mini_batches` in the run's environment, told what to do by a file.

An output gets its rows when all mini-batches are done; a run that failed leaves none.
"""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from azureml_local import uris
from azureml_local.environments.build import BuiltEnvironment
from azureml_local.environments.spec import EnvironmentSpec
from azureml_local.errors import AzureError
from azureml_local.mini_batches import __file__ as _package
from azureml_local.mini_batches.config import Config

from . import artifacts, bindings, variables
from .command_runner import CommandRunner
from .data import Output
from .engine import Engine, Work
from .errors import JobFailedError
from .layout import Places
from .mltables import TableError, read_table
from .processes import Launch
from .references import Asset
from .specs import CommandSpec, ParallelSpec
from .values import Data

PROGRAM = Path(_package).parent
_TOLD_FAILURES = 10
_TOLD_LINES = 20


class ParallelRunner(CommandRunner):
    """Runs the driver, which holds all nodes of the run."""

    def __init__(self, engine: Engine, work: Work, spec: ParallelSpec) -> None:
        super().__init__(engine, _with_path(work, spec), _with_path_port(spec))
        self._parallel = spec
        self._outcome = self._folder / "outcome.json"

    def _environment_asked(self) -> EnvironmentSpec:
        return self._parallel.environment or super()._environment_asked()

    def _model_path(self, model: Asset) -> Path:
        try:
            path = uris.resolve(self._services, self._workspace, str(model.properties["modelUri"]), kinds=("models",))
        except AzureError as error:
            raise JobFailedError("UserError", f"model {model.name}:{model.version}: {error.message}") from error
        if not path.exists():
            raise JobFailedError(
                "ModelNotFound", f"The files of model {model.name}:{model.version} are not there any more."
            )
        return path

    async def _execute(
        self,
        built: BuiltEnvironment,
        places: Places,
        inputs: Mapping[str, str],
        outputs: Mapping[str, Output],
        preempted: asyncio.Event,
    ) -> None:
        await super()._execute(built, places, inputs, outputs, preempted)
        outcome = self._told()
        for warning in outcome["warnings"]:
            self._engine.warn(self._run, warning)
        for sentence in outcome["failed"][:_TOLD_FAILURES]:
            self._engine.warn(self._run, f"not scored: {sentence}")
        if more := outcome["failed"][_TOLD_FAILURES:]:
            self._engine.warn(
                self._run, f"not scored: {len(more)} more mini-batches, see logs/job_progress_overview.txt"
            )

    def _launches(
        self,
        built: BuiltEnvironment,
        places: Places,
        inputs: Mapping[str, str],
        outputs: Mapping[str, Output],
        token: str,
    ) -> list[Launch]:
        targets = {
            name: output.uri if output.mode == "direct" else str(output.path) for name, output in outputs.items()
        }
        own: dict[str, str] = {}
        model = self._place_model() if self._parallel.model is not None else None
        if model is not None:
            own["AZUREML_MODEL_DIR"] = str(model.parent)
        config = self._config(places, inputs, targets, outputs, model)
        if config.staging:
            own["AZUREML_BI_OUTPUT_PATH"] = config.staging
        for folder in filter(None, (config.scratch, config.staging)):
            Path(folder).mkdir(parents=True)
        file = self._folder / "mini_batches.json"
        config.write(file)
        (self._artifacts / "user_logs").mkdir(parents=True, exist_ok=True)
        return [
            Launch(
                arguments=[str(built.python), str(PROGRAM), str(file)],
                environment=variables.with_token(
                    {
                        **self._variables(built, places, inputs, targets),
                        "AZUREML_NODE_COUNT": str(self._spec.instances),
                        **own,
                        **self._spec.variables,
                    },
                    token,
                ),
                cwd=places.working_directory,
                log=self._artifacts / artifacts.USER_LOG,
            )
        ]

    def _place_model(self) -> Path:
        """The model as Azure shows it to scripts: AZUREML_MODEL_DIR is the folder that its file or folder lies in."""
        model = self._parallel.model
        assert model is not None
        source = self._model_path(model)
        folder = self._folder / "azureml-models" / model.name / model.version
        folder.mkdir(parents=True)
        place = folder / source.name
        place.symlink_to(source, target_is_directory=source.is_dir())
        return place

    def _config(
        self,
        places: Places,
        inputs: Mapping[str, str],
        targets: Mapping[str, str],
        outputs: Mapping[str, Output],
        model: Path | None,
    ) -> Config:
        spec = self._parallel
        rows = outputs.get(spec.append_row_to or "")
        whole = outputs.get("score") if spec.deployment else None
        return Config(
            input=inputs[spec.input_name],
            table=self._table(inputs[spec.input_name]),
            mini_batch_bytes=spec.mini_batch_size,
            partition_keys=list(spec.partition_keys),
            scratch=str(self._folder / "scratch"),
            logs=str(self._artifacts / "logs"),
            result=str(self._outcome),
            scorer="script" if spec.entry_script is not None else "mlflow",
            script=str(places.working_directory / spec.entry_script) if spec.entry_script is not None else "",
            arguments=self._arguments(inputs, targets),
            model=str(model or ""),
            recursive=not spec.deployment,
            mini_batch_size=spec.mini_batch_size,
            nodes=self._spec.instances,
            processes=spec.concurrency,
            max_retries=spec.retries,
            timeout=spec.timeout,
            start_timeout=spec.start_timeout,
            error_threshold=spec.error_threshold,
            mini_batch_error_threshold=spec.mini_batch_error_threshold,
            failed_percent=spec.failed_percent,
            logging_level=spec.logging_level,
            rows_to="" if rows is None else str(rows.path if rows.type == "uri_file" else rows.path / spec.file_name),
            overwrite=not spec.deployment,
            header=spec.header,
            staging=str(self._folder / "staging") if whole is not None else "",
            output=str(whole.path) if whole is not None else "",
        )

    def _table(self, path: str) -> dict[str, Any] | None:
        """What there is to read when the input is a table."""
        if self._spec.inputs[self._parallel.input_name].type != "mltable":
            return None
        try:
            return read_table(Path(path), lambda uri: uris.resolve(self._services, self._workspace, uri))
        except (TableError, AzureError) as error:
            what = error.message if isinstance(error, AzureError) else str(error)
            raise JobFailedError("UserError", f"The table of input '{self._parallel.input_name}': {what}.") from error

    def _arguments(self, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> list[str]:
        values = {f"inputs.{name}": value for name, value in inputs.items()}
        values |= {f"outputs.{name}": value for name, value in outputs.items()}
        return shlex.split(bindings.render(self._parallel.arguments, values.get, paths=frozenset(values)))

    def _told(self) -> dict[str, Any]:
        """What the driver said at its end."""
        content: dict[str, Any] = json.loads(self._outcome.read_text(encoding="utf-8"))
        return content

    def _failed(self, code: int, log: Path) -> JobFailedError:
        try:
            outcome = self._told()
        except FileNotFoundError:
            return super()._failed(code, log)
        end = [line for line in str(outcome["traceback"]).splitlines() if line.strip()]
        return JobFailedError("UserError", str(outcome["message"]), tail="\n".join(end[-_TOLD_LINES:]))


def _with_path(work: Work, spec: ParallelSpec) -> Work:
    """The files to score are needed as such, whatever mode was asked for ("direct" would give their URI)."""
    value = work.inputs.get(spec.input_name)
    if not isinstance(value, Data):
        return work
    return replace(work, inputs={**work.inputs, spec.input_name: replace(value, mode=None)})


def _with_path_port(spec: ParallelSpec) -> CommandSpec:
    port = spec.command.inputs[spec.input_name]
    return replace(spec.command, inputs={**spec.command.inputs, port.name: replace(port, mode=None)})
