"""What the admin's acts ask."""

import json
import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils import timezone

from trial.acts import ActForm
from trial.blinding import DEVIATION_CATEGORIES
from trial.calendars import Opening
from trial.forms import (
    SEX_ALIASES,
    UNDECIDED,
    LocalForm,
    MomentField,
    ParsedField,
    PartialDateField,
    PhoneField,
    RegistrationForm,
    WordField,
    plain,
    printable,
)
from trial.models import Arm, BreakCategory, Participant, Severity, Sex, Site, Trial, User
from trial.protocol import template_names
from trial.roles import Permission, Role
from trial.services import people
from trial.services.accounts import trials_kept
from trial.services.drafts import MOST_EACH
from trial.states import AllocationFault

LONGEST_LIST = 2**20  # bytes: a hundred thousand allocations


def text(label: str, **kwargs: Any) -> forms.CharField:
    """Return a field for a few sentences."""
    return forms.CharField(label=label, widget=forms.Textarea(attrs={"rows": 3}), **kwargs)


def own_password() -> forms.CharField:
    """Return a field for the user's own password, typed again."""
    widget = forms.PasswordInput(attrs={"autocomplete": "current-password"})
    return forms.CharField(label="Your password", widget=widget, strip=False)


_ARM = f"(?:{'|'.join(Arm.values)})"
_WORD = "(?:arm|group|allocation|participant|patient|subject)s?"
_NAMED = re.compile(
    rf"\b{_ARM}s?\W+{_WORD}\b|\b(?:arm|group)\W+(?:is\W+|was\W+)?{_ARM}\b"
    rf"|\b(?:randomi[sz]ed|allocated|assigned|drawn)\W+(?:in)?to\W+(?:the\W+)?{_ARM}\b"
    rf"|\b(?:is|was|be|being|as)\W+(?:an?|one\W+of\W+the)\W+{_ARM}s?\b",
    re.IGNORECASE,
)


def no_arm(said: str) -> None:
    """Refuse an arm by name in what blinded people read too, in the ways in which people name one."""
    if _NAMED.search(said):
        raise ValidationError(
            "Don't name the arm: people who must not know it read this. Describe what happened."
        )


class MadeUpPeopleForm(ActForm):
    """How many made-up people there are to be."""

    each = forms.IntegerField(
        label="People in each combination of strata", min_value=1, max_value=MOST_EACH, initial=2
    )


class DatedAct(ActForm, LocalForm):
    """An act that is sometimes written down later than it happened, by the clock of the site."""

    def __init__(self, *args: Any, rows: Sequence[Participant | Trial], **kwargs: Any) -> None:
        first = rows[0]
        site = first.site if isinstance(first, Participant) else first.sites.order_by("number").first()
        super().__init__(*args, rows=rows, site=site or Site(time_zone="UTC"), **kwargs)

    def further_fields(self) -> dict[str, forms.Field]:
        """Ask when it happened, last."""
        said = "Day and time at the site, if it was not just now."
        return {"occurred_at": MomentField(label="It happened earlier", required=False, help_text=said)}


class WithdrawalForm(DatedAct):
    """Why somebody withdraws."""

    reason = text("Reason", max_length=400, help_text="In the participant's own words if you can.")
    no_more_data = forms.BooleanField(
        label="No more data either",
        required=False,
        help_text="Results and treatments from their records are not collected any more; what is there stays.",
    )


class DeathForm(ActForm):
    """When somebody died."""

    died_on = PartialDateField(label="Date of death")


class DeviationForm(DatedAct):
    """What departed from the protocol."""

    category = forms.ChoiceField(choices=[UNDECIDED, *((c, c) for c in DEVIATION_CATEGORIES)])
    severity = WordField(Severity)
    description = text(
        "What happened, and how it differs from the protocol", max_length=4000, validators=[no_arm]
    )
    impact = text(
        "What it means for the participant and for the result",
        max_length=4000,
        required=False,
        validators=[no_arm],
    )
    corrective_action = text("What was done about it", max_length=4000, required=False, validators=[no_arm])


class AllocationErrorForm(ActForm):
    """What was wrong with an allocation."""

    fault = WordField(AllocationFault, label="What was wrong")
    first = forms.CharField(
        label="Study number of the first registration",
        max_length=24,
        required=False,
        help_text="Only for the same person twice: the one randomized first.",
    )
    reason = text("What happened, and how it was found", max_length=400, validators=[no_arm])

    def clean_first(self) -> Participant | None:
        """Find the participant, in the same trial."""
        return _in_this_trial(self, self.cleaned_data["first"]) if plain(self.cleaned_data["first"]) else None


