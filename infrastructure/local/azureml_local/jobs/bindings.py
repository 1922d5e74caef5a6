"""The expressions of job YAML: `${{inputs.x}}`, `${{parent.jobs.s.outputs.o}}`, and optional `$[[ … ]]` segments.

Source: learn.microsoft.com/azure/machine-learning/reference-yaml-core-syntax, "Binding inputs and outputs".
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
_SAFE = re.compile(r"[\w@%+=:,./-]*", re.ASCII)


@dataclass(frozen=True)
class ParentInput:
    """`${{parent.inputs.NAME}}`: an input of the pipeline around this step."""

    name: str


@dataclass(frozen=True)
class StepOutput:
    """`${{parent.jobs.STEP.outputs.NAME}}`: what another step of the same pipeline wrote."""

    step: str
    name: str


@dataclass(frozen=True)
class ParentOutput:
    """`${{parent.outputs.NAME}}`: this step's output is the pipeline's."""

    name: str


Reference = ParentInput | StepOutput | ParentOutput


class BindingError(ValueError):
    """An expression that means nothing; the message says which."""


def is_expression(text: object) -> bool:
    """Whether a value is one expression and nothing else."""
    return isinstance(text, str) and _EXPRESSION.fullmatch(text.strip()) is not None


def expressions(text: str) -> Iterator[str]:
    """What stands inside the `${{ }}` of a text, in order."""
    for match in _EXPRESSION.finditer(text):
        yield match.group(1)


def parse(text: str) -> Reference:
    """The reference that a value such as `${{parent.inputs.x}}` is. The form without `parent.` is the older one.

    Names may hold dots: those of grouped inputs do.
    """
    match = _EXPRESSION.fullmatch(text.strip())
    if match is None:
        raise BindingError(f"'{text}' is not an expression.")
    parts = match.group(1).removeprefix("parent.").split(".")
    if parts[0] == "inputs" and len(parts) >= 2:
        return ParentInput(".".join(parts[1:]))
    if parts[0] == "outputs" and len(parts) >= 2:
        return ParentOutput(".".join(parts[1:]))
    if parts[0] == "jobs" and len(parts) >= 4 and parts[2] == "outputs":
        return StepOutput(parts[1], ".".join(parts[3:]))
    raise BindingError(
        f"'{text}' is not a binding. Use ${{{{parent.inputs.NAME}}}}, ${{{{parent.jobs.STEP.outputs.NAME}}}} "
        "or ${{parent.outputs.NAME}}."
    )


def references_in(command: str) -> tuple[set[str], set[str]]:
    """The expressions a command needs, and those that stand in optional segments only."""
    optional = {name for segment in _OPTIONAL.findall(command) for name in expressions(segment)}
    needed = set(expressions(_OPTIONAL.sub("", command)))
    return needed, optional - needed


def render(command: str, value_of: Callable[[str], str | None], *, paths: frozenset[str] = frozenset()) -> str:
    """The command with every expression replaced; a segment `$[[ … ]]` is dropped when one of its values is absent.

    value_of: the value of an expression such as "inputs.x", None when it is absent (an error outside a segment).
    paths: expressions whose value is a path of this machine. Azure's paths never need quoting, this machine's may:
    such a path is quoted unless the command has quotes around it.
    """

    def segment(match: re.Match[str]) -> str:
        if any(value_of(name) is None for name in expressions(match.group(1))):
            return ""
        return match.group(1)

    text = _OPTIONAL.sub(segment, command)
    done: list[str] = []
    end = 0
    for match in _EXPRESSION.finditer(text):
        done.append(text[end : match.start()])
        end = match.end()
        value = value_of(match.group(1))
        if value is None:
            raise BindingError(f"'{match.group(0)}' in the command has no value.")
        if match.group(1) in paths and not _SAFE.fullmatch(value) and not _inside_quotes("".join(done)):
            value = shlex.quote(value)
        done.append(value)
    return "".join([*done, text[end:]])


def _inside_quotes(before: str) -> bool:
    """Whether a shell would be inside quotes after this text."""
    quote = ""
    escaped = False
    for character in before:
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
    return bool(quote)
