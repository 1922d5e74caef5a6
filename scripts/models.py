"""The models of this repository: mlops/models.yml, and the conventions for what it leaves out.

    python3 scripts/models.py            # the names, one a line
    python3 scripts/models.py taxi       # everything about one, as JSON

Read with the standard library, as plain block YAML (see yaml_scan), and checked against mlops/models.schema.json:
a mistake is told with its line before anything runs. Exit codes: 0, or 2 for a manifest that cannot be used.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from errors import ActionError, ExitCode, Problem
from json_schema import Schema
from yaml_scan import Scalar, YamlSyntaxError, scan

MANIFEST = Path("mlops/models.yml")
SCHEMA = Path("mlops/models.schema.json")
PIPELINES = Path("mlops/azureml/train")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,49}")
REGISTRY = (
    r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}",
    "it must have 3 to 33 letters, digits, - or _, starting with a letter or digit",
)
NAME_ALLOWED = "a model's name has up to 50 small letters, digits, - or _, starting with a letter"


@dataclass(frozen=True)
class Cluster:
    """The compute cluster that a model's pipeline names; `size` is its largest number of nodes."""

    name: str = "cpu-cluster"
    size: int = 4
    sku: str = "Standard_DS3_v2"
    tier: str = "low_priority"


@dataclass(frozen=True)
class Endpoint:
    """Files of an online or a batch endpoint. `endpoint_name`: in place of the file's, "" to keep that.

    delivered: False where the manifest says that deliver-model leaves it out, though the files are there; named: the
    manifest names a file, so it is a mistake when it is missing.
    """

    endpoint_file: str
    deployment_file: str
    endpoint_name: str = ""
    delivered: bool = True
    named: bool = False

    @property
    def files(self) -> tuple[str, str]:
        return self.endpoint_file, self.deployment_file


@dataclass(frozen=True)
class Gate:
    """When a model is good enough: `limit` is the worst value, `tolerance` a share of what it is compared with."""

    metric: str
    goal: str
    limit: float | None = None
    tolerance: float = 0.0

    def better(self, delta: float) -> bool:
        """Whether a change of the metric by `delta` is for the better."""
        return delta > 0 if self.goal == "maximize" else delta < 0


@dataclass(frozen=True)
class Model:
    """One model. Paths are relative to the repository's root, whether the files are there or not."""

    name: str
    environment_file: str
    pipeline_file: str
    cluster: Cluster
    online: Endpoint
    batch: Endpoint
    request_file: str
    response_schema: str
    batch_input: str
    gate: Gate | None
    environments: tuple[str, ...] = ("dev", "test", "prod")
    registry: str = ""
    paths: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()  # files that the manifest names: key -> path; these must be there


@dataclass(frozen=True)
class Manifest:
    """mlops/models.yml below `root`; a repository without one has conventions only."""

    root: Path
    entries: Mapping[str, Mapping[str, Any]]

    def names(self) -> list[str]:
        """Every model: those with a pipeline where convention has it, and those with an entry."""
        found = {file.name.removesuffix("_pipeline.yml") for file in (self.root / PIPELINES).glob("*_pipeline.yml")}
        return sorted(found | set(self.entries))

    def model(self, name: str) -> Model:
        """What the manifest says of a model, and for the rest what the conventions say."""
        given = self.entries.get(name) or {}
        environments = f"data-science/models/{name}/environment/{name}_environment"
        conda = not (self.root / f"{environments}_docker.yml").is_file() or (
            (self.root / f"{environments}_conda.yml").is_file()
        )
        gate = given.get("gate")
        return Model(
            name=name,
            environment_file=given.get("environment-file", f"{environments}_{'conda' if conda else 'docker'}.yml"),
            pipeline_file=given.get("pipeline-file", f"{PIPELINES.as_posix()}/{name}_pipeline.yml"),
            cluster=Cluster(**given.get("cluster", {})),
            online=_endpoint(name, "online", given.get("online")),
            batch=_endpoint(name, "batch", given.get("batch")),
            request_file=given.get("request-file", f"data/{name}/{name}-request.json"),
            response_schema=given.get("response-schema", f"data/{name}/{name}-response.schema.json"),
            batch_input=given.get("batch-input", f"data/{name}/batch"),
            gate=Gate(**gate) if gate else None,
            environments=tuple(given.get("environments", Model.environments)),
            registry=given.get("registry", ""),
            paths=tuple(given.get("paths", ())),
            named=tuple(_named(given)),
        )


#: Keys of an entry that name a file or a folder.
_FILES = ("environment-file", "pipeline-file", "request-file", "response-schema", "batch-input")


