"""Freezes in the admin, to be read; they are made and downloaded on the reports page."""

from django.contrib import admin

from analysis.models import Freeze
from trial.role_admin import RoleModelAdmin, of_seen


@admin.register(Freeze)
class FreezeAdmin(RoleModelAdmin):
    """Frozen datasets by hash; the rows of people in them are not shown here."""

    list_display = ("__str__", "cut_off", "people", "purpose", "frozen_by_name")
    list_filter = (of_seen("trial"),)
    list_select_related = ("trial", "frozen_by")
    fields = (
        *("trial", "number", "purpose", "cut_off", "people", "sha256", "audit_head"),
        *("code_version", "protocol_version", "plan", "despite_findings", "frozen_by_name", "recorded_at"),
    )

    @admin.display(description="frozen by")
    def frozen_by_name(self, row: Freeze) -> str:
        return row.frozen_by.shown_name
