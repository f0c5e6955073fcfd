"""The form that freezes a dataset."""

from django import forms

from trial.models import Trial, User
from trial.roles import Permission


class FreezeForm(forms.Form):
    """Which trial, and what for."""

    trial = forms.ModelChoiceField(Trial.objects.none(), empty_label=None)
    purpose = forms.CharField(max_length=200, help_text="Such as “interim report” or “final analysis”.")

    def __init__(self, *args: object, user: User, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        choice = self.fields["trial"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = Trial.objects.visible_to(user, Permission.FREEZE_DATASET).order_by("code")
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-select" if field is choice else "form-control"
