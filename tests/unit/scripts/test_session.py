"""Which identity an action uses, from its inputs."""

from __future__ import annotations

import io
import json

import pytest

from az_cli import Az
from credentials import GitHubOidc
from errors import ActionError
from github import Runner
from inputs import Inputs
from session import AzSessionCredential, Target, open_session, read_target
from support.fake_azure import CLIENT, SECRET, SUBSCRIPTION, TENANT, World

CREDENTIALS = json.dumps(
    {"clientId": CLIENT, "clientSecret": SECRET, "tenantId": TENANT, "subscriptionId": SUBSCRIPTION}, indent=2
)


def target_of(world: World) -> tuple[Target, Inputs]:
    inputs = Inputs(world.env)
    return read_target(inputs, Runner(world.env, world.out)), inputs


def test_oidc_wins_over_credentials(world: World) -> None:
    world.give(credentials=CREDENTIALS)
    target, inputs = target_of(world)
    inputs.check()
    assert target.principal is not None
    assert target.principal.secret == ""


def test_credentials_bring_their_subscription_and_are_masked(world: World) -> None:
    world.give(credentials=CREDENTIALS, client_id="", tenant_id="", subscription_id="")
    target, inputs = target_of(world)
    inputs.check()
    assert target.subscription == SUBSCRIPTION
    assert target.principal is not None
    assert target.principal.secret == SECRET
    for line in world.log.splitlines():
        assert line.startswith("::add-mask::"), line
    assert f"::add-mask::{SECRET}\n" in world.log


def test_half_an_identity_is_refused(world: World) -> None:
    world.give(tenant_id="", subscription_id="", workspace_name="a b")
    _, inputs = target_of(world)
    with pytest.raises(ActionError) as raised:
        inputs.check()
    text = raised.value.text()
    assert "workspace-name is 'a b': it must have 2 to 33 letters" in text
    assert "tenant-id is empty: it is required together with client-id. Or leave both out" in text
    assert "subscription-id is empty: it is required when the action signs in by itself." in text


def test_bad_credentials_are_not_shown(world: World) -> None:
    world.give(credentials='{"clientId": "hush"', client_id="", tenant_id="")
    _, inputs = target_of(world)
    with pytest.raises(ActionError) as raised:
        inputs.check()
    assert "credentials cannot be used: it is not JSON." in raised.value.text()
    assert "hush" not in raised.value.text()


def opened(world: World) -> tuple[AzSessionCredential, Az]:
    az = Az(world.env, run=world.az)
    oidc = GitHubOidc(world.env, world.azure, world.clock)
    return AzSessionCredential(az, oidc, world.azure, world.clock), az


def test_without_an_identity_the_az_session_is_used(world: World) -> None:
    world.give(client_id="", tenant_id="", subscription_id="")
    target, inputs = target_of(world)
    inputs.check()
    runner = Runner(world.env, io.StringIO())
    session = open_session(target, Az(world.env, run=world.az), runner, world.azure, world.clock)
    assert session.subscription == SUBSCRIPTION
    assert session.principal is None
    assert session.credential.token() == "token-0"
    assert world.az.launches("login") == []


def test_no_session_at_all_is_explained(world: World) -> None:
    world.az.session_error = "ERROR: Please run 'az login' to setup account."
    credential, _ = opened(world)
    with pytest.raises(ActionError) as raised:
        credential.token()
    assert "There is no valid Azure session here." in raised.value.text()
    assert "azure/login" in raised.value.fix


def test_an_az_session_that_cannot_renew_goes_on_by_id_tokens(world: World) -> None:
    credential, _ = opened(world)
    credential.token()
    world.az.session_error = "AADSTS700024: Client assertion is not within its valid time range."
    for _ in range(300):
        assert world.azure.tokens[credential.token()] > world.clock.time()
        world.clock.sleep(60)
    assert len(world.az.launches("account show")) == 1
    assert world.azure.id_tokens


def test_an_az_session_that_cannot_renew_says_what_to_do(world: World) -> None:
    del world.env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
    credential, _ = opened(world)
    world.az.session_error = "AADSTS700024: Client assertion is not within its valid time range."
    with pytest.raises(ActionError) as raised:
        credential.token()
    assert "Give client-id, tenant-id and subscription-id to this action" in raised.value.fix
