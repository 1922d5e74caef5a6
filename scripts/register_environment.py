"""Action register-environment: an environment version in the workspace that is what the file says, made only if needed.

What a version was made from is kept as a hash in its tag `content-sha256`. Equal hash: nothing is done, and `az` is
not even started. Otherwise `az ml environment create` makes the next version (or the one that the file pins).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from action import Context, run
from az_cli import ML_EXTENSION, essence, json_of, without_noise
from errors import ActionError, ExitCode
from known_failures import failure
from markdown_text import table
from yaml_files import EnvironmentFile, places, read_environment

TITLE = "register-environment"
HASH_TAG = "content-sha256"


def _tag(document: dict[str, Any] | None) -> str:
    tags = ((document or {}).get("properties") or {}).get("tags") or {}
    return str(tags.get(HASH_TAG, ""))


def register(context: Context) -> int:
    """Reads the inputs, compares, creates if needed, sets the outputs."""
    inputs, runner = context.inputs, context.runner
    target = context.target()
    path = inputs.file("environment-file", what="an environment's YAML file")
    extension = inputs.text("ml-extension-version", default=ML_EXTENSION, pattern=r"\d+\.\d+\.\d+")
    wanted = EnvironmentFile("", "", "", "")
    if path is not None:
        wanted, problems = read_environment(path)
        inputs.problems += problems
    inputs.check()

    session, workspace = context.sign_in(target)
    if wanted.version:
        existing = workspace.environment_version(wanted.name, wanted.version)
    else:
        existing = workspace.latest_environment(wanted.name)
    before = str((existing or {}).get("name", ""))
    if existing is not None and _tag(existing) == wanted.fingerprint:
        runner.say(f"Environment {wanted.name}:{before} is unchanged; nothing to do.")
        return _told(context, wanted, before, str(existing.get("id", "")), changed=False)
    if existing is not None and wanted.version and _tag(existing):
        raise ActionError(
            f"Environment {wanted.name}:{wanted.version} exists with other content.",
            "The file pins a version, and versions never change.",
            f"Raise `version:` in {path}, or leave it out: then the next free one is taken.",
            exit_code=ExitCode.BAD_INPUT,
        )

    session.sign_in_az(context.az)
    context.az.ensure_ml(extension)
    tags = {**runner.tags(), HASH_TAG: wanted.fingerprint}
    with runner.group(f"az ml environment create --file {path}"):
        done = context.az.ml_patiently(
            [
                "environment", "create", "--file", str(path), *workspace.scope_arguments(),
                "--set", *(f"tags.{name}={value}" for name, value in tags.items()),
            ],
            context.clock,
        )  # fmt: skip
        runner.foreign("az:", without_noise(done.stderr))
    if done.code:
        refused = failure(f"Environment {wanted.name} could not be registered from {path}.", essence(done.stderr))
        refused.problems = places(path or Path(), done.stderr)
        raise refused
    made = json_of(done.stdout)
    version = str(made.get("version", "")) or wanted.version
    if not version:
        raise ActionError(f"az registered {wanted.name} but did not tell its version.", detail=done.stdout[:500])
    changed = version != before
    runner.say(f"Environment {wanted.name}:{version} {'registered' if changed else 'is the same, now tagged'}.")
    return _told(context, wanted, version, str(made.get("id", "")), changed=changed)


def _told(context: Context, wanted: EnvironmentFile, version: str, identifier: str, *, changed: bool) -> int:
    runner = context.runner
    runner.output("environment-name", wanted.name)
    runner.output("environment-version", version)
    runner.output("environment-id", "azureml:" + identifier.removeprefix("azureml:") if identifier else "")
    runner.output("changed", str(changed).lower())
    state = "registered" if changed else "unchanged"
    row = [f"`azureml:{wanted.name}:{version}`", wanted.kind, state, f"`{wanted.fingerprint[:12]}`"]
    runner.summary(
        f"### ✅ Environment {wanted.name}:{version} {state}\n\n"
        + table(["Environment", "Made from", "State", "Content"], [row])
    )
    return int(ExitCode.OK)


if __name__ == "__main__":
    sys.exit(run(TITLE, register))
