"""What the compiler would refuse, or a reviewer should. Each check returns problems: `file:line: what, where, mend`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tree_sitter import Node

from support.bicep.source import (
    BicepFile,
    Declaration,
    body,
    properties,
    text_of,
    walk,
)

Files = Mapping[str, BicepFile]

# Generally available versions, each looked up in the type definitions that the Bicep compiler is built with
# (https://github.com/Azure/bicep-types-az, generated/SERVICE/PROVIDER/VERSION).
API_VERSIONS = {
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.Authorization/roleDefinitions": "2022-04-01",
    "Microsoft.ContainerRegistry/registries": "2023-07-01",
    "Microsoft.Insights/components": "2020-02-02",
    "Microsoft.KeyVault/vaults": "2023-07-01",
    "Microsoft.MachineLearningServices/registries": "2025-06-01",
    "Microsoft.MachineLearningServices/workspaces": "2025-06-01",
    "Microsoft.MachineLearningServices/workspaces/computes": "2025-06-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "2023-01-31",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": "2023-01-31",
    "Microsoft.Network/privateDnsZones": "2024-06-01",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": "2024-06-01",
    "Microsoft.Network/privateEndpoints": "2024-05-01",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": "2024-05-01",
    "Microsoft.Network/virtualNetworks": "2024-05-01",
    "Microsoft.OperationalInsights/workspaces": "2023-09-01",
    "Microsoft.Resources/resourceGroups": "2024-11-01",
    "Microsoft.Storage/storageAccounts": "2024-01-01",
    "Microsoft.Storage/storageAccounts/blobServices": "2024-01-01",
}

# Properties that these resources have, as far as they are used here (same source). The compiler only warns of others,
# and Azure ignores some: a setting that keeps data safe could be misspelt for years.
PROPERTIES = {
    "Microsoft.Authorization/roleAssignments": "roleDefinitionId principalId principalType condition conditionVersion",
    "Microsoft.Authorization/roleDefinitions": "roleName description type assignableScopes permissions",
    "Microsoft.ContainerRegistry/registries": "adminUserEnabled publicNetworkAccess networkRuleBypassOptions",
    "Microsoft.Insights/components": "Application_Type WorkspaceResourceId",
    "Microsoft.KeyVault/vaults": (
        "tenantId sku enableRbacAuthorization enableSoftDelete softDeleteRetentionInDays enablePurgeProtection "
        "publicNetworkAccess networkAcls"
    ),
    "Microsoft.MachineLearningServices/registries": "publicNetworkAccess regionDetails",
    "Microsoft.MachineLearningServices/workspaces": (
        "friendlyName storageAccount keyVault containerRegistry applicationInsights systemDatastoresAuthMode "
        "v1LegacyMode publicNetworkAccess managedNetwork imageBuildCompute"
    ),
    "Microsoft.MachineLearningServices/workspaces/computes": "computeType disableLocalAuth properties",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": "issuer subject audiences",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": "registrationEnabled virtualNetwork",
    "Microsoft.Network/privateEndpoints": "subnet privateLinkServiceConnections",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": "privateDnsZoneConfigs",
    "Microsoft.Network/virtualNetworks": "addressSpace subnets",
    "Microsoft.OperationalInsights/workspaces": "sku retentionInDays features",
    "Microsoft.Storage/storageAccounts": (
        "accessTier allowBlobPublicAccess allowCrossTenantReplication allowSharedKeyAccess "
        "defaultToOAuthAuthentication minimumTlsVersion supportsHttpsTrafficOnly publicNetworkAccess networkAcls"
    ),
    "Microsoft.Storage/storageAccounts/blobServices": "deleteRetentionPolicy containerDeleteRetentionPolicy",
}

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
BUILT_IN_ROLES = {
    "managedIdentityOperator": ("Managed Identity Operator", "f1a07417-d97a-45cb-824c-7a7467783830"),
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

FUNCTIONS = {
    "cidrSubnet", "contains", "deployment", "empty", "environment", "filter", "guid", "join", "last", "length", "map",
    "range", "replace", "resourceGroup", "resourceId", "split", "subscription", "subscriptionResourceId", "substring",
    "take", "tenant", "toLower", "union", "uniqueString",
}  # fmt: skip
_SECRETS = re.compile(r"(key|secret|password|token|connectionstring|credential)s?$", re.IGNORECASE)


def syntax(files: Files) -> Iterator[str]:
    for file in files.values():
        for node in walk(file.root):
            if node.type == "ERROR" or node.is_missing:
                yield f"{file.at(node)}: syntax error near '{text_of(node)[:40]}'"


def module_calls(files: Files) -> Iterator[str]:
    """Every call gives each required parameter and no unknown one, and names a file that exists."""
    for file in files.values():
        for call in file.of("module").values():
            where = f"{file.path}:{call.line}: module '{call.name}'"
            target = files.get(file.sibling(call.text))
            if target is None or call.value is None:
                yield f"{where}: {call.text} does not exist"
                continue
            parts = properties(body(call.value))
            given = properties(parts["params"]) if "params" in parts else {}
            for parameter in target.of("parameter").values():
                if parameter.required and parameter.name not in given:
                    yield f"{where}: parameter '{parameter.name}' of {target.path} is required and not given"
            for name, node in given.items():
                if name not in target.of("parameter"):
                    yield f"{file.at(node)}: module '{call.name}': {target.path} has no parameter '{name}'"
            if target.scope == "resourceGroup" and file.scope != "resourceGroup" and "scope" not in parts:
                yield f"{where}: needs `scope:`, for {target.path} is deployed to a resource group"


def module_outputs(files: Files) -> Iterator[str]:
    """Every `module.outputs.x` exists."""
    for file in files.values():
        for node in walk(file.root):
            if node.type != "member_expression" or len(node.named_children) != 2:
                continue
            inner, output = node.named_children
            if inner.type != "member_expression" or text_of(inner.named_children[-1]) != "outputs":
                continue
            call = file.of("module").get(text_of(inner.named_children[0]))
            if call is None:
                yield f"{file.at(node)}: '{text_of(node)}': no module '{text_of(inner.named_children[0])}'"
                continue
            target = files.get(file.sibling(call.text))
            if target is not None and text_of(output) not in target.of("output"):
                yield (f"{file.at(node)}: module '{call.name}': {target.path} has no output '{text_of(output)}'")


def references(files: Files) -> Iterator[str]:
    """No unused parameter, variable, import or existing resource; no name that nobody declares."""
    for file in files.values():
        used = set(_used(file))
        for kind in ("parameter", "variable"):
            for declaration in file.of(kind).values():
                if declaration.name not in used and "export" not in declaration.decorators:
                    yield f"{file.path}:{declaration.line}: {kind} '{declaration.name}' is never used"
        for resource in file.of("resource").values():
            if resource.existing and resource.name not in used:
                yield f"{file.path}:{resource.line}: existing resource '{resource.name}' is never used"
        for name, (source, line) in file.imports.items():
            exported = {
                declaration.name
                for kind in ("variable", "type")
                for declaration in (files[source].of(kind).values() if source in files else ())
                if "export" in declaration.decorators
            }
            if name not in exported:
                yield f"{file.path}:{line}: {source} does not export '{name}'"
            if name not in used:
                yield f"{file.path}:{line}: import '{name}' is never used"
        declared = {name for names in file.declarations.values() for name in names} | set(file.imports)
        for node, name, bound in _identifiers(file.root, frozenset()):
            if name not in declared and name not in bound and name not in FUNCTIONS:
                yield f"{file.at(node)}: '{name}' is not declared"


def _used(file: BicepFile) -> Iterator[str]:
    for _, name, bound in _identifiers(file.root, frozenset()):
        if name not in bound:
            yield name


def _identifiers(node: Node, bound: frozenset[str]) -> Iterator[tuple[Node, str, frozenset[str]]]:
    """References to names (not the names declared), each with what the loops and lambdas around it bind."""
    named = [child for child in node.named_children if child.type != "comment"]
    if node.type == "decorators":
        return
    if node.type == "identifier":
        yield node, text_of(node), bound
        return
    skip: Node | None = None
    if node.type.endswith("_declaration") or node.type in {"import_functionality", "object_property"}:
        skip = named[0] if named and named[0].type == "identifier" else None
        if node.type == "import_functionality":
            return
    elif node.type == "lambda_expression":
        bound |= {text_of(child) for child in named[:-1]}
        named = named[-1:]
    elif node.type == "for_statement":
        head = named[0]
        bound |= {text_of(part) for part in (head.named_children or [head])}
        named = named[1:]
    for child in named:
        if child != skip:
            yield from _identifiers(child, bound)


def descriptions(files: Files) -> Iterator[str]:
    for file in files.values():
        for kind in ("parameter", "output", "type"):
            for declaration in file.of(kind).values():
                if "description" not in declaration.decorators:
                    yield f"{file.path}:{declaration.line}: {kind} '{declaration.name}' has no @description"


def api_versions(files: Files) -> Iterator[str]:
    for file in files.values():
        for resource in file.of("resource").values():
            kind, _, version = resource.text.partition("@")
            if API_VERSIONS.get(kind) != version:
                known = API_VERSIONS.get(kind, "none: add it to API_VERSIONS")
                yield f"{file.path}:{resource.line}: {resource.text} is not a known version (known: {known})"


def property_names(files: Files) -> Iterator[str]:
    for file in files.values():
        for resource in file.of("resource").values():
            kind = resource.text.partition("@")[0]
            parts = properties(body(resource.value)) if resource.value is not None else {}
            for name, node in (properties(parts["properties"]) if "properties" in parts else {}).items():
                if name not in PROPERTIES.get(kind, "").split():
                    yield f"{file.at(node)}: {kind} has no property '{name}', as far as PROPERTIES knows"


def secrets(files: Files) -> Iterator[str]:
    """Outputs end up in the deployment history, where every reader of the group sees them."""
    for file in files.values():
        for output in file.of("output").values():
            where = f"{file.path}:{output.line}: output '{output.name}'"
            if _SECRETS.search(output.name):
                yield f"{where} is named like a secret"
            for node in walk(output.node):
                called = text_of(node.named_children[0]) if node.type == "call_expression" else ""
                if called.startswith("list"):
                    yield f"{where} calls {called}()"
                if node.type == "property_identifier" and _SECRETS.search(text_of(node)):
                    yield f"{where} hands on '{text_of(node)}'"
                parameter = file.of("parameter").get(text_of(node)) if node.type == "identifier" else None
                if parameter is not None and _secure(parameter):
                    yield f"{where} hands on the secure parameter '{parameter.name}'"


def _secure(parameter: Declaration) -> bool:
    return "secure" in parameter.decorators


CHECKS = (syntax, module_calls, module_outputs, references, descriptions, api_versions, property_names, secrets)


def problems(files: Files) -> list[str]:
    """All problems of all checks; a file that does not parse is reported alone."""
    broken = list(syntax(files))
    return broken or [problem for check in CHECKS for problem in check(files)]
