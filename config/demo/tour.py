"""Who can see what, where: printed, then served."""

import signal
import sys
import threading
from subprocess import DEVNULL

from django.conf import settings
from django.urls import reverse

from config.demo.console import Say
from config.demo.setup import Account
from trial.processes import spawn_child
from trial.roles import DESCRIPTIONS, Role

PLACES = {
    Role.COORDINATOR: ("admin:index", "the trial's dashboard; participants, Randomize, Withdraw"),
    Role.CALLER: ("worklist", "people to call today; made for a phone"),
    Role.OUTCOME_RECORDER: ("people", "find anybody, enter a DXA; sees no risk, arm or route"),
    Role.TRIAL_STATISTICIAN: ("reports", "both arms together; a dataset with a dummy allocation"),
    Role.MONITORING_COMMITTEE: ("reports", "by arm: odds ratio, flow, forest plot"),
    Role.RANDOMIZATION_STATISTICIAN: ("reports", "by arm; allocations are under /admin/"),
    Role.RADIOLOGY_IT: ("upload", "send films, see what became of each"),
}


def show_accounts(say: Say, cast: list[Account]) -> None:
    """Print the accounts; a password is shown only in the run that made it."""
    new = [account for account in cast if account.password]
    if not new:
        say("  The accounts are there since an earlier run, which printed their passwords.")
        say("  For a new password: python manage.py changepassword NAME")
        return
    say("  Sign-in (shown once; write it down):")
    for account in new:
        say(f"    {account.user.username:<28} {account.password}   {DESCRIPTIONS[account.role]}")


def serve(say: Say, port: int) -> None:
    """Serve the site on this machine until stopped, and say who finds what."""
    address = f"127.0.0.1:{port}"
    say(f"\n7. Serving at http://{address}/ until you press Ctrl+C. Sign in as:")
    for role, (url_name, seen) in PLACES.items():
        say(f"    {role.value:<28} {reverse(url_name):<10} {seen}")
    say(f"    {'everybody':<28} {reverse('role-matrix'):<10} who may do what; {reverse('api-docs')} the API")
    sys.stdout.flush()  # or a log would hold the passwords back until the server stops
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "config.wsgi",
        "--bind",
        address,
        "--workers",
        "2",
        "--threads",
        "4",
    ]
    server = spawn_child([*command, "--log-level", "warning"], stdin=DEVNULL, cwd=settings.BASE_DIR)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(0.5):
        if server.poll() is not None:
            say(
                f"  The server stopped. If {address} is taken, choose another: python manage.py demo --port 8001"
            )
            return
    server.terminate()
    server.wait(10)
