"""A repository with an environment and a cluster of low-priority nodes that are registered and created."""

from __future__ import annotations

import pytest

from conftest import LocalWorkspace
from support.action_step import ENVIRONMENT, Step

SAY = """\
import os, sys, time
print("::error::I am no command", flush=True)
if sys.argv[1] == "fail":
    import a_module_that_nobody_has
open(sys.argv[1], "w").write(str(os.getpid()))
while not os.path.exists(sys.argv[1] + ".go"):
    print("still here", flush=True)
    time.sleep(0.2)
"""


@pytest.fixture(scope="session")
def step(workspace: LocalWorkspace, tmp_path_factory: pytest.TempPathFactory) -> Step:
    """A repository with an environment and a cluster that are registered and created."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / "env.yml").write_text(ENVIRONMENT)
    (folder / "conda.yml").write_text("dependencies: [python=3.11]\n")
    (folder / "code").mkdir()
    (folder / "code" / "say.py").write_text(SAY)
    found = Step(workspace, folder)
    assert found.run("create_compute", cluster_name="scripts-cluster", cluster_size="2") == 0, found.log
    assert found.outputs == {"compute-name": "scripts-cluster", "created": "true", "drift": "{}"}
    assert found.run("register_environment", environment_file="env.yml") == 0, found.log
    assert (found.outputs["environment-version"], found.outputs["changed"]) == ("1", "true")
    return found
