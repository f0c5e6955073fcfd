"""The admin site: its index is the trial's dashboard."""

from django.contrib.admin import AdminSite


class TrialAdminSite(AdminSite):
    """Django's admin for coordinators, data managers and administrators."""

    site_header = "Screentrial"
