"""What flows between steps: literals and data, the ports they go into, and whether they fit.

Source: learn.microsoft.com/azure/machine-learning/reference-yaml-component-command, "Component input".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DATA_TYPES = frozenset({"uri_file", "uri_folder", "mltable", "mlflow_model", "custom_model", "triton_model"})
MODEL_TYPES = frozenset({"mlflow_model", "custom_model", "triton_model"})
LITERAL_TYPES = frozenset({"string", "number", "integer", "boolean"})
_MODES = {
    "readonlymount": "ro_mount",
    "readwritemount": "rw_mount",
    "evalmount": "eval_mount",
    "evaldownload": "eval_download",
}
INPUT_MODES = frozenset({"ro_mount", "rw_mount", "download", "direct", "eval_mount", "eval_download"})
OUTPUT_MODES = frozenset({"rw_mount", "upload", "direct"})


@dataclass(frozen=True)
class Literal:
    """A value as text: "0.5", "True". Azure hands literals on as text too."""

    value: str


@dataclass(frozen=True)
class Data:
    """A file or folder: its URI or asset id, its type, and how a step wants it ("download", "direct" …)."""

    uri: str
    type: str
    mode: str | None = None


Value = Literal | Data


@dataclass(frozen=True)
class InputPort:
    """An input as a component declares it."""

    name: str
    type: str
    optional: bool = False
    default: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[str, ...] = ()
    mode: str | None = None

    @property
    def is_data(self) -> bool:
        return self.type in DATA_TYPES


@dataclass(frozen=True)
class OutputPort:
    """An output as a component declares it."""

    name: str
    type: str
    mode: str | None = None


def mode_of(given: object) -> str | None:
    """A mode in YAML's spelling, from YAML's (`ro_mount`) or REST's (`ReadOnlyMount`)."""
    if not given:
        return None
    text = str(given).lower()
    return _MODES.get(text, text)


def as_text(value: object) -> str:
    """A literal as Azure writes it: booleans as Python's words, everything else as it is."""
    if isinstance(value, bool):
        return "True" if value else "False"
    return str(value)


def input_port(name: str, given: Mapping[str, Any]) -> InputPort:
    """From a component's `inputs.<name>`."""
    default = given.get("default")
    return InputPort(
        name,
        str(given.get("type") or "uri_folder").lower(),
        optional=str(given.get("optional", False)).lower() == "true",
        default=None if default is None else as_text(default),
        minimum=_number(given.get("min")),
        maximum=_number(given.get("max")),
        enum=tuple(as_text(choice) for choice in given.get("enum") or ()),
        mode=mode_of(given.get("mode")),
    )


def output_port(name: str, given: Mapping[str, Any]) -> OutputPort:
    """From a component's `outputs.<name>`."""
    return OutputPort(name, str(given.get("type") or "uri_folder").lower(), mode_of(given.get("mode")))


def _number(given: object) -> float | None:
    return None if given is None else float(str(given))


def literal_problem(port: InputPort, text: str) -> str | None:
    """What is wrong with a literal for this port, as the end of a sentence ("must be …"); None when it fits."""
    shown = text if len(text) <= 80 else text[:77] + "..."
    if port.type == "integer" and not re.fullmatch(r"[+-]?\d+", text.strip()):
        return f"must be an integer, but '{shown}' was given"
    if port.type == "number":
        try:
            if math.isnan(float(text)):
                raise ValueError
        except ValueError:
            return f"must be a number, but '{shown}' was given"
    if port.type == "boolean" and text.strip().lower() not in ("true", "false"):
        return f"must be a boolean, but '{shown}' was given"
    if port.type in ("integer", "number"):
        if port.minimum is not None and float(text) < port.minimum:
            return f"must not be less than {port.minimum:g}, but {shown} was given"
        if port.maximum is not None and float(text) > port.maximum:
            return f"must not be greater than {port.maximum:g}, but {shown} was given"
    if port.enum and text not in port.enum:
        return f"must be one of {', '.join(port.enum)}, but '{shown}' was given"
    return None
