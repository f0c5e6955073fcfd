"""Stored values become an image in [0, 1], each step once, and nothing explodes on the way."""

import struct
from io import BytesIO

import numpy as np
import pytest
from pydicom import Dataset, Sequence, dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEG2000Lossless, RLELossless

from screening.pixels import pixel_sha256, pixels, stored_values
from screening.reasons import Reason, Rejected
from screening.sandbox import read_pixels
from tests.dicom import (
    COMPRESSED,
    REAL_FILMS,
    chest_film,
    compressed,
    dataset,
    monochrome1_film,
    needs_real_films,
    ramp,
    twelve_bit_film,
    written,
)


def parsed(data: bytes) -> Dataset:
    return dcmread(BytesIO(data))


def image(stored: np.ndarray | None = None, **changes) -> np.ndarray:
    return pixels(parsed(chest_film(stored, **changes)))


def refused(**changes) -> Rejected:
    with pytest.raises(Rejected) as refusal:
        pixels(parsed(chest_film(**changes)))
    return refusal.value


def table(entries: np.ndarray, bits: int, first: int = 0) -> Sequence:
    item = Dataset()
    item.LUTDescriptor = [len(entries) % 2**16, first, bits]
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    return Sequence([item])


def test_eight_bits_are_divided_by_255_and_twelve_by_4095():
    assert np.array_equal(image(), ramp() / 255)
    twelve = parsed(twelve_bit_film())
    assert np.array_equal(pixels(twelve), ramp(largest=4095) / 4095)


def test_monochrome1_is_turned_once_though_two_attributes_say_so():
    assert np.abs(pixels(parsed(monochrome1_film())) - ramp() / 255).max() < 1e-12


def test_signed_values_use_the_signed_range():
    stored = (ramp().astype(int) - 128).astype("i1")
    assert np.abs(image(stored, PixelRepresentation=1) - ramp() / 255).max() < 1e-12


def test_rescaling_changes_nothing_without_a_window():
    assert np.abs(image(RescaleSlope=2.5, RescaleIntercept=-1000) - ramp() / 255).max() < 1e-12


def test_a_negative_slope_turns_the_picture():
    assert np.abs(image(RescaleSlope=-1, RescaleIntercept=255) - (1 - ramp() / 255)).max() < 1e-12


def test_the_first_window_is_applied_as_part_3_writes_it():
    result = image(WindowCenter=[100, 1], WindowWidth=[51, 2])
    expected = np.clip((ramp().astype(float) - 99.5) / 50 + 0.5, 0, 1)
    assert np.abs(result - expected).max() < 1e-12


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("LINEAR_EXACT", lambda x: np.clip((x - 100) / 50 + 0.5, 0, 1)),
        ("SIGMOID", lambda x: 1 / (1 + np.exp(-4 * (x - 100) / 50))),
    ],
)
def test_other_window_functions(function, expected):
    result = image(WindowCenter=100, WindowWidth=50, VOILUTFunction=function)
    assert np.abs(result - expected(ramp().astype(float))).max() < 1e-12


def test_the_window_sees_rescaled_values():
    result = image(RescaleSlope=2, RescaleIntercept=10, WindowCenter=210, WindowWidth=101)
    assert np.abs(result - np.clip((ramp() * 2.0 + 10 - 209.5) / 100 + 0.5, 0, 1)).max() < 1e-12


def test_a_table_replaces_the_window():
    entries = (np.arange(256) ** 2) // 64  # 0 to 1016, ten bits
    result = image(VOILUTSequence=table(entries, 10), WindowCenter=1, WindowWidth=2)
    assert np.abs(result - entries[ramp()] / 1023).max() < 1e-12


def test_a_table_that_starts_later_holds_its_ends():
    entries = np.arange(100) * 10
    result = image(VOILUTSequence=table(entries, 10, first=50))
    assert np.abs(result - entries[np.clip(ramp().astype(int) - 50, 0, 99)] / 1023).max() < 1e-12


