"""Steps with `shell: bash -l {0}`: a login shell reads /etc/profile, which may set PATH anew."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from azureml_local.workflow_run import act


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_a_login_shell_has_the_path_of_its_step(tmp_path: Path, shell: str) -> None:
    act.write_profiles(tmp_path)
    path = "/somewhere/of my own/bin:/usr/bin:/bin"
    done = subprocess.run(
        [f"/bin/{shell}", "-l", "-c", 'echo "$PATH"'],
        env={"HOME": str(tmp_path), "PATH": path, "AZUREML_LOCAL_RUN_PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().startswith(path), done.stdout + done.stderr
