"""The admin site: who may enter, where they sign in, and the dashboard they find."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver

from config.dashboard import boards
from trial.models import Membership
from trial.role_admin import RoleModelAdmin
from trial.roles import Permission, permissions_of

# A role that holds one of these works in the admin; Django's staff and superuser flags open nothing.
OPENED_BY = {
    Permission.SEE_PARTICIPANTS,
    Permission.SEE_INTAKE,
    Permission.MANAGE_ACCOUNTS,
    Permission.SEE_AUDIT,
}
ORDER = ("trial", "screening", "analysis")
# Autocomplete searches what a page doesn't show; "view on site" answers whether a key exists.
CLOSED = ("autocomplete", "view_on_site")


class TrialAdminSite(AdminSite):
    """Django's admin for coordinators, data managers, monitors and administrators."""

    site_header = site_title = "Screentrial"
    index_title = "How the trials stand"
    index_template = "admin/dashboard.html"
    enable_nav_sidebar = False
    site_url = None

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in whoever is signed in, active, and holds a role that works here."""
        user = request.user
        if not (user.is_authenticated and user.is_active):
            return False
        roles = Membership.objects.active(user).values_list("role", flat=True)
        return not OPENED_BY.isdisjoint(permissions_of(list(roles)))

    def admin_view(self, view: Callable, cacheable: bool = False) -> Callable:
        """Tell somebody signed in whose roles don't work here so, instead of asking them to sign in again."""
        guarded = super().admin_view(view, cacheable)

        def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                raise PermissionDenied("The admin is for those who run or watch over a trial.")
            return guarded(request, *args, **kwargs)

        return update_wrapper(opened, guarded)

    @login_not_required
    def login(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """Send everybody to the one sign-in page, which counts failures and locks."""
        if request.user.is_authenticated:
            raise PermissionDenied("The admin is for those who run or watch over a trial.")
        return redirect_to_login(request.GET.get("next", "/admin/"), settings.LOGIN_URL)

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Take admins that ask our roles; a library's own would ask Django's permissions."""
        if admin_class and issubclass(admin_class, RoleModelAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [url for url in super().get_urls() if getattr(url, "name", None) not in CLOSED]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict]:
        """List the apps in the order of the work."""
        apps = super().get_app_list(request, app_label)
        return sorted(apps, key=lambda app: ORDER.index(app["app_label"]))

    def index(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """Show how each trial of the user stands."""
        return super().index(request, {"boards": boards(request.user)} | (extra_context or {}))
