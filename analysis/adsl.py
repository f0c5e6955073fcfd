"""The subject-level file as ADaM shapes it (ADSL): one record a registered person, checked before it is written.

Names, labels, lengths and flags are checked here and not by a validator. Who was never randomized is in, with no
treatment. There is no safety population: nothing is given that everybody could be counted as exposed to.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Literal, NamedTuple

from analysis.characteristics import AGE_GROUP
from analysis.plan import UNPLANNED, Plan
from analysis.populations import INTENTION_TO_TREAT, PER_PROTOCOL, WITHOUT_ERRORS
from analysis.subjects import (
    ARM_CODES,
    BONE_CODES,
    DRUG_CODES,
    FAULT_CODES,
    NO_CODES,
    RISK_CODES,
    Codes,
    SubjectRow,
)

Value = str | float | date | None
Record = Mapping[str, Value]
Type = Literal["text", "integer", "number", "date"]
Dates = Literal["dates", "study_days"]

NAME = re.compile(r"[A-Z][A-Z0-9_]{0,7}")
LONGEST_LABEL, LONGEST_TEXT = 40, 200  # SAS transport format, version 5
FLAGS: Codes = MappingProxyType({"Y": "Yes", "N": "No"})
SEXES: Codes = MappingProxyType({"F": "Female", "M": "Male"})
ARM_SHORT: Mapping[str, tuple[str, int]] = MappingProxyType(
    {"screening": ("SCREEN", 1), "control": ("CONTROL", 2)}
)
POPULATION_FLAGS: Mapping[str, str] = MappingProxyType(
    {INTENTION_TO_TREAT.name: "ITTFL", WITHOUT_ERRORS.name: "NOERRFL", PER_PROTOCOL: "PPROTFL"}
)
# Yes/no fields of the codebook. An empty value is one that nobody recorded.
FACTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "eligible": ("ELIGFL", "Eligible Flag"),
        "iscd_age_sex": ("ISCDFL", "Woman 65+ or Man 70+ Flag"),
        "called": ("CALLFL", "Called Flag"),
        "consented": ("CONSFL", "Consented to the Trial's DXA Flag"),
        "result_told": ("RESTLDFL", "Told Result of the Trial's DXA Flag"),
        "treatment_referral": ("TRTREFFL", "Referred for Treatment by Trial Flag"),
        "score_told": ("SCRTLDFL", "Told a Risk Score Flag"),
        "withdrawn": ("WITHDRFL", "Withdrawn Flag"),
        "dxa": ("DXAFL", "Any DXA Examination Flag"),
        "dxa_trial": ("DXATRFL", "DXA by the Trial Flag"),
        "dxa_physician": ("DXAPHFL", "DXA by Physicians Flag"),
        "dxa_lumbar_spine": ("DXALSFL", "DXA of Lumbar Spine Flag"),
        "dxa_hip": ("DXAHPFL", "DXA of Hip Flag"),
        "frax_trial": ("FRAXTRFL", "FRAX With the Trial's DXA Flag"),
        "osteoporosis": ("OPFL", "New-Onset Osteoporosis Flag"),
        "osteoporosis_trial": ("OPTRFL", "New-Onset OP by the Trial's DXA Flag"),
        "osteoporosis_lumbar_spine": ("OPLSFL", "New-Onset OP of Lumbar Spine Flag"),
        "osteoporosis_hip": ("OPHPFL", "New-Onset OP of Hip Flag"),
        "treated": ("MEDFL", "Any Anti-Osteoporotic Medication Flag"),
        "fracture": ("FXFL", "Baseline Fracture Flag"),
        "fracture_hip": ("FXHIPFL", "Baseline Fracture of Hip Flag"),
        "fracture_wrist": ("FXWRFL", "Baseline Fracture of Wrist Flag"),
        "fracture_vertebra": ("FXVERFL", "Baseline Fracture of Vertebra Flag"),
        "fracture_shoulder": ("FXSHFL", "Baseline Fracture of Shoulder Flag"),
        "fracture_lower_leg": ("FXLEGFL", "Baseline Fracture of Lower Leg Flag"),
        "fracture_osteoporotic": ("FXOPFL", "Baseline Osteoporotic Fracture Flag"),
        "secondary_osteoporosis": ("SECOPFL", "Baseline Secondary OP Cause Flag"),
        "hyperparathyroidism": ("HPTFL", "Baseline Hyperparathyroidism Flag"),
        "hyperthyroidism": ("HTHYRFL", "Baseline Hyperthyroidism Flag"),
        "multiple_myeloma": ("MYELOMFL", "Baseline Multiple Myeloma Flag"),
        "cushing_disease": ("CUSHFL", "Baseline Cushing Disease Flag"),
        "celiac_disease": ("CELIACFL", "Baseline Celiac Disease Flag"),
        "rheumatoid_arthritis": ("RAFL", "Baseline Rheumatoid Arthritis Flag"),
        "glucocorticoids": ("GCFL", "Baseline Glucocorticoids Flag"),
    }
)
# As entered; without BMD is the risk before the scan, with BMD the risk after it.
FRAX: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "frax_major": ("FRAXMAJ", "FRAX 10-Yr Major Fracture w/o BMD (%)"),
        "frax_hip": ("FRAXHIP", "FRAX 10-Yr Hip Fracture w/o BMD (%)"),
        "frax_major_bmd": ("FRAXMAJB", "FRAX 10-Yr Major Fracture With BMD (%)"),
        "frax_hip_bmd": ("FRAXHIPB", "FRAX 10-Yr Hip Fracture With BMD (%)"),
    }
)
DRUGS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "denosumab": ("DENOFL", "Denosumab Flag"),
        "romosozumab": ("ROMOFL", "Romosozumab Flag"),
        "bisphosphonate": ("BISPHFL", "Bisphosphonate Flag"),
        "parathyroid_hormone": ("PTHFL", "Parathyroid Hormone Flag"),
        "serm": ("SERMFL", "Sel. Estrogen-Receptor Modulator Flag"),
    }
)


class Unfit(ValueError):
    """A value or a name that the file can't hold; the message says which and what to do."""


