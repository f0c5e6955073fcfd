"""The way from the front door to the page a role works on."""

from django.contrib import messages
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy

from config.navigation import links_for
from trial import audit
from trial.models import Membership, User


def home(request: HttpRequest) -> HttpResponse:
    """Send the user to the first page of their roles; say so when they have none."""
    assert isinstance(request.user, User)
    links = links_for(list(Membership.objects.active(request.user)))
    if not links:
        waiting = Membership.objects.waiting().filter(user=request.user).select_related("trial")
        return render(request, "no_role.html", {"waiting": waiting}, status=403)
    return redirect(links[0].url_name)


class PasswordPage(PasswordChangeView):
    """Let everybody choose a password of their own: the first one was made, and seen, by somebody else."""

    template_name = "registration/password.html"
    success_url = reverse_lazy("home")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Save the password, with who and why."""
        with audit.entry("page"), audit.context(by=form.user, why="Their own password is changed"):
            answer = super().form_valid(form)
        messages.success(self.request, "Your password is changed. Use the new one from now on.")
        return answer
