"""One model version, carried unchanged from one workspace to the next.

    copy_model.py export     downloads the version's files into INPUT_FOLDER, with a manifest of their SHA-256
    copy_model.py import     registers them in another workspace, under the same name and the same version

Between the two lies a workflow artifact, so that each identity touches its own workspace only. Nothing is trained or
changed on the way: import checks every file, and refuses a version that is there already with other content. The inputs
that name the workspace are those of every action; further INPUT_MODEL_NAME and INPUT_MODEL_VERSION for export.

Outputs of both: model-name, model-version, content (SHA-256 of the whole). Exit codes: see errors.ExitCode.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from action import Context, run
from blob_store import BlobStore, Place
from errors import ActionError, ExitCode, Problem, bad_input
from inputs import ASSET
from markdown_text import code
from session import Session
from workspace import Workspace

TITLE = "copy model"
ABOUT = "model.json"
FILES = "files"
#: Tags of a version that was carried over: the digest of its files, and where it was made.
CONTENT, ORIGIN = "content-sha256", "promoted-from"
DATASTORE = "workspaceblobstore"
_PIECE = 1024 * 1024


@dataclass(frozen=True)
class Package:
    """A model version on its way: `files` is path -> SHA-256. `root` is the model's own folder or file below FILES:
    its name is part of where a scoring script finds things (AZUREML_MODEL_DIR/<root>)."""

    name: str
    version: str
    kind: str
    description: str
    flavors: dict[str, Any]
    tags: dict[str, str]
    origin: str
    root: str
    files: dict[str, str]

    @property
    def content(self) -> str:
        """One digest for all files, by name and content."""
        text = json.dumps(self.files, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def read(cls, folder: Path) -> Package:
        """What export wrote, every file checked. Raises ActionError naming what is not as it was."""
        about = folder / ABOUT
        if not about.is_file():
            raise bad_input([Problem(f"folder is '{folder}': it has no {ABOUT}; `copy_model.py export` writes it.")])
        package = cls(**json.loads(about.read_text(encoding="utf-8")))
        found = digests(folder / FILES)
        if found != package.files:
            changed = sorted(
                name for name in found.keys() | package.files.keys() if found.get(name) != package.files.get(name)
            )
            raise bad_input([Problem(f"{name} is not as it was exported.") for name in changed[:10]])
        return package


def digests(folder: Path) -> dict[str, str]:
    """Path below `folder` -> SHA-256 of the file."""
    found = {}
    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
        digest = hashlib.sha256()
        with file.open("rb") as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
        found[file.relative_to(folder).as_posix()] = digest.hexdigest()
    return found


def version_path(name: str, version: str) -> str:
    return f"/models/{quote(name)}/versions/{quote(version)}"


def store_of(context: Context, session: Session, workspace: Workspace, datastore: str) -> BlobStore:
    return BlobStore.of(
        workspace,
        datastore,
        lambda: session.for_resource("https://storage.azure.com"),
        context.transport,
        context.clock,
        context.runner.mask,
    )


def export(context: Context) -> int:
    """Download the version and say what it is."""
    inputs, runner = context.inputs, context.runner
    target = context.target()
    name = inputs.text("model-name", required=True, pattern=ASSET[0], allowed=ASSET[1])
    version = inputs.text("model-version", required=True, pattern=r"[\w.-]+", allowed="it must be a version")
    folder = Path(inputs.text("folder", required=True))
    if (folder / FILES).exists():
        inputs.wrong("folder", str(folder), f"it has a folder {FILES} already; give a new one")
    inputs.check()
    session, workspace = context.sign_in(target)
    document = workspace.rest.find(workspace.url(version_path(name, version)))
    if document is None:
        raise bad_input([Problem(f"There is no model {name}:{version} in workspace {workspace.name}.")])
    properties = document["properties"]
    place = Place.of(str(properties.get("modelUri", "")))
    if place is None:
        raise ActionError(
            f"The files of {name}:{version} lie at {properties.get('modelUri')}, which is no datastore's path.",
            fix="Register the model from a job's output or a local folder.",
        )
    store = store_of(context, session, workspace, place.datastore)
    stem = place.path.rstrip("/")
    root = PurePosixPath(stem).name
    one_file = stem in store.sizes(stem)
    with runner.group(f"Download {name}:{version}"):
        for file in store.download(stem, folder / FILES if one_file else folder / FILES / root):
            runner.foreign(" ", str(file.relative_to(folder / FILES)))
    package = Package(
        name=name,
        version=version,
        kind=str(properties.get("modelType") or "custom_model"),
        description=str(properties.get("description") or ""),
        flavors=properties.get("flavors") or {},
        tags={str(key): str(value) for key, value in (properties.get("tags") or {}).items()},
        origin=str(document["id"]),
        root=root,
        files=digests(folder / FILES),
    )
    if not package.files:
        raise ActionError(f"Model {name}:{version} has no files at {properties.get('modelUri')}.")
    (folder / ABOUT).write_text(json.dumps(asdict(package), indent=2) + "\n", encoding="utf-8")
    _tell(context, package, f"Exported from workspace {workspace.name}")
    return int(ExitCode.OK)


def bring(context: Context) -> int:
    """Register the version in another workspace, unless it is there."""
    inputs = context.inputs
    target = context.target()
    folder = Path(inputs.text("folder", required=True))
    inputs.check()
    package = Package.read(folder)
    session, workspace = context.sign_in(target)
    path = version_path(package.name, package.version)
    document = workspace.rest.find(workspace.url(path))
    if document is not None:
        _same(package, document, workspace)
        _tell(context, package, f"Workspace {workspace.name} has it already")
        return int(ExitCode.OK)
    store = store_of(context, session, workspace, DATASTORE)
    inside = store.upload(folder / FILES / package.root, f"promoted/{package.name}/{package.version}")
    body = {
        "properties": {
            "modelUri": f"azureml:/{workspace.id.replace('/providers/Microsoft.MachineLearningServices', '')}"
            f"/datastores/{DATASTORE}/paths/{inside}",
            "modelType": package.kind,
            "description": package.description,
            "flavors": package.flavors,
            "tags": {**package.tags, CONTENT: package.content, ORIGIN: package.origin},
        }
    }
    workspace.rest.call("PUT", workspace.url(path), body)
    _tell(context, package, f"Registered in workspace {workspace.name}")
    return int(ExitCode.OK)


def _same(package: Package, document: dict[str, Any], workspace: Workspace) -> None:
    """Refuse a version of the same number that is another model."""
    tags = (document.get("properties") or {}).get("tags") or {}
    if str(document["id"]).lower() == package.origin.lower() or tags.get(CONTENT) == package.content:
        return
    raise ActionError(
        f"Workspace {workspace.name} has another model as {package.name}:{package.version}.",
        cause="A version was registered there by other means than promotion.",
        fix="Train in the first environment only. Delete or archive that version, or train again for a new number.",
        exit_code=ExitCode.BAD_INPUT,
    )


def _tell(context: Context, package: Package, what: str) -> None:
    runner = context.runner
    runner.output("model-name", package.name)
    runner.output("model-version", package.version)
    runner.output("content", package.content)
    runner.say(f"{what}: {package.name}:{package.version}, {len(package.files)} files, content {package.content[:12]}")
    runner.summary(f"{what}: {code(f'{package.name}:{package.version}')}, content {code(package.content[:12])}\n")


if __name__ == "__main__":
    modes = {"export": export, "import": bring}
    if len(sys.argv) != 2 or sys.argv[1] not in modes:
        sys.exit("usage: copy_model.py export|import")
    sys.exit(run(TITLE, modes[sys.argv[1]]))
