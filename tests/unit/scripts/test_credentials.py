"""Tokens: exchanged, kept, renewed before their end, and never shown."""

from __future__ import annotations

import base64
import json

import pytest

from credentials import GitHubOidc, Principal, ServicePrincipal, claims, parse_credentials
from errors import ActionError, ExitCode
from support.fake_azure import CLIENT, SECRET, SUBSCRIPTION, TENANT, FakeAzure, Fault, World, answer


def by_oidc(azure: FakeAzure, env: dict[str, str]) -> ServicePrincipal:
    principal = Principal(CLIENT, TENANT, SUBSCRIPTION)
    return ServicePrincipal(principal, GitHubOidc(env, azure, azure.clock), azure, azure.clock)


def test_an_id_token_is_exchanged(world: World) -> None:
    assert by_oidc(world.azure, world.env).token() == "token-0"
    asked = world.azure.asked("token.actions.githubusercontent.com")[0]
    assert asked.url.endswith("?v=1&audience=api%3A%2F%2FAzureADTokenExchange")
    form = (world.azure.asked("login.microsoftonline.com")[0].body or b"").decode()
    assert "client_assertion=id-token-0" in form
    assert "scope=https%3A%2F%2Fmanagement.azure.com%2F.default" in form


def test_a_token_is_kept_until_it_is_near_its_end(world: World) -> None:
    credential = by_oidc(world.azure, world.env)
    world.clock.sleep(0)
    first = credential.token()
    world.clock.sleep(3600 - 301)
    assert credential.token() == first
    world.clock.sleep(2)
    assert credential.token() == "token-1"


def test_a_short_token_is_renewed_in_time(world: World) -> None:
    world.azure.token_life = 10
    credential = by_oidc(world.azure, world.env)
    for _ in range(20):
        assert world.azure.tokens[credential.token()] > world.clock.time()
        world.clock.sleep(1)


def test_ten_hours_pass_without_an_expired_assertion(world: World) -> None:
    credential = by_oidc(world.azure, world.env)
    for _ in range(10 * 60):
        assert world.azure.tokens[credential.token()] > world.clock.time()
        world.clock.sleep(60)
    assert len(world.azure.id_tokens) == len(world.azure.tokens) > 9


def test_without_the_permission_the_missing_line_is_named(world: World) -> None:
    del world.env["ACTIONS_ID_TOKEN_REQUEST_URL"]
    with pytest.raises(ActionError) as raised:
        by_oidc(world.azure, world.env).token()
    assert raised.value.exit_code is ExitCode.SIGN_IN
    assert "The job lacks `permissions: id-token: write`, or the run comes from a fork" in raised.value.text()


def test_a_subject_that_is_not_trusted_is_explained(world: World) -> None:
    world.azure.subject_trusted = False
    with pytest.raises(ActionError) as raised:
        by_oidc(world.azure, world.env).token()
    assert raised.value.exit_code is ExitCode.SIGN_IN
    assert "Entra ID has no federated credential for this workflow" in raised.value.text()
    assert "AADSTS700213" in raised.value.text()


def test_claims_are_read_from_an_id_token() -> None:
    body = base64.urlsafe_b64encode(json.dumps({"sub": "repo:a/b", "jti": "hidden"}).encode()).decode().rstrip("=")
    assert claims(f"x.{body}.y") == {"sub": "repo:a/b"}
    assert claims("nonsense") == {}
    assert claims("a.!!.b") == {}


def test_a_busy_token_endpoint_is_asked_again(world: World) -> None:
    world.azure.faults = [
        Fault("login.microsoftonline.com", answer(503, Retry_After="4")),
        Fault("login.microsoftonline.com", None),
        Fault("token.actions", answer(500)),
    ]
    assert by_oidc(world.azure, world.env).token() == "token-0"
    assert world.clock.slept == [1.0, 4.0, 2.0]


def test_an_unreachable_token_endpoint_is_told(world: World) -> None:
    world.azure.faults = [Fault("login.microsoftonline.com", None, times=99)]
    with pytest.raises(ActionError, match="A token from Entra ID could not be had"):
        by_oidc(world.azure, world.env).token()


def test_a_secret_is_exchanged_and_a_wrong_one_is_not_shown(world: World) -> None:
    oidc = GitHubOidc({}, world.azure, world.clock)
    good = ServicePrincipal(Principal(CLIENT, TENANT, "", SECRET), oidc, world.azure, world.clock)
    assert good.token() == "token-0"
    assert good.proof() == ("--password", SECRET)
    bad = ServicePrincipal(Principal(CLIENT, TENANT, "", "wrong-one"), oidc, world.azure, world.clock)
    with pytest.raises(ActionError) as raised:
        bad.token()
    assert "The client secret is wrong." in raised.value.text()
    assert "wrong-one" not in raised.value.text()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "it is not JSON"),
        ("[]", "it is not a JSON object"),
        ('{"clientId": "x"}', "it lacks clientSecret, tenantId"),
        ('{"clientId": "x", "clientSecret": "", "tenantId": 3}', "it lacks clientSecret, tenantId"),
    ],
)
def test_bad_credentials_say_what_is_missing(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}$"):
        parse_credentials(text)


def test_credentials_are_read() -> None:
    text = json.dumps({"clientId": "c", "clientSecret": "s", "tenantId": "t", "subscriptionId": "u"})
    assert parse_credentials(text) == Principal("c", "t", "u", "s")
