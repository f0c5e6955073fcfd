"""The forms of the analysis: freeze a dataset, declare and sign a plan, take a look, make the arms known."""

from django import forms

from analysis.models import Course, Freeze
from analysis.plan import LARGEST
from trial.models import Trial, User
from trial.roles import Permission

_CLASSES: dict[type[forms.Field], str] = {
    forms.ModelChoiceField: "form-select",
    forms.BooleanField: "form-check-input",
}


class _TrialForm(forms.Form):
    """A form about one of the trials in which the user holds a permission."""

    permission: Permission
    trial = forms.ModelChoiceField(Trial.objects.none(), empty_label=None)

    def __init__(self, *args: object, user: User, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        choice = self.fields["trial"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = Trial.objects.visible_to(user, self.permission).order_by("code")
        for field in self.fields.values():
            field.widget.attrs["class"] = _CLASSES.get(type(field), "form-control")


class FreezeForm(_TrialForm):
    """Which trial, and what for."""

    permission = Permission.FREEZE_DATASET
    purpose = forms.CharField(max_length=200, help_text="Such as “interim report” or “final analysis”.")
    despite_findings = forms.BooleanField(
        label="Freeze all the same; what is open is kept with the freeze", required=False
    )


class PlanForm(_TrialForm):
    """For which trial's protocol in force, and the plan as YAML."""

    permission = Permission.WRITE_PLAN
    text = forms.CharField(
        label="Plan (YAML)",
        max_length=LARGEST,
        widget=forms.Textarea({"rows": 18, "spellcheck": "false", "autocapitalize": "off"}),
        help_text="What stands here to begin with is a template; change what your trial does otherwise.",
    )


class PasswordForm(forms.Form):
    """The signer's password, again."""

    password = forms.CharField(
        label="Your password",
        widget=forms.PasswordInput({"class": "form-control", "autocomplete": "current-password"}),
    )


class UnblindForm(PasswordForm):
    """Why the arms are made known, and the password."""

    reason = forms.CharField(
        label="Why",
        max_length=400,
        widget=forms.TextInput({"class": "form-control"}),
        help_text="Such as “final analysis”.",
    )
    field_order = ("reason", "password")


class LookForm(forms.Form):
    """At which freeze, and which share of the information it has."""

    freeze = forms.ModelChoiceField(
        Freeze.objects.none(), empty_label=None, widget=forms.Select({"class": "form-select"})
    )
    information = forms.FloatField(
        required=False,
        min_value=0,
        max_value=1,
        label="Information reached",
        widget=forms.NumberInput({"class": "form-control", "step": "any"}),
        help_text="A share such as 0.5; 1 at the last look. Left empty, it is the people's share of those planned.",
    )
    reason = forms.CharField(
        required=False,
        max_length=400,
        label="Why it is another share than the people's",
        widget=forms.TextInput({"class": "form-control"}),
    )

    def __init__(self, *args: object, user: User, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        choice = self.fields["freeze"]
        assert isinstance(choice, forms.ModelChoiceField)
        open_to = Freeze.objects.visible_to(user, Permission.TAKE_LOOK).filter(
            look__isnull=True, plan__isnull=False
        )
        choice.queryset = open_to.select_related("trial", "plan").order_by("trial__code", "-number")


class RecommendationForm(PasswordForm):
    """What the committee recommends, words for the others, and the password."""

    course = forms.ChoiceField(
        choices=Course, label="Recommendation", widget=forms.Select({"class": "form-select"})
    )
    words = forms.CharField(
        label="Words for the others",
        max_length=2000,
        widget=forms.Textarea({"class": "form-control", "rows": 4}),
        help_text="Everybody of the trial reads this, the blinded too: no result, no number, no arm.",
    )
    field_order = ("course", "words", "password")
