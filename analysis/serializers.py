"""What the API says of a frozen dataset, and of the report made from it."""

import math
from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analysis.effects import Effect
from analysis.estimators import Estimate
from analysis.formats import interval
from analysis.models import Freeze


class FreezeSerializer(serializers.ModelSerializer):
    """A frozen dataset: what it is and what it was made from."""

    trial = serializers.CharField(source="trial.code")
    protocol_version = serializers.IntegerField(source="protocol_version.number")

    class Meta:
        model = Freeze
        fields = [
            *("id", "trial", "number", "purpose", "cut_off", "people"),
            *("sha256", "audit_head", "protocol_version", "code_version"),
        ]


@extend_schema_field({"type": "number", "nullable": True})
class NumberField(serializers.Field):
    """A number at full precision; null where it is undefined or infinite, which JSON can't say."""

    def to_representation(self, value: float) -> float | None:
        """Return the number if it is one."""
        return value if math.isfinite(value) else None


class EstimateSerializer(serializers.Serializer):
    """A value with its 95 % limits, at full precision and as printed."""

    value = NumberField()
    low = NumberField()
    high = NumberField()
    printed = serializers.SerializerMethodField()
    method = serializers.CharField()
    why = serializers.CharField(allow_null=True)

    def get_printed(self, estimate: Estimate) -> str:
        """Return the estimate as a report prints it."""
        return interval(estimate)


class CountSerializer(serializers.Serializer):
    """People with the event, of all."""

    events = serializers.IntegerField()
    n = serializers.IntegerField()


class PooledSerializer(serializers.Serializer):
    """One main outcome among all who were randomized, the arms together."""

    title = serializers.CharField()
    counted = serializers.CharField()


class EffectSerializer(serializers.Serializer):
    """One endpoint in both arms, by intention to treat."""

    key = serializers.CharField()
    title = serializers.CharField()
    screening = CountSerializer()
    control = CountSerializer()
    odds_ratio = EstimateSerializer()
    risk_ratio = EstimateSerializer()
    risk_difference = EstimateSerializer()


class ReportSerializer(FreezeSerializer):
    """A freeze with its results: the arms together, and by arm for whoever may see that."""

    pooled = PooledSerializer(many=True)
    by_arm = EffectSerializer(
        many=True, required=False, help_text="Absent if you may not see results by arm."
    )

    class Meta(FreezeSerializer.Meta):
        fields = [*FreezeSerializer.Meta.fields, "pooled", "by_arm"]


def by_arm(effects: Sequence[Effect]) -> list[dict[str, Any]]:
    """Return each endpoint arm by arm, with the effect."""
    return [
        {
            **vars(effect),
            "title": effect.label,
            "screening": {"events": effect.counts.events, "n": effect.counts.n},
            "control": {"events": effect.counts.control_events, "n": effect.counts.control_n},
        }
        for effect in effects
    ]
