"""Messages between a process and its child: a length, then so many bytes, which the kernel puts in place at once.

`multiprocessing.connection` makes room for all that is still to come at each of many small reads, and takes three
times as long for a picture.
"""

import socket
import struct

LENGTH = struct.Struct("!Q")
SECONDS = struct.Struct("ll")  # a timeval: whole seconds, microseconds


class TooLong(OSError):
    """A message is longer than the reader will take."""


def wait_for(line: socket.socket, seconds: int) -> None:
    """Wait so long, and no longer, for a message to begin; `receive` then raises BlockingIOError."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, SECONDS.pack(seconds, 0))


def send(line: socket.socket, message: bytes | memoryview) -> None:
    """Send one message."""
    view = memoryview(message).cast("B")
    line.sendall(LENGTH.pack(len(view)))
    line.sendall(view)


def receive(line: socket.socket, longest: int) -> bytes:
    """Return the next message; raise TooLong before it is read, EOFError when the other side is gone."""
    (length,) = LENGTH.unpack(_exactly(line, LENGTH.size))
    if length > longest:
        raise TooLong(f"a message of {length} bytes, and {longest} at most are taken")
    return _exactly(line, length)


def _exactly(line: socket.socket, count: int) -> bytes:
    data = line.recv(count, socket.MSG_WAITALL)
    if len(data) < count:
        raise EOFError("the other side is gone")
    return data
