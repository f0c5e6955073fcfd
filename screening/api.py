"""The API of the app."""

from rest_framework.routers import DefaultRouter


def register(router: DefaultRouter) -> None:
    """Add the routes of this app."""
