"""Log files that servers append to: reading their end, and keeping them from growing for ever.

A file is cut in place, not renamed: servers that have it open for appending go on writing behind the cut.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path

LARGEST = 64 * 1024 * 1024
LINES_KEPT = 2000
LOOK_SECONDS = 30.0


def tail(file: Path, lines: int) -> str:
    """The last lines of a file; empty when there is none."""
    try:
        with file.open("rb") as handle:
            size = handle.seek(0, os.SEEK_END)
            wanted = min(size, 512 * max(lines, 1) + 4096)
            while True:
                handle.seek(size - wanted)
                data = handle.read(wanted)
                if data.count(b"\n") > lines or wanted == size:
                    break
                wanted = min(size, wanted * 4)
    except OSError:
        return ""
    return "\n".join(data.decode(errors="replace").rstrip("\n").split("\n")[-lines:])


def trim(file: Path, largest: int = LARGEST, lines: int = LINES_KEPT) -> None:
    """Cut a log that has more than `largest` bytes down to its last lines, at most half as many bytes."""
    with suppress(OSError):
        if file.stat().st_size <= largest:
            return
        kept = tail(file, lines).encode()[-largest // 2 :]
        with file.open("ab") as handle:
            handle.truncate(0)
            handle.write(b"azureml-local: the log was cut at %d bytes; this is its end\n%b\n" % (largest, kept))


async def keep_small(folder: Path, seconds: float = LOOK_SECONDS) -> None:
    """Trim the logs of a folder now and then, until cancelled."""
    while True:
        for file in folder.glob("*.log"):
            await asyncio.to_thread(trim, file)
        await asyncio.sleep(seconds)
