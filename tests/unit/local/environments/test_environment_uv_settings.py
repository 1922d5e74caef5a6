"""The settings that uv gets from the caller's environment and from pip's configuration."""

from __future__ import annotations

from pathlib import Path

from azureml_local.environments import pip_settings, uv


def settings(tmp_path: Path, **env: str) -> dict[str, str]:
    return pip_settings.for_uv({"HOME": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null", **env})


def test_pip_variables_are_said_in_uvs_words(tmp_path: Path) -> None:
    assert settings(
        tmp_path,
        PIP_INDEX_URL="https://mirror/simple",
        PIP_EXTRA_INDEX_URL="https://a/simple https://b/simple",
        PIP_TRUSTED_HOST="mirror",
        PIP_DEFAULT_TIMEOUT="180",
    ) == {
        "UV_DEFAULT_INDEX": "https://mirror/simple",
        "UV_INDEX": "https://a/simple https://b/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_INSECURE_HOST": "mirror",
        "UV_HTTP_TIMEOUT": "180",
    }


def test_pips_configuration_file_counts_and_variables_win(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://file/simple\ntimeout = 60\n[install]\nfind-links =\n  /a\n  /b\n")
    found = settings(tmp_path, PIP_CONFIG_FILE=str(file), PIP_TIMEOUT="90")
    assert found["UV_DEFAULT_INDEX"] == "https://file/simple"
    assert found["UV_FIND_LINKS"] == "/a,/b"
    assert found["UV_HTTP_TIMEOUT"] == "90"


def test_uvs_own_settings_stay_in_force(tmp_path: Path) -> None:
    assert settings(tmp_path, PIP_INDEX_URL="https://mirror/simple", UV_DEFAULT_INDEX="https://mine/simple") == {}
    (tmp_path / ".config" / "uv").mkdir(parents=True)
    (tmp_path / ".config" / "uv" / "uv.toml").touch()
    assert settings(tmp_path, PIP_INDEX_URL="https://mirror/simple") == {}


def test_a_broken_pip_configuration_is_left_to_pip(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("index-url = no section\n")
    assert "UV_DEFAULT_INDEX" not in settings(tmp_path, PIP_CONFIG_FILE=str(file))


def test_the_callers_python_does_not_leak_into_uv(tmp_path: Path) -> None:
    env = {
        "VIRTUAL_ENV": "/x",
        "PYTHONPATH": "/y",
        "UV_PYTHON": "3.9",
        "HTTPS_PROXY": "http://p:1",
        "SSL_CERT_FILE": "/ca",
    }
    found = uv.environment(tmp_path / "environments", {"HOME": str(tmp_path), **env})
    assert not {"VIRTUAL_ENV", "PYTHONPATH", "UV_PYTHON"} & set(found)
    assert (found["HTTPS_PROXY"], found["SSL_CERT_FILE"]) == ("http://p:1", "/ca")
    assert found["UV_PYTHON_DOWNLOADS"] == "never"


def test_the_cache_is_beside_the_environments_unless_named(tmp_path: Path) -> None:
    root = tmp_path / "environments"
    assert uv.environment(root, {"HOME": str(tmp_path)})["UV_CACHE_DIR"] == str(tmp_path / "cache" / "uv")
    assert uv.environment(root, {"HOME": str(tmp_path), "UV_CACHE_DIR": "/c"})["UV_CACHE_DIR"] == "/c"


def test_files_are_copied_only_across_file_systems(tmp_path: Path) -> None:
    root = tmp_path / "environments"
    assert "UV_LINK_MODE" not in uv.environment(root, {"HOME": str(tmp_path)})
    elsewhere = uv.environment(root, {"HOME": str(tmp_path), "UV_CACHE_DIR": "/proc/cache"})
    assert elsewhere["UV_LINK_MODE"] == "copy"
