"""Every known failure, said once: its cause, its cure, and where to read on.

The same words go to the log (`::error::`) and to the job summary, so this table is also the source of the
troubleshooting page. A failure that is not in the table is shown as Azure worded it. What steps' logs tell stands in
failures_in_logs.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from errors import ActionError, ExitCode

DOCS = "https://learn.microsoft.com/azure/machine-learning"


@dataclass(frozen=True)
class Known:
    """One known failure. `pattern` is searched, without regard to case, in Azure's code and message or in a log."""

    name: str
    pattern: str
    cause: str
    fix: str
    link: str = ""
    exit_code: ExitCode = ExitCode.AZURE


_OIDC = "https://learn.microsoft.com/azure/developer/github/connect-from-azure-openid-connect"
_CODES = "https://learn.microsoft.com/entra/identity-platform/reference-error-codes"
_ROLES = f"{DOCS}/how-to-assign-roles"

#: Failures of requests and of `az`, most specific first: the first match explains.
KNOWN: tuple[Known, ...] = (
    Known(
        "federated-subject-mismatch",
        r"AADSTS70021([1-3]\d?)?\b",
        "Entra ID has no federated credential for this workflow: issuer, subject or audience of GitHub's token "
        "match none of the application's.",
        "Compare GitHub's claims, shown here, with the application's federated credentials. The subject names the "
        "repository and the branch, tag, environment or pull request: each kind needs a credential of its own.",
        _OIDC,
        ExitCode.SIGN_IN,
    ),
    Known(
        "assertion-expired",
        r"AADSTS700024\b",
        "The ID token behind this session is older than its few minutes of life.",
        "Give client-id, tenant-id and subscription-id to this action (with `permissions: id-token: write`): it "
        "then asks GitHub for a new token whenever it needs one.",
        _OIDC,
        ExitCode.SIGN_IN,
    ),
    Known(
        "unknown-application",
        r"AADSTS700016\b",
        "No application with this client-id exists in this tenant.",
        "Check client-id (the application's, not the object's id) and tenant-id.",
        _CODES,
        ExitCode.SIGN_IN,
    ),
    Known(
        "wrong-secret",
        r"AADSTS7000215\b",
        "The client secret is wrong.",
        "Store the secret's value (not its id) anew, or better: drop secrets and use OIDC.",
        _OIDC,
        ExitCode.SIGN_IN,
    ),
    Known(
        "secret-expired",
        r"AADSTS7000222\b",
        "The client secret has expired.",
        "Create a new one, or better: drop secrets and use OIDC, which has nothing that expires.",
        _OIDC,
        ExitCode.SIGN_IN,
    ),
    Known(
        "unknown-tenant",
        r"AADSTS90002\b|AADSTS900023\b",
        "This tenant does not exist.",
        "Check tenant-id: `az account show --query tenantId`.",
        _CODES,
        ExitCode.SIGN_IN,
    ),
    Known(
        "not-signed-in",
        r"Please run 'az login'|No subscription found|InvalidAuthenticationToken(Tenant)?\b|ExpiredAuthenticationToken",
        "There is no valid Azure session here.",
        "Give this action client-id, tenant-id and subscription-id (OIDC), or credentials, or run azure/login "
        "earlier in the same job.",
        _OIDC,
        ExitCode.SIGN_IN,
    ),
    Known(
        "no-permission",
        r"AuthorizationFailed|LinkedAuthorizationFailed|does not have authorization|\bForbidden\b",
        "The identity is signed in but may not do this.",
        "Assign it a role on the workspace: `AzureML Data Scientist` runs jobs, `AzureML Compute Operator` makes "
        "clusters. New assignments need a few minutes to act.",
        _ROLES,
        ExitCode.SIGN_IN,
    ),
    Known(
        "unknown-subscription",
        r"SubscriptionNotFound|InvalidSubscriptionId|subscription .* (could not be found|doesn't exist)",
        "The subscription does not exist, or the identity has no role in it.",
        "Check subscription-id, and that the identity has a role on the workspace.",
        _ROLES,
        ExitCode.SIGN_IN,
    ),
    Known(
        "unknown-resource-group",
        r"ResourceGroupNotFound",
        "The resource group does not exist in this subscription.",
        "Check resource-group and subscription-id: `az group list --query [].name`.",
        f"{DOCS}/how-to-manage-workspace",
    ),
    Known(
        "unknown-workspace",
        r"ResourceNotFound.*Microsoft\.MachineLearningServices/workspaces/[^/'\"\s]+['\"]?\s+(under|was not)"
        r"|Workspace \S+ not found",
        "The workspace does not exist in this resource group.",
        "Check workspace-name and resource-group: `az ml workspace list --query [].name`.",
        f"{DOCS}/how-to-manage-workspace",
    ),
    Known(
        "quota",
        r"ClusterCoreQuotaReached|OutOfQuota|QuotaExceeded|OperationNotAllowed.*quota|not enough quota"
        r"|exceed\w* .*quota|cores? ?quota|vCPU quota",
        "The subscription's vCPU quota for this VM family in this region is used up.",
        "Ask for less (node-sku, cluster-size), or for another tier (low_priority has a quota of its own), free "
        "other clusters, or request quota in the portal.",
        f"{DOCS}/how-to-manage-quotas",
    ),
    Known(
        "unknown-vm-size",
        r"InvalidVmSize|VM ?Size .*(not supported|not available|invalid|not valid)|SkuNotAvailable"
        r"|STANDARD_\S+ is not supported",
        "This VM size does not exist in the workspace's region, or may not be used by it.",
        "Choose one of `az ml compute list-sizes` as node-sku.",
        f"{DOCS}/concept-compute-target#supported-vm-series-and-sizes",
    ),
    Known(
        "unknown-compute",
        r"compute (target )?\S*\s*(was )?(not found|does not exist)|ComputeNotFound|Unknown compute target",
        "The job names a compute cluster that does not exist in this workspace.",
        "Create it with the create-compute action, or mend `compute:` / `default_compute:` in the YAML.",
        f"{DOCS}/how-to-create-attach-compute-cluster",
    ),
    Known(
        "storage-without-keys",
        r"KeyBasedAuthenticationNotPermitted|Key based authentication is not permitted",
        "The workspace's storage account takes no account keys, and this request was signed with one.",
        "Have the workspace reach its storage by identity (`az ml workspace update --system-datastores-auth-mode "
        "identity`); give whoever signs in here, and the clusters' identity, the role Storage Blob Data Contributor.",
        f"{DOCS}/how-to-disable-local-auth-storage",
    ),
    Known(
        "environment-is-immutable",
        r"environment.*(already exists|immutable|cannot be (changed|modified))",
        "This version of the environment exists with other content, and versions never change.",
        "Raise `version:` in the environment file, or leave it out: then the next free one is taken.",
        f"{DOCS}/reference-yaml-environment",
    ),
    Known(
        "unknown-environment",
        r"(No|unknown) environment( exists)?|environment \S+ (not found|does not exist)"
        r"|Environment.*(could not|was not|not) (be )?found|could not find environment",
        "The job names an environment, or a version of one, that is not registered in this workspace.",
        "Run register-environment before run-pipeline, and compare `environment:` with the environment file's name.",
        f"{DOCS}/how-to-manage-environments-v2",
    ),
    Known(
        "endpoint-name-taken",
        r"endpoint name.{0,80}(already (in use|taken|exists)|not available|must be unique)|EndpointNameNotAvailable",
        "An endpoint's name is part of its address, and somebody in this Azure region has this one.",
        "Leave endpoint-name empty, which adds six digits that stand for the workspace, or give another one.",
        f"{DOCS}/how-to-deploy-online-endpoints",
        ExitCode.BAD_INPUT,
    ),
    Known(
        "container-crashed",
        r"ResourceNotReady|user container has crashed",
        "The container does not come up: init() of its scoring script fails, or its model cannot be loaded.",
        "Mend what the log below says. The same server runs on a laptop: pip install azureml-inference-server-http.",
        f"{DOCS}/how-to-troubleshoot-online-endpoints#error-resourcenotready",
    ),
    Known(
        "image-build-failed",
        r"ImageBuildFailure|image build failed",
        "The environment's image could not be built.",
        "Look at the image-build log in the workspace's storage for the package that is missing or does not fit.",
        f"{DOCS}/how-to-troubleshoot-online-endpoints#error-imagebuildfailure",
    ),
    Known(
        "schema",
        r"does not match the prescribed schema|Unknown field|Validation for \w+Schema failed"
        r"|Not a valid (string|integer|mapping)|is not in set",
        "The YAML is not what Azure Machine Learning's schema allows.",
        "Mend the field named above. An editor with the YAML extension checks as you type, by the file's `$schema`.",
        f"{DOCS}/reference-yaml-overview",
        ExitCode.BAD_INPUT,
    ),
    Known(
        "yaml-syntax",
        r"while (scanning|parsing) a|mapping values are not allowed|could not find expected|YamlError"
        r"|Error while parsing yaml",
        "The file is not valid YAML.",
        "Mend the line named above; indentation and a missing space after ':' are the usual reasons.",
        "",
        ExitCode.BAD_INPUT,
    ),
    Known(
        "az-missing",
        r"az: (command )?not found|No such file or directory: 'az'",
        "The Azure CLI is not installed on this runner.",
        "GitHub's hosted runners have it; on your own install it from https://aka.ms/install-azure-cli.",
        "https://learn.microsoft.com/cli/azure/install-azure-cli",
    ),
    Known(
        "extension",
        r"'ml' is misspelled or not recognized|No (matching )?extensions? (found )?.*\bml\b"
        r"|Version '\S+' not found for extension 'ml'",
        "The `ml` extension of the Azure CLI could not be installed.",
        "Check that the runner reaches https://aka.ms, and that ml-extension-version names a published version.",
        f"{DOCS}/how-to-configure-cli",
    ),
    Known(
        "certificate",
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        "The server's certificate is signed by an authority that this runner does not trust, often a company proxy's.",
        "Point SSL_CERT_FILE and REQUESTS_CA_BUNDLE at a bundle that contains that authority.",
        "https://learn.microsoft.com/cli/azure/use-azure-cli-successfully-troubleshooting#work-behind-a-proxy",
    ),
    Known(
        "network",
        r"Connection refused|Name or service not known|nodename nor servname|Tunnel connection failed|timed out"
        r"|Network is unreachable|Temporary failure in name resolution",
        "This runner does not reach Azure.",
        "Check the network, the firewall, and HTTPS_PROXY where there is a proxy.",
        "https://learn.microsoft.com/azure/machine-learning/how-to-access-azureml-behind-firewall",
        ExitCode.LOST,
    ),
    Known(
        "throttled",
        r"TooManyRequests|\b429\b",
        "Azure limits how often this subscription may ask, and went on refusing.",
        "Run again later; spread schedules that start at the same minute.",
        "https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling",
    ),
)


def explain(text: str, table: tuple[Known, ...] = KNOWN) -> Known | None:
    """The first known failure whose pattern occurs in `text`, with `{what}` of its cause filled in; else None."""
    for known in table:
        match = re.search(known.pattern, text, re.IGNORECASE | re.MULTILINE)
        if match is None:
            continue
        what = match.groupdict().get("what") or ""
        return Known(
            known.name, known.pattern, known.cause.replace("{what}", what), known.fix, known.link, known.exit_code
        )
    return None


def failure(what: str, detail: str, default: ExitCode = ExitCode.AZURE) -> ActionError:
    """An ActionError for `what`, with cause and cure from the table where `detail` (Azure's text) is known."""
    known = explain(detail)
    if known is None:
        return ActionError(what, detail=detail, exit_code=default)
    return ActionError(what, known.cause, known.fix, known.link, detail, known.exit_code)
