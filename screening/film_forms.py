"""What is asked about a film."""

from typing import Any

from django import forms

from screening.vocabulary import Look
from trial.forms import PageForm, WordField
from trial.models import choices
from trial.protocol_parts import View


class LookForm(PageForm):
    """What somebody decides of a held film; its view is asked where the header states none."""

    view = forms.ChoiceField(
        choices=[("", "not stated"), *choices(View)], required=False, label="View, as you see it"
    )
    reason = forms.CharField(label="What do you see? It stays on record.", max_length=400)
    decision = WordField(Look, widget=forms.HiddenInput)  # by the button that is pressed
    after_all = forms.BooleanField(widget=forms.HiddenInput, required=False)  # the page says it was kept out

    def __init__(self, *args: Any, view: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if view:
            del self.fields["view"]
