"""What the API says of a participant, and what it asks in order to register one."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from trial.ages import age_bounds
from trial.models import Allocation, Arm, EligibilityAssessment, Participant, Sex
from trial.partial_dates import PartialDate, PartialDateError, parse
from trial.services.people import NewPerson


class PartialDateField(serializers.CharField):
    """A date known to the year, the month or the day."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"help_text": "YYYY, YYYY-MM or YYYY-MM-DD; partial stays partial."} | kwargs)

    def to_internal_value(self, data: Any) -> PartialDate:  # type: ignore[override]
        try:
            return parse(super().to_internal_value(data))
        except PartialDateError as error:
            raise serializers.ValidationError(str(error)) from error


class ReasonSerializer(serializers.Serializer):
    """A reason against eligibility."""

    code = serializers.CharField()
    sentence = serializers.CharField()


class EligibilitySerializer(serializers.ModelSerializer):
    """The last judgment of a participant."""

    reasons = ReasonSerializer(many=True)

    class Meta:
        model = EligibilityAssessment
        fields = ["eligible", "reasons", "occurred_at"]


class AgeSerializer(serializers.Serializer):
    """The lowest and the highest age that what is known of the birth date allows."""

    lowest = serializers.IntegerField()
    highest = serializers.IntegerField()


class ParticipantSerializer(serializers.ModelSerializer):
    """A participant without identity; what a user may not see of the allocation is absent."""

    trial = serializers.CharField(source="trial.code")
    site = serializers.IntegerField(source="site.number")
    age = serializers.SerializerMethodField(help_text="Completed years on the protocol's index date.")
    eligibility = serializers.SerializerMethodField()
    randomized_on = serializers.DateField(
        source="allocation_seen.randomized_on",
        required=False,
        help_text="Absent if there is none that you may see.",
    )
    arm = serializers.ChoiceField(
        Arm.choices,
        source="arm_seen.arm",
        required=False,
        help_text="Absent if there is none that you may see.",
    )

    class Meta:
        model = Participant
        fields = [
            "study_number",
            "trial",
            "site",
            "sex",
            "age",
            "state",
            "eligibility",
            "randomized_on",
            "arm",
        ]

    @extend_schema_field(AgeSerializer(allow_null=True))
    def get_age(self, participant: Participant) -> dict[str, int] | None:
        """Return the bounds of the age."""
        if not (participant.birth_earliest and participant.birth_latest):
            return None
        index_dates = self.context["index_dates"]
        if (day := index_dates[participant.trial_id]) is None:
            return None
        lowest, highest = age_bounds((participant.birth_earliest, participant.birth_latest), day)
        return {"lowest": lowest, "highest": highest}

    @extend_schema_field(EligibilitySerializer(allow_null=True))
    def get_eligibility(self, participant: Any) -> dict[str, Any] | None:
        """Return the last assessment."""
        return EligibilitySerializer(participant.assessed[0]).data if participant.assessed else None


class RegistrationSerializer(serializers.Serializer):
    """A person to be registered at a site."""

    trial = serializers.CharField(max_length=12, help_text="The trial's code.")
    site = serializers.IntegerField(min_value=1, max_value=99, help_text="The site's number.")
    issuer = serializers.CharField(max_length=64, help_text="Who gave the hospital number.")
    number = serializers.CharField(max_length=64, help_text="The hospital number.")
    sex = serializers.ChoiceField(Sex.choices, allow_null=True, default=None)
    birth_date = PartialDateField(allow_null=True, default=None)
    name = serializers.CharField(max_length=200, allow_blank=True, default="")
    phone = serializers.CharField(max_length=40, allow_blank=True, default="")

    @property
    def person(self) -> NewPerson:
        """Return the person as registration takes it."""
        given = self.validated_data
        return NewPerson(**{name: value for name, value in given.items() if name not in ("trial", "site")})


class AllocationSerializer(serializers.ModelSerializer):
    """That and when a participant was randomized, and the arm for whoever may see it."""

    study_number = serializers.CharField(source="participant.study_number")
    protocol_version = serializers.IntegerField(source="protocol_version.number")
    arm = serializers.ChoiceField(Arm.choices, required=False, help_text="Absent if you may not see it.")

    class Meta:
        model = Allocation
        fields = ["study_number", "randomized_on", "protocol_version", "arm"]

    def to_representation(self, allocation: Allocation) -> dict[str, Any]:
        """Leave out the arm unless the context says that it is shown."""
        shown = super().to_representation(allocation)
        if not self.context["arm_shown"]:
            del shown["arm"]
        return shown
