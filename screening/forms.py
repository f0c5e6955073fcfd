"""What is typed or imported about scans, diagnoses and drugs: one form for page and file."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from screening.densitometry import Measurement, MeasurementSite, MenopausalStatus
from screening.frax import Frax
from screening.measured_fields import FRAX, PARTS, VERTEBRAE, frax_fields, measured_names, site_fields
from screening.models import DxaExam
from screening.referrals import Attendance, ContactOutcome, IdentityCheck, Means
from screening.vocabulary import DiagnosisCode, DrugClass, Told
from trial.admin_forms import DatedAct, no_arm, text
from trial.forms import (
    DatedForm,
    LocalForm,
    MomentField,
    PageForm,
    PartialDateField,
    WordField,
    plain,
    printable,
)
from trial.models import Arm, Site
from trial.partial_dates import PartialDate

COMMON_SITES = (MeasurementSite.LUMBAR_SPINE, MeasurementSite.FEMORAL_NECK, MeasurementSite.TOTAL_HIP)


class DxaForm(DatedForm):
    """One DXA exam: when, on what, and a row for each site of measurement.

    The fields of a site are ``<site>_t``, ``<site>_z`` and ``<site>_bmd``; the spine also has
    ``lumbar_spine_vertebrae``. FRAX has four probabilities and its model, ``frax_…``.
    """

    exam_date = PartialDateField(label="Date of the exam")
    device = forms.CharField(max_length=80, required=False, validators=[printable], label="Device")
    reference_database = forms.CharField(max_length=80, required=False, validators=[printable])
    menopausal_status = WordField(MenopausalStatus, required=False, empty="not recorded")

    def __init__(self, *args: Any, today: date, sex: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, today=today, **kwargs)
        self.sex = sex

    def further_fields(self) -> dict[str, forms.Field]:
        """Return the fields of each site of measurement, and of FRAX."""
        return {
            n: field for site in MeasurementSite for n, field in site_fields(site).items()
        } | frax_fields()

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
        elif cleaned.get(VERTEBRAE) and not given & set(measured_names(MeasurementSite.LUMBAR_SPINE)):
            self.add_error(VERTEBRAE, "Vertebrae without a value. Enter the spine's T-score or BMD.")
        return cleaned

    def rows(self) -> list["Row"]:
        """Return the sites with their fields, for the page."""
        return [Row(self, site) for site in MeasurementSite]

    def measurements(self) -> list[Measurement]:
        """Return the sites that have a value so far, valid ones only."""
        return [m for site in MeasurementSite if (m := self._measurement(site))]

    def frax(self) -> Frax:
        """Return what was typed of FRAX so far, valid values only."""
        found = {name.removeprefix("frax_"): self.cleaned_data.get(name) for name in FRAX}
        return Frax(**found | {"model": found["model"] or ""})

    def frax_rows(self) -> list[forms.BoundField]:
        """Return the fields of FRAX, for the page."""
        return [self[name] for name in FRAX]

    def _measurement(self, site: MeasurementSite) -> Measurement | None:
        found = {PARTS[part]: self.cleaned_data.get(f"{site}_{part}") for part in PARTS}
        vertebrae = self.cleaned_data.get(f"{site}_vertebrae") or ""
        if all(value is None for value in found.values()):
            return None
        return Measurement(site, vertebrae=vertebrae, **found)


@dataclass(frozen=True)
class Row:
    """One site of measurement on the page."""

    form: DxaForm
    site: MeasurementSite

    @property
    def fields(self) -> list[forms.BoundField]:
        """Return T-score, Z-score and BMD, and the vertebrae where there are any."""
        names = [*measured_names(self.site), f"{self.site}_vertebrae"]
        return [self.form[name] for name in names if name in self.form.fields]

    @property
    def common(self) -> bool:
        """Say whether most reports have this site."""
        return self.site in COMMON_SITES

    @property
    def used(self) -> bool:
        """Say whether anything stands in this row."""
        return any(plain(field.value()) for field in self.fields)


class Reason(StrEnum):
    """Why something on record is changed."""

    TYPING_ERROR = "typing_error"
    NEW_SOURCE = "new_source_document"
    QUERY = "reply_to_a_query"
    OTHER = "other"


class DxaCorrectionForm(DxaForm):
    """A correction of an exam on record, with its reason; `seen` tells what the corrector had read."""

    why = WordField(Reason, label="Why is this changed?")
    note = forms.CharField(max_length=200, required=False, validators=[printable], label="In words")
    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def clean(self) -> dict[str, Any]:
        """Ask for words where the list has none."""
        cleaned = super().clean()
        if cleaned.get("why") is Reason.OTHER and not cleaned.get("note"):
            self.add_error("note", "Write the reason in words.")
        return cleaned

    @property
    def reason(self) -> str:
        """Return the reason as the audit trail keeps it."""
        found = self.cleaned_data
        words = found["why"].value.replace("_", " ").capitalize()
        return f"{words}: {found['note']}" if found["note"] else words


def typed(exam: DxaExam) -> dict[str, Any]:
    """Return an exam on record as the form's initial values."""
    values = {
        f"{m.site}_{part}": getattr(m, attribute)
        for m in exam.measurements.all()
        for part, attribute in (*PARTS.items(), ("vertebrae", "vertebrae"))
    }
    named = ("exam_date", "device", "reference_database", "menopausal_status", *FRAX)
    return values | {name: getattr(exam, name) for name in named}


