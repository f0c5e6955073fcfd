"""Build DICOM files for tests: a sound chest film, and each way in which one can be wrong."""

import tempfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import pytest
from django.conf import settings
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from screening.dicom import Film, check_film, parse
from screening.phantoms import Anatomy, render_pa

REAL_FILMS = Path(settings.BASE_DIR).parent / "shared" / "cxr" / "chestxray14"
needs_real_films = pytest.mark.skipif(
    not REAL_FILMS.is_dir(), reason=f"the real radiographs are not beside the project ({REAL_FILMS.name})"
)
COMPRESSED = {
    RLELossless: gdcm.TransferSyntax.RLELossless,
    JPEGLosslessSV1: gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    JPEGLSLossless: gdcm.TransferSyntax.JPEGLSLossless,
    JPEG2000Lossless: gdcm.TransferSyntax.JPEG2000Lossless,
}


def ramp(rows: int = 300, columns: int = 260, largest: int = 255) -> np.ndarray:
    """Return a picture that uses the whole range and is not symmetric."""
    wave = np.linspace(0, 1, rows)[:, None] * np.linspace(0.2, 1, columns)[None, :]
    return np.rint(wave / wave.max() * largest).astype("<u2" if largest > 255 else "u1")


def dataset(stored: np.ndarray | None = None, **changes: Any) -> Dataset:
    """Return a sound PA chest film; `changes` set attributes, None removes one."""
    stored = ramp() if stored is None else stored
    ds = Dataset()
    ds.SOPClassUID, ds.Modality = DigitalXRayImageStorageForPresentation, "DX"
    ds.PresentationIntentType, ds.ImageType = "FOR PRESENTATION", ["ORIGINAL", "PRIMARY", ""]
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3.1", "1.2.3.2", "1.2.3.3"
    if other := changes.get("PatientID"):  # films of two people are of two studies
        ds.StudyInstanceUID = f"1.2.3.2.{zlib.crc32(other.encode())}"
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber = "20220304", "101112", "ACC-55"
    ds.PatientName, ds.PatientID, ds.IssuerOfPatientID = "PHANTOM^Test", "H-000123", "HOSPITAL-A"
    ds.PatientSex, ds.PatientBirthDate, ds.PatientAge = "F", "19500506", "071Y"
    ds.Manufacturer, ds.InstitutionName = "FUJIFILM Corporation", "House of Tests"
    ds.BodyPartExamined, ds.ViewPosition, ds.BurnedInAnnotation = "CHEST", "PA", "NO"
    ds.PhotometricInterpretation, ds.SamplesPerPixel, ds.PixelRepresentation = "MONOCHROME2", 1, 0
    ds.Rows, ds.Columns = stored.shape
    bits = stored.dtype.itemsize * 8
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, bits, bits - 1
    ds.PixelData = stored.tobytes()
    for keyword, value in changes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def read_film(data: bytes, **options: Any) -> Film:
    """Read a file in this very process, as a child does in its own."""
    return check_film(parse(data), data, **options)


def checked(data: bytes, **options: Any) -> Dataset:
    """Return the dataset of a file that passes."""
    ds = parse(data)
    check_film(ds, data, **options)
    return ds


def written(ds: Dataset, syntax: UID = ExplicitVRLittleEndian, preamble: bytes = b"\0" * 128) -> bytes:
    """Write a dataset as a file without checking it."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", "1.2")
    meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "1.2")
    meta.TransferSyntaxUID = syntax
    ds.file_meta, ds.preamble, buffer = meta, preamble, BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def chest_film(stored: np.ndarray | None = None, **changes: Any) -> bytes:
    """Return the bytes of a sound PA chest film, changed as asked."""
    return written(dataset(stored, **changes))


def drawn_chest(turn: Callable[[np.ndarray], np.ndarray] = np.asarray, **changes: Any) -> bytes:
    """Return a film of a drawn chest, for quality control to look at; `turn` changes its picture in [0, 1]."""
    rng = np.random.default_rng(3)
    picture = render_pa(Anatomy.draw(rng), -1.0, rng, 512)
    return chest_film(np.rint(turn(picture) * 255).astype("u1"), **changes)


def twelve_bit_film(**changes: Any) -> bytes:
    """Return a film of 12 bits in 16."""
    return chest_film(ramp(largest=4095), **({"BitsStored": 12, "HighBit": 11} | changes))


def monochrome1_film() -> bytes:
    """Return the same film as `chest_film`, stored the other way round."""
    inverted = {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}
    return chest_film(255 - ramp(), **inverted)


def lateral_film() -> bytes:
    """Return a left lateral."""
    return chest_film(ViewPosition="LL")


def ct_slice() -> bytes:
    """Return a CT."""
    return chest_film(SOPClassUID=CTImageStorage, Modality="CT")


def truncated_film() -> bytes:
    """Return the first half of a film."""
    data = chest_film()
    return data[: len(data) // 2]


def text_file() -> bytes:
    """Return a file that is no DICOM at all."""
    return b"Dear colleague, please find the film attached.\n" * 20


def compressed(data: bytes, syntax: UID) -> bytes:
    """Re-code a file losslessly with GDCM."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = f"{folder}/in.dcm", f"{folder}/out.dcm"
        Path(source).write_bytes(data)
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(source)
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(COMPRESSED[syntax]))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(target)
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return Path(target).read_bytes()
