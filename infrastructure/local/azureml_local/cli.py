"""Entry point of the `azureml-local` command; the commands are in commands.py.

Importing them takes a moment, in which Ctrl-C must not end in a traceback either: so it is done in here.
"""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> int:
    """Run the command line. 130 when Ctrl-C ended it, else the command's own exit code."""
    try:
        from . import commands  # noqa: PLC0415 - see above

        return commands.main(argv)
    except KeyboardInterrupt:
        print("azureml-local: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
