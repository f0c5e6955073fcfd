"""The fields of what a DXA report prints: scores of each site of measurement, and FRAX."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms

from screening.densitometry import (
    Check,
    Level,
    MeasurementSite,
    check_bmd,
    check_t_score,
    check_z_score,
    parse_score,
    vertebrae_used,
)
from screening.frax import check_probability
from trial.forms import ParsedField, plain, printable


class MeasuredField(ParsedField):
    """A T-score, Z-score, BMD or probability as people type it; what can't be is refused here."""

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
FRAX_LABELS = {
    "frax_major": "Major osteoporotic, without BMD (%)",
    "frax_hip": "Hip, without BMD (%)",
    "frax_major_bmd": "Major osteoporotic, with BMD (%)",
    "frax_hip_bmd": "Hip, with BMD (%)",
}
FRAX = (*FRAX_LABELS, "frax_model")


def measured_names(*sites: MeasurementSite) -> list[str]:
    """Return the names of the fields that hold a measured value, of these sites or of all."""
    return [f"{site}_{part}" for site in sites or MeasurementSite for part in PARTS]


def site_fields(site: MeasurementSite) -> dict[str, forms.Field]:
    """Return the fields of one site of measurement."""
    said, signed = site.words.capitalize(), forms.TextInput({"data-signed": ""})
    fields: dict[str, forms.Field] = {
        f"{site}_t": MeasuredField(check_t_score, 1, label=f"{said}: T-score", widget=signed),
        f"{site}_z": MeasuredField(check_z_score, 1, label=f"{said}: Z-score", widget=signed),
        f"{site}_bmd": MeasuredField(check_bmd, 3, label=f"{said}: BMD (g/cm²)"),
    }
    if site == MeasurementSite.LUMBAR_SPINE:
        fields[VERTEBRAE] = VertebraeField(
            max_length=16, required=False, label="Vertebrae used", help_text="Such as L1-L4 or L1, L3, L4."
        )
    return fields


def frax_fields() -> dict[str, forms.Field]:
    """Return the fields of FRAX: four probabilities, and the model that gave them."""
    fields: dict[str, forms.Field] = {
        name: MeasuredField(check_probability, 1, label=label) for name, label in FRAX_LABELS.items()
    }
    return fields | {
        "frax_model": forms.CharField(
            max_length=60,
            required=False,
            validators=[printable],
            label="Country model and version",
            help_text="As printed, such as Taiwan 4.2.",
        )
    }
