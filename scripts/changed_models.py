"""Which models does a change touch?

Reads INPUT_BASE (a commit; empty or zeros: everything counts as changed) and compares it with HEAD. Rules, the first
that fits: documentation and tests touch no model; a file of a model (its folders, its <model>_* YAML, what
mlops/models.yml names) touches that model; everything else is shared and touches all.

Outputs: `models` (JSON list), `base` (the commit that the change starts from, empty for none). Exit codes: 0; 2 when
git does not know the base or the manifest cannot be used.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path

from action import Context, run
from errors import ActionError, ExitCode, Problem, bad_input
from markdown_text import code, table
from models import MANIFEST, Manifest, Model, parse_manifest, read_manifest

TITLE = "changed models"
#: Touch no model; `*` crosses folders.
NOT_TRAINED = (
    "*.md", "LICENSE*", ".gitignore", "Makefile", "docs/*", "images/*", "tests/*", "examples/*", ".ci/*",
    ".github/CODEOWNERS", ".github/ISSUE_TEMPLATE/*", ".github/dependabot.yml", ".github/zizmor.yml",
    # What trains is train.yml and pull-request.yml; these only start it, or come after it.
    ".github/workflows/ci.yml", ".github/workflows/release.yml", ".github/workflows/infrastructure.yml",
    ".github/workflows/deploy-*.yml", ".github/workflows/deliver*.yml", ".github/workflows/retrain.yml",
    "infrastructure/*.bicep", "infrastructure/bicepconfig.json", "infrastructure/environments/*",
)  # fmt: skip
_SHOWN = 20  # files a row of the summary names


def owners(path: str, models: Sequence[Model]) -> set[str]:
    """The models that a file belongs to by name or by the manifest; of two names that fit, the longer."""
    named = {model.name for model in models if path in own_files(model)}
    named |= {model.name for model in models if any(fnmatchcase(path, pattern) for pattern in model.paths)}
    if named:
        return named
    fitting = [model.name for model in models if _by_convention(path, model.name)]
    return {max(fitting, key=len)} if fitting else set()


def own_files(model: Model) -> set[str]:
    """The single files that the manifest or the conventions name."""
    return {
        model.environment_file, model.pipeline_file, model.request_file, model.response_schema,
        model.online.endpoint_file, model.online.deployment_file,
        model.batch.endpoint_file, model.batch.deployment_file,
    }  # fmt: skip


def _by_convention(path: str, name: str) -> bool:
    folders = (f"data-science/models/{name}/", f"data/{name}/")
    return (
        path.startswith(folders)
        or re.fullmatch(rf"mlops/azureml/(.+/)?{re.escape(name)}_[^/]*", path) is not None
        or re.fullmatch(rf"data/{re.escape(name)}[-_.][^/]*", path) is not None
    )


def touched(paths: Iterable[str], before: Manifest, now: Manifest) -> dict[str, list[str]]:
    """Model -> the files that touch it, for the models that there are now; shared files stand with every model."""
    found: dict[str, list[str]] = {name: [] for name in now.names()}
    known = [now.model(name) for name in now.names()]
    known += [before.model(name) for name in before.names() if name not in found]
    for path in paths:
        if path == MANIFEST.as_posix():
            names = {name for name in found if asdict(now.model(name)) != asdict(before.model(name))}
        elif any(fnmatchcase(path, pattern) for pattern in NOT_TRAINED):
            names = set()
        else:
            names = owners(path, known) or set(found)
        for name in names & set(found):
            found[name].append(path)
    return {name: files for name, files in found.items() if files}


def git(*arguments: str) -> str:
    """What git says. Raises ActionError with its own words."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise bad_input([Problem(f"git {' '.join(arguments[:2])} failed: {done.stderr.strip()}")])
    return done.stdout


def manifest_at(commit: str) -> Manifest:
    """The manifest as it was; one that could not be read then, or was not there, counts as empty."""
    shown = subprocess.run(
        ["git", "show", f"{commit}:{MANIFEST.as_posix()}"], capture_output=True, text=True, check=False
    )
    if shown.returncode:
        return Manifest(Path(), {})
    try:
        return parse_manifest(Path(), shown.stdout)
    except ActionError:
        return Manifest(Path(), {})


def find(context: Context) -> int:
    """Sets the outputs, tells which file touches what."""
    runner = context.runner
    given = context.inputs.text("base", pattern=r"[0-9a-f]{7,64}", allowed="it must be a commit's id")
    context.inputs.check()
    now = read_manifest()
    if not given.strip("0"):
        chosen = {name: ["everything"] for name in now.names()}
        start = ""
    else:
        start = git("merge-base", given, "HEAD").strip()
        paths = git("diff", "--name-only", "--no-renames", "-z", start, "HEAD").split("\0")
        chosen = touched([path for path in paths if path], manifest_at(start), now)
    names = list(chosen)
    runner.output("models", json.dumps(names))
    runner.output("base", start)
    for name, files in chosen.items():
        runner.say(f"{name}: {', '.join(files[:_SHOWN])}{' …' if len(files) > _SHOWN else ''}")
    if not names:
        runner.say("No model is touched.")
        runner.summary("No model is touched by this change.\n")
        return int(ExitCode.OK)
    rows = [
        [code(name), ", ".join(code(file) for file in files[:_SHOWN]) + (" …" if len(files) > _SHOWN else "")]
        for name, files in chosen.items()
    ]
    runner.summary("#### Models that this change touches\n\n" + table(["Model", "By"], rows))
    return int(ExitCode.OK)


if __name__ == "__main__":
    sys.exit(run(TITLE, find))
