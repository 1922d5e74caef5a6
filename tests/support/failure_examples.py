"""What Azure, az or a step's log really says when a known failure happens: a sentence for each of known_failures.py.

The tests look whether it is recognised; docs/troubleshooting.md shows it, so that people find their own case.
"""

from __future__ import annotations

#: Name of the failure -> what Azure or az says.
SAYS = {
    "federated-subject-mismatch": "AADSTS700213: No matching federated identity record found for presented assertion",
    "assertion-expired": "AADSTS700024: Client assertion is not within its valid time range.",
    "unknown-application": "AADSTS700016: Application with identifier 'x' was not found in the directory 'y'.",
    "wrong-secret": "AADSTS7000215: Invalid client secret provided.",
    "secret-expired": "AADSTS7000222: The provided client secret keys for app 'x' are expired.",
    "unknown-tenant": "AADSTS90002: Tenant 'x' not found.",
    "not-signed-in": "Please run 'az login' to setup account.",
    "no-permission": "403 AuthorizationFailed: The client 'x' does not have authorization to perform action 'y'",
    "unknown-subscription": "404 SubscriptionNotFound: The subscription 'x' could not be found.",
    "unknown-resource-group": "404 ResourceGroupNotFound: Resource group 'x' could not be found.",
    "unknown-workspace": "404 ResourceNotFound: The Resource 'Microsoft.MachineLearningServices/workspaces/aml' under "
    "resource group 'rg' was not found.",
    "quota": "ClusterMinNodesExceedCoreQuota: The subscription has a DSv2 family vCPU quota of 6 and needs 8 vCPUs.",
    "unknown-vm-size": "VM Size STANDARD_X is not supported in region westeurope",
    "unknown-compute": "Compute target gpu was not found in workspace",
    "storage-without-keys": "KeyBasedAuthenticationNotPermitted: Key based authentication is not permitted on this "
    "storage account.",
    "environment-is-immutable": "(UserError) Environment taxi version 3 already exists and is immutable.",
    "unknown-environment": "(UserError) No environment exists for name: taxi, version: 9",
    "endpoint-name-taken": "(BadRequest) The endpoint name 'taxi' is already in use in region westeurope.",
    "container-crashed": "(ResourceNotReady) User container has crashed or terminated.",
    "image-build-failed": "(ImageBuildFailure) Environment image build failed.",
    "schema": "x Error: Validation for PipelineJobSchema failed: jobs.prep: - Unknown field.",
    "yaml-syntax": "while parsing a block mapping",
    "az-missing": "[Errno 2] No such file or directory: 'az'",
    "extension": "ERROR: 'ml' is misspelled or not recognized by the system.",
    "certificate": "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate",
    "network": "login.microsoftonline.com: [Errno 111] Connection refused",
    "throttled": "429 TooManyRequests: slow down",
}
#: Name of the failure -> (a line of the step's log, a part of the cause that is told).
LOGS = {
    "cluster-without-identity": (
        "azure.identity.CredentialUnavailableError: ManagedIdentityCredential authentication unavailable, no identity "
        "has been assigned to this resource.",
        "its cluster has none",
    ),
    "module-missing": ("ModuleNotFoundError: No module named 'sklearn'", "no module named sklearn"),
    "file-missing": ("FileNotFoundError: [Errno 2] No such file or directory: 'rows.csv'", "looked for rows.csv"),
    "unknown-argument": ("train.py: error: unrecognized arguments: --rate 1", "argument --rate 1"),
    "out-of-memory": ("bash: line 1:    12 Killed", "ran out of memory"),
    "disk-full": ("OSError: [Errno 28] No space left on device", "disk is full"),
    "image-build": ("ERROR: No matching distribution found for pandas==99", "could not be built"),
}
