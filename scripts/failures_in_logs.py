"""What the end of a failed step's log tells: causes and cures, as in known_failures.py."""

from __future__ import annotations

from known_failures import DOCS, Known

#: What the end of a failed step's log tells. Searched only there, never in Azure's answers.
IN_LOGS: tuple[Known, ...] = (
    Known(
        "cluster-without-identity",
        r"KeyBasedAuthenticationNotPermitted|Key based authentication is not permitted"
        r"|[\"']error_description[\"']: ?[\"']Identity not found|ManagedIdentityCredential authentication unavailable"
        r"|No managed identity endpoint found",
        "The step needs an identity to reach the storage account, and its cluster has none.",
        "Give create-compute the input identity (with `on-drift: update` for a cluster that exists), and that identity "
        "the role Storage Blob Data Contributor on the storage account.",
        f"{DOCS}/how-to-identity-based-service-authentication#compute-cluster",
    ),
    Known(
        "module-missing",
        r"ModuleNotFoundError: No module named '?(?P<what>[\w.]+)",
        "The step's environment has no module named {what}.",
        "Add the package to the environment's conda or docker file, and run register-environment before the pipeline.",
        f"{DOCS}/how-to-manage-environments-v2",
    ),
    Known(
        "file-missing",
        r"(FileNotFoundError: .*?: |can't open file )'(?P<what>[^']+)'",
        "The step looked for {what} and did not find it.",
        "Check the step's `code:` folder and its input bindings: a step sees these and nothing else.",
        f"{DOCS}/reference-yaml-job-pipeline",
    ),
    Known(
        "unknown-argument",
        r"error: unrecognized arguments: (?P<what>.+)",
        "The script does not know the argument {what}.",
        "Make `command:` in the YAML and the script's argument parser agree.",
        f"{DOCS}/reference-yaml-job-command",
    ),
    Known(
        "out-of-memory",
        r"MemoryError|Killed\s*$|exit code 137|OutOfMemory",
        "The step ran out of memory.",
        "Use a larger node-sku, or read the data in parts.",
        f"{DOCS}/concept-compute-target",
    ),
    Known(
        "disk-full",
        r"No space left on device",
        "The node's disk is full.",
        "Write less to local folders, or use a larger node-sku.",
        f"{DOCS}/concept-compute-target",
    ),
    Known(
        "image-build",
        r"(Image|Docker) build failed|Unable to (find|get) image|ResolvePackageNotFound|PackagesNotFoundError"
        r"|No matching distribution found for (?P<what>\S+)",
        "The step's environment could not be built.",
        "Look for the package named in the log above in the environment's conda or docker file.",
        f"{DOCS}/how-to-troubleshoot-environments",
    ),
)
