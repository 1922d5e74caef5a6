"""Launches of az: what is on the command line, what never is, and what is left behind."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from az_cli import Az, essence, extension_folder, installed_extension, json_of, launch
from cancellation import Cancelled, signals_raise
from credentials import GitHubOidc, Principal, ServicePrincipal
from errors import ActionError
from support.fake_azure import CLIENT, SECRET, TENANT, World


def principal_of(world: World, secret: str = "") -> ServicePrincipal:
    oidc = GitHubOidc(world.env, world.azure, world.clock)
    return ServicePrincipal(Principal(CLIENT, TENANT, "", secret), oidc, world.azure, world.clock)


@pytest.mark.parametrize(("secret", "option"), [(SECRET, "--password"), ("", "--federated-token")])
def test_a_login_keeps_its_secret_off_the_command_line(world: World, secret: str, option: str) -> None:
    with Az(world.env, run=world.az) as az:
        az.login(principal_of(world, secret))
        call = world.az.launches("login")[0]
        [given] = [word for word in call if word.startswith(f"{option}=@")]
        assert given, "in one word, for a secret that begins with -"
        assert world.az.secrets_seen == [secret or "id-token-0"]
        assert not any((secret or "id-token") in word for word in call)
        configuration = Path(world.az.environments[0]["AZURE_CONFIG_DIR"])
        assert configuration.parent == Path(world.env["RUNNER_TEMP"])
        assert configuration.stat().st_mode & 0o777 == 0o700
        assert not (configuration / "proof").exists()
        assert world.az.environments[0]["AZURE_EXTENSION_DIR"] == world.env["AZURE_EXTENSION_DIR"]
    assert not configuration.exists()


def test_a_refused_login_is_explained(world: World) -> None:
    world.az.failing["login"] = "ERROR: AADSTS7000222: The provided client secret keys are expired."
    with Az(world.env, run=world.az) as az, pytest.raises(ActionError, match="The client secret has expired"):
        az.login(principal_of(world, SECRET))


def test_an_installed_extension_is_used_as_it_is(world: World) -> None:
    said: list[str] = []
    az = Az(world.env, run=world.az, say=said.append)
    assert az.ensure_ml("2.50.0") == "2.42.0"
    assert world.az.calls == []
    assert said == ["The az extension ml 2.42.0 is installed and used; 2.50.0 was asked for."]


def test_a_missing_extension_is_installed_in_its_pinned_version(world: World, tmp_path: Path) -> None:
    world.env["AZURE_EXTENSION_DIR"] = str(tmp_path / "empty")
    assert Az(world.env, run=world.az).ensure_ml("2.42.0") == "2.42.0"
    add = ["az", "extension", "add", "--name", "ml", "--version", "2.42.0", "--yes", "--output", "none"]
    assert world.az.calls == [add]


def test_an_extension_that_cannot_be_installed_is_explained(world: World, tmp_path: Path) -> None:
    world.env["AZURE_EXTENSION_DIR"] = str(tmp_path / "empty")
    world.az.failing["extension add"] = "ERROR: No matching extensions for 'ml'. Use --debug for more information."
    with pytest.raises(ActionError) as raised:
        Az(world.env, run=world.az).ensure_ml()
    assert "The `ml` extension of the Azure CLI could not be installed." in raised.value.text()


def test_an_action_makes_at_most_two_ml_calls(world: World) -> None:
    az = Az(world.env, run=world.az)
    az.ml(["job", "create"])
    az.ml(["job", "create"])
    with pytest.raises(ActionError, match="at most two"):
        az.ml(["job", "create"])
    assert len(world.az.launches("ml")) == 2


def test_the_extension_folder_follows_azs_own_rules(tmp_path: Path) -> None:
    assert extension_folder({"AZURE_EXTENSION_DIR": "/e", "AZURE_CONFIG_DIR": "/c"}) == Path("/e")
    assert extension_folder({"AZURE_CONFIG_DIR": "/c"}) == Path("/c/cliextensions")
    assert extension_folder({"HOME": "/h"}) == Path("/h/.azure/cliextensions")
    assert installed_extension(tmp_path) == ""


def test_errors_of_az_are_reduced_to_their_essence() -> None:
    stderr = (
        "\x1b[33mWARNING: Command group is experimental\x1b[0m\n"
        "Uploading code (0.04 MBs):   0%|          | 0/35765 [00:00<?, ?it/s]\r"
        "Uploading code (0.04 MBs): 100%|##########| 35765/35765 [00:00<00:00, 210965.12it/s]\n"
        "Uploading taxi-data.csv (< 1 MB): 0.00B [00:00, ?B/s]\n"
        "Class AutoDeleteSettingSchema: This is an experimental class, and may change at any time.\n"
        "\x1b[31mERROR: (UserError) No such thing\x1b[0m\nCode: UserError\n"
    )
    assert essence(stderr) == "(UserError) No such thing"
    assert essence("") == "az gave no reason"


def test_what_the_service_repeats_is_told_once() -> None:
    stderr = (
        "ERROR: (UserError) Two errors:\n- a: Unknown compute.\nCode: UserError\nMessage: Two errors:\n"
        "- a: Unknown compute.\nTarget: a\nException Details:\t(UserError) Unknown compute.\n\tCode: UserError\n"
    )
    assert essence(stderr) == "(UserError) Two errors:\n- a: Unknown compute."


def test_tracebacks_are_left_out() -> None:
    stderr = (
        "ERROR: The command failed with an unexpected error. Here is the traceback:\nERROR: bad field\n"
        'Traceback (most recent call last):\n  File "x.py", line 1, in f\n    g()\n    ^^^\n  File "y.py"\n'
        "ValueError: bad field x\n\nDuring handling of the above exception, another exception occurred:\nmore\n"
    )
    assert essence(stderr).splitlines()[1:] == ["bad field", "ValueError: bad field x"]


def test_json_is_found_behind_progress_dots() -> None:
    assert json_of('....{"name": "x"}\n') == {"name": "x"}
    assert json_of("no json") == {}
    assert json_of("{broken") == {}


def test_a_child_process_is_run_for_real() -> None:
    code = "import sys, os; print(os.environ['X']); print('err', file=sys.stderr); sys.exit(3)"
    done = launch([sys.executable, "-c", code], {"X": "1"})
    assert (done.code, done.stdout, done.stderr) == (3, "1\n", "err\n")


def test_a_missing_az_is_explained() -> None:
    with pytest.raises(ActionError) as raised:
        launch(["az"], {"PATH": "/nowhere"})
    assert "The Azure CLI is not installed on this runner." in raised.value.text()


def _gone(pid: int) -> bool:
    """Whether a killed process is no more, given a moment; a zombie that init has not reaped counts as gone."""
    for _ in range(500):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("signum", [2, 15])
def test_a_cancelled_child_is_killed_with_its_children(tmp_path: Path, signum: int) -> None:
    marker = tmp_path / "pid"
    code = (
        "import subprocess, sys, time, pathlib;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"pathlib.Path({str(marker)!r}).write_text(str(child.pid)); time.sleep(60)"
    )

    def interrupt() -> None:
        while not (marker.exists() and marker.read_text()):
            time.sleep(0.01)
        os.kill(os.getpid(), signum)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(Cancelled) as raised, signals_raise():
        launch([sys.executable, "-c", code], dict(os.environ))
    thread.join()
    assert raised.value.exit_code == 128 + signum
    assert _gone(int(marker.read_text()))
