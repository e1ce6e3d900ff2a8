"""Changes to price lists and cost lists: drafts are written, approved once, and never change afterwards.

Sale lists need the permissions price_lists.*, cost lists costs.*. The functions here serve both: `permit` checks the
right one as soon as the list is known.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import BinaryIO

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from carillon.base.actor import Actor
from carillon.base.changes import action, audited, witnessed
from carillon.base.errors import Conflict, InvalidInput
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, named, named_or_none, once
from carillon.business.partners.queries import chosen_partner
from carillon.business.pricing import bulk, notice
from carillon.business.pricing.choices import Purpose, Rounding, Unit, VersionState
from carillon.business.pricing.comparison import compare, is_compared
from carillon.business.pricing.drafts import draft_of, effective, is_same_second, persons
from carillon.business.pricing.errors import SecondPersonNeeded, VersionEmpty, VersionNeeded
from carillon.business.pricing.models import DestinationPrefix, PriceList, PriceListVersion, Rate
from carillon.business.pricing.queries import permit
from carillon.business.pricing.ratefile import Findings, open_rates
from carillon.business.pricing.ratelines import ALL_NUMBERS, LineError, Terms, read_steps, read_windows
from carillon.business.pricing.ratevalues import NotARate, RateValues, check_rate
from carillon.business.pricing.terms import frozen_terms
from carillon.business.pricing.windows import check_windows, copy_windows, window_names
from carillon.logic.callflow.feed import Unit as PlainUnit
from carillon.logic.pricetext import steps_text, windows_text

RULES = ("is_split", "is_fee_deductible", "ends_at_maximum", "rounds_increments")
NAME_TAKEN = _lazy("There is a list of this name already.")
PREFIX_TAKEN = _lazy("This version has a rate for this prefix already.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceListData:
    """A list. `currency`, `unit` and `partner_id` (None: the actor's own) stay once created.

    `timezone` is its windows' (IANA). The rules are those of `carillon.logic.callflow.feed.Tariff`, for versions that
    are approved from now on. `needs_second_person`: nobody who has written on a draft may approve it. `notice_days`:
    customers are told of a new version when it is approved, and prices rise no sooner than so many days later; None:
    they are not told.
    """

    name: str
    currency: str
    is_tax_inclusive: bool = False
    decimals: int = 6
    rounding: Rounding = Rounding.HALF_UP
    unit: Unit = Unit.MINUTE
    timezone: str = "UTC"
    is_split: bool = False
    is_fee_deductible: bool = False
    ends_at_maximum: bool = False
    rounds_increments: bool = False
    needs_second_person: bool = False
    notice_days: int | None = None
    note: str = ""
    partner_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionData:
    """A version. `effective_from` None: at once when approved. `price_list_id` and `copies_version_id` stay."""

    price_list_id: int
    effective_from: datetime | None = None
    note: str = ""
    copies_version_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How to take a file: in place of the draft's rates or on top of them; `encoding` "" detects it."""

    is_merge: bool = False
    encoding: str = ""
    file_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionStart:
    """A version begun from its list: with the newest version's rates or with those of a file (`content`)."""

    effective_from: datetime | None = None
    note: str = ""
    copies_newest: bool = False
    content: bytes = b""
    options: ImportOptions = ImportOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """From when an approved version holds; None: as the draft says."""

    effective_from: datetime | None = None


NO_CHANGE = Approval()


@dataclass(frozen=True, slots=True, kw_only=True)
class RateData:
    """A rate of a draft. `prefix` "" or "*" is every number; `version_id` stays.

    See `carillon.logic.callflow.feed.Rate`; `steps` and `windows` as `carillon.logic.pricetext` writes them. Windows
    are those of the version.
    """

    version_id: int
    prefix: str
    name: str
    per_minute: Decimal
    connection_fee: Decimal = Decimal(0)
    initial_s: int = 1
    increment_s: int = 1
    grace_s: int = 0
    minimum: Decimal = Decimal(0)
    maximum: Decimal | None = None
    steps: str = ""
    windows: str = ""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. `ignored_columns` are titles that mean nothing to us."""

    version_id: int
    rows: int
    encoding: str
    separator: str
    ignored_columns: tuple[str, ...]


class RatesRefused(InvalidInput):
    """A file with errors: nothing was imported. `errors` are the first 200 of `error_count`."""

    slug = "rates-refused"

    def __init__(self, findings: Findings) -> None:
        self.errors: tuple[LineError, ...] = tuple(findings.kept)
        self.error_count = findings.count
        fields = {f"{error.line}:{error.column}": error.message for error in self.errors}
        shown = f", the first {len(self.errors)} are listed" if self.error_count > len(self.errors) else ""
        super().__init__(f"The file has {self.error_count} errors{shown}; nothing was imported.", fields=fields)


# ---------------------------------------------------------------- lists


@action("price_lists.add")
def create_price_list(actor: Actor, data: PriceListData) -> PriceList:
    """Create a list of sale prices; it has no version yet.

    Raises:
        InvalidInput: a value breaks a rule, or the partner has a list of that name.
    """
    return _create_list(actor, data, Purpose.SALE)


@action("costs.add")
def create_cost_list(actor: Actor, data: PriceListData) -> PriceList:
    """Create a list of a carrier's prices; like `create_price_list`."""
    return _create_list(actor, data, Purpose.COST)


@action("price_lists.change", "costs.change")
def update_price_list(actor: Actor, price_list: PriceList, data: PriceListData) -> PriceList:
    """Change a list's name and note, and its rules for versions to come; currency, unit, purpose and partner stay.

    Raises:
        InvalidInput: a value breaks a rule, or the partner has another list of that name.
        SecondPersonNeeded: four eyes are to be turned off by one who has written an open draft.
    """
    price_list = permit(actor, locked(PriceList.objects, actor, price_list.pk), "change")
    with once({"price_list_name_once": ("name", NAME_TAKEN)}), audited(actor, price_list, "update"):
        price_list.name, price_list.note = data.name.strip(), data.note.strip()
        _fill_rules(price_list, data)
        _turn_second_person(actor, price_list, data.needs_second_person)
        price_list.notice_days = data.notice_days
        _check_list(price_list)
        price_list.save()
    return price_list


# ---------------------------------------------------------------- versions


@action("price_lists.change", "costs.change")
def create_version(actor: Actor, data: VersionData) -> PriceListVersion:
    """Start a draft, empty or with the rates of another version of the same list; with the newest one's windows or its.

    Raises:
        InvalidInput: no such list or version, or a date in the past.

    Cost: six queries; copying is one more, whatever the number of rates.
    """
    price_list = named(PriceList.objects, actor, data.price_list_id, "price_list_id")
    price_list = permit(actor, locked(PriceList.objects, actor, price_list.pk), "change")
    copied = named_or_none(PriceListVersion.objects, actor, data.copies_version_id, "copies_version_id")
    if copied and copied.price_list_id != price_list.pk:
        raise InvalidInput(fields={"copies_version_id": _("This is a version of another list.")})
    newest = PriceListVersion.objects.filter(price_list=price_list).order_by("-number").first()
    version = PriceListVersion(
        partner_id=price_list.partner_id,
        price_list=price_list,
        number=newest.number + 1 if newest else 1,
        effective_from=effective(data.effective_from),
        note=data.note.strip(),
        authors=sorted(persons(actor)),
    )
    check_values(version)
    with audited(actor, version, "create"):
        version.save(force_insert=True)
        if model := copied or newest:
            copy_windows(model, version)
        if copied:
            version.rate_count = bulk.copy_rates(copied.pk, version.pk)
            version.save(update_fields=["rate_count"])
    return version


@action("price_lists.change", "costs.change")
def start_version(actor: Actor, price_list: PriceList, data: VersionStart) -> PriceListVersion:
    """Start a draft with the rates of the list's newest version, of a file, or both: then the file's come on top.

    Raises:
        InvalidInput: a date in the past. What `import_rates` raises; then there is no draft either.
    """
    newest = PriceListVersion.objects.visible_to(actor).filter(price_list=price_list).order_by("-number").first()
    copied = newest.pk if newest and data.copies_newest else None
    wanted = VersionData(
        price_list_id=price_list.pk, effective_from=data.effective_from, note=data.note, copies_version_id=copied
    )
    version = create_version(actor, wanted)
    if data.content:
        import_rates(actor, version, data.content, replace(data.options, is_merge=data.copies_newest))
    return version


@action("price_lists.change", "costs.change")
def update_version(actor: Actor, version: PriceListVersion, data: VersionData) -> PriceListVersion:
    """Change when a draft takes effect, and its note.

    Raises:
        VersionApproved, VersionNotDraft: it is no draft. InvalidInput: a date in the past.
    """
    version = draft_of(actor, version.pk)
    with audited(actor, version, "update"):
        if data.effective_from is None or not is_same_second(data.effective_from, version.effective_from):
            version.effective_from = effective(data.effective_from)
        version.note = data.note.strip()
        check_values(version)
        version.save(update_fields=["effective_from", "note"])
    return version


@action("price_lists.approve", "costs.approve")
def approve_version(actor: Actor, version: PriceListVersion, data: Approval = NO_CHANGE) -> PriceListVersion:
    """Let a draft take effect at its date, or now when that has passed; it never changes afterwards.

    Raises:
        VersionApproved, VersionNotDraft: it is no draft. VersionEmpty: it has no rates.
        InvalidInput: a date in the past or too soon for prices that rise (`PriceList.notice_days`), or windows that
            can never hold. SecondPersonNeeded: the list wants four eyes and the actor, or who acts through it, has
            written on the draft.
    """
    version = draft_of(actor, version.pk, "approve")
    if version.rate_count == 0:
        raise VersionEmpty
    if version.price_list.needs_second_person and persons(actor) & set(version.authors):
        raise SecondPersonNeeded
    check_windows(version)
    with audited(actor, version, "approve"):
        wanted = data.effective_from or version.effective_from
        if not is_same_second(wanted, version.effective_from):
            version.effective_from = effective(wanted)
        version.effective_from = max(version.effective_from, timezone.now())
        version.state, version.terms = VersionState.APPROVED, frozen_terms(version)
        version.save(update_fields=["effective_from", "state", "terms"])
    version = version if is_compared(version) else compare(version)
    notice.check_in_time(version)
    notice.announce(version)
    return version


@action("price_lists.approve", "costs.approve")
def withdraw_version(actor: Actor, version: PriceListVersion) -> PriceListVersion:
    """Take a version back: a draft, one that has yet to take effect, or one in force that an earlier one replaces.

    Raises:
        VersionNeeded: it is in force and no earlier version would take over. Conflict: it is withdrawn already.
    """
    version = locked(PriceListVersion.objects, actor, version.pk)
    price_list = permit(actor, version.price_list, "approve")
    if version.state == VersionState.WITHDRAWN:
        raise Conflict(_("The version is withdrawn already."))
    if version.state == VersionState.APPROVED and version.effective_from <= timezone.now():
        others = PriceListVersion.objects.filter(price_list=price_list, state=VersionState.APPROVED)
        if not others.exclude(pk=version.pk).filter(effective_from__lte=timezone.now()).exists():
            raise VersionNeeded
    with audited(actor, version, "withdraw"):
        version.state = VersionState.WITHDRAWN
        version.save(update_fields=["state"])
    notice.take_back(version)
    return version


# ---------------------------------------------------------------- rates


@action("price_lists.change", "costs.change")
def add_rate(actor: Actor, data: RateData) -> Rate:
    """Add a rate to a draft.

    Raises:
        VersionApproved, VersionNotDraft: it is no draft. InvalidInput: a value breaks a rule, or the prefix is there.
    """
    version = draft_of(actor, named(PriceListVersion.objects, actor, data.version_id, "version_id").pk)
    rate = Rate(version=version, partner_id=version.partner_id)
    with once({"prefix_once_per_version": ("prefix", PREFIX_TAKEN)}), audited(actor, rate, "add"):
        _fill(rate, data)
        rate.save(force_insert=True)
    version.rate_count += 1
    version.save(update_fields=["rate_count"])
    return rate


@action("price_lists.change", "costs.change")
def update_rate(actor: Actor, rate: Rate, data: RateData) -> Rate:
    """Change a rate of a draft; raises like `add_rate`."""
    draft_of(actor, rate.version_id)
    rate = locked(Rate.objects, actor, rate.pk)
    with once({"prefix_once_per_version": ("prefix", PREFIX_TAKEN)}), audited(actor, rate, "update"):
        _fill(rate, data)
        rate.save()
    return rate


@action("price_lists.change", "costs.change")
def remove_rate(actor: Actor, rate: Rate) -> None:
    """Remove a rate from a draft; raises VersionApproved, VersionNotDraft."""
    version = draft_of(actor, rate.version_id)
    rate = locked(Rate.objects, actor, rate.pk)
    with audited(actor, rate, "remove"):
        rate.delete()
    version.rate_count -= 1
    version.save(update_fields=["rate_count"])


@action("price_lists.change", "costs.change")
def import_rates(
    actor: Actor,
    version: PriceListVersion,
    file: bytes | BinaryIO,
    options: ImportOptions,
    beat: Callable[[int], None] = lambda stored: None,
) -> ImportReport:
    """Fill a draft from a CSV file of any size (see `ratefile.open_rates`): all of it or nothing.

    Args:
        beat: told how many rates are stored so far, about every second; what it raises stops and takes all back.

    Raises:
        RatesRefused: lines with errors, each named. InvalidInput: the file as a whole cannot be read.
        VersionApproved, VersionNotDraft: it is no draft.

    Cost: five statements and one per 20,000 lines; memory about 100 bytes a line.
    """
    version = draft_of(actor, version.pk)
    opened = io.BytesIO(file) if isinstance(file, bytes) else file
    lines = open_rates(opened, terms_of(version), encoding=options.encoding)
    findings = Findings()
    rates = _right_ones(lines.lines, findings)
    version.rate_count = bulk.store_rates(version, rates, is_merge=options.is_merge, beat=beat)
    if findings.count:
        raise RatesRefused(findings)
    version.save(update_fields=["rate_count"])
    compare(version)
    how = "merged" if options.is_merge else "replaced"
    name = options.file_name[:100] or "a file"
    witnessed(actor, version, "import_rates", reason=f"{findings.taken} rates of {name}, {how}")
    return ImportReport(version.pk, findings.taken, lines.encoding, lines.separator, lines.ignored_columns)


def terms_of(version: PriceListVersion) -> Terms:
    """Return what a file of rates for a version is held against; two queries."""
    held, groups = version.price_list, dict[str, tuple[str, ...]]()
    prefixes = DestinationPrefix.objects.filter(partner=version.partner_id).order_by("prefix")
    for name, prefix in prefixes.values_list("group__name", "prefix"):
        groups[name.lower()] = (*groups.get(name.lower(), ()), prefix)
    return Terms(held.currency, PlainUnit(held.unit), window_names(version.pk), groups)


def _right_ones(lines: Iterable[RateValues | LineError], findings: Findings) -> Iterator[RateValues]:
    """The rates, as long as all is well: after an error nothing is worth storing, but the others are told too."""
    for one in lines:
        if isinstance(one, LineError):
            findings.add(one)
        elif not findings.count:
            findings.taken += 1
            yield one


# ---------------------------------------------------------------- steps


def _create_list(actor: Actor, data: PriceListData, purpose: Purpose) -> PriceList:
    price_list = PriceList(
        partner=chosen_partner(actor, data.partner_id),
        name=data.name.strip(),
        purpose=purpose,
        currency=data.currency.strip().upper(),
        unit=data.unit,
        needs_second_person=data.needs_second_person,
        notice_days=data.notice_days,
        note=data.note.strip(),
    )
    _fill_rules(price_list, data)
    _check_list(price_list)
    with once({"price_list_name_once": ("name", NAME_TAKEN)}), audited(actor, price_list, "create"):
        price_list.save(force_insert=True)
    return price_list


def _fill_rules(price_list: PriceList, data: PriceListData) -> None:
    for name in ("decimals", "rounding", "is_tax_inclusive", "timezone", *RULES):
        setattr(price_list, name, getattr(data, name))


def _check_list(price_list: PriceList) -> None:
    faults = Faults()
    faults.currency(price_list.currency)
    faults.timezone(price_list.timezone)
    faults.unless(0 <= price_list.decimals <= 6, "decimals", _("Prices of calls have 0 to 6 decimals."))
    faults.stop()
    check_values(price_list)


def _turn_second_person(actor: Actor, price_list: PriceList, wanted: bool) -> None:
    """Four eyes are not turned off by the two that they should watch."""
    if price_list.needs_second_person and not wanted:
        permit(actor, price_list, "approve")
        drafts = PriceListVersion.objects.filter(price_list=price_list, state=VersionState.DRAFT)
        if drafts.filter(authors__overlap=sorted(persons(actor))).exists():
            raise SecondPersonNeeded(_("You have written an open draft: somebody else must turn this off."))
    price_list.needs_second_person = wanted


def _fill(rate: Rate, data: RateData) -> None:
    try:
        values = RateValues(
            prefix="" if data.prefix.strip() == ALL_NUMBERS else data.prefix.strip().removeprefix("+"),
            name=data.name.strip(),
            connection_fee=data.connection_fee,
            per_minute=data.per_minute,
            initial_s=data.initial_s,
            increment_s=data.increment_s,
            grace_s=data.grace_s,
            minimum=data.minimum,
            maximum=data.maximum,
            steps=read_steps(data.steps),
            windows=read_windows(data.windows),
        )
        check_rate(values, window_names(rate.version_id) if values.windows else ())
    except NotARate as error:
        raise InvalidInput(str(error), fields={error.column: str(error)}) from None
    for name in ("prefix", "name", "connection_fee", "per_minute", "initial_s", "increment_s"):
        setattr(rate, name, getattr(values, name))
    rate.grace_s, rate.minimum, rate.maximum = values.grace_s, values.minimum, values.maximum
    rate.steps, rate.windows = steps_text(values.steps), windows_text(values.windows)
