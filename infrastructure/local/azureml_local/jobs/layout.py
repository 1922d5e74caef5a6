"""A step's folders: a private copy of its code to work in, a place for temporary files, a home that steps share."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from azureml_local import uris
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services

from . import artifacts
from .errors import JobFailedError
from .references import Asset


@dataclass(frozen=True)
class Places:
    """Folders of a step on this machine."""

    working_directory: Path
    home: Path
    temporary: Path


def lay_out(services: Services, workspace: WorkspaceRef, folder: Path, code: Asset | None) -> Places:
    """Make a step's folders anew below `folder`. Raises JobFailedError when the code is not there any more.

    The home outlives the step: caches in it (of matplotlib's fonts, say) would else be made by each step again.
    """
    shutil.rmtree(folder, ignore_errors=True)
    places = Places(folder / "wd", services.paths.root / "home", folder / "tmp")
    for made in (places.home, places.temporary):
        made.mkdir(parents=True, exist_ok=True)
    _copy_code(services, workspace, places.working_directory, code)
    for name in artifacts.UPLOADED:  # Azure ML has made them: `echo x > outputs/x.txt` needs no mkdir
        with suppress(FileExistsError):
            (places.working_directory / name).mkdir()
    return places


def _copy_code(services: Services, workspace: WorkspaceRef, target: Path, code: Asset | None) -> None:
    """A private copy of the step's code, or an empty folder where it has none."""
    if code is None:
        target.mkdir()
        return
    source = uris.resolve(services, workspace, str(code.properties["codeUri"]))
    if not source.exists():
        raise JobFailedError(
            "CodeNotFound", f"The code of this step ({code.id}) is not there any more. Submit it again."
        )
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        target.mkdir()
        shutil.copy2(source, target)
