"""What the API says of films, offers, calls and DXA exams, and what it asks in order to record them."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from screening.densitometry import Measurement, MeasurementSite, MenopausalStatus, parse_score
from screening.frax import Frax
from screening.models import ContactAttempt, DxaExam, DxaMeasurement, Radiograph, Referral, RiskAssessment
from screening.referrals import ContactOutcome, IdentityCheck
from screening.vocabulary import ReceiptOutcome
from trial.models import Participant, choices
from trial.serializers import PartialDateField, ParticipantSerializer


class RiskSerializer(serializers.ModelSerializer):
    """The frozen sum of a participant's films."""

    class Meta:
        model = RiskAssessment
        fields = ["risk_class", "films_counted", "films_positive"]


@extend_schema_serializer(component_name="Participant")
class ScreenedParticipantSerializer(ParticipantSerializer):
    """A participant with the risk, for whoever may see it."""

    risk = RiskSerializer(
        source="risk_seen", required=False, help_text="Absent if there is none that you may see."
    )

    class Meta(ParticipantSerializer.Meta):
        fields = [*ParticipantSerializer.Meta.fields, "risk"]

    def to_representation(self, participant: Participant) -> dict[str, Any]:
        """Leave out a risk of which nothing may be seen: null would say that there is none."""
        shown = super().to_representation(participant)
        return {name: value for name, value in shown.items() if name != "risk" or value is not None}


class WithdrawalSerializer(serializers.Serializer):
    """Why a participant withdraws."""

    reason = serializers.CharField(max_length=400, help_text="In the participant's own words if you can.")
    occurred_at = serializers.DateTimeField(required=False, help_text="When they said so; now if left out.")


class RadiographSerializer(serializers.ModelSerializer):
    """What became of a film, without its score."""

    trial = serializers.CharField(source="trial.code")
    study_number = serializers.CharField(
        source="owner_seen.study_number", required=False, help_text="Absent if you may not see participants."
    )

    class Meta:
        model = Radiograph
        fields = [
            *("id", "trial", "study_number", "state", "reason", "modality", "view", "manufacturer"),
            *("rows", "columns", "source", "received_at"),
        ]


class UploadSerializer(serializers.Serializer):
    """One DICOM file."""

    file = serializers.FileField()


class AnswerSerializer(serializers.Serializer):
    """What the sender of a film is told."""

    outcome = serializers.ChoiceField(choices(ReceiptOutcome))
    reason = serializers.CharField()
    message = serializers.CharField()
    radiograph = serializers.UUIDField(source="film", allow_null=True)


class ReferralSerializer(serializers.ModelSerializer):
    """The offer of a scan to a participant of the screening arm."""

    study_number = serializers.CharField(source="participant.study_number")
    attempts = serializers.IntegerField(source="attempts.count")

    class Meta:
        model = Referral
        fields = ["study_number", "state", "window_ends_on", "attempts"]


class AttemptSerializer(serializers.ModelSerializer):
    """One try to reach a participant."""

    outcome = serializers.ChoiceField(choices(ContactOutcome))
    identity = serializers.ChoiceField(
        choices(IdentityCheck),
        required=False,
        help_text="What the participant answered as on record; needed wherever the offer was told.",
    )
    occurred_at = serializers.DateTimeField(required=False, help_text="Now if left out.")
    referral = serializers.CharField(
        source="referral.state", read_only=True, help_text="Where the offer stands now."
    )

    class Meta:
        model = ContactAttempt
        fields = ["outcome", "identity", "occurred_at", "next_call_at", "referral"]


@extend_schema_field({"type": "string", "format": "decimal", "example": "-2.8"})
class ScoreField(serializers.Field):
    """A number as people type it: any minus sign, comma or point."""

    def to_internal_value(self, data: Any) -> Decimal:
        """Read the number; whether it can be is for the service to say."""
        try:
            return parse_score(str(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error

    def to_representation(self, value: Decimal) -> str:
        """Write it with its own decimals."""
        return str(value)


class MeasurementSerializer(serializers.ModelSerializer):
    """BMD (g/cm²), T-score and Z-score of one site of measurement."""

    site = serializers.ChoiceField(choices(MeasurementSite))
    vertebrae = serializers.CharField(max_length=16, allow_blank=True, default="")
    bmd = ScoreField(allow_null=True, default=None)
    t_score = ScoreField(allow_null=True, default=None)
    z_score = ScoreField(allow_null=True, default=None)

    class Meta:
        model = DxaMeasurement
        fields = ["site", "vertebrae", "bmd", "t_score", "z_score"]


class FraxSerializer(serializers.Serializer):
    """10-year probabilities of fracture in percent as FRAX printed them, before (without BMD) and after the scan."""

    major = ScoreField(allow_null=True, default=None)
    hip = ScoreField(allow_null=True, default=None)
    major_bmd = ScoreField(allow_null=True, default=None)
    hip_bmd = ScoreField(allow_null=True, default=None)
    model = serializers.CharField(
        max_length=60, allow_blank=True, default="", help_text="Country model and version, as printed."
    )


class DxaExamSerializer(serializers.ModelSerializer):
    """A DXA exam; by which route somebody came to it is not said."""

    study_number = serializers.CharField(source="participant.study_number")
    measurements = MeasurementSerializer(many=True)
    frax = FraxSerializer()

    class Meta:
        model = DxaExam
        fields = [
            *("id", "study_number", "exam_date", "device", "reference_database"),
            *("menopausal_status", "measurements", "frax"),
        ]


class NewExamSerializer(serializers.Serializer):
    """A DXA exam to be recorded."""

    study_number = serializers.CharField(max_length=24)
    exam_date = PartialDateField()
    device = serializers.CharField(max_length=80, allow_blank=True, default="")
    reference_database = serializers.CharField(max_length=80, allow_blank=True, default="")
    menopausal_status = serializers.ChoiceField(choices(MenopausalStatus), allow_blank=True, default="")
    measurements = MeasurementSerializer(many=True)
    frax = FraxSerializer(required=False)
    confirmed = serializers.BooleanField(
        default=False, help_text="Send true after “please_confirm”, to save as it is."
    )

    @property
    def exam(self) -> dict[str, Any]:
        """Return the exam as the service takes it, without the participant."""
        given = {name: value for name, value in self.validated_data.items() if name != "study_number"}
        measured = [
            Measurement(**m | {"site": MeasurementSite(m["site"])}) for m in given.pop("measurements")
        ]
        return given | {"measurements": measured, "frax": Frax(**given.get("frax", {}))}
