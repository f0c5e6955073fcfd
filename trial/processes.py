"""Child processes that never outlive their parent, however it dies."""

import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

PR_SET_PDEATHSIG = 1  # prctl(2)
_libc = ctypes.CDLL(None, use_errno=True)


def spawn_child(
    args: Sequence[str], *, death_signal: int = signal.SIGTERM, **kwargs: Any
) -> subprocess.Popen[bytes]:
    """Start a command in its own session; the kernel sends it `death_signal` when this process dies.

    Only from the main thread: the kernel takes the end of the starting thread for the parent's death.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError(f"spawn_child({args[0]!r}) must be called from the main thread.")
    parent = os.getpid()

    def die_with_parent() -> None:
        if _libc.prctl(PR_SET_PDEATHSIG, death_signal) != 0 or os.getppid() != parent:
            os._exit(1)  # unsupported, or the parent died before the kernel was told

    return subprocess.Popen(args, start_new_session=True, preexec_fn=die_with_parent, **kwargs)  # noqa: S603
