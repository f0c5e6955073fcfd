"""The API of analysis: frozen datasets, and the report of each."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.fields import CharField
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter

from analysis.masking import pooled
from analysis.models import Freeze
from analysis.serializers import FreezeSerializer, ReportSerializer, by_arm
from analysis.services import reports
from analysis.services.plans import sees_arms
from trial.api import GuardedViewSet
from trial.blinding import arm_shown
from trial.roles import Permission


def register(router: DefaultRouter) -> None:
    """Add the routes of this app."""
    router.register("reports", ReportViewSet, basename="api-report")


class ReportViewSet(mixins.ListModelMixin, GuardedViewSet):
    """Frozen datasets, newest first."""

    queryset = Freeze.objects.select_related("trial", "protocol_version").defer("subjects")
    serializer_class = FreezeSerializer
    lookup_value_regex = "[0-9a-f-]+"
    needs = {"list": Permission.SEE_REPORT_POOLED, "retrieve": Permission.SEE_REPORT_POOLED}
    filters = {"trial": ("trial__code", CharField())}

    @extend_schema(responses=ReportSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Show a freeze with its results, by arm only to whoever may see them."""
        frozen: Any = self.get_object()
        found = reports.report(frozen)
        frozen.pooled = [{"title": line.label, "counted": line.counted} for line in pooled(found.rows)]
        if sees_arms(self.user, frozen):
            arm_shown(self.user, f"report {frozen.pk}")
            frozen.by_arm = by_arm(found.effects)
        return Response(ReportSerializer(frozen).data)
