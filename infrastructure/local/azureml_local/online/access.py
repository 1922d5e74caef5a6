"""Who may call an endpoint: keys, Azure ML tokens, Entra tokens.

Keys are in the state folder's database and nowhere else; they are compared in constant time and never logged.

Source: learn.microsoft.com/azure/machine-learning/concept-endpoints-online-auth.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from azureml_local.errors import AzureError
from azureml_local.services import Services
from azureml_local.tokens import ML_AUDIENCES, TokenError, Tokens

KEY, AML_TOKEN, AAD_TOKEN = "Key", "AMLToken", "AADToken"
MODES = (KEY, AML_TOKEN, AAD_TOKEN)
AML_TOKEN_SECONDS = 12 * 3600
_AUDIENCE = "https://{host}"


@dataclass(frozen=True)
class Keys:
    """The two keys of an endpoint; either opens it, so that one can be replaced while the other is in use."""

    primary: str
    secondary: str

    def __repr__(self) -> str:
        return "Keys(…)"


def _new_key() -> str:
    return secrets.token_urlsafe(32)


class KeyStore:
    """The keys of all endpoints, made with the endpoint."""

    def __init__(self, services: Services) -> None:
        self._store = services.store

    @staticmethod
    def _id(endpoint: str) -> str:
        return f"internal:/online-keys{endpoint}"

    def of(self, endpoint: str) -> Keys:
        """The keys of the endpoint with this ARM id."""
        with self._store.transaction():
            kept = self._store.get(self._id(endpoint))
            if kept is None:
                kept = self._store.put({"id": self._id(endpoint), "primary": _new_key(), "secondary": _new_key()})
        return Keys(kept["primary"], kept["secondary"])

    def regenerate(self, endpoint: str, which: str, value: str | None) -> Keys:
        """Replace the "primary" or "secondary" key. value: the new one; a random one for None or the present one."""
        with self._store.transaction():
            keys = self.of(endpoint)
            present = keys.primary if which == "primary" else keys.secondary
            new = value if value and not hmac.compare_digest(value.encode(), present.encode()) else _new_key()
            self._store.update(self._id(endpoint), lambda document: document.update({which: new}))
        return self.of(endpoint)

    def forget(self, endpoint: str) -> None:
        self._store.delete(self._id(endpoint))


def issue_token(tokens: Tokens, host: str) -> dict[str, object]:
    """An Azure ML token for one endpoint, as OnlineEndpoints_GetToken answers. Times are seconds since the epoch."""
    now = int(tokens.now())
    return {
        "accessToken": tokens.issue(_AUDIENCE.format(host=host), lifetime=AML_TOKEN_SECONDS),
        "expiryTimeUtc": now + AML_TOKEN_SECONDS,
        "refreshAfterTimeUtc": now + AML_TOKEN_SECONDS // 2,
        "tokenType": "Bearer",
    }


@dataclass(frozen=True)
class Guard:
    """Checks callers of one endpoint."""

    mode: str
    host: str
    keys: Keys | None
    tokens: Tokens

    def check(self, authorization: bytes | None) -> None:
        """Raises Azure's 401 for a missing, wrong or expired credential, 403 for a token of another endpoint."""
        scheme, _, given = (authorization or b"").partition(b" ")
        given = given.strip()
        if scheme.lower() != b"bearer" or not given:
            raise _unauthorized(f"This endpoint needs the header 'Authorization: Bearer <{_WANTED[self.mode]}>'.")
        if self.mode == KEY:
            self._check_key(given)
        elif self.mode == AML_TOKEN:
            self._check_aml_token(given.decode("latin-1"))
        else:
            self._check_entra_token(given.decode("latin-1"))

    def _check_key(self, given: bytes) -> None:
        assert self.keys is not None
        first = hmac.compare_digest(given, self.keys.primary.encode())
        second = hmac.compare_digest(given, self.keys.secondary.encode())
        if not first and not second:
            raise _unauthorized("The key is not one of this endpoint's. It may have been regenerated.")

    def _check_aml_token(self, token: str) -> None:
        own = _AUDIENCE.format(host=self.host)
        try:
            self.tokens.verify(token, audiences=frozenset({own}))
        except TokenError as error:
            if "audience 'https://" in str(error) and ".inference.ml.azure.com'" in str(error):
                raise AzureError(403, "Forbidden", "The token was issued for another endpoint.") from error
            raise _unauthorized(str(error)) from error

    def _check_entra_token(self, token: str) -> None:
        try:
            self.tokens.verify(token, audiences=ML_AUDIENCES)
        except TokenError as error:
            raise _unauthorized(str(error)) from error


_WANTED = {KEY: "key", AML_TOKEN: "Azure ML token", AAD_TOKEN: "Microsoft Entra token for https://ml.azure.com"}


def _unauthorized(message: str) -> AzureError:
    return AzureError(401, "Unauthorized", message, headers={"WWW-Authenticate": "Bearer"})
