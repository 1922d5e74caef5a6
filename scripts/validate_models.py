"""Is everything that Azure will be given well-formed? Told in seconds, offline, with file, line and reason.

    validate_models.py '["digits"]'      # JSON list of models; without it all of them

Three layers: mlops/models.yml by its JSON schema; every YAML file of the models by azure-ai-ml's own loaders, which
follow components and check paths; and what the files say of each other (model_files.py). It needs azure-ai-ml, PyYAML
and jsonschema (infrastructure/locks/sdk.txt), no credentials and no network.

Output: `problems`, a Markdown table. Exit codes: 0 all good, 2 something is wrong.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from errors import ActionError, ExitCode, Problem
from github import Runner, cut_to_bytes
from markdown_text import cell, code, table
from model_files import Files, components, yaml_files
from models import MANIFEST, SCHEMA, Manifest, read_manifest

TITLE = "validate models"
_DATA = re.compile(r"failed:\s*(\{.*?\n\})", re.DOTALL)
_BINDING = re.compile(r"\$\{\{.*?\}\}")
_PREFIXES = re.compile(r"In order to specify|Not a valid (URL|string)|Value .* passed is not in set")


def main(argv: Sequence[str]) -> int:
    runner = Runner(os.environ)
    problems = manifest_problems(Path())
    names: list[str] = []
    try:
        manifest = read_manifest()
    except ActionError as error:
        problems = problems or error.problems
    else:
        names = json.loads(argv[1]) if len(argv) > 1 and argv[1] else manifest.names()
        for name in names:
            found = model_problems(manifest, name)
            runner.say(f"{name}: {len(found)} problems" if found else f"{name}: good")
            problems += found
    told = list({(each.file, each.line, each.message): each for each in problems}.values())
    for problem in told:
        runner.error(problem.message, title=TITLE, file=problem.file, line=problem.line)
    if told:
        rows = [[code(f"{each.file}:{each.line}"), cell(each.message)] for each in told]
        shown = table(["Where", "What"], rows)
        runner.output("problems", cut_to_bytes(shown, 20_000))
        runner.summary("### ❌ The YAML files are not right\n\n" + shown)
        runner.say(f"{len(told)} problems.")
        return int(ExitCode.BAD_INPUT)
    runner.summary(f"✅ The YAML files of {', '.join(code(name) for name in names) or 'no model'} are good.\n")
    return 0


# --- the manifest


def manifest_problems(root: Path) -> list[Problem]:
    """mlops/models.yml against mlops/models.schema.json, each violation with its line."""
    path = root / MANIFEST
    if not path.is_file():
        return []
    node, problems = composed(root, MANIFEST.as_posix())
    if node is None:
        return problems
    schema = json.loads((Path(__file__).resolve().parents[1] / SCHEMA).read_text(encoding="utf-8"))
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    for error in sorted(Draft202012Validator(schema).iter_errors(document), key=lambda each: list(map(str, each.path))):
        place = [str(part) for part in error.absolute_path]
        extra = re.search(r"\('([^']+)' was unexpected\)", error.message)
        line = line_at(node, [*place, *([extra[1]] if extra else [])])
        where = ".".join(place) or "the file"
        problems.append(Problem(f"{MANIFEST}, line {line}: {where}: {error.message}", str(MANIFEST), line))
    return problems


# --- one model


def model_problems(manifest: Manifest, name: str) -> list[Problem]:
    """Everything that is wrong with the files of a model."""
    if name not in manifest.names():
        return [Problem(f"there is no model '{name}'; there are: {', '.join(manifest.names())}", str(MANIFEST), 1)]
    root, model = manifest.root, manifest.model(name)
    found: list[Problem] = []
    broken = set()
    for file in {*yaml_files(root, model), *components(root, model.pipeline_file)}:
        _, problems = composed(root, file)
        found += problems
        broken |= {file} if problems else set()
    if broken:  # nothing else can be said of them
        return found
    found = Files(root, model).check()
    for file in yaml_files(root, model):
        for problem in sdk_problems(root, file):
            if not any(_same_place(root, problem, other) for other in found):
                found.append(problem)
    return found


def _same_place(root: Path, told: Problem, own: Problem) -> bool:
    """Whether our own check tells the reason for what the SDK found at a step, or in a file that the step names."""
    if told.file == own.file and told.line == own.line:
        return True
    node, _ = composed(root, told.file)
    step = step_at(node, told.line) if node is not None else ""
    return bool(step) and own.file == told.file and node is not None and step_at(node, own.line) == step


def sdk_problems(root: Path, file: str) -> Iterator[Problem]:
    """What azure-ai-ml says of one file of `root`, without a workspace."""
    # Late: the import takes seconds, and a manifest or YAML syntax that is wrong is told without it.
    from azure.ai.ml.entities._validate_funcs import validate_common  # noqa: PLC0415 - no public name has all kinds

    logging.disable(logging.WARNING)
    node, _ = composed(root, file)
    assert node is not None
    try:
        result = validate_common(_entity(root / file), root / file, None)
    except Exception as error:  # noqa: BLE001 - the SDK raises a dozen kinds, all with a text for people
        yield _raised(root, file, str(error))
        return
    for diagnostic in result._errors:
        yield from _diagnosed(root, file, node, diagnostic)


def _entity(path: Path) -> Any:
    """The class that reads the file, chosen as the `az ml` commands choose it."""
    from azure.ai.ml import entities  # noqa: PLC0415

    document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    stem = path.stem
    kinds: dict[str, Any] = {
        "online-endpoint": entities.OnlineEndpoint,
        "online-deployment": entities.OnlineDeployment,
        "batch-endpoint": entities.BatchEndpoint,
        "batch-deployment": entities.BatchDeployment,
    }
    schema = str(document.get("$schema", "")).lower()
    if "batchdeployment" in schema or stem.endswith("batch-deployment"):
        if document.get("type") == "model":
            from azure.ai.ml.entities._deployment.model_batch_deployment import ModelBatchDeployment  # noqa: PLC0415

            return ModelBatchDeployment
        return entities.BatchDeployment
    for ending, kind in kinds.items():
        if stem.endswith(ending) or ending.replace("-", "") in schema:
            return kind
    return entities.Environment if "environment" in schema or document.keys() & {"image", "build"} else entities.Job


def _raised(root: Path, file: str, text: str) -> Problem:
    """A problem from an exception's text; its place is where the binding it names stands."""
    text = " ".join(text.split())
    binding = _BINDING.search(text)
    for inside in [file, *components(root, file)]:
        for number, line in enumerate((root / inside).read_text(encoding="utf-8").splitlines(), 1):
            if binding is not None and binding[0] in line:
                return Problem(f"{inside}, line {number}: {text}", inside, number)
    return Problem(f"{file}, line 1: {text}", file, 1)


