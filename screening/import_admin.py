"""Imports from CSV on a trial's page: choose a file, see what would be done, write exactly that."""

import csv
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, NamedTuple, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from screening.importing.columns import columns_of, template_of
from screening.importing.kinds import KINDS, kinds_for
from screening.importing.plan import (
    Judgment,
    Kind,
    MovedOn,
    Plan,
    Verdict,
    check_columns,
    commit_shown,
    make_plan,
    untold,
)
from screening.importing.table import Table, TableRefused, read_table
from screening.services import kept_files
from screening.services.kept_files import KeptFile
from trial import audit
from trial.forms import PageForm
from trial.models import Site, Trial, User
from trial.pages import NOT_SAVED, refusals
from trial.role_admin import RoleModelAdmin
from trial.services.trials import require_open

LARGEST = 4 * 2**20  # bytes: below what Django would lay on the disk, unsealed, while it is being read
MOST_ROWS = 50_000
SHOWN = 200  # lines of a table; the file of problems has all
GONE = "This preview is no longer kept: it was written, or is over a day old. Choose the file again."
ELSEWHERE = "Split it, or have it imported on the machine (import_clinical)."
MOVED = "The record has changed since this was shown. Nothing was written; this is what would be done now."


class ImportForm(PageForm):
    """What is imported, from which file; the file's own name is not kept."""

    kind = forms.ChoiceField(label="What the rows say")
    site = forms.ModelChoiceField(
        Site.objects.none(),
        empty_label=None,
        label="Site of people not registered yet",
        help_text="Only a registration asks for it, where the file has no column site.",
    )
    file = forms.FileField(
        label="CSV file",
        help_text=f"Commas, UTF-8, column names in the first line; up to {LARGEST // 2**20} MB and {MOST_ROWS:,} rows.",
    )

    def __init__(self, *args: Any, kinds: Iterable[type[Kind]], trial: Trial, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.trial = trial
        kind, site = self.fields["kind"], self.fields["site"]
        assert isinstance(kind, forms.ChoiceField) and isinstance(site, forms.ModelChoiceField)
        kind.choices = [(k.name, k.words()) for k in kinds]
        site.queryset = trial.sites.order_by("number")
        site.initial = site.queryset.first()

    def clean_file(self) -> bytes:
        """Refuse a file too large before it is read."""
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > LARGEST:
            raise ValidationError(f"This file is larger than {LARGEST // 2**20} MB. {ELSEWHERE}")
        return file.read()

    def clean(self) -> dict[str, Any]:
        """Refuse a file that is no such table."""
        found = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                _table(KINDS[found["kind"]](self.trial, found["site"]), found["file"])
            except TableRefused as no:
                self.add_error("file", str(no))
        return found


class Preview(NamedTuple):
    """A kept file, read: of which kind, and its rows."""

    key: UUID
    kind: Kind
    table: Table
    sha256: str


class ImportPages(RoleModelAdmin):
    """The pages by which a trial takes CSV files."""

    def get_urls(self) -> list[URLPattern]:
        pages = {
            "import": self.import_view,
            "import/preview": self.preview_view,
            "import/problems": self.problems_view,
            "import/template": self.template_view,
        }
        guarded = self.admin_site.admin_view
        own = [
            path(f"<uuid:pk>/{at}/", guarded(view), name=f"trial_trial_{at.replace('/', '_')}")
            for at, view in pages.items()
        ]
        return [*own, *super().get_urls()]

    def page_links(self, request: HttpRequest, row: Any) -> list[tuple[str, str]]:
        links, user = super().page_links(request, row), cast(User, request.user)
        return [*links, ("Import from CSV", _address("import", row))] if kinds_for(user, row) else links

    def import_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Take a file and go on to its preview; nothing is written."""
        trial, kinds = self._opened(request, pk)
        given = (request.POST, request.FILES) if request.method == "POST" else ()
        form = ImportForm(*given, kinds=kinds, trial=trial)
        if form.is_valid():
            found, by = form.cleaned_data, str(request.user.pk)
            file = KeptFile(str(trial.pk), str(found["site"].pk), found["kind"], by, found["file"])
            return redirect(_address("import_preview", trial, file=kept_files.keep(file)))
        explained = [(kind.name, kind.words(), columns_of(kind)) for kind in _made(kinds, trial)]
        shown = {"form": form, "kinds": explained}
        return self._import_page(request, trial, "admin/import.html", shown, refused=form.is_bound)

    def preview_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Show what would become of each row; write it when asked to, if it is still the same."""
        trial, kinds = self._opened(request, pk)
        preview = _preview(request, trial, kinds)
        if preview is None:
            messages.warning(request, GONE)
            return redirect(_address("import", trial))
        plan, problem = None, ""
        if request.method == "POST":
            plan, problem = _write(request, preview)
            if not problem:
                messages.success(request, f"Written: {_said(plan)}")
                return redirect(_address("import", trial))
        plan = plan or make_plan(preview.kind, preview.table, track=untold)
        shown = _shown(preview, plan) | {"problem": problem}
        return self._import_page(request, trial, "admin/import_preview.html", shown, refused=bool(problem))

    def problems_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Send the lines that would be left out, with the reasons, and nobody's name or number."""
        trial, kinds = self._opened(request, pk)
        if (preview := _preview(request, trial, kinds)) is None:
            messages.warning(request, GONE)
            return redirect(_address("import", trial))
        plan = make_plan(preview.kind, preview.table, track=untold)
        answer = _download(f"problems-{preview.kind.name}.csv")
        writer = csv.writer(answer)
        writer.writerow(["line", "reason", "what_is_wrong"])
        writer.writerows([j.line, j.reason, j.message] for j in plan.of(Verdict.REFUSED))
        return answer

    def template_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Send an empty file of a kind: its column names."""
        trial, kinds = self._opened(request, pk)
        kind = next((k for k in _made(kinds, trial) if k.name == request.GET.get("kind")), None)
        if kind is None:
            return redirect(_address("import", trial))
        answer = _download(f"{kind.name}.csv")
        answer.write(template_of(kind))
        return answer

    def _opened(self, request: HttpRequest, pk: UUID) -> tuple[Trial, list[type[Kind]]]:
        trial: Any = self.get_object(request, str(pk))
        kinds = kinds_for(cast(User, request.user), trial)
        if not kinds:
            raise Http404
        return trial, kinds

    def _import_page(
        self, request: HttpRequest, trial: Trial, template: str, shown: dict[str, Any], *, refused: bool
    ) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": f"Import from CSV into {trial}",
            "object": trial,
            "called": str(trial),
            "opts": self.opts,
        }
        return TemplateResponse(request, template, context | shown, status=NOT_SAVED if refused else 200)


def _address(page: str, trial: Trial, *, file: UUID | None = None) -> str:
    found = reverse(f"admin:trial_trial_{page}", args=[trial.pk])
    return f"{found}?file={file}" if file else found


def _made(kinds: Iterable[type[Kind]], trial: Trial) -> list[Kind]:
    site = trial.sites.select_related("trial").order_by("number").first()
    return [kind(trial, site) for kind in kinds] if site else []


def _table(kind: Kind, data: bytes) -> Table:
    table = read_table(data)
    if len(table.rows) > MOST_ROWS:
        raise TableRefused(f"The file has {len(table.rows):,} rows; here at most {MOST_ROWS:,}. {ELSEWHERE}")
    check_columns(kind, table)
    return table


def _preview(request: HttpRequest, trial: Trial, kinds: Iterable[type[Kind]]) -> Preview | None:
    """Return the kept file that the address names; None unless the same person may still import it here."""
    try:
        key = UUID(request.GET.get("file", ""))
    except ValueError:
        return None
    file, names = kept_files.find(key), [kind.name for kind in kinds]
    if (
        file is None
        or (file.trial, file.by) != (str(trial.pk), str(request.user.pk))
        or file.kind not in names
    ):
        return None
    kind = KINDS[file.kind](trial, trial.sites.select_related("trial").get(pk=file.site))
    return Preview(key, kind, _table(kind, file.data), sha256(file.data).hexdigest())


def _write(request: HttpRequest, preview: Preview) -> tuple[Plan | None, str]:
    """Write what was shown; return the plan, and why it was not written."""
    said: list[str] = []
    why = f"import of {preview.kind.name}, file SHA-256 {preview.sha256}"
    try:
        with audit.entry("admin"), refusals(said.append):
            require_open(preview.kind.trial)
            told: Any = {"shown": request.POST.get("plan", ""), "by": request.user, "why": why}
            plan = commit_shown(preview.kind, preview.table, **told)
            kept_files.discard(preview.key)
            return plan, ""
    except MovedOn as moved:
        return moved.plan, MOVED
    return None, said[0]


def _said(plan: Plan | None) -> str:
    """Say in a sentence what a plan does."""
    counts = plan.counts() if plan else {}
    left = f"; {_rows(counts['refused'])} left out" if counts.get("refused") else ""
    return f"{_rows(counts.get('new', 0), 'new')}, {counts.get('changed', 0)} changed{left}."


def _rows(count: int, which: str = "") -> str:
    return " ".join(filter(None, (f"{count:,}", which, "row" if count == 1 else "rows")))


def _shown(preview: Preview, plan: Plan) -> dict[str, Any]:
    counts = plan.counts()
    most = max([1, *counts.values()])
    changed, refused = plan.of(Verdict.CHANGED), plan.of(Verdict.REFUSED)
    return {
        "preview": preview,
        "kind_words": preview.kind.words(),
        "plan": plan,
        "numbers": [(name, count, 100 * count / most) for name, count in counts.items()],
        "button": _button(counts),
        "tables": [_lines("refused", refused), _lines("changed", changed)],
        "refused": len(refused),
        "query": f"?file={preview.key}",
    }


def _button(counts: dict[str, int]) -> str:
    """Say what the button does, in its own words; nothing where there is nothing to write."""
    does = [f"Write {_rows(counts['new'], 'new')}"] if counts["new"] else []
    does += [f"{'change' if does else 'Change'} {_rows(counts['changed'])}"] if counts["changed"] else []
    left = counts["refused"]
    out = f"; {_rows(left)} {'is' if left == 1 else 'are'} left out" if left else ""
    return f"{', '.join(does)}{out}" if does else ""


def _lines(name: str, found: list[Judgment]) -> tuple[str, list[Judgment], int]:
    return name, found[:SHOWN], max(0, len(found) - SHOWN)


def _download(name: str) -> HttpResponse:
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
