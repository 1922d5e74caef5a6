"""A step's folders: a private copy of its code to work in, a place for temporary files, a home that steps share."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from azureml_local import uris
from azureml_local.routing import WorkspaceRef
from azureml_local.services import Services

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
    if code is None:
        places.working_directory.mkdir()
        return places
    source = uris.resolve(services, workspace, str(code.properties["codeUri"]))
    if not source.exists():
        raise JobFailedError(
            "CodeNotFound", f"The code of this step ({code.id}) is not there any more. Submit it again."
        )
    if source.is_dir():
        shutil.copytree(source, places.working_directory, symlinks=True)
    else:
        places.working_directory.mkdir()
        shutil.copy2(source, places.working_directory)
    return places
