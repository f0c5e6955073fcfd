"""What is typed or imported about people: one form for page and file, so both give the same messages."""

import re
import unicodedata
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from trial.models import Baseline, Sex, Site
from trial.partial_dates import PartialDate, parse
from trial.services.people import NewPerson

CSS_CLASSES = {"select": "form-select", "checkbox": "form-check-input"}
GROUPS = (forms.CheckboxSelectMultiple, forms.MultiWidget)  # their parts carry the classes
SEX_ALIASES = {"f": "female", "m": "male", "woman": "female", "man": "male"}
YES_NO_ALIASES = {"y": "yes", "1": "yes", "true": "yes", "n": "no", "0": "no", "false": "no", "?": "unknown"}
CONDITIONS = {
    f.name: str(f.verbose_name) for f in Baseline._meta.get_fields() if isinstance(f, models.BooleanField)
}
FRACTURES = tuple(name for name in CONDITIONS if name.startswith("fracture_"))


def plain(value: Any) -> str:
    """Return typed text with full-width letters and digits as plain ones, without blanks around it."""
    return unicodedata.normalize("NFKC", str(value or "")).strip()


def printable(value: str) -> None:
    """Refuse control characters: they are never part of a name or number, and break exports."""
    if not value.isprintable():
        raise ValidationError("This holds characters that can't be printed. Type it again by hand.")


class PageForm(forms.Form):
    """A form with the classes of the house style on its widgets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields |= self.further_fields()
        for field in self.fields.values():
            kind = getattr(field.widget, "input_type", "text")
            if kind not in ("radio", "hidden") and not isinstance(field.widget, GROUPS):
                field.widget.attrs.setdefault("class", CSS_CLASSES.get(kind, "form-control"))

    def further_fields(self) -> dict[str, forms.Field]:
        """Return fields that come from a vocabulary rather than one by one."""
        return {}


class ParsedField(forms.CharField):
    """A text field whose clean value is what `read` makes of the text; None when it is empty."""

    def read(self, text: str) -> Any:
        """Return the value, or raise ValueError with a message to be shown."""
        raise NotImplementedError

    def clean(self, value: Any) -> Any:
        """Check the text, then read it."""
        text = super().clean(value)
        try:
            return self.read(text) if text else None
        except ValueError as error:
            raise ValidationError(str(error)) from None


class MomentField(forms.SplitDateTimeField):
    """A day and a time of day, in the browser's own pickers."""

    def __init__(self, *, label: str, **kwargs: Any) -> None:
        widget = forms.SplitDateTimeWidget(
            date_format="%Y-%m-%d",
            time_format="%H:%M",
            date_attrs={"type": "date", "class": "form-control", "aria-label": f"{label}: day"},
            time_attrs={"type": "time", "class": "form-control", "aria-label": f"{label}: time"},
        )
        said = "Give both: the day as 2022-03-05 and the time as 14:30."
        errors = {"invalid_date": said, "invalid_time": said, "incomplete": said}
        super().__init__(label=label, widget=widget, error_messages=errors, **kwargs)


class PartialDateField(ParsedField):
    """A date known to the year, the month or the day, typed freely, the year first."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "2022-03-05, or 2022-03 or 2022 if the rest is not known.")
        super().__init__(max_length=20, **kwargs)
        self.widget.attrs["autocomplete"] = "off"

    def read(self, text: str) -> PartialDate:
        """Read the date."""
        return parse(text)


class PhoneField(ParsedField):
    """A telephone number as people write it; what can't be dialed is refused."""

    def read(self, text: str) -> str:
        """Return it with full-width digits as plain ones."""
        phone = plain(text)
        if re.fullmatch(r"\+?[\d\s()./#-]+", phone) and 7 <= len(re.sub(r"\D", "", phone)) <= 15:
            return phone
        raise ValueError(f"“{phone}” is not a telephone number: write 7 to 15 digits, such as 0912-345-678.")


UNDECIDED = ("", "—")  # the first of a list of choices: nobody chooses by leaving it as it is


