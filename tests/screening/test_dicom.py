"""Whatever arrives is a checked chest film or is refused for a stated reason."""

import random
from datetime import date

import pytest
from pydicom import Dataset, Sequence
from pydicom.uid import (
    MPEG2MPML,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForProcessing,
    ExplicitVRBigEndian,
    HTJ2KLossless,
    SecondaryCaptureImageStorage,
)

from screening.dicom import file_sha256
from screening.reasons import FilmProblem, Reason, Rejected, SetAside
from screening.sandbox import read_pixels
from tests.dicom import (
    REAL_FILMS,
    chest_film,
    ct_slice,
    lateral_film,
    monochrome1_film,
    needs_real_films,
    ramp,
    read_film,
    text_file,
    truncated_film,
    twelve_bit_film,
)


def problem(data: bytes, **options) -> FilmProblem:
    with pytest.raises(FilmProblem) as refusal:
        read_film(data, **options)
    return refusal.value


def coded(meaning: str) -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "SCT", meaning
    return Sequence([item])


def test_a_sound_film_gives_its_facts():
    data = chest_film()
    film = read_film(data)
    assert (film.sop_instance_uid, film.study_instance_uid) == ("1.2.3.1", "1.2.3.2")
    assert (film.issuer, film.patient_id, film.patient_name) == ("HOSPITAL-A", "H-000123", "PHANTOM Test")
    assert (film.sex, film.birth_date, film.patient_age) == ("F", date(1950, 5, 6), 71)
    assert (film.study_date, film.view, film.body_part) == (date(2022, 3, 4), "PA", "CHEST")
    assert (film.rows, film.columns, film.burned_in) == (300, 260, False)
    assert film.file_sha256 == file_sha256(data)


@pytest.mark.parametrize("make", [twelve_bit_film, monochrome1_film])
def test_other_sound_films_are_taken(make):
    assert read_film(make()).view == "PA"


def test_computed_radiography_is_taken():
    film = read_film(chest_film(SOPClassUID=ComputedRadiographyImageStorage, Modality="CR"))
    assert film.modality == "CR"


def test_stored_files_are_read_back_as_pixels():
    assert (read_pixels(chest_film()) == ramp() / 255).all()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY_FILE),
        (text_file(), Reason.NOT_DICOM),
        (b"\x89PNG\r\n" * 100, Reason.NOT_DICOM),
        (b"\0" * 128 + b"DICM" + random.Random(1).randbytes(2000), Reason.TRANSFER_SYNTAX),
        (truncated_film(), Reason.TRUNCATED),
        (chest_film()[:500], Reason.MISSING_ATTRIBUTE),
        (chest_film()[:-1], Reason.TRUNCATED),
        (chest_film(SOPInstanceUID=None), Reason.MISSING_ATTRIBUTE),
        (chest_film(SOPInstanceUID="1.2." + "3" * 62), Reason.MISSING_ATTRIBUTE),
        (chest_film(StudyInstanceUID="../../etc/passwd"), Reason.MISSING_ATTRIBUTE),
        (chest_film(SeriesInstanceUID=""), Reason.MISSING_ATTRIBUTE),
        (chest_film(PatientID="9" * 65), Reason.MISSING_ATTRIBUTE),
        (chest_film(StudyDate=None), Reason.MISSING_ATTRIBUTE),
        (chest_film(StudyDate="20221332"), Reason.MISSING_ATTRIBUTE),
        (chest_film(PixelData=None), Reason.NO_PIXELS),
        (chest_film(PixelData=b""), Reason.NO_PIXELS),
        (chest_film(Rows=20000, Columns=20000), Reason.IMAGE_SIZE),
        (chest_film(SOPClassUID=DigitalXRayImageStorageForProcessing), Reason.FOR_PROCESSING),
        (chest_film(PresentationIntentType="FOR PROCESSING"), Reason.FOR_PROCESSING),
        (chest_film(NumberOfFrames=10), Reason.MULTI_FRAME),
        (chest_film(SamplesPerPixel=3, PhotometricInterpretation="RGB"), Reason.COLOR),
        (chest_film(PhotometricInterpretation="PALETTE COLOR"), Reason.COLOR),
    ],
)
def test_files_that_cannot_be_trusted_are_rejected(data, reason):
    refusal = problem(data)
    assert isinstance(refusal, Rejected) and refusal.code is reason
    assert refusal.message.startswith(reason.sentence)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (ct_slice(), Reason.NOT_RADIOGRAPH),
        (chest_film(SOPClassUID=SecondaryCaptureImageStorage, Modality="CR"), Reason.SECONDARY_CAPTURE),
        (lateral_film(), Reason.LATERAL),
        (chest_film(ViewPosition="LATERAL"), Reason.LATERAL),
        (chest_film(ViewPosition="AP"), Reason.VIEW_NOT_ACCEPTED),
        (chest_film(ViewPosition="LLD"), Reason.VIEW_NOT_ACCEPTED),
        (chest_film(ViewPosition=""), Reason.VIEW_UNKNOWN),
        (chest_film(ViewPosition="GENERICA"), Reason.VIEW_UNKNOWN),
        (chest_film(ViewPosition=None, SeriesDescription="CHEST PA AND LAT"), Reason.VIEW_UNKNOWN),
        (chest_film(BodyPartExamined="KNEE"), Reason.NOT_CHEST),
        (chest_film(BodyPartExamined="TSPINE"), Reason.NOT_CHEST),
        (chest_film(BodyPartExamined=None), Reason.BODY_PART_UNKNOWN),
        (chest_film(PatientSpeciesDescription="Feline"), Reason.NOT_HUMAN),
        (chest_film(QualityControlImage="YES"), Reason.QUALITY_CONTROL),
        (chest_film(BurnedInAnnotation="YES"), Reason.BURNED_IN),
        (chest_film(PatientBirthDate="20230101"), Reason.DATE_CONTRADICTION),
    ],
)
def test_sound_files_of_another_kind_are_set_aside_with_their_facts(data, reason):
    refusal = problem(data)
    assert isinstance(refusal, SetAside) and refusal.code is reason
    assert refusal.film.patient_id == "H-000123"


