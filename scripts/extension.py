"""Where the az extension `ml` is, and under which key a cache keeps it between jobs.

Outputs: `folder` (of the extension, for actions/cache), `key`, and `missing` ('true' or 'false'). The key holds what
the extension's compiled parts depend on: the runner's image (its Python comes with `az`) and architecture.
"""

from __future__ import annotations

import sys

from action import Context, run
from az_cli import ML_EXTENSION, extension_folder, installed_extension
from errors import ExitCode

TITLE = "find the az extension"


def find(context: Context) -> int:
    """Sets the outputs; never fails for a missing extension."""
    runner = context.runner
    version = context.inputs.text("ml-extension-version", default=ML_EXTENSION, pattern=r"\d+\.\d+\.\d+")
    context.inputs.check()
    folder = extension_folder(runner.env)
    found = installed_extension(folder)
    image = [runner.env.get(name, "") for name in ("RUNNER_OS", "RUNNER_ARCH", "ImageOS", "ImageVersion")]
    runner.output("folder", str(folder / "ml"))
    runner.output("key", "-".join(["az-ml", version, *(part for part in image if part)]))
    runner.output("missing", str(not found).lower())
    runner.say(f"az extension ml: {found or 'missing'} in {folder}")
    return int(ExitCode.OK)


if __name__ == "__main__":
    sys.exit(run(TITLE, find))
