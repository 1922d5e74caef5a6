"""Keys and tokens of endpoints."""

from __future__ import annotations

from pathlib import Path

import pytest

from azureml_local.errors import AzureError
from azureml_local.online.access import AAD_TOKEN, AML_TOKEN, KEY, Guard, Keys, KeyStore, issue_token
from support.local_server import Server, make_server

HOST = "taxi.westeurope.inference.ml.azure.com"
ENDPOINT = "/subscriptions/s/resourceGroups/g/providers/x/workspaces/w/onlineEndpoints/taxi"


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return make_server(tmp_path)


def refused(guard: Guard, authorization: str | None) -> AzureError:
    with pytest.raises(AzureError) as caught:
        guard.check(None if authorization is None else authorization.encode())
    return caught.value


def test_both_keys_open_and_nothing_else(server: Server) -> None:
    guard = Guard(KEY, HOST, Keys("first", "second"), server.services.tokens)
    guard.check(b"Bearer first")
    guard.check(b"bearer second")
    for wrong in (None, "", "first", "Basic first", "Bearer ", "Bearer firs", "Bearer \xe9"):
        error = refused(guard, wrong)
        assert (error.status, error.code) == (401, "Unauthorized")
        assert "first" not in error.message


def test_keys_are_random_stay_and_can_be_replaced_one_at_a_time(server: Server) -> None:
    store = KeyStore(server.services)
    keys = store.of(ENDPOINT)
    assert store.of(ENDPOINT.upper()) == keys
    assert len({keys.primary, keys.secondary}) == 2
    assert min(map(len, (keys.primary, keys.secondary))) >= 32
    changed = store.regenerate(ENDPOINT, "primary", keys.primary)  # clients send the key they have
    assert changed.primary != keys.primary
    assert changed.secondary == keys.secondary
    assert store.regenerate(ENDPOINT, "secondary", "my own").secondary == "my own"
    assert keys.primary not in repr(keys)


def test_an_azure_ml_token_opens_its_endpoint_until_it_expires(server: Server) -> None:
    tokens = server.services.tokens
    guard = Guard(AML_TOKEN, HOST, None, tokens)
    issued = issue_token(tokens, HOST)
    assert issued["tokenType"] == "Bearer"
    assert int(str(issued["expiryTimeUtc"])) == int(server.time.now) + 12 * 3600
    bearer = f"Bearer {issued['accessToken']}"
    guard.check(bearer.encode())
    other = issue_token(tokens, "other.westeurope.inference.ml.azure.com")
    assert refused(guard, f"Bearer {other['accessToken']}").status == 403
    assert refused(guard, f"Bearer {server.token()}").status == 401
    assert refused(guard, "Bearer nonsense").status == 401
    server.time.now += 12 * 3600
    error = refused(guard, bearer)
    assert (error.status, "expired" in error.message) == (401, True)


def test_an_entra_token_for_azure_ml_opens(server: Server) -> None:
    guard = Guard(AAD_TOKEN, HOST, None, server.services.tokens)
    guard.check(f"Bearer {server.token('https://ml.azure.com')}".encode())
    error = refused(guard, f"Bearer {server.token()}")
    assert error.status == 401
    assert "https://ml.azure.com" in error.message
