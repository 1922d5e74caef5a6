"""The runner's side: outputs, job summary, log groups, annotations and masks.

Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

import contextlib
import secrets
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from errors import ActionError
from markdown_text import told

SUMMARY_LIMIT = 1024 * 1024  # bytes per step; the runner drops the whole summary of a step that is larger
_CUT = "\n\n_The rest was left out: GitHub shows at most 1 MiB of summary for a step._\n"


def escape_data(text: str) -> str:
    """A workflow command's message on one line (`%`, CR and LF encoded)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """A workflow command's property value: as data, and `:` and `,` too."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


def harmless(line: str) -> str:
    """A log line behind a prefix, without a `##[command]` for the runner; `::` counts at a line's start only."""
    return line.replace("##[", "## [")


def _quoted(line: str) -> str:
    """A line without a prefix that the runner cannot take for a command."""
    line = harmless(line)
    return line.replace("::", ": :", 1) if line.lstrip().startswith("::") else line


def cut_to_bytes(text: str, limit: int) -> str:
    """`text` shortened to at most `limit` bytes of UTF-8, at a line's end, with a note that says so."""
    data = text.encode()
    if len(data) <= limit:
        return text
    room = limit - len(_CUT.encode()) - 64  # 64: the closing of an open code block and <details>
    kept = data[:room].decode(errors="ignore")
    kept = kept[: kept.rfind("\n") + 1]
    if kept.count("\n```") % 2:
        kept += "```\n"
    kept += "</details>\n" * (kept.count("<details") - kept.count("</details>"))
    return kept + _CUT


class Runner:
    """What a script says to the runner. Without GitHub (no GITHUB_OUTPUT …) outputs go to the log only."""

    def __init__(self, env: Mapping[str, str], out: TextIO | None = None) -> None:
        self.env = env
        self.out = out or sys.stdout
        self._secrets: set[str] = set()

    def say(self, text: str = "") -> None:
        """Print text. It may quote others (a model's answer, a name), so none of its lines is taken for a command.

        A carriage return begins a line too, as the runner reads it.
        """
        self._print("\n".join(_quoted(line) for line in text.splitlines()))

    def _print(self, text: str) -> None:
        self.out.write(text + "\n")
        self.out.flush()

    def foreign(self, prefix: str, text: str) -> None:
        """Print lines written by others, each behind `prefix`, so that none of them is a workflow command."""
        for line in text.splitlines():
            self.out.write(f"{prefix} {harmless(line)}\n")
        self.out.flush()

    @contextlib.contextmanager
    def group(self, title: str) -> Iterator[None]:
        self._print(f"::group::{escape_data(title)}")
        try:
            yield
        finally:
            self._print("::endgroup::")

    def mask(self, secret: str) -> None:
        """Have the runner blot out `secret` wherever it would be printed: each of its lines, since logs have lines.

        Of several lines those with next to nothing in them are left out: masking the `{` of a JSON text would blot
        out every brace of the log.
        """
        lines = secret.splitlines()
        for line in lines:
            telling = line.strip() if len(lines) == 1 else sum(map(str.isalnum, line)) > 2
            if telling and line not in self._secrets:
                self._secrets.add(line)
                self._print(f"::add-mask::{escape_data(line)}")

    def _annotate(self, kind: str, message: str, title: str, file: str, line: int) -> None:
        properties = {"title": title, "file": file, "line": str(line) if line else ""}
        given = ",".join(f"{key}={escape_property(value)}" for key, value in properties.items() if value)
        self._print(f"::{kind}{' ' + given if given else ''}::{escape_data(message)}")

    def error(self, message: str, *, title: str = "", file: str = "", line: int = 0) -> None:
        self._annotate("error", message, title, file, line)

    def warning(self, message: str, *, title: str = "", file: str = "", line: int = 0) -> None:
        self._annotate("warning", message, title, file, line)

    def notice(self, message: str, *, title: str = "") -> None:
        self._annotate("notice", message, title, "", 0)

    def output(self, name: str, value: str) -> None:
        """Set a step output. Any text is safe: the delimiter is random, so no value can close it."""
        target = self.env.get("GITHUB_OUTPUT", "")
        if not target:
            self.say(f"output {name}={value}")
            return
        delimiter = f"end_{secrets.token_hex(8)}"
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")

    def summary(self, markdown: str) -> None:
        """Append to the job summary; what exceeds the 1 MiB of a step is cut with a note."""
        target = self.env.get("GITHUB_STEP_SUMMARY", "")
        if not target:
            return
        path = Path(target)
        used = path.stat().st_size if path.exists() else 0
        text = cut_to_bytes(markdown if markdown.endswith("\n") else markdown + "\n", SUMMARY_LIMIT - used)
        with path.open("a", encoding="utf-8") as file:
            file.write(text)

    def traceback(self, error: BaseException) -> None:
        """Where an unforeseen exception came from, folded away."""
        with self.group(f"Traceback of {type(error).__name__}"):
            self.foreign("│", "".join(traceback.format_exception(error)))

    def fail(self, action: str, error: ActionError) -> None:
        """Tell a failure: each problem in a file as its own annotation, then the whole text, in log and summary."""
        for problem in error.problems:
            if problem.file:
                self.error(problem.message, title=action, file=problem.file, line=problem.line)
        self.error(error.text(), title=action)
        self.summary(told(action, error))

    @property
    def run_url(self) -> str:
        """Address of this workflow run, or "" outside GitHub Actions."""
        server, repository, run = (
            self.env.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
        )
        return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""

    def tags(self) -> dict[str, str]:
        """Tags put on everything that is created: who manages it, from which commit, by which run."""
        found = {
            "managed-by": self.env.get("GITHUB_REPOSITORY", "") or "mlops-actions",
            "commit-sha": self.env.get("GITHUB_SHA", ""),
            "run-url": self.run_url,
        }
        return {name: value for name, value in found.items() if value}
