"""The admin's ground rules: roles decide what is seen, nothing is typed into a row, every write is an act."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from trial.acts import ActsAdmin
from trial.blinding import arm_shown
from trial.history import history
from trial.models import Membership, TrialKind
from trial.roles import Permission, permissions_of
from trial.steps import Steps, condition

# To have an offer, or a score that somebody may see, is to be in the screening arm.
TELLING = frozenset({Permission.SEE_ARM, Permission.SEE_WORKLIST, Permission.SEE_SCORE})


def holds(request: HttpRequest, permission: Permission) -> bool:
    """Tell whether the user holds a permission anywhere; Django's staff and superuser flags grant nothing."""
    held: frozenset[Permission] | None = getattr(request, "held_permissions", None)
    if held is None:  # read once a request: the frame of every page asks this a hundred times
        user: Any = request.user
        roles = Membership.objects.active(user).values_list("role", flat=True) if user.is_active else ()
        held = request.held_permissions = permissions_of(list(roles))  # type: ignore[attr-defined]
    return permission in held


class RoleGuard:
    """Seeing a row is being granted it; adding, changing and deleting are never done by hand."""

    model: type[Model]
    permission: ClassVar[Permission | None] = None  # that shows the rows; the model's own by default
    # Field or column -> the permission that shows it to somebody who sees the row.
    needs: ClassVar[Mapping[str, Permission]] = {}
    # Field made for the page -> the column it tells, whose changes the history then shows.
    tells: ClassVar[Mapping[str, str]] = {}

    @property
    def sees(self) -> Permission:
        """Return the permission that shows the rows."""
        return self.permission or self.model.SEE  # type: ignore[attr-defined]

    def rows(self, user: Any) -> QuerySet:
        """Return the rows that a user may see."""
        return self.model.objects.visible_to(user)  # type: ignore[attr-defined]

    def granted(self, user: Any, permission: Permission) -> QuerySet:
        """Return the rows over which a user holds a permission."""
        return self.model.objects.visible_to(user, permission)  # type: ignore[attr-defined]

    def holds_over(self, request: HttpRequest, permission: Permission, obj: Model | None) -> bool:
        """Tell whether the user holds a permission over this row, or anywhere when there is none."""
        if obj is None:
            return holds(request, permission)
        return self.granted(request.user, permission).filter(pk=obj.pk).exists()

    def shown(self, request: HttpRequest, names: Sequence[Any], obj: Model | None = None) -> list[Any]:
        """Keep the fields, columns or filters that the user may see."""
        return [n for n in names if n not in self.needs or self.holds_over(request, self.needs[n], obj)]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return holds(request, self.sees)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return (
            holds(request, self.sees) if obj is None else self.rows(request.user).filter(pk=obj.pk).exists()
        )

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class RoleModelAdmin(RoleGuard, ActsAdmin):
    """A list and a page of rows that a role may see, with their history and the acts it may do."""

    actions_selection_counter = True
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER  # counts beside filters would be counted over more than is shown
    view_on_site = False

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = self.rows(request.user)
        if self._lists_many_trials(request):  # test data never stand in one list with what is real
            rows = rows.exclude(**{f"{self.trial_path}__kind": TrialKind.TEST})
        ordering = self.get_ordering(request)
        return rows.order_by(*ordering) if ordering else rows

    @property
    def trial_path(self) -> str:
        """Return by what way a row leads to its trial; nothing where it belongs to none, or is one."""
        path: str = getattr(self.model, "TRIAL_PATH", "")
        return "" if path == "pk" else path

    def _lists_many_trials(self, request: HttpRequest) -> bool:
        """Tell whether this is a list for which no trial was chosen."""
        match, chosen = request.resolver_match, f"{self.trial_path}__id__exact"
        is_list = bool(match and match.url_name == f"{self._url_name('changelist')}")
        return bool(self.trial_path) and is_list and chosen not in request.GET

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Model:
        """Return a row the user may see; any other is not there, whether it exists or not."""
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Http404
        self._log_arms(request, self.get_fields(request, found), f"{self.opts.verbose_name} {found.pk}")
        return found

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return self.shown(request, self.fields or (), obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return self.get_fields(request, obj)

    def get_list_display(self, request: HttpRequest) -> list[str]:
        return self.shown(request, self.list_display)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return self.shown(request, self.list_filter)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow what the list's own filters ask and nothing else: any other lookup is an oracle."""
        filters = self.get_list_filter(request) if request else ()
        return lookup in {asked for declared in filters for asked in _lookups(self.model, declared)}

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        return to_field == self.model._meta.pk.name

    def name_of(self, obj: Any) -> str:
        """Return what a page calls a row."""
        return str(obj)

    def _log_arms(self, request: HttpRequest, shown: Sequence[Any], what: str) -> None:
        """Log a page of which a row or a field tells the arm."""
        if not {self.sees, *(self.needs.get(name) for name in shown)}.isdisjoint(TELLING):
            arm_shown(request.user, what)

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        self._log_arms(request, self.get_list_display(request), f"list of {self.opts.verbose_name_plural}")
        title = {"title": str(self.opts.verbose_name_plural).capitalize()}
        return super().changelist_view(request, title | (extra_context or {}))

    def page_links(self, request: HttpRequest, row: Any) -> list[tuple[str, str]]:
        """Return further pages about a row: label and address."""
        return []

    def render_change_form(
        self, request: HttpRequest, context: dict, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj = kwargs.get("obj")
        name = self.name_of(obj)
        context |= {
            "title": f"{str(self.opts.verbose_name).capitalize()} {name}",
            "subtitle": None,
            "called": name,
        }
        context |= {"act_links": self.act_links(request, obj), "page_links": self.page_links(request, obj)}
        return super().render_change_form(request, context, *args, **kwargs)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict | None = None
    ) -> HttpResponse:
        """Show every change to the fields that the page shows: who, when, what, why and by what way."""
        obj = self.get_object(request, object_id)
        named = [self.tells.get(name, name) for name in self.get_fields(request, obj)]
        fields = [name for name in named if _is_column(self.model, name)]
        context = self.admin_site.each_context(request) | {
            "title": f"History of {self.name_of(obj)}",
            "lines": history(obj, fields),
            "kept": hasattr(self.model, "pgh_event_models"),
            "object": obj,
            "called": self.name_of(obj),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/history.html", context | (extra_context or {}))

    # The audit tables hold who changed what. Django's log would be a second, unguarded copy.
    def log_addition(self, *args: Any) -> None: ...

    def log_change(self, *args: Any) -> None: ...

    def log_deletions(self, *args: Any) -> None: ...


class RoleInline(RoleGuard, admin.TabularInline):
    """A read-only table of a row's own rows."""

    template = "admin/inline_table.html"
    extra = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return holds(request, self.sees)  # `obj` is the row that these belong to; `rows` sees to the rest

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return self.rows(request.user)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return self.shown(request, self.fields or ())

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return self.get_fields(request, obj)


class StepFilter(admin.SimpleListFilter):
    """Narrow a list to a step of the trial; the dashboard counts with the same conditions."""

    steps: ClassVar[Steps]
    title, parameter_name = "step", "step"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, words) for name, (words, _) in self.steps.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        name = self.value()
        return queryset.filter(condition(self.steps, name)) if name in self.steps else queryset


class CodesFilter(admin.AllValuesFieldListFilter):
    """Narrow a list to one of the codes that stand in it; rows without a code offer nothing to choose."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lookup_choices = [code for code in self.lookup_choices if code]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Offer the codes as words."""
        for choice in super().choices(changelist):
            yield choice | {"display": str(choice["display"]).replace("_", " ")}


class SeenFilter(admin.RelatedOnlyFieldListFilter):
    """Narrow a list to a related row; test trials are offered too, though no list shows them unasked."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer those of all rows that the user sees."""
        seen = model_admin.rows(request.user).order_by().values(f"{self.field_path}__pk").distinct()
        ordering = self.field_admin_ordering(field, request, model_admin)
        return field.get_choices(include_blank=False, limit_choices_to={"pk__in": seen}, ordering=ordering)


def of_seen(path: str) -> tuple[str, type[SeenFilter]]:
    """Return a filter by a related row that offers only those of rows the user sees."""
    return path, SeenFilter


def _lookups(model: type[Model], declared: Any) -> Iterator[str]:
    if isinstance(declared, type):
        yield str(getattr(declared, "parameter_name", ""))
        return
    path = declared if isinstance(declared, str) else declared[0]
    yield from (
        path,
        f"{path}__exact",
        f"{path}__isnull",
        f"{path}__gte",
        f"{path}__lt",
        f"{path}__id__exact",
    )


def _is_column(model: type[Model], name: str) -> bool:
    try:
        return model._meta.get_field(name).concrete
    except FieldDoesNotExist:
        return False