class AdslVariable(NamedTuple):
    """One column of the file, from which every format of it is written; `length` is the most bytes of a text."""

    name: str
    label: str
    type: Type
    length: int
    source: str
    value: Callable[[SubjectRow], Value]
    codes: Codes = NO_CODES


def event_flag(endpoint: str) -> str:
    """Return the flag that tells whether an endpoint happened."""
    drug = endpoint.removeprefix("drug_")
    return DRUGS[drug][0] if drug in DRUGS else FACTS[endpoint][0]


def variables(study: str, plan: Plan | None, dates: Dates) -> tuple[AdslVariable, ...]:
    """Return the columns of a trial's file, in their order; dates as dates, or as days of study."""
    return (*_person(study), *_arms(dates), *_populations(plan or UNPLANNED), *_course(), *_facts())


def records(rows: Iterable[SubjectRow], columns: Sequence[AdslVariable]) -> list[Record]:
    """Return one checked record a person, in the order of the rows."""
    made: list[Record] = [{column.name: column.value(row) for column in columns} for row in rows]
    check(columns, made)
    return made


def _person(study: str) -> Iterator[AdslVariable]:
    def unique(row: SubjectRow) -> str:
        return f"{study}-{row.site}-{row.study_number}"

    yield AdslVariable("STUDYID", "Study Identifier", "text", 40, "trial", lambda row: study)
    yield AdslVariable(
        "USUBJID", "Unique Subject Identifier", "text", 120, "STUDYID, SITEID and SUBJID", unique
    )
    yield _text("SUBJID", "Subject Identifier for the Study", "study_number", 40)
    yield _text("SITEID", "Study Site Identifier", "site", 20)
    yield AdslVariable("AGE", "Age", "integer", 8, "age, at the index date", lambda row: row.age)
    yield AdslVariable("AGEU", "Age Units", "text", 5, "age", lambda row: "" if row.age is None else "YEARS")
    yield AdslVariable("AGEGR1", "Pooled Age Group 1", "text", 10, "age", _age_group)
    yield AdslVariable(
        "SEX", "Sex", "text", 1, "sex", lambda row: row.sex[0].upper() if row.sex else "", SEXES
    )


def _age_group(row: SubjectRow) -> str:
    return (AGE_GROUP.value(row) or "").replace("≥", ">=")


