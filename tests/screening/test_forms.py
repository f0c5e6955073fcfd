"""What is typed or imported about scans, diagnoses and drugs."""

from datetime import date
from decimal import Decimal

import pytest

from screening.densitometry import Measurement, MeasurementSite, MenopausalStatus
from screening.forms import DiagnosisForm, DxaForm, MedicationForm, TreatmentForm
from screening.vocabulary import DiagnosisCode, DrugClass
from trial.partial_dates import PartialDate

TODAY = date(2023, 3, 15)


def dxa(**typed):
    return DxaForm({"exam_date": "2023-03-01", **typed}, today=TODAY)


def test_an_exam_is_read_row_by_row():
    form = dxa(
        lumbar_spine_t="−2.8",
        lumbar_spine_vertebrae="L1-L4",
        total_hip_bmd="0,712",
        radius_33_z="+1.2",
        menopausal_status="Transition",
    )

    assert form.is_valid(), form.errors
    assert form.cleaned_data["menopausal_status"] is MenopausalStatus.TRANSITION
    assert form.measurements() == [
        Measurement(MeasurementSite.LUMBAR_SPINE, t_score=Decimal("-2.8"), vertebrae="L1-L4"),
        Measurement(MeasurementSite.TOTAL_HIP, bmd=Decimal("0.712")),
        Measurement(MeasurementSite.RADIUS_33, z_score=Decimal("1.2")),
    ]


def test_every_site_has_its_three_fields():
    names = set(dxa().fields)

    assert all({f"{site}_t", f"{site}_z", f"{site}_bmd"} <= names for site in MeasurementSite)


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [
        ("femoral_neck_t", "-28", "-28: T-scores lie between -8.0 and 6.0. Did you mean -2.8?"),
        ("femoral_neck_t", "-2.85", "have one decimal"),
        ("femoral_neck_z", "7", "Z-scores lie between"),
        ("femoral_neck_bmd", "712", "Did you mean 0.712?"),
        ("femoral_neck_bmd", "0.7123", "at most 3 decimals are kept"),
        ("femoral_neck_t", "two", "'two' is not a number"),
        ("lumbar_spine_vertebrae", "L9", "such as L1-L4"),
    ],
)
def test_what_no_bone_can_have_is_refused_at_its_field(field, typed, message):
    form = dxa(**{field: typed})

    assert message in " ".join(form.errors[field])


def test_an_unusual_value_passes_the_form_for_the_service_asks():
    assert dxa(femoral_neck_t="2.8").is_valid()


def test_a_row_of_a_file_may_lack_columns():
    form = DxaForm({"exam_date": "2023", "femoral_neck_t": "-1", "device": None}, today=TODAY)

    assert form.is_valid(), form.errors


def test_words_are_read_whatever_their_case():
    diagnosis = DiagnosisForm({"code": "Osteoporotic Fracture", "diagnosed_on": "2021"}, today=TODAY)
    drug = MedicationForm({"drug_class": "vitamin-d", "started_on": "20230101"}, today=TODAY)

    assert diagnosis.is_valid() and diagnosis.cleaned_data["code"] is DiagnosisCode.OSTEOPOROTIC_FRACTURE
    assert drug.is_valid() and drug.cleaned_data == {
        "drug_class": DrugClass.VITAMIN_D,
        "started_on": PartialDate(2023, 1, 1),
    }


def test_a_drug_outside_the_vocabulary_is_refused_with_the_list():
    form = MedicationForm({"drug_class": "aspirin", "started_on": "2023"}, today=TODAY)

    assert "“aspirin” is none of: bisphosphonate, denosumab" in " ".join(form.errors["drug_class"])


def test_at_least_one_drug_is_ticked():
    form = TreatmentForm({"started_on": "2023"}, today=TODAY)

    assert form.errors["drug_classes"] == ["Tick at least one drug class."]
