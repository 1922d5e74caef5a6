"""The variables that lead a shell's az, SDK and MLflow to the local workspace: `azureml-local env`.

Nothing in HOME is touched: az's configuration and extensions lie in the state folder.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from .paths import StatePaths
from .settings import Settings


def redirect(paths: StatePaths, config: Settings) -> dict[str, str]:
    """Where to connect and whom to trust; enough for any HTTPS client."""
    proxy = f"http://127.0.0.1:{config.proxy_port}"
    bundle = str(paths.ca_bundle)
    return {
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "REQUESTS_CA_BUNDLE": bundle,
        "SSL_CERT_FILE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "NODE_EXTRA_CA_CERTS": str(paths.certificates / "ca.pem"),
    }


def variables(paths: StatePaths, config: Settings) -> dict[str, str]:
    """Everything a shell needs, PATH excepted. The client secret opens this state folder's server only."""
    return {
        **redirect(paths, config),
        "AZUREML_LOCAL_STATE": str(paths.root),
        "AZURE_CONFIG_DIR": str(paths.az_config),
        "AZURE_EXTENSION_DIR": str(paths.az_extensions),
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
        "AZURE_CORE_SURVEY_MESSAGE": "no",
        "AZURE_CORE_NO_COLOR": "yes",
        "AZURE_STORAGE_AUTH_MODE": "login",  # `az storage` would look for keys; the account here has none
        "AZURE_CLIENT_ID": config.client_id,
        "AZURE_CLIENT_SECRET": config.client_secret,
        "AZURE_TENANT_ID": config.tenant_id,
        "AZURE_SUBSCRIPTION_ID": config.subscription_id,
        "AZURE_RESOURCE_GROUP": config.resource_group,
        "AZUREML_WORKSPACE_NAME": config.workspace,
    }


def bin_folder(paths: StatePaths) -> Path:
    """A folder for PATH with `az` and `azureml-local` alone, so that the caller's own python stays the caller's."""
    return paths.root / "bin"


def write_launchers(paths: StatePaths, az_python: Path, own_command: Path) -> None:
    """`az` runs the locked azure-cli; -s and no PYTHONPATH keep the caller's packages out of it."""
    folder = bin_folder(paths)
    folder.mkdir(exist_ok=True)
    # azure-cli reads AZ_INSTALLER to know how it was installed; PIP is what its own launcher says. PIP_COMPILE=0: pip
    # would compile all of the ml extension's 190 MB, ten seconds; Python compiles the tenth that is used as it goes.
    az = (
        "#!/bin/sh\nunset PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE\n"
        f'AZ_INSTALLER=PIP PIP_COMPILE=0 exec "{az_python}" -sm azure.cli "$@"\n'
    )
    own = f'#!/bin/sh\nexec "{own_command}" "$@"\n'
    for name, text in (("az", az), ("azureml-local", own)):
        target, temporary = folder / name, folder / f".{name}.new"
        temporary.write_text(text)
        temporary.chmod(0o755)
        os.replace(temporary, target)  # noqa: PTH105 - atomic on every platform


def exports(paths: StatePaths, config: Settings, shell: str) -> str:
    """Lines to evaluate: posix (sh, bash, zsh), fish, or plain NAME=VALUE for an env file."""
    pairs = variables(paths, config)
    folder = str(bin_folder(paths))
    if shell == "plain":
        lines = [f"{name}={value}" for name, value in pairs.items()]
        return "\n".join([*lines, f"PATH={folder}:{os.environ.get('PATH', '')}"])
    if shell == "fish":
        lines = [f"set -gx {name} {shlex.quote(value)}" for name, value in pairs.items()]
        return "\n".join([*lines, f"fish_add_path --path {shlex.quote(folder)}"])
    lines = [f"export {name}={shlex.quote(value)}" for name, value in pairs.items()]
    guard = f'case ":$PATH:" in *:{shlex.quote(folder)}:*) ;; *) export PATH={shlex.quote(folder)}:"$PATH" ;; esac'
    return "\n".join([*lines, guard])
