"""What a deployment would contain: names legal for any parameters, settings safe, roles the least."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest

from support.bicep.checks import BUILT_IN_ROLES, problems
from support.bicep.plan import SUBSCRIPTION, TENANT, Resource, Unknown, bound, plan
from support.bicep.source import ROOT, read_all

FILES = read_all()
if problems(FILES):
    pytest.skip("the Bicep files do not fit together: test_bicep_static.py says where", allow_module_level=True)
README_COMMAND = {"prefix": "ydamlv2", "postfix": "yd2023", "env": "dev"}
EVERYTHING: dict[str, Any] = {
    **README_COMMAND,
    "githubSubjectPrefix": "repo:octo-org@123456/octo-repo@456789",
    "dataScientistGroupId": "aaaaaaaa-0000-0000-0000-000000000000",
    "infrastructureIdentities": True,
    "managedNetworkIsolation": "AllowOnlyApprovedOutbound",
    "privateNetwork": True,
    "deployRegistry": True,
    "sharedRegistryId": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shared/providers/"
    "Microsoft.MachineLearningServices/registries/ours",
}

# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
NAME_RULES = {
    "Microsoft.ContainerRegistry/registries": r"[a-zA-Z0-9]{5,50}",
    "Microsoft.Insights/components": r"[^%&\\?/]{1,254}[^%&\\?/. ]",
    "Microsoft.KeyVault/vaults": r"(?=.{3,24}$)[a-zA-Z](-?[a-zA-Z0-9])+",
    "Microsoft.MachineLearningServices/registries": r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}",
    "Microsoft.MachineLearningServices/workspaces": r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}",
    "Microsoft.MachineLearningServices/workspaces/computes": r"[a-zA-Z](?![a-zA-Z0-9-]*-\d+$)[a-zA-Z0-9-]{2,23}",
    "Microsoft.ManagedIdentity/userAssignedIdentities": r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,127}",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,119}",
    "Microsoft.Network/privateDnsZones": r"([a-z0-9-]+\.)+[a-z]+",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": r"[a-zA-Z0-9][\w.-]{0,78}\w",
    "Microsoft.Network/privateEndpoints": r"[a-zA-Z0-9][\w.-]{0,62}\w",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": r"default",
    "Microsoft.Network/virtualNetworks": r"[a-zA-Z0-9][\w.-]{0,62}\w",
    "Microsoft.OperationalInsights/workspaces": r"[a-zA-Z0-9][a-zA-Z0-9-]{2,61}[a-zA-Z0-9]",
    "Microsoft.Resources/resourceGroups": r"[\w().-]{0,89}[\w()-]",
    "Microsoft.Storage/storageAccounts": r"[a-z0-9]{3,24}",
    "Microsoft.Storage/storageAccounts/blobServices": r"default",
}
GUID = r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}"


def extremes(name: str) -> list[str]:
    """Shortest, longest and strangest values that main.bicep lets through for one parameter."""
    parameter = FILES["main.bicep"].of("parameter")[name]
    shortest, longest = bound(parameter, "minLength"), bound(parameter, "maxLength")
    fillers = ["a", "Z", "7", "_", "-", "é", "9z", "-A", "a-"]
    return [(filler * longest)[:size] for filler in fillers for size in (shortest, longest)]


def only(resources: list[Resource], kind: str) -> list[Resource]:
    return [resource for resource in resources if resource.type == kind]


def test_the_command_of_the_readme() -> None:
    resources, outputs = plan(FILES, **README_COMMAND)
    named = {resource.type: resource.name for resource in resources if "Authorization" not in resource.type}
    assert named["Microsoft.Resources/resourceGroups"] == "rg-amlv2-ydamlv2-yd2023"
    assert named["Microsoft.MachineLearningServices/workspaces"] == "ydamlv2-yd2023-dev-mlw"
    assert named["Microsoft.MachineLearningServices/workspaces/computes"] == "cpu-cluster"
    assert named["Microsoft.Insights/components"] == "ydamlv2-yd2023-dev-appi"
    assert named["Microsoft.OperationalInsights/workspaces"] == "ydamlv2-yd2023-dev-log"
    assert re.fullmatch(r"ydamlv2yd2023dst\w{8}", named["Microsoft.Storage/storageAccounts"])
    assert re.fullmatch(r"ydamlv2-yd202-kv-\w{7}", named["Microsoft.KeyVault/vaults"])
    assert re.fullmatch(r"ydamlv2yd2023devcr\w{8}", named["Microsoft.ContainerRegistry/registries"])
    assert "Microsoft.Network/virtualNetworks" not in named
    assert "Microsoft.MachineLearningServices/registries" not in named
    assert "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials" not in named
    assert outputs == {
        "AZURE_CLIENT_ID": Unknown("ydamlv2-yd2023-dev-id-github.clientId"),
        "AZURE_TENANT_ID": TENANT,
        "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
        "RESOURCE_GROUP": "rg-amlv2-ydamlv2-yd2023",
        "WORKSPACE_NAME": "ydamlv2-yd2023-dev-mlw",
        "CLUSTER_IDENTITY": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-amlv2-ydamlv2-yd2023/providers/"
        "Microsoft.ManagedIdentity/userAssignedIdentities/ydamlv2-yd2023-dev-id-compute",
        "registryId": "",
        "planClientId": "",
        "deployClientId": "",
        "planRoleName": "",
    }


def test_names_are_legal_for_extreme_parameters() -> None:
    combinations = list(itertools.product(extremes("prefix"), extremes("postfix")))
    environments = extremes("env")
    for number, (prefix, postfix) in enumerate(combinations):
        env = environments[number % len(environments)]
        values = {**EVERYTHING, "prefix": prefix, "postfix": postfix, "env": env, "groupPerEnvironment": True}
        for resource in plan(FILES, **values)[0]:
            rule = NAME_RULES.get(resource.type, GUID if "Authorization" in resource.type else "")
            assert re.fullmatch(rule, resource.name), (prefix, postfix, env, resource.type, resource.name)


def test_every_resource_type_has_a_name_rule() -> None:
    types = {resource.type for resource in plan(FILES, **EVERYTHING)[0]}
    assert {kind for kind in types if "Authorization" not in kind} == set(NAME_RULES)


def test_globally_unique_names_differ_between_environments_and_by_salt() -> None:
    kinds = ("Microsoft.Storage/storageAccounts", "Microsoft.KeyVault/vaults", "Microsoft.ContainerRegistry/registries")
    variants = [{"env": "dev"}, {"env": "test"}, {"env": "dev", "uniqueSalt": "2"}]
    for kind in kinds:
        names = {only(plan(FILES, **{**README_COMMAND, **variant})[0], kind)[0].name for variant in variants}
        assert len(names) == len(variants), kind


def test_environments_share_a_group_or_have_their_own() -> None:
    def group(**more: Any) -> str:
        return only(plan(FILES, **{**README_COMMAND, **more})[0], "Microsoft.Resources/resourceGroups")[0].name

    assert group(env="dev") == group(env="prod") == "rg-amlv2-ydamlv2-yd2023"
    assert group(env="prod", groupPerEnvironment=True) == "rg-amlv2-ydamlv2-yd2023-prod"


def test_two_environments_in_one_group_share_no_resource() -> None:
    def names(env: str) -> set[tuple[str, str]]:
        resources, _ = plan(FILES, **{**README_COMMAND, "env": env})
        children = ("resourceGroups", "computes", "blobServices")
        return {(r.type, r.name) for r in resources if not r.type.endswith(children)}

    assert not names("dev") & names("prod")


def settings(kind: str, **parameters: Any) -> dict[str, Any]:
    (resource,) = only(plan(FILES, **{**README_COMMAND, **parameters})[0], kind)
    found: dict[str, Any] = resource.body["properties"]
    return found


def test_storage_has_no_shared_keys_and_the_workspace_knows() -> None:
    storage = settings("Microsoft.Storage/storageAccounts")
    assert storage["allowSharedKeyAccess"] is False
    assert storage["allowBlobPublicAccess"] is False
    assert storage["minimumTlsVersion"] == "TLS1_2"
    workspace = settings("Microsoft.MachineLearningServices/workspaces")
    assert workspace["systemDatastoresAuthMode"] == "Identity"
    assert workspace["v1LegacyMode"] is False
    assert workspace["managedNetwork"] == {"isolationMode": "Disabled"}
    assert workspace["imageBuildCompute"] is None


def test_the_vault_is_by_role_and_cannot_be_purged() -> None:
    vault = settings("Microsoft.KeyVault/vaults")
    assert vault["enableRbacAuthorization"] is True
    assert vault["enablePurgeProtection"] is True
    assert vault["softDeleteRetentionInDays"] == 90


def test_the_container_registry_has_no_admin() -> None:
    assert settings("Microsoft.ContainerRegistry/registries")["adminUserEnabled"] is False


def test_clusters_run_as_an_identity_that_may_read_the_data() -> None:
    resources, _ = plan(FILES, **README_COMMAND)
    (cluster,) = only(resources, "Microsoft.MachineLearningServices/workspaces/computes")
    (identity,) = cluster.body["identity"]["userAssignedIdentities"]
    assert identity.endswith("/userAssignedIdentities/ydamlv2-yd2023-dev-id-compute")
    assert cluster.body["properties"]["properties"] == {
        "vmSize": "Standard_DS3_v2",
        "vmPriority": "LowPriority",
        "osType": "Linux",
        "enableNodePublicIp": True,
        "remoteLoginPortPublicAccess": "Disabled",
        "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT120S"},
    }


def test_federated_credentials_are_one_per_environment_and_immutable() -> None:
    resources, _ = plan(FILES, **{**EVERYTHING, "env": "test"})
    credentials = only(resources, "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials")
    prefix = "repo:octo-org@123456/octo-repo@456789"
    assert sorted(credential.body["properties"]["subject"] for credential in credentials) == [
        f"{prefix}:environment:infrastructure",
        f"{prefix}:environment:infrastructure-plan",
        f"{prefix}:environment:test",
    ]
    for credential in credentials:
        assert credential.body["properties"]["issuer"] == "https://token.actions.githubusercontent.com"
        assert credential.body["properties"]["audiences"] == ["api://AzureADTokenExchange"]


def test_while_a_repository_moves_to_ids_both_subjects_are_accepted() -> None:
    both = "repo:octo-org@123456/octo-repo@456789 repo:octo-org/octo-repo"
    resources, _ = plan(FILES, **{**EVERYTHING, "env": "test", "githubSubjectPrefix": both})
    credentials = only(resources, "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials")
    found = {(each.name, each.body["properties"]["subject"]) for each in credentials}
    assert {each for each in found if each[1].endswith(":test")} == {
        ("github", "repo:octo-org@123456/octo-repo@456789:environment:test"),
        ("github-2", "repo:octo-org/octo-repo:environment:test"),
    }
    assert len(credentials) == 6
    without, _ = plan(FILES, **{**EVERYTHING, "githubSubjectPrefix": ""})
    assert not only(without, "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials")


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        (
            "id-github",
            {
                ("ydamlv2-yd2023-dev-mlw", "AzureML Data Scientist"),
                ("ydamlv2-yd2023-dev-mlw", "AzureML Compute Operator"),
                ("ydamlv2-yd2023-dev-mlw", "Reader"),
                ("storage", "Storage Blob Data Contributor"),
                ("ydamlv2-yd2023-dev-id-compute", "Managed Identity Operator"),
            },
        ),
        (
            "id-compute",
            {
                ("storage", "Storage Blob Data Contributor"),
                ("storage", "Storage Queue Data Contributor"),
                ("storage", "Storage Table Data Contributor"),
                ("container registry", "AcrPull"),
            },
        ),
    ],
)
def test_roles_are_the_least_and_on_single_resources(identity: str, expected: set[tuple[str, str]]) -> None:
    resources, _ = plan(FILES, **README_COMMAND)
    names = {role_id: name for name, role_id in BUILT_IN_ROLES.values()}
    short = {
        only(resources, "Microsoft.Storage/storageAccounts")[0].name: "storage",
        only(resources, "Microsoft.ContainerRegistry/registries")[0].name: "container registry",
    }
    given = set()
    for resource in only(resources, "Microsoft.Authorization/roleAssignments"):
        if f"dev-{identity}." in str(resource.body["properties"]["principalId"]):
            scope = resource.scope.rpartition("/")[2]
            role = resource.body["properties"]["roleDefinitionId"].rpartition("/")[2]
            given.add((short.get(scope, scope), names[role]))
    assert given == expected


def test_role_assignments_have_names_of_their_own() -> None:
    assigned = only(plan(FILES, **EVERYTHING)[0], "Microsoft.Authorization/roleAssignments")
    assert len({resource.name for resource in assigned}) == len(assigned)


def test_the_deploying_identity_cannot_make_owners() -> None:
    resources, outputs = plan(FILES, **EVERYTHING)
    assignments = [r for r in resources if r.file == "modules/subscription-access.bicep"]
    (administrator,) = [r for r in assignments if r.symbol == "deployAccess"]
    condition = administrator.body["properties"]["condition"]
    allowed = set(re.findall(GUID.replace("(", "(?:"), condition))
    names = {role_id: name for name, role_id in BUILT_IN_ROLES.values()}
    assert not {names[role] for role in allowed} & {"Contributor", "Role Based Access Control Administrator"}
    given = {
        r.body["properties"]["roleDefinitionId"].rpartition("/")[2]
        for r in only(resources, "Microsoft.Authorization/roleAssignments")
        if r not in assignments
    }
    assert given <= allowed, "a role of main.bicep that the infrastructure workflow may not assign"
    assert outputs["planRoleName"] == "Deployment what-if (ydamlv2-yd2023, 11111111)"
    assert outputs["planClientId"] == Unknown("ydamlv2-yd2023-dev-id-plan.clientId")
    assert outputs["deployClientId"] == Unknown("ydamlv2-yd2023-dev-id-deploy.clientId")


def test_private_means_private_everywhere() -> None:
    resources, _ = plan(FILES, **README_COMMAND, privateNetwork=True)
    for kind in (
        "Microsoft.Storage/storageAccounts",
        "Microsoft.KeyVault/vaults",
        "Microsoft.ContainerRegistry/registries",
        "Microsoft.MachineLearningServices/workspaces",
    ):
        assert only(resources, kind)[0].body["properties"]["publicNetworkAccess"] == "Disabled", kind
    (workspace,) = only(resources, "Microsoft.MachineLearningServices/workspaces")
    assert workspace.body["properties"]["managedNetwork"] == {"isolationMode": "AllowInternetOutbound"}
    assert workspace.body["properties"]["imageBuildCompute"] == "cpu-cluster"
    assert only(resources, "Microsoft.ContainerRegistry/registries")[0].body["sku"] == {"name": "Premium"}
    (cluster,) = only(resources, "Microsoft.MachineLearningServices/workspaces/computes")
    assert cluster.body["properties"]["properties"]["enableNodePublicIp"] is False
    groups = {
        connection["properties"]["groupIds"][0]
        for endpoint in only(resources, "Microsoft.Network/privateEndpoints")
        for connection in endpoint.body["properties"]["privateLinkServiceConnections"]
    }
    assert groups == {"amlworkspace", "blob", "file", "vault", "registry"}
    configured = [
        zone["name"]
        for group in only(resources, "Microsoft.Network/privateEndpoints/privateDnsZoneGroups")
        for zone in group.body["properties"]["privateDnsZoneConfigs"]
    ]
    zones = [zone.name.replace(".", "-") for zone in only(resources, "Microsoft.Network/privateDnsZones")]
    assert sorted(configured) == sorted(zones)


def test_a_managed_network_may_approve_its_own_endpoints() -> None:
    symbols = {r.symbol for r in plan(FILES, **README_COMMAND, managedNetworkIsolation="AllowInternetOutbound")[0]}
    assert "approver" in symbols
    assert "approver" not in {r.symbol for r in plan(FILES, **README_COMMAND)[0]}


@pytest.mark.parametrize("env", ["dev", "test", "prod"])
def test_committed_settings_can_be_deployed(env: str) -> None:
    text = (ROOT / "environments" / f"{env}.json").read_text("utf-8")
    given = {name: entry["value"] for name, entry in json.loads(text)["parameters"].items()}
    resources, outputs = plan(FILES, **{**README_COMMAND, **given, "env": env})
    assert outputs["WORKSPACE_NAME"] == f"ydamlv2-yd2023-{env}-mlw"
    assert resources


def test_a_name_that_breaks_the_rules_would_be_found() -> None:
    text = (ROOT / "main.bicep").read_text("utf-8").replace("${take(compact, 14)}st", "${compact}st")
    resources, _ = plan(read_all({"main.bicep": text}), **{**README_COMMAND, "prefix": "z" * 10})
    (storage,) = only(resources, "Microsoft.Storage/storageAccounts")
    assert not re.fullmatch(NAME_RULES[storage.type], storage.name)
