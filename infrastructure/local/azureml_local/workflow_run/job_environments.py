"""What act leaves out of a job's `environment:`, put into copies of the workflow files that act is given instead.

A job that names a GitHub environment gets a first step, environment_step.py, which is handed the name as act evaluates
it: the key takes the same expressions as a step's variables. The step asks the `azureml-local run` that started act,
and waits: so the run knows which job is in which environment, may hold it back, and says whose ID tokens it gets. A job
that was held back runs none of its own steps, whatever their `if` says.

Calls of workflows in the same repository are led to the copies; nothing else in a file changes, and the jobs check out
the files as they are.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import yaml

from . import environment_step
from .repositories import reach
from .workflow_file import RemoteUse

STEP_ID = "azureml-local-environment"
REF = "azureml-local"  # of the copies, in place of a tag or a commit
_WORKFLOWS = Path(".github") / "workflows"
_STATUS = re.compile(r"\b(always|failure|cancelled)\s*\(")
_WHOLE = re.compile(r"\$\{\{((?:(?!\$\{\{).)*)\}\}", re.DOTALL)
Edit = tuple[int, int, str]


def copies(
    repository: Path, name: str, file: Path, folders: Mapping[str, Path], scratch: Path
) -> tuple[Path, dict[str, Path]]:
    """The workflow file to run in place of `file`, and the folders to map.

    repository, name: the caller's work tree and its OWNER/REPO; folders: what stands for each remote use;
    scratch: where the copies go. A run in which no job has an environment keeps file and folders as they are.
    """
    roots = {repository, *folders.values()}
    workflows = [(root, found) for root, found, document in reach(repository, file, folders) if "jobs" in document]
    texts = {found: found.read_text() for _, found in workflows}
    if not any(has_environments(text) for text in texts.values()):
        return file, dict(folders)
    own = RemoteUse(name, "", REF, file)
    target = scratch / "environments" / "caller"
    (target / _WORKFLOWS).mkdir(parents=True)
    mapped = {**folders, own.key: target}
    for root, found in workflows:
        if root == repository:
            changed = edited(texts[found], lambda uses: f"{name}/{uses.removeprefix('./')}@{REF}")
            (target / _WORKFLOWS / found.name).write_text(changed)
    for number, folder in enumerate(sorted(roots - {repository})):
        files = [found for root, found in workflows if root == folder and has_environments(texts[found])]
        if not files:
            continue
        copy = scratch / "environments" / f"called-{number}"
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(".git"), symlinks=True)
        for found in files:
            (copy / found.relative_to(folder)).write_text(edited(texts[found], lambda uses: uses))
        mapped.update({key: copy for key, other in folders.items() if other == folder})
    return target / _WORKFLOWS / file.name, mapped


def has_environments(text: str) -> bool:
    """Whether a job of this workflow names an environment."""
    return any(_environment(job) for job in _jobs(text))


def edited(text: str, call: Callable[[str], str]) -> str:
    """The workflow with the step in each job that names an environment; `call` renames the `uses: ./…` of its calls."""
    edits = [edit for job in _jobs(text) for edit in (*_gate(job), *_call(job, call))]
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _jobs(text: str) -> list[yaml.MappingNode]:
    document = yaml.compose(text, Loader=yaml.SafeLoader)
    jobs = _value(document, "jobs")
    return [job for _, job in jobs.value if isinstance(job, yaml.MappingNode)] if jobs else []


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _environment(job: yaml.Node) -> str:
    """The name as it is written, an expression perhaps; '' for none."""
    node = _value(job, "environment")
    node = _value(node, "name") if isinstance(node, yaml.MappingNode) else node
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _gate(job: yaml.MappingNode) -> Iterator[Edit]:
    name, steps = _environment(job), _value(job, "steps")
    if not name or not isinstance(steps, yaml.SequenceNode) or not steps.value:
        return
    step = json.dumps(
        {
            "id": STEP_ID,
            "name": f"Environment {name}",
            "shell": "bash",
            "working-directory": ".",
            "env": {"ENVIRONMENT_NAME": name},
            "run": f"exec python3 {shlex.quote(environment_step.__file__)}",
        }
    )
    start = steps.start_mark
    if steps.flow_style:
        yield start.index + 1, start.index + 1, f"{step}, "
    else:
        yield start.index, start.index, f"- {step}\n{' ' * start.column}"
    for each in steps.value:
        condition = _value(each, "if")
        if not isinstance(condition, yaml.ScalarNode) or not _STATUS.search(condition.value):
            continue  # it has success() in it, unsaid
        whole = _WHOLE.fullmatch(condition.value.strip())
        said = (whole[1] if whole else condition.value).strip()
        ending = "\n" if condition.style in ("|", ">") else ""
        new = json.dumps(f"({said}) && steps.{STEP_ID}.outcome == 'success'") + ending
        yield condition.start_mark.index, condition.end_mark.index, new


def _call(job: yaml.MappingNode, call: Callable[[str], str]) -> Iterator[Edit]:
    uses = _value(job, "uses")
    if isinstance(uses, yaml.ScalarNode) and uses.value.startswith("./"):
        yield uses.start_mark.index, uses.end_mark.index, call(uses.value)
