"""Each change that setup_github.py makes: shown first, made with --apply, remembered for undoing."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from az_cli import Finished, Launch
from errors import ActionError
from setup_errors import missing, refused


@dataclass
class Changes:
    """One run. `apply` false: read, and print what would be done. `undo`: commands, in the order of what they undo."""

    apply: bool
    run: Launch
    env: Mapping[str, str]
    out: TextIO
    undo: list[str] = field(default_factory=list)
    count: int = 0

    def say(self, text: str = "") -> None:
        self.out.write(text + "\n")
        self.out.flush()

    def start(self, argv: Sequence[str]) -> Finished:
        """Run one command; a missing program is one clear error."""
        try:
            return self.run(list(argv), self.env)
        except ActionError as error:
            raise missing(argv[0]) from error

    def announce(self, what: str, argv: Sequence[str]) -> None:
        self.count += 1
        self.say(f"  {'+' if self.apply else 'would'} {what}")
        self.say(f"    $ {shlex.join(argv)}")

    def change(self, what: str, argv: Sequence[str], undo: str) -> Finished | None:
        """Print a change and, with --apply, make it. None when only shown. `undo`: "" where another's undoes it."""
        self.announce(what, argv)
        if not self.apply:
            return None
        done = self.start(argv)
        if done.code:
            raise refused(argv[0], what, done)
        if undo:
            self.undo.append(undo)
        return done

    def gh(self, path: str) -> dict[str, Any] | None:
        """GET of GitHub's REST API; None when it answers 404."""
        done = self.start(["gh", "api", path])
        if done.code == 0:
            document = json.loads(done.stdout)
            return document if isinstance(document, dict) else {}
        if "HTTP 404" in done.stderr or "Not Found" in done.stdout:
            return None
        raise refused("gh", f"Reading {path}", done)