def _named(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The files that an entry names itself: `online.endpoint-file` and the like -> path."""
    for key in _FILES:
        if entry.get(key):
            yield key, str(entry[key])
    for kind in ("online", "batch"):
        inner = entry.get(kind)
        for key in ("endpoint-file", "deployment-file"):
            if isinstance(inner, Mapping) and inner.get(key):
                yield f"{kind}.{key}", str(inner[key])


def _endpoint(name: str, kind: str, entry: Mapping[str, str] | bool | None) -> Endpoint:
    """`entry`: the manifest's; False there is a model that is not delivered to this kind of endpoint."""
    stem = f"mlops/azureml/deploy/{kind}/{name}_{kind}"
    given = entry if isinstance(entry, Mapping) else {}
    return Endpoint(
        given.get("endpoint-file", f"{stem}-endpoint.yml"),
        given.get("deployment-file", f"{stem}-deployment.yml"),
        given.get("endpoint-name", ""),
        delivered=entry is not False,
        named="endpoint-file" in given or "deployment-file" in given,
    )


def read_manifest(root: Path = Path()) -> Manifest:
    """The manifest of the repository at `root`. Raises ActionError naming file, line, and what is wrong there."""
    path = root / MANIFEST
    if not path.is_file():
        return Manifest(root, {})
    return parse_manifest(root, path.read_text(encoding="utf-8"))


def parse_manifest(root: Path, text: str) -> Manifest:
    """As read_manifest, of a text: also one of another commit."""
    try:
        scalars = scan(text)
    except YamlSyntaxError as error:
        problem = Problem(f"{MANIFEST}, line {error.line}: {error}.", str(MANIFEST), error.line)
        raise unusable([problem]) from error
    document = nested(scalars)
    document.setdefault("models", {})
    problems = [_located(said, scalars) for said in _schema().violations(document)]
    models = document["models"] if isinstance(document["models"], dict) else {}
    problems += [
        Problem(f"{MANIFEST}, line {(line := line_of(scalars, ('models', name)))}: '{name}': {NAME_ALLOWED}.",
                str(MANIFEST), line)
        for name in models
        if NAME.fullmatch(name) is None
    ]  # fmt: skip
    if problems:
        raise unusable(problems)
    return Manifest(root, {name: entry or {} for name, entry in models.items()})


def unusable(problems: list[Problem]) -> ActionError:
    """One error for everything that is wrong with the manifest."""
    return ActionError(
        f"{MANIFEST} cannot be used.",
        fix=f"{SCHEMA} says what it may have, its own first lines what follows when a key is left out.",
        exit_code=ExitCode.BAD_INPUT,
        problems=problems,
    )


def _schema() -> Schema:
    """The schema that lies beside these scripts: the suite's, whichever repository's manifest is read."""
    text = (Path(__file__).resolve().parents[1] / SCHEMA).read_text(encoding="utf-8")
    return Schema.read(json.loads(text))


def nested(scalars: Sequence[Scalar]) -> dict[str, Any]:
    """The document that the scalars make up; positions of lists are digits in their paths."""
    root: dict[str, Any] = {}
    for scalar in scalars:
        node = root
        for key in scalar.path[:-1]:
            node = node.setdefault(key, {})
        if scalar.path:
            node[scalar.path[-1]] = _typed(scalar.value)
    listed = _lists(root)
    return listed if isinstance(listed, dict) else {}


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    made = {key: _lists(value) for key, value in node.items()}
    return list(made.values()) if made and all(key.isdigit() for key in made) else made


def _typed(text: str) -> Any:
    """A plain scalar as YAML reads it: null, booleans, numbers, else text."""
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    for pattern, kind in ((r"[-+]?\d+", int), (r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]?\d+)?", float)):
        if re.fullmatch(pattern, text):
            return kind(text)
    return text


def line_of(scalars: Sequence[Scalar], path: tuple[str, ...]) -> int:
    """The line where the node at `path` begins, or that of its nearest ancestor; 1 when nothing is known."""
    for length in range(len(path), 0, -1):
        for scalar in scalars:
            if scalar.path[:length] == path[:length]:
                return scalar.line
    return 1


def _located(said: str, scalars: Sequence[Scalar]) -> Problem:
    """`answer.models.taxi.gate: 'goal' is missing` as a problem with its line."""
    place, _, text = said.partition(": ")
    path = tuple(part for part in re.split(r"[.\[\]]+", place) if part)[1:]
    named = re.match(r"'([^']+)' is not allowed", text)
    line = line_of(scalars, (*path, named[1]) if named else path)
    return Problem(f"{MANIFEST}, line {line}: {'.'.join(path) or 'the file'}: {text}.", str(MANIFEST), line)


def main(argv: Sequence[str]) -> int:
    try:
        manifest = read_manifest()
        if len(argv) > 1:
            if argv[1] not in manifest.names():
                print(f"models: no model '{argv[1]}'; there are: {', '.join(manifest.names())}", file=sys.stderr)
                return int(ExitCode.BAD_INPUT)
            print(json.dumps(asdict(manifest.model(argv[1])), indent=2))
        else:
            print("\n".join(manifest.names()))
    except ActionError as error:
        print(f"models: {error.text()}", file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
