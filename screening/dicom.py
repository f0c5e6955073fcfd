"""Untrusted bytes to a checked chest film.

`dcmread` succeeds on half a file and on noise, and its errors are of every class, so nothing it returns is
believed: transfer syntax first (a deflated bomb explodes while reading), then identity, kind and pixels.
Bytes go in and plain values come out, so the whole of it can run in a process of its own.
"""

import hashlib
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from typing import Any

from pydicom import Dataset, dcmread
from pydicom import uid as uids
from pydicom.filereader import read_dataset

from screening.deidentification import crosswalk, deidentify, keyed_uid
from screening.headers import (
    CHEST_WORDS,
    age_of,
    body_part_of,
    date_of,
    meaning_of,
    patient_id_of,
    person_name,
    size_of,
    study_date_of,
    text_of,
    uid_of,
    view_of,
    words,
)
from screening.pixels import PIXELS_VERSION, Image, pixel_sha256, pixels
from screening.reasons import FilmProblem, Reason, Rejected, SetAside, shown

__all__ = [
    "PIXELS_VERSION",
    "Film",
    "FilmProblem",
    "Reason",
    "Rejected",
    "SetAside",
    "crosswalk",
    "deidentify",
    "file_sha256",
    "keyed_uid",
    "pixel_sha256",
    "pixels",
    "read_film",
    "read_pixels",
]

LARGEST_FILE = 64 * 2**20
TRANSFER_SYNTAXES = {
    uids.ImplicitVRLittleEndian,
    uids.ExplicitVRLittleEndian,
    uids.RLELossless,
    uids.JPEGLossless,
    uids.JPEGLosslessSV1,
    uids.JPEGLSLossless,
    uids.JPEGLSNearLossless,
    uids.JPEG2000Lossless,
    uids.JPEG2000,
}
RADIOGRAPHS = {uids.ComputedRadiographyImageStorage, uids.DigitalXRayImageStorageForPresentation}
MODALITIES = {"CR", "DX"}
FRONTAL = frozenset({"PA"})


@dataclass(frozen=True)
class Film:
    """The facts of one film. Texts are stripped and free of control characters, "" when absent."""

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    study_date: date
    issuer: str
    patient_id: str
    patient_name: str
    sex: str  # M, F, O or ""
    birth_date: date | None
    patient_age: int | None  # completed years on the study date, as printed
    modality: str
    view: str  # PA, AP, LATERAL, OBLIQUE, DECUBITUS or "" (not stated)
    body_part: str
    manufacturer: str
    rows: int | None
    columns: int | None
    photometric: str
    burned_in: bool | None
    file_sha256: str
    dataset: Dataset = field(repr=False, compare=False)


def file_sha256(data: bytes) -> str:
    """Return the SHA-256 of a file's bytes."""
    return hashlib.sha256(data).hexdigest()


def read_film(data: bytes, *, views: AbstractSet[str] = FRONTAL) -> Film:
    """Read a file into a checked film whose pixels can be scored.

    Raises Rejected for a file that cannot be trusted and SetAside for a sound one that is no chest film of
    the `views` wanted; both carry a Reason, a message and, once the identity is known, the film.
    """
    dataset = _parse(data)
    film = _guarded(_facts, dataset, data)
    try:
        _guarded(_check_kind, film)
        _guarded(_check_body, film)
        _check_view(film, views)
        pixels(dataset)
    except FilmProblem as problem:
        problem.film = film
        raise
    return film


def read_pixels(data: bytes) -> Image:
    """Return the pixels of a stored, already checked file: (rows, columns) in [0, 1].

    Raises Rejected when the file was damaged since.
    """
    return pixels(_parse(data))


def _guarded(step: Any, *arguments: Any) -> Any:
    """Run a step that touches header values; whatever pydicom throws means an unreadable header."""
    try:
        return step(*arguments)
    except FilmProblem:
        raise
    except Exception as error:
        raise Rejected(Reason.UNREADABLE, type(error).__name__) from error


def _parse(data: bytes) -> Dataset:
    """Parse bytes into a dataset that holds pixels, in an accepted transfer syntax."""
    if not data:
        raise Rejected(Reason.EMPTY_FILE)
    if len(data) > LARGEST_FILE:
        raise Rejected(Reason.FILE_TOO_LARGE, f"{len(data)} bytes")
    if data[128:132] != b"DICM":
        raise Rejected(Reason.NOT_DICOM)
    _guarded(_check_transfer_syntax, data)
    dataset: Dataset = _guarded(dcmread, BytesIO(data))
    return dataset


