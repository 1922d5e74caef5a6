"""All Bicep parses, and its files fit together."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.unit.infrastructure.bicep_checks import API_VERSIONS, problems
from tests.unit.infrastructure.bicep_source import ROOT, body, plain_string, properties, read_all

FILES = read_all()

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
BUILT_IN_ROLES = {
    "acrPull": ("AcrPull", "7f951dda-4ed3-4680-a7ca-43fe172d538d"),
    "azureAiEnterpriseNetworkConnectionApprover": (
        "Azure AI Enterprise Network Connection Approver",
        "b556d68e-0be0-4f35-a333-ad7ee1ce17ea",
    ),
    "azureMlComputeOperator": ("AzureML Compute Operator", "e503ece1-11d0-4e8e-8e2c-7a6c3bf38815"),
    "azureMlDataScientist": ("AzureML Data Scientist", "f6c7c914-8db3-469d-8ca1-694a8f32e121"),
    "azureMlRegistryUser": ("AzureML Registry User", "1823dd4f-9b8c-4ab6-ab4e-7397a3684615"),
    "contributor": ("Contributor", "b24988ac-6180-42a0-ab88-20f7382dd24c"),
    "reader": ("Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7"),
    "roleBasedAccessControlAdministrator": (
        "Role Based Access Control Administrator",
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
    ),
    "storageBlobDataContributor": ("Storage Blob Data Contributor", "ba92f5b4-2d11-453d-a403-e96b0029c9fe"),
    "storageFileDataPrivilegedContributor": (
        "Storage File Data Privileged Contributor",
        "69566ab7-960f-475b-8e7c-b3118f30c6bd",
    ),
    "storageQueueDataContributor": ("Storage Queue Data Contributor", "974c5e8b-45b9-4653-ba55-5f855dd0fb88"),
    "storageTableDataContributor": ("Storage Table Data Contributor", "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"),
}


def changed(path: str, old: str, new: str) -> list[str]:
    """Problems after one replacement in one file."""
    text = (ROOT / path).read_text("utf-8")
    assert text.count(old) >= 1, f"{path} no longer contains {old!r}: this test must follow it"
    return problems(read_all({path: text.replace(old, new, 1)}))


def line_of(path: str, text: str) -> int:
    return (ROOT / path).read_text("utf-8").split(text)[0].count("\n") + 1


def test_there_are_no_problems() -> None:
    assert problems(FILES) == []


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
        ("modules/storage.bicep", "= account.id", "= account.listKeys().keys[0].value", "hands on 'keys'"),
        ("modules/monitoring.bicep", "= applicationInsights.id", "= a.ConnectionString", "on 'ConnectionString'"),
        ("modules/identity.bicep", "output clientId string", "output clientSecret string", "named like a secret"),
        ("modules/access.bicep", "import { roleIds }", "import { roles }", "does not export 'roles'"),
    ],
)  # fmt: skip
def test_a_mistake_is_found(path: str, old: str, new: str, message: str) -> None:
    found = changed(path, old, new)
    assert any(message in problem and problem.startswith(f"{path}:") for problem in found), found