class StrikeForm(PageForm):
    """Why an outcome is wrong altogether."""

    why = forms.CharField(
        label="What is wrong",
        max_length=200,
        help_text="Another person's, never so, entered twice, other. It stays on record and counts for nothing; "
        "the right one is added afterwards.",
    )


class DiagnosisForm(DatedForm):
    """A diagnosis, by whoever made it."""

    code = WordField(DiagnosisCode, label="Diagnosis")
    diagnosed_on = PartialDateField(label="Date of the diagnosis")


class TreatmentForm(DatedForm):
    """Drugs begun together, by class."""

    drug_classes = forms.MultipleChoiceField(
        choices=[(drug.value, drug.words) for drug in DrugClass],
        widget=forms.CheckboxSelectMultiple,
        label="Drug classes begun",
        error_messages={"required": "Tick at least one drug class."},
    )
    started_on = PartialDateField(label="Begun on")


class MedicationForm(DatedForm):
    """One drug begun, by class."""

    drug_class = WordField(DrugClass)
    started_on = PartialDateField(label="Begun on")


class FilmCountsForm(PageForm):
    """What a recorded trial says of somebody's films."""

    films_counted = forms.IntegerField(label="Films that counted", min_value=1)
    films_positive = forms.IntegerField(label="How many of them were positive", min_value=0)

    def clean(self) -> dict[str, Any]:
        """Refuse more positive films than films."""
        cleaned = super().clean() or self.cleaned_data
        counted, positive = cleaned.get("films_counted"), cleaned.get("films_positive")
        if counted is not None and positive is not None and positive > counted:
            self.add_error("films_positive", f"{positive} of {counted} films can't be positive. Correct one.")
        return cleaned


class AllocationForm(DatedForm):
    """How a recorded trial randomized somebody."""

    arm = WordField(Arm)
    randomized_on = PartialDateField(label="Day of the randomization", help_text="Such as 2022-03-05.")
    sequence = forms.IntegerField(label="Place in the list of the stratum, from 1", min_value=1)
    stratum = forms.CharField(
        required=False,
        max_length=120,
        help_text="As it stands beside allocations, such as site=1|sex=female; compared with what is on record.",
    )

    def clean_randomized_on(self) -> PartialDate:
        """Refuse a month or a year."""
        day: PartialDate = self.cleaned_data["randomized_on"]
        if day.earliest != day.latest:
            raise ValidationError(f"{day} is no whole day. Write year, month and day.")
        return day


class LocalMomentField(forms.DateTimeField):
    """A day and a time of day in one text, by the clock of the site."""

    def __init__(self, **kwargs: Any) -> None:
        said = "Write day and time as 2022-03-05 14:30."
        kwargs = {"help_text": "Such as 2022-03-05 14:30, by the clock of the site."} | kwargs
        formats = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S"]
        super().__init__(input_formats=formats, error_messages={"invalid": said}, **kwargs)


class RecordedCallForm(LocalForm):
    """A call of a recorded trial; by what they were identified may not be on record."""

    called_at = LocalMomentField(label="When the call was made")
    outcome = WordField(ContactOutcome)
    identity = WordField(IdentityCheck, label="Identified by", required=False)


class RecordedAppointmentForm(LocalForm):
    """An appointment of a recorded trial, and how it ended."""

    scheduled_at = LocalMomentField(label="When the scan was to be")
    outcome = WordField(Attendance)
    form_version = forms.CharField(
        label="Form of the consent to the scan",
        max_length=40,
        required=False,
        validators=[printable],
        help_text="Where no consent is on record; it is dated as the call in which they accepted.",
    )


