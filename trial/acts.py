"""Acts of the admin: a button, a page that says what it will do and asks once, one service call a row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from trial import audit
from trial.forms import PageForm
from trial.models import Membership, ProtocolVersion
from trial.pages import NOT_SAVED, refusals
from trial.roles import Permission
from trial.streams import RuleError

MOST_ROWS = 500  # at once by hand; a cohort is randomized as a whole from its own page


class ActForm(PageForm):
    """What an act asks besides whom it is done to."""

    def __init__(self, *args: Any, rows: Sequence[Any], by: Any, **kwargs: Any) -> None:
        self.rows, self.by = rows, by
        super().__init__(*args, **kwargs)


@dataclass(frozen=True)
class Act:
    """One thing a role may do to a row. `run` takes row, form data and user, and says what was done."""

    name: str
    label: str
    permission: Permission
    says: str
    run: Callable[[Any, dict[str, Any], Any], str]
    form: type[ActForm] = ActForm
    possible: Callable[[Any], bool] = lambda row: True
    facts: Callable[[Any], Mapping[str, str]] = lambda row: {}
    together: bool = False  # may be done to several rows at once
    alone: bool = False  # needs no row
    told_once: bool = False  # what was done is shown at once and kept nowhere, not even for the next page
    then: str = ""  # name of the admin page of the row to go to; the row's own by default


class Done(NamedTuple):
    """What became of an act on one row."""

    row: Any
    done: bool
    said: str


class ActsAdmin(admin.ModelAdmin):
    """A model admin whose only writes are its acts."""

    acts: ClassVar[tuple[Act, ...]] = ()

    def granted(self, user: Any, permission: Permission) -> QuerySet:
        """Return the rows over which the user holds a permission."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.act_view)
        return [path("act/<slug:name>/", view, name=self._url_name("act")), *super().get_urls()]

    def act_links(self, request: HttpRequest, row: Any) -> list[tuple[Act, str]]:
        """Return the acts that the user may do to a row in its present state, with their addresses."""
        mine = [act for act in self.acts if not act.alone and act.possible(row)]
        return [
            (act, f"{self._act_url(act)}?row={row.pk}")
            for act in mine
            if self._permitted(request, act, [row.pk])
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        mine = [act for act in self.acts if act.alone and self._holds(request, act)]
        links = [(act, self._act_url(act)) for act in mine]
        return super().changelist_view(request, {"act_links": links} | (extra_context or {}))

    def get_actions(self, request: HttpRequest) -> dict:
        mine = [act for act in self.acts if not act.alone and self._holds(request, act)]
        return {act.name: (_as_action(act), act.name, act.label) for act in mine}

    def act_view(self, request: HttpRequest, name: str, chosen: QuerySet | None = None) -> HttpResponse:
        """Ask once, then do it; whatever was typed stays on the page when it is refused."""
        act = next((a for a in self.acts if a.name == name and self._holds(request, a)), None)
        if act is None:
            raise Http404
        rows = self._chosen(request, act, chosen)
        confirmed = request.method == "POST" and "confirmed" in request.POST
        given = (request.POST, request.FILES) if confirmed else ()
        form = act.form(*given, rows=rows, by=request.user)
        if len(rows) > 1 and not act.together:
            messages.warning(request, f"“{act.label}” is done to one at a time: choose one.")
            return HttpResponseRedirect(self._after(act, None))
        if confirmed and form.is_valid():
            outcomes = [_carry_out(act, row, form.cleaned_data, request.user) for row in rows or [None]]
            if len(outcomes) > 1 or (act.told_once and outcomes[0].done):
                return self._page(request, act, rows, outcomes=outcomes)
            if outcomes[0].done:
                messages.success(request, outcomes[0].said)
                return HttpResponseRedirect(self._after(act, outcomes[0].row))
            form.add_error(None, outcomes[0].said)
        return self._page(request, act, rows, form=form)

    def _chosen(self, request: HttpRequest, act: Act, chosen: QuerySet | None) -> list[Any]:
        """Return the rows an act is for; one that isn't the user's to act on makes the page vanish."""
        if act.alone:
            return []
        if chosen is not None:
            ids = list(chosen.values_list("pk", flat=True)[: MOST_ROWS + 1])
        else:
            ids = request.POST.getlist("row") or request.GET.getlist("row")
        rows = self._permitted(request, act, ids[:MOST_ROWS])
        if not rows or len(rows) < len(set(ids[:MOST_ROWS])):
            raise Http404
        if len(ids) > MOST_ROWS:
            messages.warning(request, f"At most {MOST_ROWS} at once: these are the first {MOST_ROWS}.")
        return rows

    def _permitted(self, request: HttpRequest, act: Act, ids: Sequence[Any]) -> list[Any]:
        granted = self.granted(request.user, act.permission)
        key = self.model._meta.pk
        valid = [value for value in ids if _is_key(key, value)]
        return list(self.get_queryset(request).filter(pk__in=granted.filter(pk__in=valid).values("pk")))

    def _page(self, request: HttpRequest, act: Act, rows: list[Any], **shown: Any) -> HttpResponse:
        title = f"{act.label}: {rows[0]}" if len(rows) == 1 else act.label
        context = self.admin_site.each_context(request) | {
            "title": title,
            "act": act,
            "rows": rows,
            "facts": act.facts(rows[0]) if len(rows) == 1 else {},
            "several": [(row, act.facts(row)) for row in rows] if len(rows) > 1 else [],
            "back": self._after(act, rows[0] if len(rows) == 1 else None, plain=True),
            "action": self._act_url(act),
            "opts": self.opts,
        }
        status = NOT_SAVED if "form" in shown and shown["form"].errors else 200
        return TemplateResponse(request, "admin/act.html", context | shown, status=status)

    def _after(self, act: Act, row: Model | None, *, plain: bool = False) -> str:
        if row is None:
            return reverse(f"admin:{self._url_name('changelist')}")
        page = act.then if act.then and not plain else "change"
        return reverse(f"admin:{self._url_name(page)}", args=[row.pk])

    def _act_url(self, act: Act) -> str:
        return reverse(f"admin:{self._url_name('act')}", args=[act.name])

    def _holds(self, request: HttpRequest, act: Act) -> bool:
        return Membership.objects.granting(request.user, act.permission).exists()

    def _url_name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"


def _as_action(act: Act) -> Callable[[ActsAdmin, HttpRequest, QuerySet], HttpResponse]:
    def ask(model_admin: ActsAdmin, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        return model_admin.act_view(request, act.name, queryset)

    return ask


def _carry_out(act: Act, row: Any, data: dict[str, Any], by: Any) -> Done:
    said: list[str] = []
    try:
        with audit.entry("admin"), refusals(said.append):
            return Done(row, True, act.run(row, data, by))
    except RuleError as fault:
        said.append(f"The trial's list can't be drawn from yet: {fault}. Nothing was drawn.")
    except ProtocolVersion.DoesNotExist:
        said.append("No version of this trial's protocol is in force yet. Approve one and put it in force.")
    return Done(row, False, said[0])


def _is_key(key: Any, value: Any) -> bool:
    try:
        key.to_python(value)
    except forms.ValidationError:
        return False
    return True
