"""pip's index settings, said in uv's words: behind a company mirror nothing has to be configured twice.

uv reads neither PIP_* variables nor pip.conf. Sources: pip's "Configuration" page, uv's "Environment variables".
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path

_INDEX_SETTINGS = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")


def for_uv(env: Mapping[str, str]) -> dict[str, str]:
    """UV_* variables that say what pip's settings say. Empty where uv has index settings of its own."""
    if any(env.get(name) for name in _INDEX_SETTINGS) or _has_uv_settings(env):
        return {}
    pip = _configured(env)
    for name in ("index-url", "extra-index-url", "find-links", "trusted-host", "timeout", "default-timeout"):
        given = env.get("PIP_" + name.upper().replace("-", "_"))
        if given is not None:
            pip[name] = given
    settings = {
        "UV_DEFAULT_INDEX": pip.get("index-url", ""),
        "UV_INDEX": " ".join(pip.get("extra-index-url", "").split()),
        "UV_FIND_LINKS": ",".join(pip.get("find-links", "").split()),
        "UV_INSECURE_HOST": " ".join(pip.get("trusted-host", "").split()),
        "UV_HTTP_TIMEOUT": pip.get("default-timeout") or pip.get("timeout", ""),
    }
    if settings["UV_INDEX"]:
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # pip looks at all indexes; uv by default at the first
    return {name: value for name, value in settings.items() if value}


def _configured(env: Mapping[str, str]) -> dict[str, str]:
    """Settings of the [global] and [install] sections of pip's configuration files, later ones winning."""
    named = env.get("PIP_CONFIG_FILE")
    if named == "/dev/null":
        return {}
    home = Path(env.get("HOME") or "/nonexistent")
    files = [
        Path("/etc/xdg/pip/pip.conf"),
        Path("/etc/pip.conf"),
        home / "Library/Application Support/pip/pip.conf",
        home / ".pip/pip.conf",
        Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf",
        *([Path(named)] if named else []),
    ]
    found: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue  # pip itself says what is wrong with its file
        for section in ("global", "install"):
            if parser.has_section(section):
                found.update(parser.items(section))
    return found


def _has_uv_settings(env: Mapping[str, str]) -> bool:
    home = Path(env.get("HOME") or "/nonexistent")
    files = [Path("/etc/uv/uv.toml"), Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "uv/uv.toml"]
    return bool(env.get("UV_CONFIG_FILE")) or any(file.is_file() for file in files)
