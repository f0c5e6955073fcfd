"""Pages of the trial itself: the printable role matrix."""

from django.http import HttpResponse
from django.shortcuts import render

from trial.pages import SignedIn, page
from trial.roles import DESCRIPTIONS, MATRIX, MEANINGS, Permission, Role


@page(Permission.PRINT_ROLE_MATRIX)
def role_matrix(request: SignedIn) -> HttpResponse:
    """Show who may do what, as a table that prints on A4 landscape."""
    described = [(role, DESCRIPTIONS[role]) for role in Role]
    rows = [(p, MEANINGS[p], [p in MATRIX[role] for role in Role]) for p in Permission]
    return render(request, "trial/role_matrix.html", {"rows": rows, "described": described})
