"""Untrusted bytes to a checked chest film.

`dcmread` succeeds on half a file and on noise, and its errors are of every class, so nothing it returns is
believed: transfer syntax and deflated size first, then nesting, identity, kind, doubts and pixels. All of it
runs in a child process with limits (sandbox.py): bytes go in and plain values come out.
"""

import hashlib
import zlib
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date
from io import BytesIO
from typing import Any

from pydicom import Dataset, dcmread
from pydicom import uid as uids
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag

from screening.headers import (
    CHEST_WORDS,
    PHANTOM_WORDS,
    age_of,
    body_part_of,
    date_of,
    flags_of,
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
from screening.pixels import check_pixels, pixel_sha256, values_fit
from screening.reasons import HELD, FilmProblem, Flag, Reason, Rejected, SetAside, shown

LARGEST_FILE = 64 * 2**20
DEEPEST = 16  # levels of nested sequences; a film has two or three
MOST_ITEMS = 5000
TRANSFER_SYNTAXES = {
    uids.ImplicitVRLittleEndian,
    uids.ExplicitVRLittleEndian,
    uids.DeflatedExplicitVRLittleEndian,
    uids.RLELossless,
    uids.JPEGBaseline8Bit,
    uids.JPEGExtended12Bit,
    uids.JPEGLossless,
    uids.JPEGLosslessSV1,
    uids.JPEGLSLossless,
    uids.JPEGLSNearLossless,
    uids.JPEG2000Lossless,
    uids.JPEG2000,
}
RADIOGRAPHS = {uids.ComputedRadiographyImageStorage, uids.DigitalXRayImageStorageForPresentation}
MODALITIES = {"CR", "DX"}
GRAY = {"MONOCHROME1", "MONOCHROME2"}
FRONTAL = frozenset({"PA"})
UPRIGHT = [
    "L",
    "F",
]  # PatientOrientation of a frontal film: its right edge is the left side, its lower one the feet


@dataclass(frozen=True)
class Film:
    """The facts of one film. Texts are stripped and free of control characters, "" when absent."""

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    study_date: date
    issuer: str
    patient_id: str  # "" when the header names nobody: such a film is held
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
    flags: tuple[str, ...] = ()  # see reasons.Flag
    pixel_sha256: str = ""  # once the pixels have been decoded


def file_sha256(data: bytes) -> str:
    """Return the SHA-256 of a file's bytes."""
    return hashlib.sha256(data).hexdigest()


def guarded(step: Any, *arguments: Any, **options: Any) -> Any:
    """Run a step that touches header values; whatever pydicom throws means an unreadable header."""
    try:
        return step(*arguments, **options)
    except FilmProblem:
        raise
    except Exception as error:
        raise Rejected(Reason.UNREADABLE, type(error).__name__) from error


def check_film(
    ds: Dataset, data: bytes, *, views: AbstractSet[str] = FRONTAL, secondary_capture: bool = False
) -> Film:
    """Return the facts of a parsed file, a checked film whose pixels can be scored.

    Raises Rejected for a file that cannot be trusted and SetAside for a sound one that is no chest film of
    the `views` wanted, or that a person must look at first (`reasons.HELD`; its pixels are sound then). Both
    carry a Reason, a message and, once the identity is known, the film.
    """
    film: Film = guarded(_facts, ds, data)
    try:
        guarded(_check_kind, ds, film, secondary_capture)
        guarded(_check_body, ds, film)
        _check_view(film, views)
        doubt: Reason | None = guarded(_doubt, ds, film)
        check_pixels(ds)
        film = replace(film, pixel_sha256=pixel_sha256(ds))
        if doubt is None and not values_fit(ds):
            doubt = Reason.BITS_CONTRADICTION
        if doubt:
            raise SetAside(doubt)
    except FilmProblem as problem:
        problem.film = film
        raise
    return film


def parse(data: bytes) -> Dataset:
    """Parse bytes into a dataset, in an accepted transfer syntax and nested no deeper than a film is."""
    if not data:
        raise Rejected(Reason.EMPTY_FILE)
    if len(data) > LARGEST_FILE:
        raise Rejected(Reason.FILE_TOO_LARGE, f"{len(data)} bytes")
    if data[128:132] != b"DICM":
        raise Rejected(Reason.NOT_DICOM)
    dataset: Dataset = guarded(_parse, data)
    guarded(_check_nesting, dataset)
    return dataset


def _parse(data: bytes) -> Dataset:
    source = BytesIO(data)
    source.seek(132)
    # The file header alone, first: what it names decides whether the rest may be touched.
    meta = read_dataset(source, False, True, stop_when=lambda tag, vr, length: tag.group != 2)
    syntax = meta.get("TransferSyntaxUID")
    if meta.get("MediaStorageSOPClassUID") == uids.MediaStorageDirectoryStorage:
        raise Rejected(Reason.DIRECTORY)
    if syntax not in TRANSFER_SYNTAXES:
        raise Rejected(Reason.TRANSFER_SYNTAX, getattr(syntax, "name", "none"))
    if syntax != uids.DeflatedExplicitVRLittleEndian:
        return dcmread(BytesIO(data))
    plain = dcmread(BytesIO(_plain_header(data[:132]) + _inflated(data[source.tell() :])))
    plain.file_meta.update(meta)
    plain.file_meta.TransferSyntaxUID = uids.ExplicitVRLittleEndian
    return plain


def _plain_header(preamble: bytes) -> bytes:
    """Return the shortest file header: Explicit VR Little Endian follows."""
    named = uids.ExplicitVRLittleEndian.encode() + b"\0"
    return preamble + b"\x02\x00\x10\x00UI" + len(named).to_bytes(2, "little") + named


def _inflated(deflated: bytes) -> bytes:
    """Inflate a dataset (PS3.5 A.5), never beyond the largest file."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    plain = inflater.decompress(deflated, LARGEST_FILE)
    if inflater.unconsumed_tail:
        raise Rejected(Reason.FILE_TOO_LARGE, "when inflated")
    if not inflater.eof:
        raise Rejected(Reason.TRUNCATED, "the deflated part has no end")
    return plain


def _check_nesting(ds: Dataset) -> None:
    """Refuse sequences in sequences without end; walked level by level, for recursion is what they are made for."""
    level, items = [ds], 0
    for _ in range(DEEPEST):
        level = [item for each in level for item in _nested(each)]
        items += len(level)
        if items > MOST_ITEMS:
            break
        if not level:
            return
    raise Rejected(Reason.NESTED_TOO_DEEP)


def _nested(ds: Dataset) -> list[Dataset]:
    tags = [
        tag for tag in list(ds.keys()) if _is_sequence(ds, tag)
    ]  # iterating over `ds` would read every value
    return [item for tag in tags for item in ds[tag].value or ()]


def _is_sequence(ds: Dataset, tag: BaseTag) -> bool:
    # Implicit files do not state the representation, and asking pydicom for it would convert the value.
    stated = ds.get_item(tag).VR or (dictionary_VR(tag) if dictionary_has_tag(tag) else "")
    return bool(stated == "SQ")


def _facts(ds: Dataset, data: bytes) -> Film:
    """Read the facts of a dataset; refuse one without identity, date or image."""
    flags = flags_of(ds)  # first: reading a value replaces its bytes
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
    captured = identity["sop_class_uid"] == uids.SecondaryCaptureImageStorage
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
        flags=(*flags, *([str(Flag.SECONDARY_CAPTURE)] if captured else [])),
    )


def _check_kind(ds: Dataset, film: Film, secondary_capture: bool) -> None:
    """Tell what is no gray projection radiograph for presentation."""
    sop_class = film.sop_class_uid
    raw = ds.get("PresentationIntentType") == "FOR PROCESSING"
    if sop_class == uids.DigitalXRayImageStorageForProcessing or raw:
        raise Rejected(Reason.FOR_PROCESSING)
    captured = sop_class == uids.SecondaryCaptureImageStorage
    if captured and not secondary_capture:
        raise SetAside(Reason.SECONDARY_CAPTURE)
    if sop_class not in RADIOGRAPHS and not (captured and film.modality in MODALITIES):
        raise SetAside(Reason.NOT_RADIOGRAPH, f"modality {shown(film.modality)}, {uids.UID(sop_class).name}")
    if int(ds.get("NumberOfFrames") or 1) != 1:
        raise Rejected(Reason.MULTI_FRAME)
    # As it stands there: no reader after us takes away what we did.
    if ds.get("SamplesPerPixel") != 1 or ds.get("PhotometricInterpretation") not in GRAY:
        raise Rejected(Reason.COLOR, f"photometric interpretation {shown(film.photometric)}")


def _check_body(ds: Dataset, film: Film) -> None:
    """Set aside what is not the chest of a person."""
    species = text_of(ds, "PatientSpeciesDescription") or meaning_of(ds, "PatientSpeciesCodeSequence")
    human = bool(words(species) & {"HUMAN", "HOMO"})
    bred = any(text_of(ds, k) for k in ("PatientBreedDescription", "PatientSexNeutered"))
    if not human and (species or bred):
        raise SetAside(Reason.NOT_HUMAN)
    marked = "YES" in (ds.get("QualityControlImage"), ds.get("CalibrationImage"))
    if marked or PHANTOM_WORDS & words(film.body_part):
        raise SetAside(Reason.QUALITY_CONTROL)
    if film.body_part and not CHEST_WORDS & words(film.body_part):
        raise SetAside(Reason.NOT_CHEST, f"body part {shown(film.body_part)}")


def _check_view(film: Film, views: AbstractSet[str]) -> None:
    """Set aside other views than those wanted."""
    if film.view == "LATERAL" and film.view not in views:
        raise SetAside(Reason.LATERAL)
    if film.view and film.view not in views:
        raise SetAside(Reason.VIEW_NOT_ACCEPTED, f"view {film.view}")


def _doubt(ds: Dataset, film: Film) -> Reason | None:
    """Return the first reason for which a person must look at the film, before anybody scores it."""
    orientation = text_of(ds, "PatientOrientation").split("\\")
    doubts = {
        Reason.UID_CONTRADICTION: ds.file_meta.get("MediaStorageSOPInstanceUID") != film.sop_instance_uid,
        Reason.PATIENT_NOT_NAMED: not film.patient_id,
        Reason.DATE_CONTRADICTION: bool(film.birth_date and film.birth_date > film.study_date),
        Reason.AGE_UNCLEAR: bool(text_of(ds, "PatientAge")) and film.patient_age is None,
        # From here on a look at the picture can settle it, so nothing above may hide behind these.
        Reason.KIND_CONTRADICTION: film.modality not in MODALITIES,
        Reason.BODY_PART_UNKNOWN: not film.body_part,
        Reason.VIEW_UNKNOWN: not film.view,
        Reason.ORIENTATION: film.view in ("PA", "AP") and orientation not in ([""], UPRIGHT),
        Reason.BURNED_IN: bool(film.burned_in),
        Reason.BITS_CONTRADICTION: film.sop_class_uid in RADIOGRAPHS - {uids.ComputedRadiographyImageStorage}
        and ds.get("PixelRepresentation") == 1,  # DX knows no signed values (PS3.3 C.8.11.3)
    }
    found = next((reason for reason, true in doubts.items() if true), None)
    assert found is None or found in HELD
    return found
