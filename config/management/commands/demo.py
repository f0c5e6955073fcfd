"""One whole trial, from radiographs to the odds ratio, then the published trial beside it, then served."""

import time
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command

from analysis.services import freezes, reports
from config.demo import films, history, setup, tour
from config.demo.console import progress, show_report
from config.demo.people import ISSUER, MadeUp, population
from config.demo.play import Staff, recorded
from screening.services import cohort
from trial import audit, clock
from trial.models import Cohort, Participant, Trial
from trial.roles import Role
from trial.services import people as registry
from trial.services import signatures

RANDOMIZED_DAYS_AFTER_INDEX = 15


class Command(BaseCommand):
    """Run the demonstration; safe to run twice, and after a stop it goes on where it was."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--people", type=int, default=150, help="how many made-up people (20 to 5000)")
        parser.add_argument("--no-serve", action="store_true", help="stop after the reports")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        if not 20 <= options["people"] <= 5000:
            raise CommandError(f"--people {options['people']}: choose 20 to 5000.")
        started = time.monotonic()
        with audit.entry("command"):
            self.run(options["people"])
        self.stdout.write(f"\nDone in {time.monotonic() - started:.0f} s.")
        if not options["no_serve"]:
            tour.serve(self.stdout.write, options["port"])

    def run(self, count: int) -> None:
        """Go through the steps; each leaves alone what is on record."""
        self.step(1, "Database, trial, accounts")
        call_command("migrate", verbosity=0)
        cast = setup.accounts()
        trial = setup.ensure_trial(cast)
        tour.show_accounts(self.stdout.write, cast)
        who, made_up = setup.by_role(cast), population(count)
        films.start_workers()
        self.send_and_score(trial, made_up, who)
        self.randomize(trial, who)
        self.play(trial, made_up, who)
        self.step(5, "Report of the demonstration")
        show_report(self.stdout.write, self.report(trial, who))
        self.step(6, "The published trial, replayed from its counts")
        call_command("replay_opscan", summary=True, stdout=self.stdout)

    def step(self, number: int, title: str) -> None:
        """Head a step."""
        self.stdout.write(self.style.MIGRATE_HEADING(f"\n{number}. {title}"))

    def send_and_score(self, trial: Trial, made_up: list[MadeUp], who: dict) -> None:
        """Send films, import the history, wait for the scores."""
        self.step(2, "Radiographs in, scored by the worker")
        answers = films.send(made_up, sites=list(trial.sites.all()), by=who[Role.RADIOLOGY_IT])
        told = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in sorted(answers.items()))
        self.stdout.write(f"  {answers.total()} films of {len(made_up)} made-up people sent: {told}.")
        films.wait_until_scored(trial)
        self.step(3, "Clinical history, eligibility, randomization")
        for kind, path in history.write_extracts(made_up, settings.VAR / "demo"):
            history.import_extract(self.stdout.write, path, trial=trial, kind=kind, by=who[Role.DATA_MANAGER])

    def randomize(self, trial: Trial, who: dict) -> None:
        """Freeze the cohort and randomize it, once."""
        coordinator, at = who[Role.COORDINATOR], _noon(trial, RANDOMIZED_DAYS_AFTER_INDEX)
        frozen = Cohort.objects.filter(trial=trial).first() or cohort.freeze_cohort(
            trial, by=coordinator, occurred_at=at
        )
        for signer in (coordinator, who[Role.INVESTIGATOR]):
            signatures.sign(frozen, by=signer, password=None)
        cohort.randomize_cohort(frozen, by=coordinator, occurred_at=at)
        self.stdout.write(
            f"  Cohort of {frozen.size} at high risk (SHA-256 {frozen.sha256[:12]}…), "
            f"randomized on {at:%Y-%m-%d} of the trial's calendar."
        )

    def play(self, trial: Trial, made_up: list[MadeUp], who: dict) -> None:
        """Let staff work through the months since."""
        self.step(4, "Calls, appointments, scans, diagnoses, treatments")
        staff = Staff(who, clock.now(trial))
        numbers = [(ISSUER, person.number) for person in made_up]
        found = registry.participants_by_number(trial, numbers)
        for person in progress(made_up, "people followed"):
            if participant := found.get((ISSUER, person.number)):
                staff.follow(
                    Participant.objects.select_related("trial", "site").get(pk=participant.pk), person
                )
        randomized = Participant.objects.filter(trial=trial, allocation__isnull=False).select_related(
            "trial", "site", "allocation"
        )
        staff.lose(list(randomized.order_by("study_number")))
        told = ", ".join(f"{number} {what}" for what, number in recorded(trial).items())
        self.stdout.write(f"  On record by {clock.now(trial):%Y-%m-%d}, this trial's today: {told}.")

    def report(self, trial: Trial, who: dict) -> reports.Report:
        """Freeze the record, unless the last freeze holds the same, and report on it."""
        setup.ensure_plan(trial, who)
        frozen = freezes.freeze_if_changed(
            trial, purpose="demonstration report", by=who[Role.TRIAL_STATISTICIAN]
        )
        return reports.report(frozen)


def _noon(trial: Trial, days: int) -> datetime:
    day = trial.protocol.index_date + timedelta(days=days)
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)  # noon in Taipei
