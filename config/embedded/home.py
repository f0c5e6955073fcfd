"""The folder of the embedded servers: whose it is, whom they run as, where their sockets are.

    var/locks/      keeper; NAME.lease, held by those who use a server; NAME.running, held by the server
    var/postgres/   the cluster        var/valkey/   the append-only file
    var/sockets/    or a link to a short private folder when the path is too long for a socket
    var/servers.log

As root the servers run as a system user, who owns the last four folders and may pass through their parents.
"""

import os
import pwd
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

from config.embedded.binaries import postgres_program, valkey_server
from config.embedded.errors import EmbeddedError

SYSTEM_USERS = ("postgres", "nobody")
SOCKET_PATH_LIMIT = 100  # bytes; the kernel's own limit is 107 (unix(7))
LONGEST_SOCKET = ".s.PGSQL.5432"


def open_var(var: Path) -> None:
    """Make `var` and its locks folder, or say why that can't be done."""
    try:
        var.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(
            f"{var} cannot be made: {error.strerror}. Set SCREENTRIAL_VAR to a folder you can write to."
        ) from error
    check_owner(var, os.geteuid())
    (var / "locks").mkdir(mode=0o700, exist_ok=True)


def check_owner(folder: Path, uid: int) -> None:
    """Raise unless `folder` belongs to `uid`."""
    owner = folder.stat().st_uid
    if owner != uid:
        raise EmbeddedError(
            f"{folder} belongs to user {user_name(owner)}, but {user_name(uid)} needs it: run as "
            f"{user_name(owner)}, or set SCREENTRIAL_VAR to a folder of your own."
        )


def user_name(uid: int) -> str:
    """Return the login name of `uid`, or the number itself if it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def server_user(var: Path) -> tuple[int, int]:
    """Return the user and group id the servers of `var` run as: ourselves, but never root."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    cluster = var / "postgres"
    if cluster.exists() and cluster.stat().st_uid != 0:
        return cluster.stat().st_uid, cluster.stat().st_gid
    for name in SYSTEM_USERS:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return user.pw_uid, user.pw_gid
    raise EmbeddedError(
        "PostgreSQL refuses to run as root, and this machine has no user "
        f"{' or '.join(SYSTEM_USERS)}: run as a plain user, or set DATABASE_URL and CELERY_BROKER_URL."
    )


def run_as(var: Path) -> dict[str, Any]:
    """Return the arguments that make subprocess start a server of `var` as its user."""
    if os.geteuid() != 0:
        return {}
    uid, gid = server_user(var)
    return {"user": uid, "group": gid, "extra_groups": []}


def prepare(var: Path) -> None:
    """Make the servers' folders, private to their user; as root, let that user reach them and say so."""
    uid, gid = server_user(var)
    folders = [var / "postgres", var / "valkey", make_sockets(var, uid)]
    for folder in folders:
        folder.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        programs = [postgres_program("postgres"), valkey_server()]
        given = [folder for folder in folders if give(folder, uid, gid)]
        opened = let_pass([var, *(program.parent for program in programs)], uid, gid)
        say_as_root(user_name(uid), given, opened)
        check_executable(programs, uid)
    for folder in folders:
        check_owner(folder, uid)


def say_as_root(user: str, given: list[Path], opened: list[Path]) -> None:
    """Say in one line what was changed so that the servers need not run as root."""
    changes = [f"owns {', '.join(map(str, given))}"] if given else []
    changes += [f"may pass through {', '.join(map(str, opened))} (chmod o+x)"] if opened else []
    if changes:
        print(
            f"As root, the embedded servers run as {user}, who now {' and '.join(changes)}.", file=sys.stderr
        )


def give(folder: Path, uid: int, gid: int) -> bool:
    """Hand a folder that root made (or copied) to the server user; tell whether that was needed."""
    if folder.stat().st_uid != 0:
        return False
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)
    return True


def let_pass(folders: list[Path], uid: int, gid: int) -> list[Path]:
    """Add execute for others to each folder on the way that `uid` can't pass; return those changed."""
    opened = []
    for folder in sorted({step for start in folders for step in (start, *start.parents)}):
        status = folder.stat()
        ours = (
            stat.S_IXUSR if status.st_uid == uid else stat.S_IXGRP if status.st_gid == gid else stat.S_IXOTH
        )
        if not status.st_mode & ours:
            folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
            opened.append(folder)
    return opened


def check_executable(programs: list[Path], uid: int) -> None:
    """Raise if others may not run a server (as after an installation under umask 077)."""
    for program in programs:
        if not program.stat().st_mode & stat.S_IXOTH:
            raise EmbeddedError(
                f"User {user_name(uid)}, as whom the servers run for root, may not execute {program}: "
                f"run `chmod -R o+rX {program.parent.parent}`, or work as a plain user."
            )


def socket_folder(var: Path) -> Path:
    """Return the folder of the sockets of `var`."""
    folder = var / "sockets"
    return folder.readlink() if folder.is_symlink() else folder


def make_sockets(var: Path, uid: int) -> Path:
    """Return the folder of the sockets: var/sockets, or if that is too long what it then links to.

    libpq takes a comma for the end of a path, so such a path is replaced as well.
    """
    own = var / "sockets"
    if len(os.fsencode(own / LONGEST_SOCKET)) <= SOCKET_PATH_LIMIT and "," not in str(own):
        if own.is_symlink():
            own.unlink()
        return own
    if own.is_symlink() and is_ours(own.readlink(), var, uid):
        return own.readlink()
    if own.is_symlink():
        own.unlink()
    elif own.exists():
        shutil.rmtree(own)
    # Not TMPDIR, which may be long, nor XDG_RUNTIME_DIR, which goes away at logout.
    short = Path(tempfile.mkdtemp(prefix="screentrial-", dir="/tmp"))
    (short / "var").write_text(str(var))
    own.symlink_to(short)
    return short


def is_ours(folder: Path, var: Path, uid: int) -> bool:
    """Tell whether a short folder still exists, is private, and was made for this `var`, not for its copy."""
    try:
        status = folder.lstat()
        private = stat.S_ISDIR(status.st_mode) and status.st_uid == uid and not status.st_mode & 0o077
        return private and (folder / "var").read_text() == str(var)
    except OSError:
        return False