def _arms(dates: Dates) -> Iterator[AdslVariable]:
    names = {short: ARM_CODES[arm] for arm, (short, _) in ARM_SHORT.items()}
    numbers = {str(number): ARM_CODES[arm] for arm, (_, number) in ARM_SHORT.items()}

    def named(row: SubjectRow) -> str:
        return ARM_CODES[row.arm] if row.arm else ""

    yield AdslVariable("ARM", "Description of Planned Arm", "text", 40, "arm", named)
    yield AdslVariable(
        *("ARMCD", "Planned Arm Code", "text", 20, "arm"),
        lambda row: ARM_SHORT[row.arm][0] if row.arm else "",
        MappingProxyType(names),
    )
    yield AdslVariable(
        "ARMNRS",
        "Reason Arm and/or Actual Arm is Null",
        "text",
        40,
        "arm, risk_class, eligible, not_randomized_reason",
        _no_arm,
    )
    yield AdslVariable("TRT01P", "Planned Treatment for Period 01", "text", 40, "arm as randomized", named)
    yield AdslVariable(
        *("TRT01PN", "Planned Treatment for Period 01 (N)", "integer", 8, "arm as randomized"),
        lambda row: ARM_SHORT[row.arm][1] if row.arm else None,
        MappingProxyType(numbers),
    )
    yield from dated("RAND", "Randomization", "randomized_on", dates)
    yield from dated("DXA", "First DXA", "dxa_on", dates)
    yield from dated("OP", "New-Onset Osteoporosis", "osteoporosis_on", dates)
    yield from dated("FUEND", "End of Follow-Up", "followed_to", dates)


def _no_arm(row: SubjectRow) -> str:
    if row.arm:
        return ""
    if not row.eligible:
        return "Not eligible"
    return (
        "Low risk"
        if row.risk_class == "low"
        else (row.not_randomized_reason or "Not at high risk").capitalize()
    )


def dated(stem: str, label: str, field: str, dates: Dates) -> Iterator[AdslVariable]:
    """Describe a date, or its day of study: day 1 is that of randomization, the day before it is -1."""
    if dates == "dates":
        yield AdslVariable(f"{stem}DT", f"Date of {label}", "date", 8, field, lambda row: getattr(row, field))
        return

    def day(row: SubjectRow) -> int | None:
        on, start = getattr(row, field), row.randomized_on
        if on is None or start is None:
            return None
        return (on - start).days + (on >= start)

    yield AdslVariable(
        f"{stem}DY", f"Study Day of {label}", "integer", 8, f"{field}; randomization is day 1", day
    )


def _populations(plan: Plan) -> Iterator[AdslVariable]:
    yield _flag("RANDFL", "Randomized Population Flag", "arm", lambda row: row.arm is not None)
    yield _flag("ITTFL", "Intent-To-Treat Population Flag", "arm", INTENTION_TO_TREAT.includes)
    yield _flag("NOERRFL", "Randomized Without Error Flag", "arm, allocation_error", WITHOUT_ERRORS.includes)
    if plan.per_protocol is not None:
        kept = plan.analysis_set(PER_PROTOCOL)
        yield _flag("PPROTFL", "Per-Protocol Population Flag", f"plan: {kept.definition}", kept.includes)


def _course() -> Iterator[AdslVariable]:
    yield _text("RISKCL", "Risk Class", "risk_class", 10, RISK_CODES)
    yield AdslVariable("FILMN", "Films Counted", "integer", 8, "films_counted", lambda row: row.films_counted)
    yield AdslVariable(
        "FILMPOSN", "Films Positive", "integer", 8, "films_positive", lambda row: row.films_positive
    )
    yield AdslVariable(
        *("INELN", "Number of Reasons for Ineligibility", "integer", 8, "ineligibility_reasons"),
        lambda row: len(row.ineligibility_reasons),
    )
    yield AdslVariable(
        *("INELRS", "Reasons for Ineligibility That Fit", "text", LONGEST_TEXT, "ineligibility_reasons"),
        lambda row: _fitting(row.ineligibility_reasons),
    )
    yield _text("ALLOCERR", "What Was Wrong With the Allocation", "allocation_error", 40, FAULT_CODES)
    yield _text("CONTOUT", "Outcome of the Last Contact Attempt", "contact_outcome", 40)
    # As CDISC has it: yes or nothing, for that somebody is alive nobody recorded.
    yield AdslVariable(
        "DTHFL",
        "Subject Death Flag",
        "text",
        1,
        "died, during follow-up",
        lambda row: "Y" if row.died else "",
        FLAGS,
    )
    yield _text("DXACLTR", "Class of the Trial's DXA", "dxa_class_trial", 20, BONE_CODES)
    yield _text("DXACLANY", "Class of First Qualifying DXA", "dxa_class_any", 20, BONE_CODES)
    for field, (name, label) in FRAX.items():
        yield AdslVariable(
            *(name, label, "number", 8, field),
            lambda row, field=field: getattr(row, field),  # type: ignore[misc]
        )
    yield _text("FRAXMDL", "FRAX Country Model and Version", "frax_model", 60)
    yield AdslVariable("BMIBL", "Baseline BMI (kg/m2)", "number", 8, "bmi", lambda row: row.bmi)


