"""All Bicep parses, and its files fit together."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from support.bicep.checks import API_VERSIONS, BUILT_IN_ROLES, problems
from support.bicep.source import ROOT, body, plain_string, properties, read_all

FILES = read_all()
PRESENT = problems(FILES)


def changed(path: str, old: str, new: str) -> list[str]:
    """Problems that one replacement in one file adds."""
    text = (ROOT / path).read_text("utf-8")
    assert text.count(old) >= 1, f"{path} no longer contains {old!r}: this test must follow it"
    found = problems(read_all({path: text.replace(old, new, 1)}))
    known = {each.partition(": ")[2] for each in PRESENT}  # without the line, which may have moved
    return [each for each in found if each.partition(": ")[2] not in known]


def line_of(path: str, text: str) -> int:
    return (ROOT / path).read_text("utf-8").split(text)[0].count("\n") + 1


def test_there_are_no_problems() -> None:
    if PRESENT:
        pytest.fail("\n".join(f"infrastructure/{each}" for each in PRESENT), pytrace=False)


def test_every_module_file_is_used() -> None:
    called = {file.sibling(call.text) for file in FILES.values() for call in file.of("module").values()}
    imported = {source for file in FILES.values() for source, _ in file.imports.values()}
    assert set(FILES) - {"main.bicep"} == called | imported


def test_roles_are_the_built_in_ones() -> None:
    table = FILES["modules/roles.bicep"].of("variable")["roleIds"].value
    assert table is not None
    written = {name: plain_string(node) for name, node in properties(table).items()}
    assert written == {name: role_id for name, (_, role_id) in BUILT_IN_ROLES.items()}


def test_no_role_id_is_written_outside_the_table() -> None:
    identifier = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
    for path, file in FILES.items():
        if path != "modules/roles.bicep":
            assert not identifier.findall(file.source.decode()), path


def test_api_versions_are_generally_available() -> None:
    assert all(re.fullmatch(r"\d{4}-\d{2}-\d{2}", version) for version in API_VERSIONS.values())
    used = {r.text.partition("@")[0] for file in FILES.values() for r in file.of("resource").values()}
    assert used == set(API_VERSIONS)


def test_the_command_of_the_readme_needs_nothing_else() -> None:
    parameters = FILES["main.bicep"].of("parameter")
    assert {"prefix", "postfix", "env"} <= set(parameters)
    assert {name for name, parameter in parameters.items() if parameter.required} <= {
        "prefix",
        "postfix",
        "env",
    }
    assert FILES["main.bicep"].scope == "subscription"


@pytest.mark.parametrize("path", sorted((ROOT / "environments").glob("*.json")), ids=lambda path: path.stem)
def test_settings_of_an_environment_exist_in_main(path: Path) -> None:
    settings = json.loads(path.read_text("utf-8"))
    assert settings["$schema"].endswith("/2019-04-01/deploymentParameters.json#")
    assert set(settings["parameters"]) <= set(FILES["main.bicep"].of("parameter"))


# ------------------------------------------------------------------ the checks themselves: each must be able to fail


def test_a_parameter_deleted_from_a_module_call_is_named() -> None:
    line = line_of("main.bicep", "module storage ")
    assert changed("main.bicep", "    sku: storageSku\n", "")[:1] == [
        f"main.bicep:{line}: module 'storage': parameter 'sku' of modules/storage.bicep is required and not given"
    ]


@pytest.mark.parametrize(
    "call", [(path, call.name) for path, file in FILES.items() for call in file.of("module").values()], ids=str
)
def test_any_parameter_deleted_from_any_module_call_is_named(call: tuple[str, str]) -> None:
    path, name = call
    file = FILES[path]
    module = file.of("module")[name]
    target = FILES[file.sibling(module.text)]
    assert module.value is not None
    given = properties(properties(body(module.value))["params"])
    for parameter, value in given.items():
        if not target.of("parameter")[parameter].required:
            continue
        prop = value.parent
        assert prop is not None
        source = file.source[: prop.start_byte] + file.source[prop.end_byte :]
        expected = (
            f"{path}:{module.line}: module '{name}': parameter '{parameter}' of {target.path} is required and not given"
        )
        assert expected in problems(read_all({path: source.decode()}))


def test_an_unknown_parameter_is_named() -> None:
    found = changed("main.bicep", "    sku: storageSku\n", "    sku: storageSku\n    colour: 'blue'\n")
    line = line_of("main.bicep", "    sku: storageSku\n") + 1
    assert found == [f"main.bicep:{line}: module 'storage': modules/storage.bicep has no parameter 'colour'"]


def test_an_output_that_does_not_exist_is_named() -> None:
    line = line_of("main.bicep", "storage.outputs.id")
    assert changed("main.bicep", "storage.outputs.id", "storage.outputs.identifier") == [
        f"main.bicep:{line}: module 'storage': modules/storage.bicep has no output 'identifier'"
    ]


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        ("main.bicep", "targetScope = 'subscription'", "targetScope = ", "syntax error"),
        ("main.bicep", "  scope: group\n", "", "needs `scope:`"),
        ("main.bicep", "'modules/storage.bicep'", "'modules/storrage.bicep'", "does not exist"),
        ("main.bicep", "name: workspaceName", "name: worksapceName", "'worksapceName' is not declared"),
        ("modules/storage.bicep", "param sku string", "param sku string\nparam y string", "'y' is never used"),
        ("modules/storage.bicep", "@description('Redundancy.')\n", "", "parameter 'sku' has no @description"),
        ("modules/storage.bicep", "@2024-01-01", "@2024-01-02", "is not a known version"),
        ("modules/storage.bicep", "allowSharedKeyAccess", "allowSharedKeyAcess", "no property 'allowSharedKeyAcess'"),
        ("modules/storage.bicep", "= account.id", "= account.listKeys().keys[0].value", "hands on 'keys'"),
        ("modules/monitoring.bicep", "= applicationInsights.id", "= a.ConnectionString", "on 'ConnectionString'"),
        ("modules/identity.bicep", "output clientId string", "output clientSecret string", "named like a secret"),
        ("modules/access.bicep", "import { roleIds }", "import { roles }", "does not export 'roles'"),
    ],
)  # fmt: skip
def test_a_mistake_is_found(path: str, old: str, new: str, message: str) -> None:
    found = changed(path, old, new)
    assert any(message in problem and problem.startswith(f"{path}:") for problem in found), found