def test_the_file_header_must_name_the_same_image():
    data = chest_film().replace(b"1.2.3.1\0", b"1.2.3.9\0", 1)
    assert problem(data).code is Reason.UID_CONTRADICTION


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, MPEG2MPML, HTJ2KLossless], ids=lambda s: s.name)
def test_other_transfer_syntaxes_are_refused_before_parsing(syntax):
    named = chest_film().replace(b"1.2.840.10008.1.2.1\0", f"{syntax}\0".encode().ljust(20, b"\0"), 1)
    assert problem(named).code is Reason.TRANSFER_SYNTAX


def test_a_file_over_64_megabytes_is_refused():
    assert problem(chest_film() + b"\0" * 2**26).code is Reason.FILE_TOO_LARGE


@pytest.mark.parametrize(
    ("changes", "view"),
    [
        ({"ViewPosition": "POSTEROANTERIOR"}, "PA"),
        ({"ViewPosition": None, "ViewCodeSequence": coded("postero-anterior")}, "PA"),
        ({"ViewPosition": "GENERICA", "SeriesDescription": "Thorax pa"}, "PA"),
        ({"ViewPosition": "ANTEROPOSTERIOR"}, "AP"),
        ({"ViewPosition": None, "ViewCodeSequence": coded("left lateral")}, "LATERAL"),
        ({"ViewPosition": None, "ViewCodeSequence": coded("antero-posterior oblique")}, "OBLIQUE"),
    ],
)
def test_the_view_is_found_wherever_it_is_written(changes, view):
    every = frozenset({"PA", "AP", "LATERAL", "OBLIQUE"})
    assert read_film(chest_film(**changes), views=every).view == view


@pytest.mark.parametrize("region", ["Chest", "PORTABLE CHEST", "NON GRID CHEST", "THORAX"])
def test_the_chest_has_several_names(region):
    assert read_film(chest_film(BodyPartExamined=region)).body_part == region.upper()


def test_the_chest_is_found_in_codes_and_descriptions():
    assert (
        read_film(chest_film(BodyPartExamined="", AnatomicRegionSequence=coded("Chest"))).body_part == "CHEST"
    )
    assert read_film(chest_film(BodyPartExamined=None, StudyDescription="CXR 1 view")).body_part == "CHEST"


@pytest.mark.parametrize(("printed", "years"), [("033Y", 33), ("018M", 1), ("090D", 0), ("", None)])
def test_an_age_is_read_or_unknown(printed, years):
    assert read_film(chest_film(PatientAge=printed)).patient_age == years


@pytest.mark.parametrize("printed", ["85", "155Y", "abcY"])
def test_an_age_is_never_guessed(printed):
    refusal = problem(chest_film(PatientAge=printed))
    assert refusal.code is Reason.AGE_UNCLEAR and refusal.film.patient_age is None


def test_odd_texts_become_plain_ones():
    film = read_film(
        chest_film(PatientID=" 007 ", PatientName="Doe^J\x07ane", PatientSex="X", IssuerOfPatientID=None)
    )
    assert (film.patient_id, film.patient_name, film.sex, film.issuer) == ("007", "Doe Jane", "", "")


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ("Lin^Mei-Hua", "Lin Mei-Hua"),
        ("Lin^Mei-Hua^^Dr.^PhD", "Lin Mei-Hua Dr. PhD"),
        ("Lin^Mei-Hua=林^美華", "林美華 (Lin Mei-Hua)"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "山田太郎 (Yamada Tarou)"),
        ("=林^美華", "林美華"),
        ("LIN MEI HUA", "LIN MEI HUA"),
        ("^^^^", ""),
        (None, ""),
    ],
)
def test_a_name_is_read_as_people_write_it(stored, read):
    film = read_film(chest_film(SpecificCharacterSet="ISO_IR 192", PatientName=stored))
    assert film.patient_name == read


def test_a_birth_date_that_is_none_is_unknown():
    assert read_film(chest_film(PatientBirthDate="1940-03-05")).birth_date is None


def test_messages_hold_no_identity():
    refusals = [problem(lateral_film()), problem(ct_slice()), problem(truncated_film())]
    assert not any(secret in str(r) for r in refusals for secret in ("000123", "PHANTOM", "HOSPITAL"))


def test_every_reason_is_a_stable_code_with_one_sentence():
    assert all(reason.value.isidentifier() and len(reason.value) <= 40 for reason in Reason)
    assert all(reason.sentence.endswith(".") and reason.sentence[0].isupper() for reason in Reason)


@needs_real_films
def test_sixty_real_radiographs_are_taken():
    films = [read_film(path.read_bytes()) for path in sorted(REAL_FILMS.glob("*.dcm"))]
    assert len(films) == 60 and {film.view for film in films} == {"PA"}
    assert sum(film.patient_age >= 40 for film in films) == 59
    assert {film.sex for film in films} == {"M", "F"}