def _check_transfer_syntax(data: bytes) -> None:
    """Read the file header alone and refuse syntaxes that cannot be decoded here or explode."""
    meta = read_dataset(BytesIO(data[132:]), False, True, stop_when=lambda tag, vr, length: tag.group != 2)
    syntax = meta.get("TransferSyntaxUID")
    if syntax not in TRANSFER_SYNTAXES:
        raise Rejected(Reason.TRANSFER_SYNTAX, getattr(syntax, "name", "none"))


def _facts(ds: Dataset, data: bytes) -> Film:
    """Read the facts of a dataset; refuse one without identity, date or image."""
    identity = {
        name: uid_of(ds, keyword)
        for name, keyword in (
            ("sop_class_uid", "SOPClassUID"),
            ("sop_instance_uid", "SOPInstanceUID"),
            ("study_instance_uid", "StudyInstanceUID"),
            ("series_instance_uid", "SeriesInstanceUID"),
        )
    }
    if "PixelData" not in ds or not ds.PixelData:
        raise Rejected(Reason.NO_PIXELS)
    sex, burned_in = text_of(ds, "PatientSex").upper(), text_of(ds, "BurnedInAnnotation").upper()
    return Film(
        **identity,
        study_date=study_date_of(ds),
        issuer=text_of(ds, "IssuerOfPatientID"),
        patient_id=patient_id_of(ds),
        patient_name=person_name(text_of(ds, "PatientName")),
        sex=sex if sex in ("M", "F", "O") else "",
        birth_date=date_of(ds, "PatientBirthDate"),
        patient_age=age_of(ds),
        modality=text_of(ds, "Modality").upper(),
        view=view_of(ds),
        body_part=body_part_of(ds),
        manufacturer=text_of(ds, "Manufacturer"),
        rows=size_of(ds, "Rows"),
        columns=size_of(ds, "Columns"),
        photometric=text_of(ds, "PhotometricInterpretation"),
        burned_in={"YES": True, "NO": False}.get(burned_in),
        file_sha256=file_sha256(data),
        dataset=ds,
    )


def _check_kind(film: Film) -> None:
    """Set aside what is not one gray projection radiograph for presentation."""
    ds, sop_class = film.dataset, film.sop_class_uid
    if ds.file_meta.get("MediaStorageSOPInstanceUID") != film.sop_instance_uid:
        raise SetAside(Reason.UID_CONTRADICTION)
    raw = ds.get("PresentationIntentType") == "FOR PROCESSING"
    if sop_class == uids.DigitalXRayImageStorageForProcessing or raw:
        raise SetAside(Reason.FOR_PROCESSING)
    if sop_class == uids.SecondaryCaptureImageStorage:
        raise SetAside(Reason.SECONDARY_CAPTURE)
    if sop_class not in RADIOGRAPHS or film.modality not in MODALITIES:
        raise SetAside(Reason.NOT_RADIOGRAPH, f"modality {shown(film.modality)}, {uids.UID(sop_class).name}")
    if int(ds.get("NumberOfFrames") or 1) != 1:
        raise SetAside(Reason.MULTI_FRAME)
    if ds.get("SamplesPerPixel") != 1 or film.photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise SetAside(Reason.COLOR, f"photometric interpretation {shown(film.photometric)}")


def _check_body(film: Film) -> None:
    """Set aside what is not the chest of a person, or not safe to show."""
    species = text_of(film.dataset, "PatientSpeciesDescription") or meaning_of(
        film.dataset, "PatientSpeciesCodeSequence"
    )
    if species and not words(species) & {"HUMAN", "HOMO"}:
        raise SetAside(Reason.NOT_HUMAN)
    if film.dataset.get("QualityControlImage") == "YES":
        raise SetAside(Reason.QUALITY_CONTROL)
    if not film.body_part:
        raise SetAside(Reason.BODY_PART_UNKNOWN)
    if not CHEST_WORDS & words(film.body_part):
        raise SetAside(Reason.NOT_CHEST, f"body part {shown(film.body_part)}")
    if film.birth_date and film.birth_date > film.study_date:
        raise SetAside(Reason.DATE_CONTRADICTION)
    if film.burned_in:
        raise SetAside(Reason.BURNED_IN)


def _check_view(film: Film, views: AbstractSet[str]) -> None:
    """Set aside other views than those wanted."""
    if not film.view:
        raise SetAside(Reason.VIEW_UNKNOWN)
    if film.view == "LATERAL" and film.view not in views:
        raise SetAside(Reason.LATERAL)
    if film.view not in views:
        raise SetAside(Reason.VIEW_NOT_ACCEPTED, f"view {film.view}")
