"""The way from the front door to the page a role works on."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from config.navigation import links_for
from trial.models import Membership, User


def home(request: HttpRequest) -> HttpResponse:
    """Send the user to the first page of their roles; say so when they have none."""
    assert isinstance(request.user, User)
    links = links_for(list(Membership.objects.active(request.user)))
    if not links:
        return render(request, "no_role.html", status=403)
    return redirect(links[0].url_name)
