"""The parts of a multipart/related body, one at a time and never more of it in memory (RFC 2046, 2387)."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

PIECE = 256 * 2**10  # bytes read at once
LARGEST_HEADER = 8 * 2**10
LONGEST_BOUNDARY = 70

Read = Callable[[int], bytes]


class BodyError(ValueError):
    """A body that is not what its header says, or that ended too early."""


class TooLarge(BodyError):
    """A body of more bytes than are read."""


class Part(NamedTuple):
    """One part: the media type it says it has, and its bytes, cut off one byte beyond the limit."""

    media_type: str
    data: bytes


def parts(read: Read, boundary: str, *, largest: int, whole: int) -> Iterator[Part]:
    """Yield each part when all of it has come; one that a lost connection cut short is never yielded.

    `largest` and `whole` are the limits of a part and of the body in bytes. A larger part is cut off one byte
    beyond. Raises TooLarge for a larger body, BodyError where it ends or goes on as no multipart body does.
    """
    if not 1 <= len(boundary) <= LONGEST_BOUNDARY:
        raise BodyError(f"The boundary has {len(boundary)} characters; 1 to {LONGEST_BOUNDARY} are allowed.")
    body, delimiter = _Body(read, whole), b"\r\n--" + boundary.encode("latin-1", "replace")
    body.up_to(delimiter, LARGEST_HEADER)  # a preamble, which nobody reads
    while body.next(2) != b"--":
        header = body.up_to(b"\r\n\r\n", LARGEST_HEADER)
        yield Part(_media_type(header), body.up_to(delimiter, largest + 1))


def _media_type(header: bytes) -> str:
    for line in header.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-type":
            return value.partition(";")[0].strip().lower()
    return ""


class _Body:
    def __init__(self, read: Read, whole: int) -> None:
        self._read, self._left = read, whole
        self._ahead = bytearray(b"\r\n")  # so that the first delimiter is like the others

    def up_to(self, mark: bytes, limit: int) -> bytes:
        """Return what stands before the mark, at most `limit` bytes of it, and go on behind the mark."""
        found = bytearray()
        while (at := self._ahead.find(mark)) < 0:
            # The mark may begin in the last bytes.
            self._take(found, max(len(self._ahead) - len(mark) + 1, 0), limit)
            self._more()
        self._take(found, at, limit)
        del self._ahead[: len(mark)]
        return bytes(found)

    def _take(self, found: bytearray, count: int, limit: int) -> None:
        found += self._ahead[: min(count, limit - len(found))]
        del self._ahead[:count]

    def next(self, count: int) -> bytes:
        """Return the next bytes without going on behind them."""
        while len(self._ahead) < count:
            self._more()
        return bytes(self._ahead[:count])

    def _more(self) -> None:
        piece = self._read(PIECE)
        if not piece:
            raise BodyError("The body ended before its last boundary.")
        self._left -= len(piece)
        if self._left < 0:
            raise TooLarge("The body is too large.")
        self._ahead += piece
