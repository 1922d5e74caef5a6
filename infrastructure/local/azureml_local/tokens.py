"""Access tokens as Entra issues them: signed JWTs with audience, issuer and expiry, checked on every call.

One RSA key per state folder (0600) signs access tokens and, for runs under act, GitHub-style ID tokens.
"""

from __future__ import annotations

import hashlib
import hmac
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .paths import StatePaths
from .settings import Settings, write_private

ARM_AUDIENCES = frozenset({"https://management.azure.com", "https://management.core.windows.net"})
ML_AUDIENCES = frozenset({"https://ml.azure.com", "https://api.azureml.ms"})
STORAGE_AUDIENCES = frozenset({"https://storage.azure.com"})
TOKEN_SECONDS = 3599


@dataclass(frozen=True)
class Principal:
    """Who a token speaks for, and to whom (`audience`, without a trailing slash)."""

    object_id: str
    name: str
    audience: str
    claims: Mapping[str, Any]


class TokenError(Exception):
    """A token that must be refused; the message says why and never contains the token."""


class Tokens:
    """Issues and checks the workspace's tokens. `now` is seconds since the epoch."""

    def __init__(self, settings: Settings, private_key: bytes, *, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._now = now
        key = serialization.load_pem_private_key(private_key, None)
        assert isinstance(key, rsa.RSAPrivateKey)
        self._key = key
        self._secret = hashlib.sha256(b"azureml-local sas" + private_key).digest()
        self.lifetime: float = TOKEN_SECONDS
        # Tokens that people and actions were given before this moment are refused; a fault sets it. What a job was
        # given lives as long as the job.
        self.not_before = 0

    @classmethod
    def load(cls, paths: StatePaths, settings: Settings, *, now: Callable[[], float] = time.time) -> Tokens:
        """With the state folder's key, made on first use."""
        file = paths.token_key
        if not file.exists():
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            pem = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            write_private(file, pem)
        return cls(settings, file.read_bytes(), now=now)

    @property
    def issuer(self) -> str:
        return f"https://sts.windows.net/{self._settings.tenant_id}/"

    def jwks(self) -> dict[str, Any]:
        """The public key as a JWK set."""
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**jwk, "kid": self._settings.token_key_id, "use": "sig", "alg": "RS256"}]}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A JWT with these claims, as they are."""
        headers = {"kid": self._settings.token_key_id}
        return jwt.encode(dict(claims), self._key, algorithm="RS256", headers=headers)

    def issue(self, audience: str, *, lifetime: float | None = None, extra: Mapping[str, Any] | None = None) -> str:
        """An access token for the seeded service principal. `audience` is a resource such as https://ml.azure.com."""
        now = int(self._now())
        return self.sign(
            {
                "aud": audience,
                "iss": self.issuer,
                "iat": max(now, self.not_before),
                "nbf": now,
                "exp": now + int(self.lifetime if lifetime is None else lifetime),
                "appid": self._settings.client_id,
                "oid": self._settings.object_id,
                "sub": self._settings.object_id,
                "tid": self._settings.tenant_id,
                "idtyp": "app",
                "uti": uuid.uuid4().hex,
                "ver": "1.0",
                **(extra or {}),
            }
        )

    def verify(self, token: str, *, audiences: frozenset[str], issuer: str | None = None) -> Principal:
        """The principal of a valid token, else TokenError."""
        try:
            claims = jwt.decode(
                token,
                self._key.public_key(),
                algorithms=["RS256"],
                issuer=issuer or self.issuer,
                options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.PyJWTError as error:
            raise TokenError(f"The access token is not one of this workspace's ({error}).") from error
        audience = str(claims.get("aud", "")).rstrip("/")
        if audience not in audiences:
            raise TokenError(
                f"The access token is for audience '{audience}', but this service expects "
                f"{' or '.join(sorted(audiences))}."
            )
        ends, issued = float(claims.get("exp", 0)), float(claims.get("iat", 0))
        if ends <= self._now() or (issued < self.not_before and ends - issued <= TOKEN_SECONDS):
            raise TokenError("The access token has expired.")
        name = str(claims.get("appid") or claims.get("sub", ""))
        return Principal(str(claims.get("oid", name)), name, audience, claims)

    def signature(self, *parts: str) -> str:
        """A keyed hash that only this workspace can make: for SAS-like URLs."""
        return hmac.new(self._secret, "\n".join(parts).encode(), hashlib.sha256).hexdigest()

    def now(self) -> float:
        return self._now()