def _fitting(codes: Sequence[str]) -> str:
    """Join the first codes that fit into a text; none is cut."""
    while len(text := ";".join(codes)) > LONGEST_TEXT:
        codes = codes[:-1]
    return text


def _facts() -> Iterator[AdslVariable]:
    for field, (name, label) in FACTS.items():
        yield _flag(name, label, field, lambda row, field=field: getattr(row, field))  # type: ignore[misc]
    for drug, (name, label) in DRUGS.items():
        yield _flag(name, label, f"drugs: {DRUG_CODES[drug]}", lambda row, drug=drug: drug in row.drugs)  # type: ignore[misc]


def _text(name: str, label: str, field: str, length: int, codes: Codes = NO_CODES) -> AdslVariable:
    return AdslVariable(name, label, "text", length, field, lambda row: getattr(row, field) or "", codes)


def _flag(name: str, label: str, source: str, holds: Callable[[SubjectRow], bool | None]) -> AdslVariable:
    def letter(row: SubjectRow) -> str:
        held = holds(row)
        return "" if held is None else "Y" if held else "N"

    return AdslVariable(name, label, "text", 1, source, letter, FLAGS)


# --- what is checked ----------------------------------------------------------------------------------------


def check(columns: Sequence[AdslVariable], made: Sequence[Record]) -> None:
    """Raise Unfit for a name, label or value that the transport format would cut, spoil or refuse."""
    for column in columns:
        _check_column(column)
    if twice := [name for name, n in Counter(column.name for column in columns).items() if n > 1]:
        raise Unfit(f"{twice[0]} names two variables. Rename one of them in analysis/adsl.py.")
    for column in columns:
        # Each value once, with the first person who has it: a large trial has millions, and few that differ.
        first = {record[column.name]: record for record in reversed(made)}
        for value, record in first.items():
            _check_value(column, value, str(record.get("USUBJID", "")))
    people = Counter(str(record["USUBJID"]) for record in made) if made else Counter[str]()
    if repeated := [person for person, n in people.items() if n > 1]:
        raise Unfit(f"USUBJID {repeated[0]!r} stands for {people[repeated[0]]} people; it has to be unique.")


def _check_column(column: AdslVariable) -> None:
    if not NAME.fullmatch(column.name):
        raise Unfit(
            f"{column.name!r} is no variable name: up to 8 of A-Z, 0-9 and _, beginning with a letter."
        )
    if not column.label.isascii() or not 0 < len(column.label) <= LONGEST_LABEL:
        raise Unfit(
            f"{column.name}: the label {column.label!r} has {len(column.label)} characters; up to"
            f" {LONGEST_LABEL} of ASCII are allowed."
        )
    if not 0 < column.length <= LONGEST_TEXT:
        raise Unfit(f"{column.name}: a length of {column.length} bytes; up to {LONGEST_TEXT} are allowed.")


def _check_value(column: AdslVariable, value: Value, person: str) -> None:
    if column.type != "text":
        return
    where = f"{column.name} of {person}: {value!r}"
    if not isinstance(value, str):
        raise Unfit(f"{where} is no text.")
    if not value.isascii() or not value.isprintable():
        raise Unfit(
            f"{where} has characters that are not ASCII, which the file can't hold. Correct it on record."
        )
    if len(value) > column.length:
        raise Unfit(f"{where} has {len(value)} bytes; the file holds {column.length}. Shorten it on record.")
    if column.codes and value and value not in column.codes:
        raise Unfit(f"{where} is none of {', '.join(column.codes)}. Add it to the codes in analysis/adsl.py.")
