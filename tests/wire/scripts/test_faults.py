"""What the actions live through, and what they say when they cannot: the local workspace's faults against them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from azureml_local import daemon
from azureml_local.local_api import local_key
from azureml_local.tokens import Tokens
from conftest import LocalWorkspace
from support.action_step import PIPELINE, Step, until

pytestmark = pytest.mark.wire


class Faults:
    """What `azureml-local fault` does, without a process each time."""

    def __init__(self, workspace: LocalWorkspace) -> None:
        self._workspace = workspace
        self._key = local_key(Tokens.load(workspace.paths, workspace.settings))

    def _ask(self, method: str, body: object = None) -> Any:
        return daemon.request(self._workspace.paths, self._workspace.settings, method, "/faults", body, key=self._key)

    def add(self, kind: str, match: str = "", *, count: int = 1, **options: object) -> None:
        self._ask("POST", {"kind": kind, "match": match, "count": count, "options": options})

    def left(self) -> list[dict[str, Any]]:
        """The faults that have not hit as often as they were told to."""
        return [fault for fault in self._ask("GET")["value"] if fault["live"]]

    def clear(self) -> None:
        self._ask("DELETE")


@pytest.fixture
def faults(workspace: LocalWorkspace) -> Iterator[Faults]:
    switch = Faults(workspace)
    yield switch
    switch.clear()


def test_a_pipeline_is_followed_to_its_end_through_all_of_it(
    step: Step, workspace: LocalWorkspace, faults: Faults
) -> None:
    """One run: its submission's answer is lost, polls are throttled, refused and cut, tokens end, the node goes."""
    step = copy.copy(step)
    step.env = {**step.env, "GITHUB_RUN_ID": "4711"}
    step.use_oidc(workspace)
    marker = step.folder / "preempted"
    (step.folder / "long.yml").write_text(PIPELINE.format(name="long", argument=marker))
    faults.add("throttle", "^PUT .*/components/")
    faults.add("cut", "^PUT .*/jobs/", when="after")
    process = step.start("run_pipeline", pipeline_file="long.yml")
    try:
        until("the step's start", lambda: marker.exists() and marker.read_text() != "")
        first = marker.read_text()
        polls = "^GET management.*/jobs/long-4711"
        faults.add("preempt", "/say$")
        faults.add("throttle", polls)
        faults.add("server-error", polls, status=502)
        faults.add("cut", polls)
        faults.add("expire-tokens")
        until("the second start", lambda: marker.read_text() not in ("", first))
        until("the end of all faults", lambda: not faults.left())
        Path(f"{marker}.go").touch()
        step.log = process.communicate(timeout=60)[0]
    finally:
        process.kill()
        faults.clear()
        workspace.sign_in_again()  # az's own tokens ended too, and the other tests of this workspace use them
    assert process.returncode == 0, step.log
    step.check_secrets()
    assert step.outputs["status"] == "Completed"
    for told in ("429 TooManyRequests", "502 ", "management.azure.com: ", "again in "):
        assert told in step.log, step.log
    assert not Path(f"/proc/{first}").exists()
    listed = workspace.az_json("ml", "job", "list", "--query", "[?display_name=='long'].name")
    assert listed == [step.outputs["job-name"]]


def test_a_cluster_without_quota_is_refused_with_cause_and_cure(step: Step, faults: Faults) -> None:
    faults.add("quota", "/computes/greedy")
    assert step.run("create_compute", cluster_name="greedy") == 4, step.log
    errors = [line for line in step.log.splitlines() if line.startswith("::error")]
    assert len(errors) == 1
    for told in (
        "Creating the cluster greedy failed.",
        "vCPU quota for this VM family in this region is used up.",
        "Fix: Ask for less (node-sku, cluster-size)",
        "DSv2 family vCPU quota of 0",
    ):
        assert told in errors[0], errors[0]
    assert "used up" in step.summary
    assert step.run("create_compute", cluster_name="greedy") == 4, step.log
    assert "Cluster greedy is in state Failed: it can be created anew once `az ml compute delete" in step.log


def test_patience_ends_with_the_reason(step: Step, faults: Faults) -> None:
    faults.add("throttle", "^GET management.*/workspaces/", count=0, **{"retry-after": 0})
    assert step.run("create_compute", cluster_name="scripts-cluster") == 4, step.log
    assert "Azure limits how often this subscription may ask, and went on refusing." in step.log


def test_the_switch_on_the_command_line(workspace: LocalWorkspace, faults: Faults) -> None:
    added = workspace.local("fault", "add", "throttle", "--count", "5", "--match", "/no-such-path")
    assert added.stdout.endswith("  on    throttle retry-after 1  match '/no-such-path'  hits 0 of 5\n")
    assert workspace.local("fault", "list").stdout == added.stdout
    wrong = workspace.local("fault", "add", "throttle", "--when", "after", check=False)
    assert (wrong.returncode, wrong.stderr) == (
        2, "azureml-local fault: 'throttle' does not take --when; its options: --retry-after.\n"
    )  # fmt: skip
    assert workspace.local("fault", "clear").stdout == "cleared 1\n"
    assert workspace.local("fault", "list").stdout == "no fault is on\n"
