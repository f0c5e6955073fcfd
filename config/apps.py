"""The project's own app, and the admin site every app registers with."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin


class ProjectConfig(AppConfig):
    """Settings, URLs, the embedded servers, the demonstration and the replay."""

    name = "config"
    default = True

    def ready(self) -> None:
        from config import celery  # noqa: F401  binds shared tasks to our Celery application


class ScreentrialAdminConfig(admin.AdminConfig):
    """Django's admin with the trial's dashboard as its index."""

    default = False
    default_site = "config.admin_site.TrialAdminSite"