class IdentityForm(PageForm):
    """That the person on the telephone is the participant, and by what they said so."""

    identity = WordField(
        IdentityCheck,
        widget=forms.RadioSelect,
        label="They gave, as on record:",
        error_messages={
            "required": "Go on only with the participant, who gave name and birth date or number."
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["identity"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(check.value, check.words) for check in IdentityCheck]


class AttemptForm(LocalForm):
    """How a call ended; the two moments only where they are not now and not the suggested ones."""

    outcome = WordField(
        ContactOutcome, error_messages={"required": "Press the button that says how the call ended."}
    )
    identity = WordField(
        IdentityCheck, label="Who it is was confirmed by", required=False, empty="not spoken to"
    )
    occurred_at = MomentField(label="The call was made earlier", required=False)
    next_call_at = MomentField(label="Call again", required=False)

    def __init__(self, *args: Any, working_day: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["next_call_at"].help_text = f"The next working day is {working_day:%A, %Y-%m-%d}."


class ResultForm(LocalForm):
    """That the result of the scan was told, and how."""

    means = WordField(Means, label="The result was told by")
    identity = WordField(
        IdentityCheck,
        label="On the telephone they gave, as on record",
        required=False,
        empty="not on the telephone",
    )
    occurred_at = MomentField(label="When it was told, if not just now", required=False)


class TreatmentReferralForm(LocalForm):
    """Where somebody was referred for treatment."""

    referred_to = forms.CharField(max_length=120, validators=[printable], label="Referred for treatment to")
    occurred_at = MomentField(label="When, if not just now", required=False)


class DisclosureForm(DatedAct):
    """What a participant was told of the model's judgment, by whom, and how it came out."""

    told = WordField(Told, label="The participant was told")
    told_by = forms.CharField(label="By whom", max_length=120, validators=[printable, no_arm])
    how = text("How it came out", max_length=400, validators=[no_arm])


class ConsentForm(PageForm):
    """That the participant agreed to the scan, on which form."""

    form_version = forms.CharField(
        max_length=40, validators=[printable], help_text="As printed on the consent text, such as 2.1."
    )
    agreed = forms.BooleanField(
        label="I read the consent text to the participant, and the participant agreed.",
        error_messages={"required": "Tick this only after you read the text and the participant agreed."},
    )


class AppointmentForm(LocalForm):
    """When the scan is."""

    scheduled_at = MomentField(label="Day and time of the scan")
    reason = forms.CharField(max_length=200, required=False, validators=[printable])

    def __init__(self, *args: Any, now: datetime, last_day: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now
        picker = self.fields["scheduled_at"].widget
        assert isinstance(picker, forms.MultiWidget)
        picker.widgets[0].attrs |= {"min": str(self.site.local(now).date()), "max": str(last_day)}

    def clean_scheduled_at(self) -> datetime:
        """Refuse a time that is over."""
        when: datetime = self.cleaned_data["scheduled_at"]
        if when <= self.now:
            raise ValidationError(f"{self.site.local(when):%Y-%m-%d %H:%M} is over. Choose a time to come.")
        return when


class SearchForm(PageForm):
    """Whom to find: a study number or part of one, or a hospital number in full."""

    number = forms.CharField(label="Study number or hospital number", max_length=64, validators=[printable])
    issuer = forms.CharField(
        label="Hospital that gave the number",
        max_length=64,
        required=False,
        help_text="Only where several hospitals' numbers are in use.",
    )


class UploadForm(PageForm):
    """For which site films are sent; the files themselves are read one by one."""

    site = forms.ModelChoiceField(Site.objects.none(), empty_label="—")

    def __init__(self, *args: Any, sites: QuerySet[Site], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["site"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = sites
        if len(sites) == 1:
            field.empty_label = None


class DeviceForm(UploadForm):
    """A machine that may send films for a site."""

    name = forms.CharField(
        max_length=60, help_text="As people at the site call it, such as “PACS” or “Room 2”."
    )
    ae_title = forms.CharField(label="AE title", max_length=16)
    address = forms.CharField(
        max_length=43, help_text="The IP address it calls from, or a network such as 10.1.2.0/24."
    )


class DeviceEndForm(PageForm):
    """Why a device sends no more."""

    reason = forms.CharField(label="Why?", max_length=400)
