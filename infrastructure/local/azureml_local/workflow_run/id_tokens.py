"""What the jobs of a run get ID tokens with, and which of them the local workspace accepts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from azureml_local import daemon
from azureml_local.local_api import local_key
from azureml_local.paths import StatePaths
from azureml_local.settings import Settings
from azureml_local.tokens import Tokens

URL = "https://token.actions.githubusercontent.com/id-token?api-version=2.0"
#: Takes an environment over; gives the subject of its jobs' ID tokens, and the URL at which they ask for them.
Trust = Callable[[str], tuple[str, str]]


def request_token(paths: StatePaths, config: Settings, claims: Mapping[str, str]) -> str:
    """Let the local workspace trust this repository's jobs outside of environments; what they ask for ID tokens with.

    A job in an environment is trusted when it begins, see reviews.py.
    """
    prefix = claims.get("subject_prefix") or f"repo:{claims['repository']}"
    trust = [f"{prefix}:ref:{claims['ref']}", f"{prefix}:pull_request"]
    key = local_key(Tokens.load(paths, config))
    body = {"claims": dict(claims), "trust": trust}
    return str(daemon.request(paths, config, "POST", "/id-token-requests", body, key=key)["token"])


def trust_of(paths: StatePaths, config: Settings, claims: Mapping[str, str]) -> Trust:
    """Makes the local workspace trust this run's jobs in an environment, as a federated credential would.

    claims: of a job without one.
    """

    def trust(environment: str) -> tuple[str, str]:
        key = local_key(Tokens.load(paths, config))
        body = {"claims": {**claims, "environment": environment}}
        answer = daemon.request(paths, config, "POST", "/id-token-jobs", body, key=key)
        return str(answer["subject"]), f"{URL}&job={answer['statement']}"

    return trust
