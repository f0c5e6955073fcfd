"""The suite runs on a real PostgreSQL: the embedded one under var/test, or the one that DATABASE_URL names."""

import copy
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
WALKERS = ("test_leaks.py", "test_permissions.py")
LONGEST = (*WALKERS, "test_demo.py")  # begun first, or one process would end alone with them
HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick, and no secret is at stake
# Tests never share databases, keys or films with a demonstration on the same machine.
os.environ.setdefault("SCREENTRIAL_VAR", str(ROOT / "var" / "test"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="count a skipped test as failed (for CI)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep a file's tests on one process, and those of both files that read the walk, so that it is made once."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "walk" if Path(file).name in WALKERS else file

    return ByFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    # On a developer's machine a missing tool is a reason to skip; where everything is installed it is a fault.
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--no-skips"):
        report.outcome, report.longrepr = "failed", f"skipped, which is not allowed here: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Keep the test database between runs: making its tables and triggers takes longer than most runs."""
    return True


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Name the test database after what makes it, so that a changed migration gets a new one."""
    from django.db import connection

    from analysis import guards as analysis
    from screening import guards as screening
    from trial import guards as trial

    migrations = [path.read_text() for path in sorted(ROOT.glob("*/migrations/0*.py"))]
    made_of = "".join([*migrations, trial.INSTALL, screening.INSTALL, analysis.INSTALL])
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:12]
    suffix = os.environ.get("PYTEST_XDIST_WORKER", "")
    connection.settings_dict["TEST"]["NAME"] = f"test_screentrial_{digest}{suffix}"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Start from empty tables, whatever a killed run has left."""
    from django.core.management import call_command

    with django_db_blocker.unblock():
        call_command("flush", interactive=False, verbosity=0)


def _folders(place: Path) -> dict[str, Any]:
    """Return the settings that keep keys, allocation logs, models and films in a folder."""
    from django.conf import settings

    default = settings.STORAGES["default"] | {"OPTIONS": {"location": str(place / "media")}}
    return {
        "TRIAL_KEY_DIR": place / "keys",
        "ALLOCATION_LOG_DIR": place / "allocations",
        "MODEL_DIR": place / "models",
        "MEDIA_ROOT": place / "media",
        "STORAGES": settings.STORAGES | {"default": default},
    }


@pytest.fixture(autouse=True)
def _own_folders(settings, tmp_path: Path) -> None:
    """Give every test its own keys, allocation logs and films."""
    for name, value in _folders(tmp_path).items():
        setattr(settings, name, value)


@pytest.fixture(autouse=True)
def _fast_passwords(settings) -> None:
    settings.PASSWORD_HASHERS = HASHERS


@pytest.fixture
def world(world_of_module: Any, db: None, tmp_path: Path):
    """A demonstration trial with one site and one person for each role, as if it were this test's own."""
    from tests.factories import make_world

    made, folder = world_of_module
    if made is None:
        return make_world()
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return copy.deepcopy(made)


@pytest.fixture(scope="module")
def world_of_module(
    request: pytest.FixtureRequest,
    django_db_setup: None,
    django_db_blocker: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    """One world for all tests of a module, each of which undoes what it changed; making it takes longest.

    Only where nothing else of the module makes a world or leaves its transaction; otherwise there is none.
    """
    from django.db import transaction
    from django.test import override_settings

    from tests.factories import make_world

    of_module = [item for item in request.session.items if item.path == request.path]
    if not all(map(_shares_its_world, of_module)):
        yield None, None
        return
    folder = tmp_path_factory.mktemp("world")
    outer = transaction.atomic()
    outer._from_testcase = True  # as TestCase does: to the code inside it is as if there were no transaction
    with django_db_blocker.unblock():
        outer.__enter__()
        with override_settings(**_folders(folder), PASSWORD_HASHERS=HASHERS):
            made = make_world()
    yield made, folder
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        outer.__exit__(None, None, None)


def _shares_its_world(item: pytest.Item) -> bool:
    """Tell whether a test may run inside a world that others use too: it has it from the fixture, or no database."""
    mark, names = item.get_closest_marker("django_db"), set(getattr(item, "fixturenames", ()))
    leaves = {"transactional_db", "live_server", "place", "workplace", "walked"} & names
    if leaves or (mark and mark.kwargs.get("transaction")):
        return False
    return "world" in names or not (mark or "db" in names)


@pytest.fixture
def shared() -> Iterator[Path]:
    """The folder of shared material beside the project, where there is one."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder of shared material is not beside the project (../shared); .ci/run wants it")
    yield folder


@pytest.fixture(scope="session")
def walked(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What every address answered to everybody; the trial it was asked about is gone again afterwards."""
    from django.db import transaction
    from django.test import override_settings

    from tests.walk import walk

    folder = tmp_path_factory.mktemp("walk")
    settings = override_settings(TRIAL_KEY_DIR=folder / "keys", ALLOCATION_LOG_DIR=folder / "allocations")
    undone = transaction.atomic()
    undone._from_testcase = True  # as TestCase does: to the code inside it is as if there were no transaction
    with django_db_blocker.unblock(), settings, undone:
        found = walk()
        transaction.set_rollback(True)
    return found


@pytest.fixture(scope="module")
def workplace() -> Iterator[Any]:
    """A workplace whose worker outlives a test, for it takes longest to start."""
    from tests.workplace import workplace

    with workplace() as place:
        yield place


@pytest.fixture
def place(transactional_db, workplace: Any, settings) -> Iterator[Any]:
    """Let this test's web process and worker share the workplace: its broker and its films."""
    from config.embedded.valkey import ensure_valkey
    from tests.workplace import forget_broker

    settings.VAR, settings.CELERY_BROKER_URL = workplace.var, ""
    settings.STORAGES = settings.STORAGES | {
        "default": settings.STORAGES["default"] | {"OPTIONS": {"location": str(workplace.var / "media")}}
    }
    forget_broker()
    ensure_valkey(workplace.var)
    yield workplace
    forget_broker()
