"""One row per person: what every table, figure and test of the analysis reads, and its codebook."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple, get_type_hints

Sex = Literal["female", "male"]
Arm = Literal["screening", "control"]
RiskClass = Literal["high", "low"]
BoneClass = Literal["normal", "osteopenia", "osteoporosis"]
Codes = Mapping[str, str]

ARMS: tuple[Arm, Arm] = ("screening", "control")

SEX_CODES: Codes = MappingProxyType({"female": "Female", "male": "Male"})
ARM_CODES: Codes = MappingProxyType({"screening": "Screening arm", "control": "Control arm"})
RISK_CODES: Codes = MappingProxyType({"high": "High risk", "low": "Low risk"})
BONE_CODES: Codes = MappingProxyType(
    {"normal": "Normal T-score", "osteopenia": "Osteopenia", "osteoporosis": "Osteoporosis"}
)
DRUG_CODES: Codes = MappingProxyType(
    {
        "denosumab": "Denosumab",
        "romosozumab": "Romosozumab",
        "bisphosphonate": "Bisphosphonate",
        "parathyroid_hormone": "Parathyroid hormone",
        "serm": "Selective estrogen-receptor modulator",
    }
)
# What may be wrong with an allocation that stands; the gravest first (Yelland 2015).
FAULT_CODES: Codes = MappingProxyType(
    {
        "randomized_in_error": "Randomized in error",
        "duplicate": "The same person twice",
        "wrong_stratum": "In a wrong stratum",
        "wrong_arm": "Treated as the other arm",
    }
)
YES_NO: Codes = MappingProxyType({"True": "Yes", "False": "No"})
NO_CODES: Codes = MappingProxyType({})

REGISTRATION = "registration"
ASSESSMENT = "eligibility assessment"
PATIENT_RULE = "patient rule of the protocol"
HISTORY = "clinical history before the index date"
STATE = "participant's state"
EXAMS = "DXA exams"
FRAX = (
    "FRAX as entered with the first DXA of the trial that has it, or else of a physician; never computed here"
)
ENDPOINT = "endpoint rule of the protocol"
FOLLOW_UP = "follow-up of the protocol, vital status, cut-off of the freeze"


class Column(NamedTuple):
    """What the codebook says of one field."""

    label: str
    type: str
    source: str
    unit: str | None = None
    codes: Codes = NO_CODES


class Variable(NamedTuple):
    """One line of the codebook."""

    name: str
    label: str
    type: str
    unit: str | None
    codes: Codes
    source: str


def fact(label: str, source: str) -> Column:
    """Describe a yes/no field that is "no" until a record says "yes"."""
    return Column(label, "yes/no", source, codes=YES_NO)


def condition(label: str) -> Column:
    """Describe a baseline condition: None means it was not recorded, which is not "no"."""
    return fact(label, HISTORY)


def risk(label: str) -> Column:
    """Describe a 10-year probability; None means that nobody entered it."""
    return Column(f"{label}, 10-year probability", "number", FRAX, unit="%")


class SubjectRow(NamedTuple):
    """One registered person as frozen for the analysis.

    Outcomes count by the date of the exam or prescription, never by the date of entry, and run from the
    index date to the protocol's end of follow-up, which is the same in both arms.
    """

    study_number: Annotated[str, Column("Study number", "text", REGISTRATION)]
    site: Annotated[str, Column("Site", "text", REGISTRATION)]
    sex: Annotated[Sex | None, Column("Sex", "category", REGISTRATION, codes=SEX_CODES)]
    age: Annotated[int | None, Column("Age at the index date", "integer", REGISTRATION, unit="years")]

    eligible: Annotated[bool, fact("Eligible", ASSESSMENT)]
    ineligibility_reasons: Annotated[
        tuple[str, ...], Column("Reasons for ineligibility", "list of text", ASSESSMENT)
    ] = ()
    risk_class: Annotated[
        RiskClass | None, Column("Risk class", "category", PATIENT_RULE, codes=RISK_CODES)
    ] = None
    films_counted: Annotated[int, Column("Films counted", "integer", PATIENT_RULE, unit="films")] = 0
    films_positive: Annotated[int, Column("Films positive", "integer", PATIENT_RULE, unit="films")] = 0

    arm: Annotated[Arm | None, Column("Arm as randomized", "category", "allocation", codes=ARM_CODES)] = None
    randomized_on: Annotated[
        date | None, Column("Day of randomization", "date", "allocation, local date of the site")
    ] = None
    not_randomized_reason: Annotated[
        str | None, Column("Why a person at high risk was not randomized", "text", STATE)
    ] = None
    allocation_error: Annotated[
        str | None,
        Column(
            "What was wrong with the allocation", "category", "errors of randomization", codes=FAULT_CODES
        ),
    ] = None
    called: Annotated[bool, fact("Called", "contact attempts")] = False
    contact_outcome: Annotated[
        str | None, Column("Outcome of the last contact attempt", "text", "contact attempts")
    ] = None
    consented: Annotated[bool, fact("Consented to the trial's DXA", "consent")] = False
    result_told: Annotated[bool, fact("Told the result of the trial's DXA", "communications")] = False
    treatment_referral: Annotated[
        bool, fact("Referred for treatment after the trial's DXA", "communications")
    ] = False
    score_told: Annotated[bool, fact("Told a risk score, or that the film was judged", "disclosures")] = False
    withdrawn: Annotated[bool, fact("Withdrawn", STATE)] = False
    died: Annotated[bool, fact("Died during follow-up", "vital status")] = False

    dxa: Annotated[bool, fact("All DXA examination", EXAMS)] = False
    dxa_trial: Annotated[bool, fact("DXA examination by the trial", EXAMS)] = False
    dxa_physician: Annotated[bool, fact("DXA examination by physicians", EXAMS)] = False
    dxa_lumbar_spine: Annotated[bool, fact("DXA examination for L-spine", EXAMS)] = False
    dxa_hip: Annotated[bool, fact("DXA examination for hip", EXAMS)] = False
    dxa_class_trial: Annotated[
        BoneClass | None,
        Column("Class of the trial's DXA", "category", "DXA exams, WHO classes", codes=BONE_CODES),
    ] = None
    dxa_class_any: Annotated[
        BoneClass | None,
        Column(
            "Class of the first qualifying DXA by any route",
            "category",
            "DXA exams, WHO classes",
            codes=BONE_CODES,
        ),
    ] = None
    osteoporosis: Annotated[bool, fact("New-onset osteoporosis", ENDPOINT)] = False
    osteoporosis_trial: Annotated[bool, fact("New-onset osteoporosis by the trial's DXA", ENDPOINT)] = False
    osteoporosis_lumbar_spine: Annotated[bool, fact("New-onset osteoporosis for L-spine", ENDPOINT)] = False
    osteoporosis_hip: Annotated[bool, fact("New-onset osteoporosis for hip", ENDPOINT)] = False
    dxa_on: Annotated[date | None, Column("Day of the first DXA by any route", "date", EXAMS)] = None
    osteoporosis_on: Annotated[
        date | None, Column("Day of the DXA that first showed osteoporosis", "date", ENDPOINT)
    ] = None
    followed_to: Annotated[
        date | None,
        Column("Last day of follow-up: its end, the day of death, or the cut-off", "date", FOLLOW_UP),
    ] = None
    frax_major: Annotated[float | None, risk("FRAX major osteoporotic fracture, without BMD")] = None
    frax_hip: Annotated[float | None, risk("FRAX hip fracture, without BMD")] = None
    frax_major_bmd: Annotated[float | None, risk("FRAX major osteoporotic fracture, with BMD")] = None
    frax_hip_bmd: Annotated[float | None, risk("FRAX hip fracture, with BMD")] = None
    frax_model: Annotated[str | None, Column("Country model and version of FRAX", "text", FRAX)] = None
    frax_trial: Annotated[bool, fact("FRAX recorded with the trial's DXA", FRAX)] = False
    treated: Annotated[bool, fact("Any anti-osteoporotic medication", "treatments")] = False
    drugs: Annotated[
        frozenset[str],
        Column("Classes of anti-osteoporotic drug", "set of category", "treatments", codes=DRUG_CODES),
    ] = frozenset()
    iscd_age_sex: Annotated[
        bool | None, fact("Woman of 65 or over, or man of 70 or over", "ISCD 2019, age and sex only")
    ] = None

    bmi: Annotated[float | None, Column("Body mass index", "number", HISTORY, unit="kg/m²")] = None
    fracture: Annotated[bool | None, condition("Fracture")] = None
    fracture_hip: Annotated[bool | None, condition("Fracture of the hip")] = None
    fracture_wrist: Annotated[bool | None, condition("Fracture of the wrist")] = None
    fracture_vertebra: Annotated[bool | None, condition("Fracture of a vertebra")] = None
    fracture_shoulder: Annotated[bool | None, condition("Fracture of the shoulder")] = None
    fracture_lower_leg: Annotated[bool | None, condition("Fracture of the lower leg")] = None
    fracture_osteoporotic: Annotated[bool | None, condition("Osteoporotic fracture")] = None
    secondary_osteoporosis: Annotated[bool | None, condition("Cause of secondary osteoporosis")] = None
    hyperparathyroidism: Annotated[bool | None, condition("Hyperparathyroidism")] = None
    hyperthyroidism: Annotated[bool | None, condition("Hyperthyroidism")] = None
    multiple_myeloma: Annotated[bool | None, condition("Multiple myeloma")] = None
    cushing_disease: Annotated[bool | None, condition("Cushing disease")] = None
    celiac_disease: Annotated[bool | None, condition("Celiac disease")] = None
    rheumatoid_arthritis: Annotated[bool | None, condition("Rheumatoid arthritis")] = None
    glucocorticoids: Annotated[bool | None, condition("Glucocorticoids")] = None


def _codebook() -> tuple[Variable, ...]:
    """Read the codebook off the annotations of SubjectRow, in their order."""
    hints = get_type_hints(SubjectRow, include_extras=True).items()
    return tuple(Variable(name=name, **hint.__metadata__[0]._asdict()) for name, hint in hints)


CODEBOOK = _codebook()
LABELS: Mapping[str, str] = MappingProxyType({variable.name: variable.label for variable in CODEBOOK})
