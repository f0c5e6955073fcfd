"""Real servers in temporary folders: started, shared, killed, and gone when nobody needs them."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from kombu import Connection

from config.embedded import attach, home, lease
from config.embedded.errors import EmbeddedError
from config.embedded.postgres import ensure_postgres
from config.embedded.valkey import ensure_valkey
from trial.processes import spawn_child

ROOT = Path(__file__).resolve().parents[2]
CLIENT = """
import sys, pathlib
from config.embedded import postgres, valkey
known = {"postgres": postgres.ensure_postgres, "valkey": valkey.ensure_valkey}
for name in sys.argv[2:]:
    print(known[name](pathlib.Path(sys.argv[1])), flush=True)
"""
FORK = """
import os, time
time.sleep(0.5)  # until the thread that watches the keeper waits
os.fork()
"""
# In one piece, for a fork says it too, at the same moment.
WAIT = """
import os
os.write(1, b"ready\\n")
sys.stdin.read()
"""
PACKAGES = str(Path(psycopg.__file__).parents[1])
PYTHONS = [sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


class Clients:
    """Processes that use the servers of one folder."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.processes: list[subprocess.Popen[str]] = []

    def start(
        self, *names: str, python: str = sys.executable, fork: bool = False, **kwargs: object
    ) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [python, "-c", CLIENT + FORK * fork + WAIT, str(self.var), *(names or ("postgres", "valkey"))],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **kwargs,  # type: ignore[call-overload]
        )
        self.processes.append(process)
        return process

    def use(self, *names: str, **kwargs: object) -> "subprocess.Popen[str]":
        process = self.start(*names, **kwargs)
        assert says_ready(process), process.stderr.read()
        return process

    def leave(self) -> None:
        """Kill every one, so that nothing is tidied up on the way out."""
        for process in self.processes:
            process.kill()
            process.communicate()
        self.processes.clear()


def says_ready(process: "subprocess.Popen[str]") -> bool:
    return any(line == "ready\n" for line in process.stdout)


