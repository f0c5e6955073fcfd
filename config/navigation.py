"""Which pages a role opens with, and which it finds in the bar above."""

from collections.abc import Sequence
from typing import NamedTuple

from trial.models import Membership
from trial.roles import Permission, permissions_of

P = Permission


class Link(NamedTuple):
    """A page of the navigation bar and the permission that shows it."""

    url_name: str
    label: str
    permission: Permission


# In the order of the bar; the first that a user may see is where they land after signing in.
LINKS = (
    Link("admin:index", "Trial", P.SEE_PARTICIPANTS),
    Link("worklist", "Calls", P.SEE_WORKLIST),
    Link("people", "DXA results", P.RECORD_OUTCOME),
    Link("upload", "Send films", P.UPLOAD_FILMS),
    Link("reports", "Reports", P.SEE_REPORT_POOLED),
    Link("calculator", "Calculator", P.SEE_REPORT_POOLED),
    Link("admin:index", "Accounts", P.MANAGE_ACCOUNTS),
    Link("role-matrix", "Roles", P.PRINT_ROLE_MATRIX),
)


def links_for(memberships: Sequence[Membership]) -> list[Link]:
    """Return the links that these memberships open, in the order of the bar."""
    held = permissions_of([m.role for m in memberships])
    return [link for link in LINKS if link.permission in held]
