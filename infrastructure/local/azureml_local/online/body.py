"""The body of a request on its way to an instance: small ones in one piece, large ones as they come."""

from __future__ import annotations

WHOLE = 1024 * 1024  # bodies up to this size are read before an instance is asked for
MIRRORED = 64 * 1024 * 1024  # larger ones are not copied to a mirror


class RequestBody:
    """What was received and not yet sent on. `copied`: a copy of it all is wanted for a mirror."""

    def __init__(self, length: bytes | None, *, chunked: bool, copied: bool) -> None:
        self._length = int(length) if length is not None and length.isdigit() else None
        self._wait_for = 0 if self._length is not None and self._length > WHOLE else WHOLE
        self._pieces: list[bytes] = []
        self._copies: list[bytes] | None = [] if copied else None
        self._size = 0
        self._in_chunks = False
        self.ended = not chunked and not self._length

    def add(self, data: bytes) -> None:
        self._size += len(data)
        self._pieces.append(data)
        if self._copies is not None:
            self._copies.append(data)
            if self._size > MIRRORED:
                self._copies = None

    @property
    def begun(self) -> bool:
        """Whether so much of it is here that an instance can be asked for."""
        return self.ended or self._size > self._wait_for

    def framing(self) -> bytes:
        """The header line that tells the instance where the body ends. Asked once, before anything is taken."""
        if self._length is not None:
            return length_header(self._length)
        if not self.ended:
            self._in_chunks = True  # of an unknown length only what turned out small has a length by now
            return b"transfer-encoding: chunked\r\n"
        return length_header(self._size) if self._size else b""

    def take(self) -> bytes:
        """What came since the last time, as it is to be sent on."""
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces = []
        if self._in_chunks:
            piece = b"%x\r\n%s\r\n" % (len(data), data) if data else b""
            return piece + b"0\r\n\r\n" if self.ended else piece
        return data

    def copy(self) -> bytes | None:
        """All of it, once, after its end; None when no copy is wanted or it is too large for one."""
        copies, self._copies = self._copies, None
        return b"".join(copies) if copies is not None else None


def length_header(size: int) -> bytes:
    return b"content-length: %d\r\n" % size