class WordField(forms.ChoiceField):
    """One word of a vocabulary, as its enum member; capitals, blanks and hyphens don't matter."""

    def __init__(
        self, words: type[Enum], *, aliases: dict[str, str] | None = None, empty: str = "", **kwargs: Any
    ) -> None:
        self.words, self.aliases = words, aliases or {}
        names = [str(word.value) for word in words]
        kwargs.setdefault("error_messages", {}).setdefault(
            "invalid_choice", "“%(value)s” is none of: " + ", ".join(names) + "."
        )
        labels = [(name, getattr(words(name), "words", name.replace("_", " "))) for name in names]
        super().__init__(choices=[("", empty or "—"), *labels], **kwargs)

    def to_python(self, value: Any) -> str:
        """Return the word as the vocabulary spells it."""
        text = re.sub(r"[\s-]+", "_", plain(value).lower())
        return self.aliases.get(text, text)

    def clean(self, value: Any) -> Any:
        """Return the enum member, or None for an empty text."""
        word = super().clean(value)
        return self.words(word) if word else None


class YesNo(Enum):
    """Three answers: what is not known is not a no."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class DatedForm(PageForm):
    """A form whose dates can't lie after `today`, the trial's own day."""

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def clean(self) -> dict[str, Any]:
        """Refuse dates that lie wholly in the future."""
        cleaned = super().clean() or self.cleaned_data
        for name, value in list(cleaned.items()):
            if isinstance(value, PartialDate) and value.earliest > self.today:
                self.add_error(name, f"{value} lies in the future (today is {self.today}). Correct it.")
        return cleaned


class LocalForm(PageForm):
    """A form whose moments are in the time zone of a site."""

    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.site = site

    def full_clean(self) -> None:
        """Read local times; one that the clocks skip or repeat is refused with a message."""
        with timezone.override(self.site.time_zone):
            super().full_clean()


class RegistrationForm(DatedForm):
    """Who a person is to the hospital, and what is known of them."""

    issuer = forms.CharField(
        max_length=64,
        required=False,
        validators=[printable],
        help_text="The hospital that gave the number, as films name it (Issuer of Patient ID).",
    )
    number = forms.CharField(label="Hospital number", max_length=64, validators=[printable])
    sex = WordField(Sex, aliases=SEX_ALIASES, required=False)
    birth_date = PartialDateField(required=False)
    name = forms.CharField(max_length=120, required=False, validators=[printable])
    phone = PhoneField(label="Telephone", max_length=40, required=False)

    def clean_issuer(self) -> str:
        """Write full-width letters as plain ones: the hash of an identity tells them apart."""
        return plain(self.cleaned_data["issuer"])

    def clean_number(self) -> str:
        """Write full-width digits as plain ones, for the same reason."""
        return plain(self.cleaned_data["number"])

    def person(self) -> NewPerson:
        """Return the valid form's person, ready to be registered."""
        found = self.cleaned_data
        return NewPerson(
            issuer=found["issuer"],
            number=found["number"],
            sex=found["sex"].value if found["sex"] else None,
            birth_date=found["birth_date"],
            name=found["name"],
            phone=found["phone"] or "",
        )


class HistoryForm(PageForm):
    """The baseline variables of Table 1: body mass index, and conditions as yes, no or unknown."""

    bmi = forms.DecimalField(label="Body mass index (kg/m²)", required=False)

    def further_fields(self) -> dict[str, forms.Field]:
        """Return a field for each condition."""
        return {
            name: WordField(YesNo, aliases=YES_NO_ALIASES, required=False, label=words.capitalize())
            for name, words in CONDITIONS.items()
        }

    def clean_bmi(self) -> Decimal | None:
        """Keep one decimal, which is what is stored; refuse what no body can have."""
        bmi = self.cleaned_data["bmi"]
        if bmi is not None and not 10 <= bmi <= 80:
            raise ValidationError(f"{bmi}: a body mass index lies between 10 and 80 kg/m². Correct it.")
        return None if bmi is None else bmi.quantize(Decimal("0.1"), ROUND_HALF_UP)

    def clean(self) -> dict[str, Any]:
        """Refuse a fracture of a bone in somebody without any fracture."""
        cleaned = super().clean() or self.cleaned_data
        broken = [name for name in FRACTURES if cleaned.get(name) is YesNo.YES]
        if broken and cleaned.get("fracture") is YesNo.NO:
            words = broken[0].replace("_", " ")
            self.add_error("fracture", f"No previous fracture, but {words} is yes. Correct one of the two.")
        return cleaned

    def values(self) -> dict[str, Any]:
        """Return what was answered, by name, as stored: unknown is None, an empty answer is left out."""
        stored = {YesNo.YES: True, YesNo.NO: False, YesNo.UNKNOWN: None}
        return {
            name: stored[value] if isinstance(value, YesNo) else value
            for name, value in self.cleaned_data.items()
            if value is not None
        }


class VitalStatusForm(DatedForm):
    """That a person died, and when as far as it is known."""

    died_on = PartialDateField(label="Date of death")
