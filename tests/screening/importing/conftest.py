"""Files that a hospital would send."""

from pathlib import Path

import pytest


@pytest.fixture
def extract(tmp_path: Path):
    """Write a file of lines and return its path."""

    def write(*lines: str, encoding: str = "utf-8", name: str = "extract.csv") -> Path:
        path = tmp_path / name
        path.write_bytes("\r\n".join(lines).encode(encoding))
        return path

    return write
