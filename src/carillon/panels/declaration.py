"""What a panel is: one declaration per model gives grid, forms, row menu, notes, history, CSV, REST and tests.

A context's panels live in `faces/portal/<context>.py` as a tuple `PANELS`; `faces/portal/catalogue.py` lists the files.

    @dataclass(frozen=True, slots=True)
    class UserData:                       # lives in the context's actions.py, beside create_user and update_user
        customer_id: int
        name: str
        email: str = ""
        role: UserRole = UserRole.USER
        is_enabled: bool = True

    PANELS = (
        Panel(
            slug="users",                                   # address, menu id and REST resource: /api/v1/users/
            title=_("Users"),
            section="main",                                 # "settings" or "main": which panel on the left
            icon="users",                                   # name in web/src/icons
            model=User,
            rows=queries.users_of,                          # (actor) -> queryset that began with visible_to(actor)
            columns=(
                Column("name", _("Name"), width=180),
                Column("customer", _("Customer"), value="customer.name", width=160),
                Column("extension", _("Ext."), kind="code", width=70),
                Column("role", _("Role"), kind="choice"),   # shows get_role_display, REST has the value
                Column("is_enabled", _("Enabled"), kind="bool", width=80),
                Column("balance", _("Balance"), kind="money", value="balance_micro", currency="currency"),
            ),
            api=(Column("customer_id", _("Customer"), kind="integer"),),     # in REST only
            filters=(
                Filter("name", _("Name"), lookup="istartswith"),
                Filter("role", _("Role"), choices=UserRole.choices),
                Filter("customer_id", _("Customer"), kind="integer"),
            ),
            order=("name", "-id"),                          # indexed, NOT NULL columns; the first is the default
            customer_field="customer_id",                   # how the customer filter on top limits the rows
            data=UserData,
            fields=(
                Field("customer_id", _("Customer"), lookup="customers", only="create"),
                Field("name", _("Name"), max_length=100),
                Field("email", _("E-mail"), kind="email", section=_("Contact")),
                Field("role", _("Role"), choices=UserRole.choices),
                Field("is_enabled", _("Enabled")),
            ),
            create=actions.create_user,                     # (actor, data: UserData) -> User
            update=actions.update_user,                     # (actor, user, data: UserData) -> User
            remove=actions.remove_user,                     # (actor, user) -> None, or None: no removing
            actions=(
                RowAction("suspend", _("Suspend"), actions.suspend_user, data=Reason, danger=True,
                          fields=(Field("reason", _("Reason"), kind="textarea"),),
                          confirm=_("Calls of this user stop at once."), applies=lambda user: user.is_enabled),
            ),
            links=(Link(_("SIP endpoints"), "sip-endpoints", {"user_id": "id"}),),
            help=_("People who make and receive calls ..."),
        ),
    )

Actions are `verb_noun(actor, [row,] [data])`, marked with `carillon.base.changes.action`, whose permission the kit
reads to know who may see a button. They raise `carillon.base.errors`; `InvalidInput.fields` names form fields. An
import names its errors "12:prefix" (line and column of the file) and the dialog shows them as a table.

Values reach actions converted by `carillon.panels.conversion` into the typed dataclass: str (stripped), int, bool,
Decimal, date, datetime (aware), enums, `X | None`, tuple[str, ...], tuple[int, ...] and Upload. Money fields
(`kind="money"`, int micro-units, name ends in `_micro`) are edited in major units; REST has the integer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

from django.db.models import Model, Q, QuerySet

from carillon.base.actor import Actor

Text = Any  # str or a lazily translated one
Choices = Iterable[tuple[Any, Text]]
ColumnKind = Literal[
    "text",
    "code",
    "integer",
    "decimal",
    "money",
    "bool",
    "choice",
    "status",
    "datetime",
    "date",
    "duration",
    "list",
    "bar",
]
FilterKind = Literal["text", "integer", "uuid", "bool", "date"]
FieldKind = Literal[
    "auto",
    "text",
    "textarea",
    "email",
    "password",
    "money",
    "commas",
    "file",
    "number",
    "code",
    "ordered",
    "matrix",
    "rows",
    "hidden",
]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a form or a multipart request: large ones are on disk, and go with the request."""

    name: str
    file: BinaryIO = field(repr=False)
    size: int

    @property
    def content(self) -> bytes:
        """All of it, for files that are small by what their field allows."""
        return b"".join(self.pieces())

    def pieces(self, size: int = 2**20) -> Iterator[bytes]:
        """Yield the file in order."""
        self.file.seek(0)
        while piece := self.file.read(size):
            yield piece


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the grid and a property in REST.

    `value`: dotted attribute path ("customer.name") or a function of the row; default: `name`. Use select_related and
    annotations in `rows`: the inherited tests count queries. `currency`: for money, path of the row's currency;
    money is micro-units and is called `<name>_micro` in REST. `duration` is in milliseconds, `<name>_ms` in REST.
    `bar` is a whole number of percent, drawn.
    `status` and `choice` show the label (`choices` or the model's own) and colour by value. `in_api` False: grid only.
    `grow`: share of spare width; `width`: pixels at least. `total`: ORM path of what is added up in the grid's foot.
    `order`: which of the panel's orders sorts it, when that is not its own name: rows that never change come by time as
    they come by id. `created_at` does so by itself.
    """

    name: str
    title: Text
    kind: ColumnKind = "text"
    value: str | Callable[[Any], Any] = ""
    width: int = 110
    grow: int = 1
    currency: str = "currency"
    choices: Choices = ()
    in_api: bool = True
    in_grid: bool = True
    total: str = ""
    order: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter shown under its column's title (same name) and a query parameter in REST.

    `field`: ORM path, default `name`. `lookup`: "exact", "istartswith", "icontains", "gte", "lte", ... `choices`: a
    drop-down, also as a function of the actor. `apply`: own way to filter, (queryset, value) -> queryset. A `date`
    filter with lookup "range" takes `<name>_from` and `<name>_to`, inclusive.
    """

    name: str
    title: Text
    kind: FilterKind = "text"
    field: str = ""
    lookup: str = "exact"
    choices: Choices | Callable[[Actor], Choices] = ()
    apply: Callable[[QuerySet[Any], Any], QuerySet[Any]] | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """A text that a form asks for in rows: one for each thing that it lists, with a cell for each of `columns`.

    `columns`: names and titles. `split`: the text's rows, a text for each cell; `join`: the text of rows, which checks
    nothing: the action refuses what is wrong. Cells of `numbers` are in the person's own manner.
    """

    columns: tuple[tuple[str, Text], ...]
    split: Callable[[str], list[tuple[str, ...]]]
    join: Callable[[list[tuple[str, ...]]], str]
    numbers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Field:
    """An input of a form and a property of a REST request; its type comes from the data class.

    `choices`: pairs, or a function of the actor (for short lists, values outside are refused). `lookup`: slug of a
    panel to search in; the value is the id of a row the actor may see. `only`: present on "create" or "update" alone
    (the other keeps the initial value, shown read-only). `kind="ordered"`: several of the choices in an order, one
    drop-down each. `kind="matrix"`: choices "row.column" labelled "Row: Column", as a table of boxes.
    `kind="rows"`: a text edited in `rows`. `kind="commas"`: several texts in one line. `kind="hidden"`: the grid gives
    it, nobody sees it. `minimum`/`maximum`
    bound numbers (money in micro-units; for files bytes, 20 MB unless said). `suggest`: a function of the actor giving
    the value a new form starts with.
    """

    name: str
    label: Text
    kind: FieldKind = "auto"
    help: Text = ""
    choices: Choices | Callable[[Actor], Choices] = ()
    lookup: str = ""
    section: Text = ""
    only: Literal["", "create", "update"] = ""
    max_length: int = 500
    minimum: int | float | None = None
    maximum: int | float | None = None
    placeholder: Text = ""
    suggest: Callable[[Actor], Any] | None = None
    wide: bool = False
    rows: Rows | None = None


@dataclass(frozen=True, slots=True)
class RowAction:
    """An entry of the row's menu that changes something, and POST /<resource>/<id>/<name>/ in REST.

    `run`: (actor, row) or (actor, row, data). `initial`: (row) -> values the dialog starts with. `applies`: whether
    the entry is offered for this row. `result`: what to show when done, (returned value) -> label: text; without it the
    dialog closes with a toast. `permission`: default that of `run`. `is_secret`: what it shows is kept nowhere, not
    even for a repeated request in REST. `needs_reason`: it is refused without a reason, which history keeps. `for_many`
    False: never for many rows at once; what has a `result` or takes a file never is.
    `opens`: (returned value) -> address of this portal to which the browser goes when done.
    """

    name: str
    title: Text
    run: Callable[..., Any]
    data: type | None = None
    fields: tuple[Field, ...] = ()
    icon: str = "bolt"
    permission: str = ""
    confirm: Text = ""
    danger: bool = False
    applies: Callable[[Any], bool] | None = None
    initial: Callable[[Any], Mapping[str, Any]] | None = None
    result: Callable[[Any], Mapping[str, Any]] | None = None
    done: Text = ""
    in_api: bool = True
    is_secret: bool = False
    opens: Callable[[Any], str] | None = None
    needs_reason: bool = False
    for_many: bool = True

    def needs(self) -> str:
        """Return the permission that running this needs."""
        return self.permission or str(getattr(self.run, "permission", ""))


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of the row's menu that opens another panel, filtered: filter name -> attribute path of this row.

    `applies`: whether the entry is offered for this row.
    """

    title: Text
    panel: str
    filters: Mapping[str, str]
    icon: str = "arrow-right"
    applies: Callable[[Any], bool] | None = None


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab over the grid and a value of `?tab=` in REST."""

    name: str
    title: Text
    where: Q


@dataclass(frozen=True, slots=True)
class Detail:
    """A page of its own for a row: "Open" in its menu. `context`: (actor, row) -> template variables."""

    template: str
    context: Callable[[Actor, Any], Mapping[str, Any]]
    title: Text = ""


@dataclass(frozen=True, slots=True)
class Extra:
    """A further GET under a row in REST, /<resource>/<id>/<name>/: (actor, row) -> JSON value."""

    name: str
    read: Callable[[Actor, Any], Any]
    title: Text
    many: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """See the module's text.

    `permission`: prefix of its permissions ("price_lists" gives price_lists.view, add, change, delete); default: what
    the actions themselves need, and the slug with underscores for viewing. `needs_reason`: verbs (add, change, delete)
    that are refused without a reason. `undoes`: verbs of history entries that may be taken back by `update`, as far as
    they changed nothing but inputs of `data` that still are what the change made them. Additions are taken back by
    `remove`, removals by `create` (see `panels.undo`); without any `undoes` nothing is: money that was moved.
    """

    slug: str
    title: Text
    section: Literal["settings", "main", ""]
    model: type[Model]
    rows: Callable[[Actor], QuerySet[Any]]
    columns: tuple[Column, ...]
    icon: str = "table"
    filters: tuple[Filter, ...] = ()
    order: tuple[str, ...] = ("-id",)
    tabs: tuple[Tab, ...] = ()
    data: type | None = None
    fields: tuple[Field, ...] = ()
    together: tuple[str, ...] = ()  # fields that may be set in many rows at once
    create: Callable[..., Any] | None = None
    update: Callable[..., Any] | None = None
    remove: Callable[..., Any] | None = None
    actions: tuple[RowAction, ...] = ()
    links: tuple[Link, ...] = ()
    detail: Detail | None = None
    wizard: str = ""  # name of an address that leads through adding (and with a row's id changing) step by step
    initial: Callable[[Any], Mapping[str, Any]] | None = None
    permission: str = ""
    audiences: frozenset[str] = frozenset({"operator", "partner"})  # also "customer": REST with a customer's token
    help: Text = ""
    empty: Text = ""  # what to do first, when there are no rows at all
    name: Text = ""  # one row, for titles such as "Edit customer"; default: the model's verbose name
    resource: str = ""  # REST name, default the slug; "-": not in REST
    api: tuple[Column, ...] = ()
    extras: tuple[Extra, ...] = ()
    customer_field: str = ""
    search: str = "name"  # what a lookup searches, by prefix
    searched: str = ""  # its kind in panels.search, when trigram indexes find its rows by any part of a text
    refresh_s: int = 0  # live grids ask again this often
    has_history: bool = True
    imports: bool = True  # rows may come from a file, where there is `create`
    needs_reason: frozenset[str] = frozenset()
    undoes: frozenset[str] = frozenset({"update"})

    def may(self, actor: Actor, verb: str) -> bool:
        """Tell whether `actor` belongs to an audience of this panel and has `verb` (view, add, change, delete)."""
        if audience(actor) not in self.audiences:
            return False
        return (verb == "view" or self.change(verb) is not None) and actor.may(self.needs(verb))

    def change(self, verb: str) -> Callable[..., Any] | None:
        """Return what does `verb` (add, change, delete) here; None: the panel does not offer it."""
        return {"add": self.create, "change": self.update, "delete": self.remove}.get(verb)

    def needs(self, verb: str) -> str:
        """Return the permission that `verb` needs here."""
        own = "" if self.permission else str(getattr(self.change(verb), "permission", ""))
        return own or f"{self.prefix}.{verb}"

    @property
    def prefix(self) -> str:
        """Prefix of the panel's permissions."""
        return self.permission or self.slug.replace("-", "_")

    def action(self, name: str) -> RowAction | None:
        """Return the row action called `name`."""
        return next((action for action in self.actions if action.name == name), None)

    @property
    def rest_name(self) -> str:
        """Name in REST; empty when the panel is not there."""
        return "" if self.resource == "-" else self.resource or self.slug


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """What the menu holds that is no grid: a dashboard, a form that answers. GET /api/v1/<slug>/ gives the same.

    `read`: (actor, data) -> JSON value that the template has as `found`; `data` is an instance of the page's data
    class, made of the address's parameters, or None when the page has no data class. A page whose data class asks
    for something shows only its form until it was filled in. `permission`: default `<slug>.view`.
    """

    slug: str
    title: Text
    section: Literal["settings", "main", ""]
    read: Callable[[Actor, Any], Mapping[str, Any]]
    template: str
    icon: str = "table"
    data: type | None = None
    fields: tuple[Field, ...] = ()
    permission: str = ""
    audiences: frozenset[str] = frozenset({"operator", "partner"})
    help: Text = ""

    def may(self, actor: Actor, verb: str = "view") -> bool:
        """Tell whether `actor` belongs to an audience of this page and has its permission; `verb` is "view"."""
        return verb == "view" and audience(actor) in self.audiences and actor.may(self.needs(verb))

    def needs(self, verb: str = "view") -> str:
        """Return the permission that looking needs."""
        return self.permission or f"{self.slug.replace('-', '_')}.{verb}"


def audience(actor: Actor) -> str:
    """Return which audience an actor belongs to: operator, partner or customer."""
    return "customer" if actor.customer_id else "operator" if actor.is_operator else "partner"