def wait_until(happens: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def running(var: Path, word: str = "") -> list[int]:
    """Return the ids of the processes that name `var` and `word` in their command, but no clients."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"{var}" in command and word in command and "sys.argv" not in command:
            found.append(int(entry.parent.name))
    return found


def all_gone(var: Path) -> bool:
    """Tell whether no process of any server of `var` is left: each of them would hold the lock."""
    for name in ("keeper", "postgres.running", "valkey.running"):
        lock = lease.try_take(var / "locks" / name)
        if lock is None:
            return False
        os.close(lock)
    return not running(var)


def query(var: Path, sql: str) -> list[tuple[object, ...]]:
    """Run a statement as a client that starts nothing."""
    host, port = str(home.socket_folder(var)), 5432
    with psycopg.connect(host=host, port=port, user="screentrial_owner", dbname="screentrial") as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


def answers(var: Path) -> bool:
    try:
        return query(var, "SELECT 1") == [(1,)] and pings(var)
    except (psycopg.OperationalError, OSError):
        return False


def pings(var: Path) -> bool:
    try:
        return valkey(var).ping()
    except (redis.RedisError, OSError):
        return False


def valkey(var: Path) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(home.socket_folder(var) / "valkey.sock"))


@pytest.fixture
def var() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="var-", dir="/tmp"))
    yield base / "var"
    shutil.rmtree(base)


@pytest.fixture
def clients(var: Path) -> Iterator[Clients]:
    clients = Clients(var)
    yield clients
    clients.leave()
    for keeper in running(var, "config.embedded.keeper"):
        os.kill(keeper, signal.SIGTERM)  # rather than wait for its grace
    wait_until(lambda: all_gone(var))


def test_ten_processes_at_once_share_one_keeper_and_safe_private_servers(var, clients):
    processes = [clients.start() for _ in range(10)]

    assert all(says_ready(process) for process in processes)
    assert len(running(var, "config.embedded.keeper")) == 1
    settings = "name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums', 'TimeZone', "
    settings += "'listen_addresses', 'server_encoding', 'max_connections') ORDER BY name COLLATE \"C\""
    assert dict(query(var, f"SELECT name, setting FROM pg_settings WHERE {settings}")) == {
        "TimeZone": "UTC",
        "data_checksums": "on",
        "fsync": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
        "max_connections": "100",
        "server_encoding": "UTF8",
        "synchronous_commit": "on",
    }
    assert query(var, "SELECT datcollate FROM pg_database WHERE datname = 'screentrial'") == [("C.UTF-8",)]
    assert valkey(var).config_get("appendonly") == {"appendonly": "yes"}
    assert valkey(var).config_get("port") == {"port": "0"}
    for path in (var / "sockets", var / "postgres", var / "valkey", *(var / "sockets").glob("*.s*[!k]")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_servers_leave_after_the_last_killed_process_and_keep_their_data(var, clients):
    first, second = clients.use(), clients.use()
    query(var, "CREATE TABLE kept AS SELECT 42 AS answer")
    valkey(var).set("kept", "42")

    first.kill()
    time.sleep(3)
    assert answers(var)
    second.kill()
    wait_until(lambda: all_gone(var), seconds=10)
    assert not list((var / "sockets").iterdir())

    clients.use()
    assert query(var, "SELECT answer FROM kept") == [(42,)]
    assert valkey(var).get("kept") == b"42"


def test_only_the_server_asked_for_runs(var, clients):
    clients.use("valkey")
    assert valkey(var).ping()
    assert not (var / "postgres" / "data").exists()

    clients.use("postgres")
    assert answers(var)


@pytest.mark.parametrize("victim", ["config.embedded.keeper", "pginstall", "valkey.sock", ""])
def test_a_killed_keeper_or_server_is_replaced_for_a_process_that_only_waits(var, clients, victim):
    clients.use()
    query(var, "CREATE TABLE kept AS SELECT 42 AS answer")
    valkey(var).set("kept", "42")
    victims = running(var, victim)
    assert victims
    leaving = running(var) if "keeper" in victim else victims  # the servers leave with their keeper

    for process in victims:
        os.kill(process, signal.SIGKILL)
    wait_until(lambda: not set(leaving) & set(running(var)) and answers(var))
    assert query(var, "SELECT answer FROM kept") == [(42,)]
    assert valkey(var).get("kept") == b"42"
    assert len(running(var, "config.embedded.keeper")) == 1


def test_a_fork_does_not_stand_in_the_way_of_the_next_keeper(var, clients):
    """Celery's pool forks while its parent waits for the keeper's lock."""
    clients.use("valkey", fork=True)
    for _ in range(2):
        (keeper,) = running(var, "config.embedded.keeper")
        os.kill(keeper, signal.SIGKILL)
        wait_until(lambda killed=keeper: running(var, "config.embedded.keeper") not in ([], [killed]))
        wait_until(lambda: pings(var))


def test_servers_of_a_killed_keeper_without_clients_do_not_stay(var, clients):
    clients.use()
    clients.leave()
    for process in running(var, "config.embedded.keeper"):
        os.kill(process, signal.SIGKILL)
    wait_until(lambda: all_gone(var), seconds=10)


def test_remains_that_name_a_stranger_s_process_are_cleared_and_the_stranger_lives(var, clients):
    clients.use()
    owner = (var / "postgres").stat()
    pids = running(var)
    clients.leave()
    for process in pids:
        os.kill(process, signal.SIGKILL)
    wait_until(lambda: all_gone(var))
    switch = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    stranger = subprocess.Popen(["sleep", "60"], **switch)
    remains = var / "postgres" / "data" / "postmaster.pid"
    assert remains.exists()
    remains.write_text("\n".join([str(stranger.pid), *remains.read_text().splitlines()[1:]]) + "\n")
    assert (var / "sockets" / "valkey.sock").exists()

    try:
        clients.use()
        assert answers(var)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_two_folders_side_by_side_one_of_them_too_long_for_a_socket(var, clients):
    far = var.parent / ("long, " * 20) / "ünïcode" / "var"
    others = Clients(far)
    try:
        clients.use()
        others.use()
        query(far, "CREATE TABLE here AS SELECT 'far' AS name")
        query(var, "CREATE TABLE here AS SELECT 'near' AS name")
        assert query(far, "SELECT name FROM here") == [("far",)]
        short = home.socket_folder(far)
        assert short.parent == Path("/tmp")
        assert short.stat().st_mode & 0o777 == 0o700
    finally:
        others.leave()
    wait_until(lambda: all_gone(far))
    shutil.rmtree(short)
    assert answers(var)


def test_a_copy_does_not_share_the_short_socket_folder_of_its_original(var):
    far = var.parent / ("x" * 100) / "var"
    far.mkdir(parents=True)
    first = home.make_sockets(far, os.geteuid())
    assert home.make_sockets(far, os.geteuid()) == first

    copy = Path(shutil.copytree(far, far.with_name("copy"), symlinks=True))
    second = home.make_sockets(copy, os.geteuid())
    assert second != first
    first_again = home.socket_folder(far)
    assert first_again == first
    for folder in (first, second):
        shutil.rmtree(folder)
    assert home.make_sockets(far, os.geteuid()) not in (first, second)  # as after a cleared /tmp
    shutil.rmtree(home.socket_folder(far))


def test_a_server_that_cannot_start_is_reported_with_the_end_of_its_log(var, clients):
    clients.use("postgres")
    clients.leave()
    wait_until(lambda: all_gone(var))
    (var / "postgres" / "data" / "PG_VERSION").write_text("11\n")

    process = clients.start("postgres")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "EmbeddedError" in errors
    assert "database files are incompatible with server" in errors


@needs_root
def test_as_root_the_servers_run_as_a_system_user_who_may_pass_and_no_more(var, clients):
    var.parent.chmod(0o700)
    process = clients.use()

    assert all(Path(f"/proc/{server}").stat().st_uid != 0 for server in running(var, "sock"))
    assert var.parent.stat().st_mode & 0o777 == 0o701
    clients.processes.remove(process)
    process.kill()
    message = process.communicate()[1]
    assert message.count("\n") == 1
    assert f"may pass through {var.parent} (chmod o+x)" in message


def usable(python: str, switch: dict[str, object]) -> bool:
    """Tell whether another user may run a Python that can import our packages."""
    try:
        imports = [python, "-c", "import psycopg"]
        return not subprocess.run(imports, env={"PYTHONPATH": PACKAGES}, cwd="/", **switch).returncode
    except PermissionError:
        return False


@needs_root
def test_as_a_plain_user_everything_runs_as_that_user(var, clients):
    nobody = pwd.getpwnam("nobody")
    switch = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    python = next((name for name in PYTHONS if usable(name, switch)), None)
    if python is None:
        pytest.skip("no Python of this version that a plain user may run")
    os.chown(var.parent, nobody.pw_uid, nobody.pw_gid)
    process = clients.use(python=python, env={"PYTHONPATH": PACKAGES}, **switch)

    assert {Path(f"/proc/{server}").stat().st_uid for server in running(var)} == {nobody.pw_uid}
    with pytest.raises(EmbeddedError, match=r"belongs to user nobody, but root needs it: run as nobody"):
        ensure_postgres(var)
    process.kill()
    assert process.communicate()[1] == ""


def test_a_folder_that_cannot_be_made_is_reported(var):
    var.parent.joinpath("file").touch()
    with pytest.raises(EmbeddedError, match="SCREENTRIAL_VAR"):
        ensure_valkey(var.parent / "file" / "var")


def test_the_url_serves_celery_and_redis_even_with_a_blank_in_the_path(var):
    folder = var.parent / "a var"
    url = ensure_valkey(folder)
    try:
        assert url.startswith("redis+socket://")
        with Connection(url) as broker:
            queue = broker.SimpleQueue("films")
            queue.put({"film": 7})
            assert queue.get(timeout=5).payload == {"film": 7}
        assert redis.from_url(url.replace("redis+socket", "unix", 1)).ping()
        assert attach.ROOT == ROOT
    finally:
        lease.release(folder / "locks" / "valkey.lease")
    wait_until(lambda: all_gone(folder))


def test_a_child_dies_with_its_killed_parent():
    script = (
        "import sys, time; from trial.processes import spawn_child\n"
        "print(spawn_child(['sleep', '60']).pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    child = Path("/proc", parent.stdout.readline().strip())
    assert (child / "comm").read_text() == "sleep\n"
    parent.kill()
    parent.communicate()
    wait_until(lambda: not child.exists() or ") Z " in (child / "stat").read_text(), seconds=5)


def test_a_child_must_be_started_from_the_main_thread():
    from threading import Thread

    failures: list[str] = []

    def start() -> None:
        try:
            spawn_child(["true"])
        except RuntimeError as error:
            failures.append(str(error))

    thread = Thread(target=start)
    thread.start()
    thread.join()
    assert failures == ["spawn_child('true') must be called from the main thread."]
