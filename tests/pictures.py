"""The pictures of the pages, made from real output: `make pictures`, best in a fresh clone.

    docs/pictures/demo.svg      how `make demo` ends
    docs/pictures/compare.svg   a second training beside the first, as `azureml-local run` ends
    docs/job-summary.md         that run's job summary, which GitHub renders as in a job

Runs the demo and a training on the local workspace; nothing is drawn that they did not print.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import sys
import termios
from pathlib import Path

from rich.console import Console  # type: ignore[import-not-found] # the Makefile brings it, no test needs it
from rich.text import Text  # type: ignore[import-not-found]

REPOSITORY = Path(__file__).resolve().parents[1]
COMMAND = ".venv/bin/azureml-local"
SETTING = "inputs.learning_rate=0.05"
WIDTH = 120
PAGE = """\
# A job summary

What the run page of GitHub shows after `{command}`, a
second training with another hyper-parameter. Made by `make pictures` from a real run on the local workspace; links are
left out, they lead to that run.

{summary}
"""


def on_a_terminal(*arguments: str) -> str:
    """What a command prints on a terminal of WIDTH columns, colours included; it is shown here too."""
    print(f"$ {' '.join(arguments)}", flush=True)
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(arguments[0], arguments)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, WIDTH, 0, 0))
    said = bytearray()
    while True:
        try:
            some = os.read(terminal, 65536)
        except OSError:  # Linux's way to say that the other side is closed
            break
        if not some:
            break
        said += some
        sys.stdout.buffer.write(some)
        sys.stdout.buffer.flush()
    _, status = os.waitpid(child, 0)
    if status != 0:
        sys.exit(f"pictures: {' '.join(arguments)} failed")
    return said.decode().replace("\r\n", "\n")


def draw(text: str, title: str, file: Path) -> None:
    """The text as an SVG of a terminal. The font is the reader's own: no picture asks a server for one."""
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text.from_ansi(text))
    svg = console.export_svg(title=title, unique_id=file.stem)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL), encoding="utf-8")
    print(f"{file.relative_to(REPOSITORY)}: {len(text.splitlines())} lines")


def main() -> None:
    os.chdir(REPOSITORY)
    demo = on_a_terminal("make", "--no-print-directory", "demo")
    draw(demo[demo.index("━━━ taxi:") :].rstrip(), "make demo", REPOSITORY / "docs/pictures/demo.svg")
    arguments = ["run", "train", "--input", f"set={SETTING}"]
    compared = on_a_terminal(COMMAND, *arguments)
    command = f"{COMMAND} {' '.join(arguments)}"
    ending = compared[compared.index("─ summary-run-pipeline.md ─") :].partition("\n")[2]
    draw(ending.rstrip(), command, REPOSITORY / "docs/pictures/compare.svg")
    [folder] = re.findall(r"full log: (\S+)", compared)
    summary = (Path(folder) / "summary-run-pipeline.md").read_text(encoding="utf-8").strip()
    summary = re.sub(r"\[(studio|run)\]\([^)]*\)", r"\1", summary).replace(f"{REPOSITORY}/", "")
    (REPOSITORY / "docs/job-summary.md").write_text(PAGE.format(command=command, summary=summary), encoding="utf-8")


if __name__ == "__main__":
    main()
