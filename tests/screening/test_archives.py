"""Zip archives of every hostile kind: each entry has an answer, and no name of theirs becomes a path."""

import io
import stat
import zipfile
from pathlib import Path

import pytest

from screening import archives
from screening.archives import ArchiveRefused, Entry, entries, is_archive
from screening.reasons import Reason
from tests import dicom

LIMITS = {"most": 500, "whole": 2**30}


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def link(name: str, target: str) -> bytes:
    """Return an archive with a symbolic link, as `zip -y` makes it."""
    info, out = zipfile.ZipInfo(name), io.BytesIO()
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, target)
    return out.getvalue()


def opened(data: bytes, **limits: int) -> list[Entry]:
    return list(entries(io.BytesIO(data), **(LIMITS | limits)))


def refused(data: bytes, **limits: int) -> Reason:
    with pytest.raises(ArchiveRefused) as no:
        opened(data, **limits)
    return no.value.reason


def test_films_come_out_as_they_are_and_folders_are_no_files():
    film = dicom.chest_film()

    assert opened(packed({"day/": b"", "day/a.dcm": film, "b\u202e.dcm": b""})) == [
        Entry("day/a.dcm", film),
        Entry("b?.dcm", b""),
    ]
    assert opened(packed({"a": film}, zipfile.ZIP_STORED)) == [Entry("a", film)]
    assert is_archive(io.BytesIO(packed({}))) and not is_archive(io.BytesIO(film))


def test_12_each_hostile_entry_is_answered_and_the_others_are_read(monkeypatch):
    film, inner = dicom.chest_film(), packed({"a.dcm": b"x"})
    bomb = packed({"bomb.dcm": bytes(50 * 2**20), "inner.zip": inner, "good.dcm": film})
    torn = bytearray(packed({"torn.dcm": film}))
    torn[200] ^= 255
    locked = bytearray(packed({"locked.dcm": film}))
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(header) + flags] |= 1

    assert [(e.name, e.problem) for e in opened(bomb)] == [
        ("bomb.dcm", Reason.ZIP_TOO_TIGHT),
        ("inner.zip", Reason.ZIP_NESTED),
        ("good.dcm", None),
    ]
    assert opened(link("a.dcm", "/etc/passwd")) == [Entry("a.dcm", problem=Reason.ZIP_LINK)]
    assert opened(bytes(torn)) == [Entry("torn.dcm", problem=Reason.ZIP_DAMAGED)]
    assert opened(bytes(locked)) == [Entry("locked.dcm", problem=Reason.ZIP_ENCRYPTED)]
    assert opened(packed({"a": film}, zipfile.ZIP_LZMA)) == [Entry("a", problem=Reason.ZIP_METHOD)]
    monkeypatch.setattr(archives, "LARGEST_FILE", 1000)
    assert len(opened(packed({"a": film}))[0].data) == 1001, (
        "a byte too many: intake says that it is too large"
    )


def test_12_an_archive_beyond_the_limits_is_not_read_at_all():
    assert refused(packed({"a": b"1", "b": b"2"}), most=1) == Reason.ZIP_TOO_LARGE
    assert refused(packed({"a": b"12", "b": b"345"}), whole=4) == Reason.ZIP_TOO_LARGE
    assert refused(packed({"a": dicom.chest_film()})[:-30]) == Reason.ZIP_DAMAGED
    names = packed({f"{number}": b"" for number in range(25_000)})
    assert refused(names) == Reason.ZIP_DAMAGED, "its list of names is too long to be read"


def test_12_a_size_that_lies_gives_no_more_than_it_says():
    data = bytearray(packed({"a.dcm": bytes(5 * 2**20)}))
    for header, size in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(header) + size
        data[at : at + 4] = (1000).to_bytes(4, "little")

    assert opened(bytes(data)) == [Entry("a.dcm", problem=Reason.ZIP_DAMAGED)]


def test_12_names_are_shown_and_nothing_is_written(tmp_path: Path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    slip = packed({"../slip.dcm": b"a", "/tmp/slip.dcm": b"b", "C:\\slip.dcm": b"c"})

    assert [entry.data for entry in opened(slip)] == [b"a", b"b", b"c"]
    assert list(tmp_path.rglob("*")) == [tmp_path / "here"]
