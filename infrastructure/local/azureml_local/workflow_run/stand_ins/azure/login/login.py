"""`az login` as azure/login does it: by the job's ID token, or by the service principal JSON in `creds`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request


def id_token(audience: str) -> str:
    """The job's ID token from GitHub's endpoint (or from what stands for it)."""
    url = os.environ.get("ACTIONS_ID_TOKEN_REQUEST_URL")
    if not url:
        sys.exit("::error::No ID token: the job needs `permissions: id-token: write`.")
    separator = "&" if "?" in url else "?"
    request = urllib.request.Request(f"{url}{separator}audience={urllib.parse.quote(audience, safe='')}")
    request.add_header("Authorization", f"bearer {os.environ['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(json.load(answer)["value"])


def az(*arguments: str) -> None:
    """Run az; its own error text is the reason."""
    done = subprocess.run(["az", *arguments, "--output", "none"], check=False)
    if done.returncode != 0:
        sys.exit(f"::error::az {arguments[0]} failed with exit code {done.returncode}")


def main() -> None:
    if os.environ["AUTH_TYPE"].upper() != "SERVICE_PRINCIPAL":
        sys.exit("::error::This stand-in for azure/login signs in service principals only, not managed identities.")
    if os.environ["POWERSHELL"].lower() == "true":  # many workflows ask for it and then use the CLI alone
        print("::warning::enable-AzPSSession: the Azure CLI is signed in here, Azure PowerShell is not.", flush=True)
    client, tenant = os.environ["CLIENT_ID"], os.environ["TENANT_ID"]
    subscription = os.environ["SUBSCRIPTION_ID"]
    if os.environ["CREDS"]:
        creds = json.loads(os.environ["CREDS"])
        client, tenant = creds["clientId"], creds["tenantId"]
        subscription = subscription or creds.get("subscriptionId", "")
        flag, secret = "--password", creds["clientSecret"]
    elif client and tenant:
        flag, secret = "--federated-token", id_token(os.environ["AUDIENCE"])
    else:
        sys.exit("::error::azure/login needs client-id and tenant-id (OIDC), or creds.")
    # az reads @file arguments, so the secret stands on no command line.
    with tempfile.NamedTemporaryFile("w", suffix=".token") as file:
        file.write(secret)
        file.flush()
        az("login", "--service-principal", "--username", client, "--tenant", tenant, flag, f"@{file.name}")
    if subscription:
        az("account", "set", "--subscription", subscription)
    print("Login successful.")


if __name__ == "__main__":
    main()