class MergeForm(ActForm):
    """Whose registration counts from now on."""

    into = forms.CharField(
        label="Study number of the registration that counts",
        max_length=24,
        help_text="The one randomized first, if either was.",
    )
    reason = text("How it was found that they are one person", max_length=400, validators=[no_arm])

    def clean_into(self) -> Participant:
        """Find the participant, in the same trial."""
        return _in_this_trial(self, self.cleaned_data["into"])


class UnmergeForm(ActForm):
    """Why a merge was wrong."""

    reason = text("How it was found that they are two people", max_length=400, validators=[no_arm])


def _in_this_trial(form: ActForm, number: str) -> Participant:
    number = plain(number).upper()
    seen = Participant.objects.visible_to(form.by).filter(trial__in=[row.trial_id for row in form.rows])
    if found := seen.filter(study_number=number).first():
        return found
    raise ValidationError(f"There is no {number} in this trial. Copy the study number again.")


class CodeBreakForm(ActForm):
    """Why the arm of one participant has to be known, and the password again."""

    category = forms.ChoiceField(choices=[UNDECIDED, *BreakCategory.choices])
    reason = text("Why", max_length=400, validators=[no_arm])
    password = own_password()


class ConsentForm(DatedAct):
    """What somebody consented to."""

    form_version = forms.CharField(label="Version of the consent form", max_length=40)
    scope = forms.ChoiceField(
        label="What it covers",
        choices=[UNDECIDED, ("dxa", "DXA scan"), ("calls", "calls"), ("data", "data")],
    )


class ObjectionForm(DatedAct):
    """When somebody objected."""


class CorrectionForm(ActForm):
    """Sex, birth date, name or telephone as they should be; what stays empty stays as it is."""

    sex = WordField(Sex, aliases=SEX_ALIASES, required=False, empty="leave as it is")
    birth_date = PartialDateField(required=False)
    name = forms.CharField(max_length=120, required=False, validators=[printable])
    phone = PhoneField(label="Telephone", max_length=40, required=False)
    reason = text(
        "Why it is changed",
        max_length=200,
        help_text="Typing error, new source document, reply to a query, other.",
    )

    def clean(self) -> dict[str, Any]:
        """Ask for one of them."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and not any(cleaned[what] for what in ("sex", "birth_date", "name", "phone")):
            raise ValidationError("Nothing is changed yet: fill in what is to be corrected.")
        return cleaned


class RegisterForm(RegistrationForm):
    """A person and the site where they are registered."""

    site = forms.ModelChoiceField(Site.objects.none())

    def __init__(self, *args: Any, rows: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, today=timezone.now().date(), **kwargs)
        self.by = by
        self.fields["site"].queryset = Site.objects.visible_to(by, Permission.REGISTER_PEOPLE)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Read the person; ask about a number that somebody of the trial has from another hospital."""
        cleaned = super().clean()
        if self.errors:
            return cleaned
        everybody = Participant.objects.filter(trial=cleaned["site"].trial)
        known = people.issuers_of(everybody)
        cleaned["issuer"] = people.as_spelled(cleaned["issuer"], known)
        others = known - {cleaned["issuer"]}
        numbered = people.numbered(cleaned["number"], issuers=others, trials=[cleaned["site"].trial])
        alike = everybody.filter(numbered)
        if alike.exists() and "somebody_else" not in self.data:
            seen = ", ".join(map(str, alike.visible_to(self.by))) or "somebody of another site"
            self.fields["somebody_else"] = forms.BooleanField(
                label="It is somebody else who has the same number at another hospital"
            )
            raise ValidationError(
                f"This number is registered already, under another hospital or none: {seen}. If that is the same "
                "person, don't register them again. If it is not, tick the last box."
            )
        return cleaned | {"person": self.person()}


class ChangesField(ParsedField):
    """Values of a protocol to be changed, one a line, as its table names them."""

    def read(self, text: str) -> dict[str, Any]:
        """Return path -> value; a value is JSON, or a word or date as it stands."""
        lines = [line for line in text.splitlines() if line.strip()]
        if unclear := [line for line in lines if "=" not in line]:
            raise ValueError(f"“{unclear[0].strip()}” says no value. Write: name = value.")
        return dict(_change(line) for line in lines)


def _change(line: str) -> tuple[str, Any]:
    name, _, value = (part.strip() for part in line.partition("="))
    try:
        read = json.loads(value)
    except ValueError:
        read = value
    return name.lower().replace(": ", ".").replace(" ", "_"), read


