"""The coverage table: generated, complete, and backed by tests that exist."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator

import pytest

from azureml_local.coverage import operations, table
from azureml_local.coverage.__main__ import FILE, generated
from azureml_local.coverage.features import FEATURES, Feature, Outcome
from azureml_local.errors import not_implemented
from azureml_local.paths import REPOSITORY

PACKAGE = REPOSITORY / "infrastructure" / "local" / "azureml_local"
# What no route or query of a client is known for: their texts are made of the request.
ANY_REQUEST = {"app.py"}


def test_the_committed_table_is_what_the_generator_gives() -> None:
    assert FILE.read_text() == generated(), "run `make coverage-table`"


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name[:40])
def test_each_row_names_tests_that_exist(feature: Feature) -> None:
    if feature.outcome is Outcome.WORKS:
        assert feature.tests, f"nothing shows that '{feature.name}' works"
    for test in feature.tests:
        path, _, name = test.partition("::")
        text = (REPOSITORY / path).read_text()
        assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), f"{test} does not exist"
    assert table.verified_with(feature)


def refusals() -> Iterator[tuple[str, str]]:
    """(file, how the text begins) of every `not_implemented(…)` in the package, and of the tables they read."""
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.name in ANY_REQUEST:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "not_implemented":
                yield from ((file.name, text) for text in _beginning(node.args[0]))
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_NOT_HERE":
                yield from ((file.name, text) for text in ast.literal_eval(node.value).values())


def _beginning(argument: ast.expr) -> list[str]:
    first = argument.values[0] if isinstance(argument, ast.JoinedStr) else argument
    return [str(first.value)] if isinstance(first, ast.Constant) else []  # else: it begins with a table's entry


def test_every_refusal_has_a_row_that_quotes_its_beginning() -> None:
    says = tuple(feature.says for feature in FEATURES if feature.says)
    found = list(refusals())
    assert len(found) > 10
    missing = [f"{file}: {text}" for file, text in found if not text.startswith(says)]
    assert not missing, "add rows to coverage/features.py"
    unused = [begins for begins in says if not any(text.startswith(begins) for _, text in found)]
    assert not unused, "nothing refuses these any more"


def test_a_refusal_leads_to_the_table() -> None:
    assert FILE.relative_to(REPOSITORY).as_posix() in not_implemented("x").message


def test_areas_of_features_stand_together() -> None:
    areas = [area for area, _ in itertools.groupby(FEATURES, key=lambda feature: feature.area)]
    assert len(areas) == len(set(areas))


@pytest.mark.parametrize(
    ("tests", "verified"),
    [
        (("tests/unit/x.py::t", "tests/wire/test_jobs.py::t", "tests/wire/test_az_ml_job.py::t"), "az ml, SDK"),
        (("tests/unit/x.py::t",), "unit"),
        ((), "-"),
    ],
)
def test_who_verified_a_row_is_read_off_its_tests(tests: tuple[str, ...], verified: str) -> None:
    assert table.verified_with(Feature("area", "name", Outcome.WORKS, tests=tests)) == verified


def test_operations_are_named_as_the_rest_reference_names_them() -> None:
    assert operations._title("startPendingUpload") == "Start Pending Upload"
    text = generated()
    for line in (
        "### Online Deployments",
        "| Create Or Update | `PUT WS/jobs/{name}` |",
        "| List Secrets | `POST WS/datastores/{name}/listSecrets` |",
        "| Resource Groups - Check Existence | `HEAD GROUP` |",
        "### Registry Model Versions",
        "| Import Asset (share) | `POST REGISTRY/import` |",
        "| Get Details | `GET /history/v1.0WS/runs/{run}/details`<br>`GET /history/v1.0WS/[experiment…/]runs/{run}/de",
    ):
        assert line in text
