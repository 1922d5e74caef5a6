"""Expressions: what they mean, and how commands are rendered."""

from __future__ import annotations

import pytest

from azureml_local.jobs import bindings
from azureml_local.jobs.bindings import BindingError, ParentInput, ParentOutput, StepOutput, parse, render


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("${{parent.inputs.x}}", ParentInput("x")),
        ("${{ inputs.x }}", ParentInput("x")),
        ("${{parent.inputs.group.lr}}", ParentInput("group.lr")),
        ("${{parent.outputs.model}}", ParentOutput("model")),
        ("${{parent.jobs.prep.outputs.clean}}", StepOutput("prep", "clean")),
        ("${{jobs.prep.outputs.clean}}", StepOutput("prep", "clean")),
    ],
)
def test_references(text: str, meaning: object) -> None:
    assert parse(text) == meaning


@pytest.mark.parametrize("text", ["plain", "${{parent.jobs.prep}}", "${{inputs}}", "${{a.b}}", "x ${{inputs.a}}"])
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(BindingError, match=r"is not (a binding|an expression)"):
        parse(text)


VALUES = {"inputs.a": "1", "inputs.path": "/my data/rows", "outputs.o": "/out", "inputs.empty": ""}


@pytest.mark.parametrize(
    ("command", "rendered"),
    [
        ("x --a ${{inputs.a}} --o ${{ outputs.o }}", "x --a 1 --o /out"),
        ("x $[[--a ${{inputs.a}}]] end", "x --a 1 end"),
        ("x $[[--b ${{inputs.b}}]] end", "x  end"),
        ("x $[[--a ${{inputs.a}} --b ${{inputs.b}}]]end", "x end"),
        ("x '${{inputs.empty}}'", "x ''"),
        ("echo $HOME ${HOME} $(ls) {{a}}", "echo $HOME ${HOME} $(ls) {{a}}"),
        ("cat ${{inputs.path}}", "cat '/my data/rows'"),
        ('cat "${{inputs.path}}/a.csv"', 'cat "/my data/rows/a.csv"'),
        ("cat '${{inputs.path}}'", "cat '/my data/rows'"),
        (r"echo \" ${{inputs.path}}", r"echo \" '/my data/rows'"),
    ],
)
def test_rendering(command: str, rendered: str) -> None:
    assert render(command, VALUES.get, paths=frozenset({"inputs.path", "outputs.o"})) == rendered


def test_an_expression_without_a_value_is_an_error() -> None:
    with pytest.raises(BindingError, match=r"'\$\{\{inputs.b\}\}' in the command has no value"):
        render("x ${{inputs.b}}", VALUES.get)


def test_what_a_command_needs() -> None:
    command = "x ${{inputs.a}} $[[${{inputs.b}} ${{inputs.a}}]] ${{outputs.o}}"
    assert bindings.references_in(command) == ({"inputs.a", "outputs.o"}, {"inputs.b"})