def _diagnosed(root: Path, file: str, node: yaml.Node, diagnostic: Any) -> Iterator[Problem]:
    """One finding of the SDK as problems with a line each."""
    message = str(diagnostic.message)
    data = _DATA.search(message)
    if data:
        try:
            for place, reason in flat(json.loads(data[1])):
                line = line_at(node, place)
                yield Problem(f"{file}, line {line}: {'.'.join(place)}: {reason}", file, line)
            return
        except ValueError:
            pass
    place = [part for part in str(diagnostic.yaml_path).split(".") if part != "*"]
    inside, line = file, line_at(node, place)
    local = re.search(r"^(.*)#line (\d+)$", str(diagnostic.local_path or ""))
    if local and Path(local[1]).resolve().is_relative_to(root.resolve()):
        inside = Path(local[1]).resolve().relative_to(root.resolve()).as_posix()
        inner, _ = composed(root, inside)
        if inside != file and inner is not None:
            line = line_at(inner, place[place.index("component") + 1 :] if "component" in place else place)
    if place[:1] == ["jobs"] and place[2:] == ["component"] and "Missing data" in message:
        found = list(_inline_step(root, file, node, place[1]))
        if found:
            yield from found
            return
    reason = "; ".join(
        part.strip() for part in re.split(r"[;\n]", message) if part.strip() and not _PREFIXES.search(part)
    )
    yield Problem(f"{inside}, line {line}: {'.'.join(place) or 'the file'}: {reason or message}", inside, line)


def _inline_step(root: Path, file: str, node: yaml.Node, step: str) -> Iterator[Problem]:
    """Why a step written inside the pipeline is none: the SDK only says that it is no component either."""
    from azure.ai.ml.entities import Job  # noqa: PLC0415
    from azure.ai.ml.entities._validate_funcs import validate_common  # noqa: PLC0415

    document = yaml.safe_load((root / file).read_text(encoding="utf-8"))["jobs"][step]
    if not isinstance(document, dict) or "command" not in document:
        return
    if "code" in document and "://" not in str(document["code"]):
        document["code"] = str(((root / file).parent / str(document["code"])).resolve())
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "step.yml"
        alone.write_text(yaml.safe_dump({"type": "command", **document}), encoding="utf-8")
        result = validate_common(Job, alone, None)
    for diagnostic in result._errors:
        data = _DATA.search(str(diagnostic.message))
        for place, reason in flat(json.loads(data[1])) if data else ():
            line = line_at(node, ["jobs", step, *place])
            yield Problem(f"{file}, line {line}: jobs.{step}.{'.'.join(place)}: {reason}", file, line)


def flat(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[list[str], str]]:
    """`{"a": {"b": ["Unknown field."]}}` as `(["a", "b"], "Unknown field.")`."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from flat(value, (*path, str(key)))
    elif isinstance(node, list) and any(isinstance(each, dict | list) for each in node):
        for each in node:
            yield from flat(each, path)
    else:
        texts = node if isinstance(node, list) else [node]
        kept = [str(text) for text in texts if not _PREFIXES.search(str(text))] or [str(text) for text in texts]
        yield list(path), " ".join(kept)


# --- YAML with lines


def composed(root: Path, file: str) -> tuple[yaml.Node | None, list[Problem]]:
    """The file's YAML nodes, which know their lines; or why it is no YAML."""
    try:
        text = (root / file).read_text(encoding="utf-8")
        node = yaml.compose(text, yaml.SafeLoader)
    except UnicodeDecodeError:
        return None, [Problem(f"{file}, line 1: not text in UTF-8.", file, 1)]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = mark.line + 1 if mark else 1
        parts = [str(part) for part in (getattr(error, "context", ""), getattr(error, "problem", error)) if part]
        return None, [Problem(f"{file}, line {line}: not valid YAML: {', '.join(parts)}.", file, line)]
    if not isinstance(node, yaml.MappingNode):
        return None, [Problem(f"{file}, line 1: it must have keys and values.", file, 1)]
    return node, []


def line_at(node: yaml.Node, path: Sequence[str]) -> int:
    """The line of the key at `path`, or of the deepest part of the path that is there."""
    line = node.start_mark.line + 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if str(key.value) == part), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
        else:
            break
    return int(line)


def step_at(node: yaml.Node, line: int) -> str:
    """The step of a pipeline that a line belongs to, "" for none."""
    if not isinstance(node, yaml.MappingNode):
        return ""
    jobs = next((value for key, value in node.value if key.value == "jobs"), None)
    if isinstance(jobs, yaml.MappingNode):
        for key, value in jobs.value:
            if key.start_mark.line < line <= value.end_mark.line:
                return str(key.value)
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv))
