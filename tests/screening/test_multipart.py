"""Bodies of many films are read one part at a time, whole or not at all, and never beyond their limits."""

from io import BytesIO

import pytest

from screening.multipart import BodyError, Part, TooLarge, parts
from screening.references import Reference, reference_of
from tests import dicom


def body(*contents: bytes, header: bytes = b"Content-Type: application/dicom") -> bytes:
    return b"".join(b"\r\n--edge\r\n" + header + b"\r\n\r\n" + c for c in contents) + b"\r\n--edge--\r\n"


def read(data: bytes, step: int = 10**6, largest: int = 100, whole: int = 10**6) -> list[Part]:
    stream = BytesIO(data)
    return list(parts(lambda size: stream.read(min(step, size)), "edge", largest=largest, whole=whole))


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 10**6])
def test_parts_come_out_as_they_went_in_however_the_pieces_fall(step):
    contents = [b"first", b"", b"\r\n--edg", b"\r\n\r\n--\r\n--edgy"[:9], bytes(range(90))]

    assert [part.data for part in read(body(*contents), step)] == contents
    assert {part.media_type for part in read(body(*contents), step)} == {"application/dicom"}
    assert [part.data for part in read(b"a preamble" + body(b"one"), step)] == [b"one"]
    assert read(body(b"one", header=b"content-type: Text/Plain; charset=x"), step) == [
        Part("text/plain", b"one")
    ]
    assert read(body()) == []


@pytest.mark.parametrize("step", [1, 5, 10**6])
def test_a_body_that_breaks_off_gives_no_part_that_was_not_whole(step):
    whole = body(b"first", b"second")
    for cut in range(len(whole) - 4):
        stream, came = BytesIO(whole[:cut]), []
        with pytest.raises(BodyError):
            for part in parts(lambda size: stream.read(min(step, size)), "edge", largest=99, whole=999):  # noqa: B023
                came.append(part.data)
        assert came in ([], [b"first"], [b"first", b"second"])


def test_18_a_part_and_a_body_have_their_limits():
    assert [len(part.data) for part in read(body(bytes(5000), b"next"), step=50)] == [101, 4]
    with pytest.raises(TooLarge):
        read(body(bytes(5000)), step=50, whole=4000)
    with pytest.raises(BodyError, match="1 to 70"):
        list(parts(BytesIO(b"").read, "", largest=1, whole=1))


def test_a_file_says_which_image_it_is_and_nothing_strange():
    film = dicom.chest_film()

    assert reference_of(film) == Reference("1.2.840.10008.5.1.4.1.1.1.1", "1.2.3.1")
    assert reference_of(dicom.text_file()) is None
    assert reference_of(b"") is None
    assert reference_of(film.replace(b"1.2.3.1\0", b"../../x\0")) is None
    for cut in range(len(film[:400])):
        reference_of(film[:cut])
