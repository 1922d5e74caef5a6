"""The per-state certificate authority and the server certificate for Azure's host names.

The CA's key is private (0600) and never leaves the state folder; only clients that are told to (by `azureml-local env`)
trust it.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import trustme
from cryptography import x509

from . import hosts
from .paths import StatePaths
from .settings import Settings, write_private


def prepare(paths: StatePaths, settings: Settings) -> ssl.SSLContext:
    """Make (or reuse) the CA, issue a fresh server certificate, write the clients' bundle; the server's TLS context."""
    key_file, cert_file = paths.certificates / "ca-key.pem", paths.certificates / "ca.pem"
    if key_file.exists() and cert_file.exists() and not _expires_soon(cert_file):
        authority = trustme.CA.from_pem(cert_file.read_bytes(), key_file.read_bytes())
    else:
        authority = trustme.CA(organization_name="azureml-local")
        write_private(key_file, authority.private_key_pem.bytes())
        cert_file.write_bytes(authority.cert_pem.bytes())
    write_bundle(paths)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    authority.issue_cert("localhost", "127.0.0.1", *hosts.answered(settings)).configure_cert(context)
    return context


def _expires_soon(cert_file: Path) -> bool:
    from datetime import datetime, timedelta, timezone  # noqa: PLC0415 - only on start

    certificate = x509.load_pem_x509_certificate(cert_file.read_bytes())
    return certificate.not_valid_after_utc < datetime.now(timezone.utc) + timedelta(days=7)


def trusted_before(paths: StatePaths) -> Path | None:
    """What the caller trusts already: its own SSL_CERT_FILE or REQUESTS_CA_BUNDLE, else the system's bundle."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        value = os.environ.get(name)
        if value and Path(value).is_file() and Path(value).resolve() != paths.ca_bundle:
            return Path(value)
    system = ssl.get_default_verify_paths().cafile
    return Path(system) if system and Path(system).is_file() else None


def write_bundle(paths: StatePaths) -> None:
    """The file clients get as SSL_CERT_FILE and the like: the caller's own roots plus the local CA."""
    before = trusted_before(paths)
    roots = before.read_bytes() if before else _certifi()
    data = roots.rstrip() + b"\n" + (paths.certificates / "ca.pem").read_bytes()
    if not paths.ca_bundle.exists() or paths.ca_bundle.read_bytes() != data:
        temporary = paths.ca_bundle.with_suffix(".new")
        temporary.write_bytes(data)
        temporary.replace(paths.ca_bundle)


def _certifi() -> bytes:
    import certifi  # noqa: PLC0415 - only where the system has no bundle

    return Path(certifi.where()).read_bytes()
