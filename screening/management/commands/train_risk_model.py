"""Train the risk model on phantoms, or cross-validate its recipe on labeled radiographs."""

import json
from pathlib import Path
from typing import Any

import torch
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from screening import training_reports
from screening.networks import NETWORKS
from screening.recipes import Recipe, Target, read_recipe
from screening.training_reports import Plan

OPTIONS: dict[str, dict[str, Any]] = {
    "architecture": {"choices": [*NETWORKS]},
    "target": {"choices": [*map(str, Target)], "help": "what is taught (published: osteoporosis)"},
    "folds": {"type": int, "help": "of the cross-validation, by participant"},
    "epochs": {"type": int, "help": "at most, for each learning rate"},
    "patience": {"type": int, "help": "epochs without a record (published: 0)"},
    "batches": {"type": int, "help": "in an epoch (published: 10)"},
    "width": {"type": int, "help": "channels of the first stage (published: 64)"},
    "seed": {"type": int},
}
STOPPED = 130  # what a shell calls a command that was interrupted


class Command(BaseCommand):
    """Run OPSCAN's published training recipe, or one declared in a file; needs no database."""

    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the films, the run's folder and the recipe's options."""
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--phantoms", type=int, metavar="N", help="train on N synthetic films")
        source.add_argument("--images", type=Path, metavar="DIR", help="cross-validate on DICOM or PNG films")
        source.add_argument("--resume", type=Path, metavar="DIR", help="go on with a run that was stopped")
        parser.add_argument(
            "--labels",
            type=Path,
            help="CSV for --images: file, osteoporosis (0 or 1) or t_score, participant, sex, age, device, site",
        )
        parser.add_argument(
            "--run", type=Path, metavar="DIR", help="folder for checkpoints, model and its card"
        )
        parser.add_argument("--out", type=Path, help="manifest to write, with the weights beside it")
        parser.add_argument("--recipe", type=Path, metavar="FILE", help="JSON with other settings than these")
        for name, option in OPTIONS.items():
            parser.add_argument(f"--{name}", **option)
        parser.add_argument("--threads", type=int, default=1, help="of torch")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, **options: Any) -> None:
        """Train, and print what the network is worth."""
        torch.set_num_threads(options["threads"])
        try:
            report = self._run(self._plan(options))
        except (ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            json.dumps(report, indent=1) if options["json"] else training_reports.in_words(report)
        )

    def _plan(self, options: dict[str, Any]) -> Plan:
        """Return the plan of the run to go on with, or make one and write it down."""
        set_here = {name: options[name] for name in OPTIONS if options[name] is not None}
        if options["resume"]:
            if set_here or any(options[name] for name in ("labels", "run", "out", "recipe")):
                raise ValueError("A run goes on as it began: --resume takes no recipe, films or folders.")
            return Plan.read(options["resume"])
        if options["images"] and not options["labels"]:
            raise ValueError("--images needs --labels, the CSV that says which films are positive.")
        declared = read_recipe(options["recipe"]) if options["recipe"] else {}
        places = {name: options[name] for name in ("phantoms", "images", "labels", "out", "run")}
        plan = Plan(Recipe.of(declared | set_here), **places)
        plan.write()
        return plan

    def _run(self, plan: Plan) -> dict[str, Any]:
        """Carry the plan out; the bar counts epochs and shows what the latest was worth on the tuning films."""
        shown = "tuning_auc" if plan.recipe.target == Target.OSTEOPOROSIS else "minus_tuning_error"
        with tqdm(desc="Training, at most", unit="epoch", total=plan.most_epochs) as bar:

            def tick(merit: float) -> None:
                bar.set_postfix({shown: f"{merit:.3f}"}, refresh=False)
                bar.update()

            try:
                return training_reports.carry_out(plan, tick)
            except KeyboardInterrupt as stopped:
                raise CommandError(_how_to_go_on(plan), returncode=STOPPED) from stopped


def _how_to_go_on(plan: Plan) -> str:
    if plan.run is None:
        return "Stopped; nothing was kept. A run with --run FOLDER can be gone on with."
    return f"Stopped. Go on with: train_risk_model --resume {plan.run}"