class AmendmentForm(ActForm):
    """What a new version of a protocol changes, and why."""

    changes = ChangesField(
        label="What changes",
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
        help_text="One change a line, named as in the table of the version: referral window days = 200. "
        'Lists in brackets, words in quotes: subgroups = ["sex", "age_group"].',
    )
    effective_on = forms.DateField(
        label="Takes effect on",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Not before this day; empty for as soon as it is signed.",
    )
    why = text("Why", max_length=400, help_text="It stands beside each changed value, for whoever approves.")


class DraftForm(ActForm):
    """The template of a protocol, and what only this trial can fill in."""

    template = forms.ChoiceField(choices=[(name, name) for name in template_names()])
    waiver = forms.CharField(
        label="Reference of the waiver of consent",
        max_length=200,
        required=False,
        help_text="As the ethics board gave it, if this trial has one.",
    )


class CalendarForm(ActForm):
    """Whose public holidays count at a site."""

    calendar = forms.CharField(
        max_length=12,
        validators=[printable],
        help_text="A country's code such as TW, or that of a part of one such as DE-BY.",
    )


class DayForm(ActForm):
    """A day on which one site is closed or open out of turn."""

    day = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}))
    opening = WordField(Opening, label="On this day the site is")
    reason = forms.CharField(
        max_length=120,
        validators=[printable],
        help_text="Shown to whoever plans a call: typhoon, moving house, make-up working day.",
    )


class QueryForm(ActForm):
    """What is in doubt."""

    question = text("What is in doubt, and where it stands", max_length=400, validators=[no_arm])


class ReasonForm(ActForm):
    """Why something is done."""

    reason = text("Why", max_length=400)


class ListForm(ActForm):
    """An allocation list made elsewhere."""

    label = forms.CharField(
        label="Stratum",
        initial="all",
        max_length=200,
        help_text="“all” in a trial without strata, otherwise such as site=1|sex=female.",
    )
    arms = forms.FileField(label="List", help_text="A text file: one arm a line, in the order of allocation.")

    def clean_arms(self) -> list[str]:
        """Read the lines."""
        file = self.cleaned_data["arms"]
        if file.size > LONGEST_LIST:
            raise ValidationError("This file is too large for an allocation list. Choose the right one.")
        try:
            lines = file.read().decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise ValidationError("This is not a text file in UTF-8. Save it as plain text.") from None
        return [line.strip() for line in lines if line.strip()]


class SignForm(ActForm):
    """The password again, which makes it a signature."""

    password = own_password()


class FindForm(forms.Form):
    """A hospital number, to find whose it is; sent by POST, for an address is logged."""

    number = forms.CharField(
        label="Hospital number", max_length=64, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    issuer = forms.CharField(label="Hospital that gave it", max_length=64, required=False)


class PasswordForm(ActForm):
    """A password, twice."""

    password = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}))
    again = forms.CharField(
        label="The same again", widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, Any]:
        """Check that both agree and that the password is hard to guess."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            if cleaned["password"] != cleaned["again"]:
                raise ValidationError("The two passwords differ. Type them again.")
            validate_password(cleaned["password"], User(username=cleaned.get("username", "")))
        return cleaned


class AccountForm(PasswordForm):
    """A new account."""

    username = forms.CharField(label="User name", max_length=150, validators=[User.username_validator])
    name = forms.CharField(max_length=150, help_text="As colleagues know them; it stands in the audit trail.")
    field_order = ("username", "name")

    def clean_username(self) -> str:
        """Refuse a name that is taken."""
        username = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=username).exists():
            raise ValidationError(f"There is an account {username!r} already. Choose another name.")
        return username


class RoleForm(ActForm):
    """A role, where and until when."""

    role = WordField(Role)
    trial = forms.ModelChoiceField(
        Trial.objects.none(), required=False, help_text="Empty for a system administrator."
    )
    site = forms.ModelChoiceField(
        Site.objects.none(), required=False, help_text="Empty for all sites of the trial."
    )
    until = forms.DateTimeField(
        required=False, help_text="YYYY-MM-DD, in UTC; empty for as long as the trial runs."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kept = trials_kept(self.by)
        self.fields["trial"].queryset = kept  # type: ignore[attr-defined]
        self.fields["site"].queryset = Site.objects.filter(trial__in=kept)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Ask for the trial, and for a site of that trial."""
        cleaned = super().clean() or self.cleaned_data
        trial, site = cleaned.get("trial"), cleaned.get("site")
        if not trial and cleaned.get("role") not in (Role.SYSTEM_ADMINISTRATOR, None):
            self.add_error("trial", "This role belongs to a trial. Choose it.")
        if site and site.trial != trial:
            self.add_error("site", f"{site} is no site of this trial. Choose one of its own, or none.")
        return cleaned
