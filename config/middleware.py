"""Middleware of the whole site."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme


class NoStoreMiddleware:
    """Keep pages of signed-in people out of every cache: they hold health data."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
            response["Cache-Control"] += ", no-store"
        return response


class SignInMiddleware(LoginRequiredMiddleware):
    """Ask for a sign-in; who pressed something after the session had ended is told that it was not recorded."""

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> Any:
        if request.method in ("GET", "HEAD"):
            return super().handle_no_permission(request, view_func)
        # Not back to an address that takes what is sent alone, but to the page that it was sent from.
        query = urlencode({"next": _sent_from(request), "unsent": 1})
        return redirect(f"{resolve_url(self.get_login_url(view_func))}?{query}")


def _sent_from(request: HttpRequest) -> str:
    page = request.META.get("HTTP_REFERER", "")
    if not url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure()):
        return "/"
    parts = urlsplit(page)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