def test_a_modality_table_comes_before_everything():
    entries = np.arange(256)[::-1] * 257
    result = image(ModalityLUTSequence=table(entries, 16))
    assert np.abs(result - entries[ramp()] / 65535).max() < 1e-12


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Rows": 0}, Reason.IMAGE_SIZE),
        ({"Rows": 6001}, Reason.IMAGE_SIZE),
        ({"Columns": 255}, Reason.IMAGE_SIZE),
        ({"Rows": None}, Reason.PIXEL_FORMAT),
        ({"Rows": 301}, Reason.TRUNCATED),
        ({"Rows": 299}, Reason.PIXEL_LENGTH),
        ({"BitsAllocated": 12}, Reason.PIXEL_FORMAT),
        ({"BitsAllocated": 32}, Reason.PIXEL_FORMAT),
        ({"BitsStored": 12}, Reason.PIXEL_FORMAT),
        ({"HighBit": 5}, Reason.PIXEL_FORMAT),
        ({"PixelRepresentation": 2}, Reason.PIXEL_FORMAT),
        ({"RescaleSlope": 0, "RescaleIntercept": 0}, Reason.PIXEL_FORMAT),
        ({"WindowCenter": 100, "WindowWidth": 0}, Reason.PIXEL_FORMAT),
        ({"WindowCenter": 5000, "WindowWidth": 10}, Reason.CONSTANT_IMAGE),
        ({"stored": np.full((256, 256), 7, "u1")}, Reason.CONSTANT_IMAGE),
        ({"VOILUTSequence": table(np.arange(10), 10)[:0]}, None),
    ],
)
def test_impossible_pixels_are_refused_for_their_reason(changes, reason):
    if reason is None:
        assert image(**changes).shape == (300, 260)  # an empty sequence is no table
    else:
        assert refused(**changes).code is reason


@pytest.mark.parametrize("slope", ["nan", "inf", "1e400", "one"])
def test_numbers_that_are_none_are_refused(slope):
    data = chest_film(RescaleSlope=4321, RescaleIntercept=0).replace(b"4321", slope.encode()[:4].ljust(4))
    with pytest.raises(Rejected) as refusal:
        pixels(parsed(data))
    assert refusal.value.code is Reason.PIXEL_FORMAT


@pytest.mark.parametrize("syntax", list(COMPRESSED), ids=lambda syntax: syntax.name)
def test_every_lossless_coding_gives_the_same_pixels(syntax):
    for data in (chest_film(), twelve_bit_film()):
        plain, coded = parsed(data), parsed(compressed(data, syntax))
        assert coded.file_meta.TransferSyntaxUID == syntax
        assert np.array_equal(stored_values(plain), stored_values(coded))
        assert pixel_sha256(plain) == pixel_sha256(coded)


@pytest.mark.parametrize("syntax", [s for s in COMPRESSED if s != RLELossless], ids=lambda s: s.name)
def test_a_codestream_cut_short_is_refused(syntax):
    ds = parsed(compressed(chest_film(), syntax))
    frame = next(generate_frames(ds.PixelData, number_of_frames=1))
    ds.PixelData = encapsulate([frame[: len(frame) // 2]])
    with pytest.raises(Rejected) as refusal:
        stored_values(ds)
    assert refusal.value.code is Reason.TRUNCATED


def test_a_codestream_larger_than_its_header_is_refused_before_decoding():
    siz = struct.pack(">HHHIIIIIIIIH", 0xFF51, 41, 0, 16000, 16000, 0, 0, 16000, 16000, 0, 0, 1)
    ds = dataset()
    ds.PixelData = encapsulate([b"\xff\x4f" + siz + b"\x07\x01\x01\xff\xd9\0"])
    ds["PixelData"].is_undefined_length = True
    with pytest.raises(Rejected) as refusal:
        stored_values(parsed(written(ds, JPEG2000Lossless)))
    assert refusal.value.code is Reason.PIXEL_LENGTH and "16000 x 16000" in refusal.value.message


def test_noise_in_place_of_a_codestream_is_refused():
    ds = dataset()
    ds.PixelData = encapsulate([bytes(range(256)) * 4])
    ds["PixelData"].is_undefined_length = True
    for syntax in COMPRESSED:
        with pytest.raises(Rejected) as refusal:
            read_pixels(written(ds, syntax))
        assert refusal.value.code is (Reason.PIXEL_LENGTH if syntax == RLELossless else Reason.UNDECODABLE)


def test_the_hash_tells_shapes_and_pictures_apart():
    square, other = ramp(256, 512), ramp(256, 512).reshape(512, 256)
    changed = square.copy()
    changed[0, 0] ^= 1
    hashes = {pixel_sha256(parsed(chest_film(stored))) for stored in (square, other, changed)}
    assert len(hashes) == 3


@needs_real_films
def test_real_films_are_divided_by_255():
    for path in sorted(REAL_FILMS.glob("*.dcm"))[:5]:
        ds = dcmread(path)
        assert np.array_equal(pixels(ds), ds.pixel_array / 255)
