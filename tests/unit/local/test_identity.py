from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from azureml_local import arm, identity, local_api, oidc
from azureml_local.local_api import KEY_HEADER, local_key
from support.local_server import ARM, Server, make_server

CLAIMS = {"repository": "octo/repo", "ref": "refs/heads/main", "event_name": "push"}
SUBJECT = "repo:octo/repo:ref:refs/heads/main"
ID_TOKEN = "https://token.actions.githubusercontent.com/id-token"


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return make_server(tmp_path, oidc, identity, arm, local_api)


def sign_in(server: Server, **form: str) -> httpx.Response:
    config = server.services.settings
    data = {"grant_type": "client_credentials", "client_id": config.client_id,
            "scope": "https://management.azure.com/.default", **form}  # fmt: skip
    url = f"https://login.microsoftonline.com/{config.tenant_id}/oauth2/v2.0/token"
    return asyncio.run(server.call("POST", url, token="", data=data))


def id_token(server: Server, claims: dict[str, Any] = CLAIMS, trust: tuple[str, ...] = (SUBJECT,)) -> str:
    async def ask() -> str:
        key = local_key(server.services.tokens)
        body = {"claims": claims, "trust": list(trust)}
        given = await server.call(
            "POST", "https://127.0.0.1/id-token-requests", token="", json=body, headers={KEY_HEADER: key}
        )
        answer = await server.call("GET", f"{ID_TOKEN}?audience={oidc.AUDIENCE}", token=given.json()["token"])
        return str(answer.json()["value"])

    return asyncio.run(ask())


def assertion(server: Server, token: str) -> httpx.Response:
    return sign_in(server, client_assertion_type=identity._JWT_BEARER, client_assertion=token)


def test_the_secret_opens_arm_and_a_wrong_one_does_not(server: Server) -> None:
    answer = sign_in(server, client_secret=server.services.settings.client_secret)
    token = answer.json()["access_token"]
    listed = asyncio.run(server.call("GET", f"{ARM}/subscriptions", token=token))
    assert listed.json()["value"][0]["subscriptionId"] == server.services.settings.subscription_id
    refused = sign_in(server, client_secret="wrong")
    assert refused.status_code == 401
    assert "AADSTS7000215: Invalid client secret provided" in refused.json()["error_description"]


def test_a_foreign_client_or_tenant_is_refused_by_name(server: Server) -> None:
    refused = sign_in(server, client_id="somebody", client_secret="x")
    assert "AADSTS700016: Application with identifier 'somebody'" in refused.json()["error_description"]


@pytest.mark.parametrize("token", ["", "rubbish"])
def test_arm_refuses_a_missing_or_foreign_token(server: Server, token: str) -> None:
    answer = asyncio.run(server.call("GET", f"{ARM}/subscriptions", token=token))
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] in {"AuthenticationFailed", "InvalidAuthenticationToken"}


def test_a_token_for_another_audience_or_out_of_time_is_refused(server: Server) -> None:
    storage = server.token("https://storage.azure.com/")
    answer = asyncio.run(server.call("GET", f"{ARM}/subscriptions", token=storage))
    assert "is for audience 'https://storage.azure.com'" in answer.json()["error"]["message"]
    token = server.token()
    server.time.now += 3600
    answer = asyncio.run(server.call("GET", f"{ARM}/subscriptions", token=token))
    assert answer.json()["error"]["code"] == "ExpiredAuthenticationToken"


def test_an_id_token_with_a_trusted_subject_signs_in(server: Server) -> None:
    answer = assertion(server, id_token(server))
    assert answer.status_code == 200, answer.text


def test_an_id_token_of_another_branch_is_refused_with_its_subject(server: Server) -> None:
    token = id_token(server, {**CLAIMS, "ref": "refs/heads/evil"})
    answer = assertion(server, token)
    assert answer.status_code == 401
    assert "AADSTS700213" in answer.json()["error_description"]
    assert "repo:octo/repo:ref:refs/heads/evil" in answer.json()["error_description"]


def test_an_id_token_past_its_time_is_refused_as_entra_does(server: Server) -> None:
    token = id_token(server)
    server.time.now += oidc.ID_TOKEN_SECONDS + 1
    assert "AADSTS700024" in assertion(server, token).json()["error_description"]


def test_an_id_token_signed_by_another_key_is_refused(server: Server) -> None:
    claims = jwt.decode(id_token(server), options={"verify_signature": False})
    forged = jwt.encode(claims, "x" * 32, algorithm="HS256")
    assert "AADSTS700027" in assertion(server, forged).json()["error_description"]


def test_an_environment_or_a_pull_request_has_its_own_subject() -> None:
    assert oidc.subject_of({**CLAIMS, "environment": "prod"}) == "repo:octo/repo:environment:prod"
    assert oidc.subject_of({**CLAIMS, "event_name": "pull_request"}) == "repo:octo/repo:pull_request"


def test_a_repository_with_an_immutable_subject_begins_it_with_its_ids() -> None:
    claims = {**CLAIMS, "subject_prefix": "repo:octo@1/repo@2", "environment": "prod"}
    assert oidc.subject_of(claims) == "repo:octo@1/repo@2:environment:prod"


def ask_in(server: Server, environment: str, run: str = "1", known: str = "1") -> httpx.Response:
    """An ID token for a job in an environment: the run's token, and the job's own statement in the URL."""

    async def ask() -> httpx.Response:
        headers = {KEY_HEADER: local_key(server.services.tokens)}
        body = {"claims": {**CLAIMS, "run_id": known}, "trust": [SUBJECT]}
        token = await server.call("POST", "https://127.0.0.1/id-token-requests", token="", json=body, headers=headers)
        body = {"claims": {**CLAIMS, "run_id": run, "environment": environment}}
        job = await server.call("POST", "https://127.0.0.1/id-token-jobs", token="", json=body, headers=headers)
        url = f"{ID_TOKEN}?job={job.json()['statement']}&audience={oidc.AUDIENCE}"
        return await server.call("GET", url, token=token.json()["token"])

    return asyncio.run(ask())


def test_a_job_in_an_environment_signs_in_with_the_environments_subject(server: Server) -> None:
    token = ask_in(server, "prod").json()["value"]
    assert jwt.decode(token, options={"verify_signature": False})["sub"] == "repo:octo/repo:environment:prod"
    assert assertion(server, token).status_code == 200


def test_an_environment_that_no_job_was_let_into_is_not_trusted(server: Server) -> None:
    answer = assertion(server, id_token(server, {**CLAIMS, "environment": "prod"}))
    assert "subject 'repo:octo/repo:environment:prod'" in answer.json()["error_description"]


def test_the_statement_of_another_run_is_refused(server: Server) -> None:
    refused = ask_in(server, "prod", run="2")
    assert refused.status_code == 401
    assert "The job is of another run than the token." in refused.text


def test_id_tokens_are_not_given_to_a_job_without_the_permission(server: Server) -> None:
    answer = asyncio.run(server.call("GET", ID_TOKEN, token=server.token()))
    assert answer.status_code == 401


def test_the_local_api_wants_its_key(server: Server) -> None:
    answer = asyncio.run(server.call("POST", "https://127.0.0.1/workspaces", json={"group": "g", "workspace": "w"}))
    assert answer.status_code == 401
