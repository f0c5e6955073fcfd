"""What is typed or imported about scans, diagnoses and drugs: one form for page and file."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from screening.densitometry import (
    Check,
    Level,
    Measurement,
    MeasurementSite,
    MenopausalStatus,
    check_bmd,
    check_t_score,
    check_z_score,
    parse_score,
    vertebrae_used,
)
from screening.vocabulary import DiagnosisCode, DrugClass
from trial.forms import DatedForm, ParsedField, PartialDateField, WordField, plain, printable


class MeasuredField(ParsedField):
    """A T-score, Z-score or BMD as people type it; a value no bone can have is refused here."""

    def __init__(self, check: Callable[[Decimal], Check], decimals: int, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=12, **kwargs)
        self.check, self.decimals = check, decimals
        self.widget.attrs |= {"inputmode": "decimal", "autocomplete": "off"}

    def read(self, text: str) -> Decimal:
        """Read the number and refuse an impossible one; an unusual one is asked about when it is saved."""
        value = parse_score(text)
        check = self.check(value)
        if check.level is Level.REFUSED:
            raise ValueError(check.message)
        if value != round(value, self.decimals):
            raise ValueError(f"{value}: at most {self.decimals} decimals are kept. Round it.")
        return value


class VertebraeField(ParsedField):
    """The lumbar vertebrae used, such as L1-L4 or L1, L3, L4; kept as typed."""

    def read(self, text: str) -> str:
        """Refuse what names no vertebra."""
        listed = plain(text).upper()
        vertebrae_used(listed)
        return listed


# Field name ending -> attribute of a Measurement.
PARTS = {"t": "t_score", "z": "z_score", "bmd": "bmd"}
VERTEBRAE = "lumbar_spine_vertebrae"


class DxaForm(DatedForm):
    """One DXA exam: when, on what, and a row for each site of measurement.

    The fields of a site are ``<site>_t``, ``<site>_z`` and ``<site>_bmd``; the spine also has
    ``lumbar_spine_vertebrae``.
    """

    exam_date = PartialDateField(label="Date of the exam")
    device = forms.CharField(max_length=80, required=False, validators=[printable], label="Device")
    reference_database = forms.CharField(max_length=80, required=False, validators=[printable])
    menopausal_status = WordField(MenopausalStatus, required=False, empty="not recorded")

    def __init__(self, *args: Any, today: date, sex: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, today=today, **kwargs)
        self.sex = sex

    def further_fields(self) -> dict[str, forms.Field]:
        """Return the fields of each site of measurement."""
        return {name: field for site in MeasurementSite for name, field in _site_fields(site).items()}

    def clean_menopausal_status(self) -> MenopausalStatus | None:
        """Refuse a menopausal status of a man."""
        status = self.cleaned_data["menopausal_status"]
        if status and self.sex == "male":
            raise ValidationError("This participant is registered as a man. Leave this empty.")
        return status

    def clean(self) -> dict[str, Any]:
        """Demand at least one measurement, and one of the spine where vertebrae are listed."""
        cleaned = super().clean()
        given = {name for name in measured_names() if plain(self.data.get(self.add_prefix(name)))}
        if not given:
            self.add_error(None, "Enter at least one site of measurement with a T-score, Z-score or BMD.")
        elif cleaned.get(VERTEBRAE) and not given & set(_names(MeasurementSite.LUMBAR_SPINE)):
            self.add_error(VERTEBRAE, "Vertebrae without a value. Enter the spine's T-score or BMD.")
        return cleaned

    def measurements(self) -> list[Measurement]:
        """Return the sites that have a value so far, valid ones only."""
        return [m for site in MeasurementSite if (m := self._measurement(site))]

    def _measurement(self, site: MeasurementSite) -> Measurement | None:
        found = {PARTS[part]: self.cleaned_data.get(f"{site}_{part}") for part in PARTS}
        vertebrae = self.cleaned_data.get(f"{site}_vertebrae") or ""
        if all(value is None for value in found.values()):
            return None
        return Measurement(site, vertebrae=vertebrae, **found)


def _names(site: MeasurementSite) -> list[str]:
    return [f"{site}_{part}" for part in PARTS]


def measured_names() -> list[str]:
    """Return the names of all fields that hold a measured value."""
    return [name for site in MeasurementSite for name in _names(site)]


def _site_fields(site: MeasurementSite) -> dict[str, forms.Field]:
    said = site.words.capitalize()
    fields: dict[str, forms.Field] = {
        f"{site}_t": MeasuredField(check_t_score, 1, label=f"{said}: T-score"),
        f"{site}_z": MeasuredField(check_z_score, 1, label=f"{said}: Z-score"),
        f"{site}_bmd": MeasuredField(check_bmd, 3, label=f"{said}: BMD (g/cm²)"),
    }
    if site == MeasurementSite.LUMBAR_SPINE:
        fields[VERTEBRAE] = VertebraeField(
            max_length=16, required=False, label="Vertebrae used", help_text="Such as L1-L4 or L1, L3, L4."
        )
    return fields


class DiagnosisForm(DatedForm):
    """A diagnosis, by whoever made it."""

    code = WordField(DiagnosisCode, label="Diagnosis")
    diagnosed_on = PartialDateField(label="Date of the diagnosis")


class MedicationForm(DatedForm):
    """One drug begun, by class."""

    drug_class = WordField(DrugClass)
    started_on = PartialDateField(label="Begun on")
