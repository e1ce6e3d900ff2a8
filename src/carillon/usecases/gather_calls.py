"""What calls of the past were charged, and the price lists that charge them, as a folder that `carillon.bulk` prices.

CDRs are copied out of PostgreSQL day by day as columns; nothing of them is ever a Python object. Nothing is changed.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from django.db import connection

from carillon.base.actor import Actor
from carillon.base.changes import action
from carillon.bulk.columns import Terms, number_text
from carillon.bulk.exact import Ints
from carillon.bulk.partitions import CALLS, PLAIN, write_book
from carillon.business.pricing.books import Book, PastExchange, book_of
from carillon.business.pricing.choices import VersionState
from carillon.business.pricing.models import PriceListVersion
from carillon.logic.callflow.fallback import marked_up_rate, resold_rules
from carillon.logic.callflow.feed import Tariff, Tax
from carillon.logic.markup import Rule
from carillon.logic.ratetable import RateTable
from carillon.logic.rerating import kept_rule

# Who is asked for a price and how long a call was charged: as `carillon.logic.rerating` has it, in columns.
_CALLS = """
    copy (
        select d.id, rpad(left(n.digits, 17), 17, '0')::bigint, length(n.digits),
               (extract(epoch from d.answered_at) * 1000)::bigint, t.billable_ms,
               (extract(epoch from d.started_at) * 1000)::bigint,
               case when d.explanation ->> 'list_id' <> '0' then (d.explanation ->> 'list_id')::bigint
                    else coalesce(s.list_id, 0) end,
               jsonb_build_array(d.currency, d.explanation -> 'list_currency', d.explanation -> 'exchange_rate',
                                 coalesce(d.explanation -> 'taxes', '[]')),
               b.bundle_s, (b.bundle_s = 0 or not coalesce(
                   (u.uses -> 0 ->> 'covers_fee')::boolean, coalesce((d.explanation ->> 'fee')::numeric, 0) <= 0
               ))::int, d.amount_micro, d.partner_id, coalesce(r.sales::text, '')
        from calls_cdr d
        cross join lateral (select case when d.chain = 'terminating' and not d.is_carrier_cost
                                        then d.caller else d.callee end as asked) a
        cross join lateral (select coalesce(substring(a.asked from '^[+]([0-9]+)$'), '0') as digits) n
        cross join lateral (select case when jsonb_typeof(d.explanation -> 'bundles') = 'array'
                                        then d.explanation -> 'bundles' else '[]' end as uses) u
        cross join lateral (
            select coalesce(sum((use ->> 'seconds')::bigint), 0)::bigint as bundle_s
            from jsonb_array_elements(u.uses) use) b
        cross join lateral (select 1000 * (d.billed_s + b.bundle_s) as paid_ms) p
        cross join lateral (select coalesce(
            (d.explanation -> 'rerated' ->> 'billable_ms')::bigint,
            case when p.paid_ms between 1 and d.duration_ms then p.paid_ms end,
            d.duration_ms) as billable_ms) t
        left join lateral (  -- who sold by what it paid had it of the first tier above that has a list
            select up.tier, (up.explanation ->> 'list_id')::bigint as list_id
            from calls_cdr up
            where d.explanation ->> 'list_id' = '0' and up.call_id = d.call_id and up.chain_no = d.chain_no
              and not up.is_carrier_cost and up.tier > d.tier and up.explanation ->> 'list_id' is distinct from '0'
            order by up.tier limit 1) s on true
        left join lateral (  -- the mark-ups between, the highest first
            select jsonb_agg(jsonb_build_array(up.explanation -> 'seller', up.explanation -> 'made_from',
                                               up.explanation -> 'initial_s', up.explanation -> 'increment_s')
                             order by up.tier desc) as sales
            from calls_cdr up
            where s.list_id is not null and up.call_id = d.call_id and up.chain_no = d.chain_no
              and not up.is_carrier_cost and up.tier between d.tier and s.tier - 1) r on true
        where d.started_at >= %(since)s and d.started_at < %(until)s and d.outcome = 'answered'
          and d.answered_at is not null and d.explanation ->> 'list_id' is not null
          and (%(customer)s::bigint is null or d.customer_id = %(customer)s)
          and (%(list)s::bigint is null or d.explanation ->> 'list_id' = %(list)s::text)
    ) to stdout (format csv)
"""
_COLUMNS = {
    "id": pa.int64(),
    "padded": pa.int64(),
    "digits": pa.int64(),
    "answered_ms": pa.int64(),
    "duration_ms": pa.int64(),
    "started_ms": pa.int64(),
    "list": pa.int64(),
    "terms": pa.string(),
    "skip_s": pa.int64(),
    "owes_fee": pa.int64(),
    "now_micro": pa.int64(),
    "seller": pa.int64(),
    "sales": pa.string(),
}
_BLOCK = 1 << 24  # bytes of CSV at once: a hundred thousand calls


@dataclass(frozen=True, slots=True)
class Wanted:
    """Charges of calls that began from `since` until before `until`; of all customers and lists where there is None.

    `version_id`: the version, approved or not, that prices them, its list's own calls only. None: what is in force
    by now at the beginning of each call.
    """

    since: datetime
    until: datetime
    customer_id: int | None = None
    price_list_id: int | None = None
    version_id: int | None = None


Sales = tuple[tuple[str, Rule], ...]
"""Sellers by their supplier's price, each with its mark-up."""


@dataclass(slots=True)
class Gathered:
    """What is in the folder: versions and terms by their index, how many calls, and how many could not be priced.

    Left out are calls whose list had no version in force yet, and those between whose currency and the version's
    nothing converted when they began. `sales`: by version the mark-ups with which it was sold on, the first one first;
    of a call with some, the list of its supplier is the one that counts.
    """

    versions: list[PriceListVersion] = field(default_factory=list)
    sales: list[Sales] = field(default_factory=list)
    terms: list[Terms] = field(default_factory=list)
    calls: int = 0
    left_out: int = 0

    def name_of(self, place: int) -> str:
        """Return the version's name, and who sells by it with a mark-up."""
        return " / ".join([str(self.versions[place]), *(f"{seller} + mark-up" for seller, _rule in self.sales[place])])


@action("cdrs.settle")
def gather_calls(actor: Actor, wanted: Wanted, folder: Path) -> Iterator[tuple[str, Gathered]]:
    """Write a folder for `carillon.bulk.partitions`; yield each day as it is done with what is there so far.

    The actor's scope must be open, and stay open. Cost: one statement for each day, some 100 bytes of memory for each
    of a hundred thousand calls; the rates of each version once, 50 MB a million. Raises OSError.
    """
    (folder / "calls").mkdir(parents=True)
    gathering = _Gathering(actor, wanted)
    since = wanted.since
    while since < wanted.until:
        until = min(since + timedelta(days=1), wanted.until)
        gathering.write(since, until, folder / "calls" / f"{since:%Y-%m-%dT%H%M}.parquet")
        yield f"{since:%Y-%m-%d}", gathering.found
        since = until
    write_book(folder, gathering.prices(), gathering.found.terms, gathering.first_ms, gathering.last_ms)


class _Gathering:
    """What is known of lists, versions and terms while calls go by."""

    def __init__(self, actor: Actor, wanted: Wanted) -> None:
        self._wanted, self.found = wanted, Gathered()
        self.first_ms, self.last_ms = 0, 0
        self._versions_of = _versions(actor, wanted)
        self._places: dict[tuple[int, Sales], int] = {}
        self._numbers: dict[int, set[str]] = {}  # those that are asked for, of versions that are sold on
        self._exchange = PastExchange()
        self._terms: dict[tuple[str, str, Decimal | None], int] = {}

    def write(self, since: datetime, until: datetime, path: Path) -> None:
        """Copy the calls of some hours into a file."""
        whose = {"customer": self._wanted.customer_id, "list": self._wanted.price_list_id}
        with (
            connection.cursor() as cursor,
            pq.ParquetWriter(path, CALLS, **PLAIN) as writer,
            cursor.copy(_CALLS, {"since": since, "until": until, **whose}) as copy,
        ):
            for batch in _batches(_Stream(iter(copy))):
                writer.write_batch(self._priced_by(batch))

    def _priced_by(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The calls that can be priced, with the versions and terms that do."""
        column = {name: batch.column(name).to_numpy() for name in _COLUMNS if _COLUMNS[name] != pa.string()}
        version = self._version_column(column["list"], column["started_ms"])
        self._sell_on(batch.column("sales").dictionary_encode(), column, version)
        terms = self._terms_column(batch.column("terms").dictionary_encode(), version)
        for row in np.flatnonzero((terms < 0) & (version >= 0)).tolist():
            seller, started_ms = int(column["seller"][row]), int(column["started_ms"][row])
            terms[row] = self._converted(version[row], batch.column("terms")[row].as_py(), seller, started_ms)
        rows = np.flatnonzero(terms >= 0)
        self.found.calls += len(rows)
        self.found.left_out += len(terms) - len(rows)
        column |= {"version": version, "terms": terms}
        self._span(column["answered_ms"][rows], column["duration_ms"][rows])
        return pa.record_batch([pa.array(column[each.name][rows]).cast(each.type) for each in CALLS], schema=CALLS)

    def _version_column(self, lists: Ints, started_ms: Ints) -> Ints:
        """By call the place of its version in `found.versions`; -1: none was in force."""
        places = np.full(len(lists), -1)
        for price_list_id in np.unique(lists).tolist():
            rows = np.flatnonzero(lists == price_list_id)
            versions = self._versions_of.get(price_list_id, [])
            begins = [_begin_ms(version, self._wanted) for version in versions]
            at = np.searchsorted(np.array(begins, np.int64), started_ms[rows], "right") - 1
            for number in np.unique(at[at >= 0]).tolist():
                places[rows[at == number]] = self._place(versions[number])
        return places

    def _place(self, version: PriceListVersion, sales: Sales = ()) -> int:
        key = version.pk, sales
        if key not in self._places:
            self._places[key] = len(self.found.versions)
            self.found.versions.append(version)
            self.found.sales.append(sales)
        return self._places[key]

    def _sell_on(self, texts: pa.DictionaryArray, column: Mapping[str, Ints], version: Ints) -> None:
        """Give calls that were sold with mark-ups, instead of their supplier's version, that with the mark-ups on it.

        -1 when they are not known, or when a version was named: that prices the calls of its own list.
        """
        text, distinct = texts.indices.to_numpy(), texts.dictionary.to_pylist()
        known = [_sales_of(one) if one else () for one in distinct]
        is_sold_on = np.array([bool(one) for one in distinct], bool)[text] & (version >= 0)
        for row in np.flatnonzero(is_sold_on).tolist():
            sales = known[text[row]]
            if sales is None or self._wanted.version_id is not None:
                version[row] = -1
                continue
            version[row] = place = self._place(self.found.versions[version[row]], sales)
            number = number_text(int(column["padded"][row]), int(column["digits"][row]))
            self._numbers.setdefault(place, set()).add(number)

    def prices(self) -> list[tuple[Tariff, RateTable]]:
        """By version its rules and rates; of one that is sold on the rates of those numbers alone."""
        books: dict[int, Book] = {}
        found = []
        for place, (version, sales) in enumerate(zip(self.found.versions, self.found.sales, strict=True)):
            book = books[version.pk] = books.get(version.pk) or book_of(version)
            found.append(_sold(book, sales, self._numbers[place]) if sales else (book.tariff, book.rates))
        return found

    def _terms_column(self, texts: pa.DictionaryArray, version: Ints) -> Ints:
        """By call the place of its terms in `found.terms`; -1: there is no version, or no exchange rate frozen."""
        text, distinct = texts.indices.to_numpy(), texts.dictionary.to_pylist()
        pairs, which = np.unique(version * len(distinct) + text, return_inverse=True)
        known = [
            -1 if place < 0 else self._place_of_terms(self._currency(place), distinct[one])
            for place, one in (divmod(pair, len(distinct)) for pair in pairs.tolist())
        ]
        return np.array(known, np.int64)[which]

    def _converted(self, place: int, text: str, seller: int, started_ms: int) -> int:
        """The place of the terms by which a version was converted when a call began; -1: by none."""
        currency = self._currency(place)
        worth = self._exchange.at(seller, currency, json.loads(text)[0], started_ms)
        return -1 if worth is None else self._place_of_terms(currency, text, worth)

    def _currency(self, place: int) -> str:
        return self.found.versions[place].price_list.currency

    def _place_of_terms(self, currency: str, text: str, worth: Decimal | None = None) -> int:
        key = currency, text, worth
        if key not in self._terms:
            terms = _terms_of(*key)
            self._terms[key] = -1 if terms is None else len(self.found.terms)
            if terms is not None:
                self.found.terms.append(terms)
        return self._terms[key]

    def _span(self, answered_ms: Ints, duration_ms: Ints) -> None:
        if len(answered_ms):
            self.first_ms = min(self.first_ms or int(answered_ms.min()), int(answered_ms.min()))
            self.last_ms = max(self.last_ms, int((answered_ms + duration_ms).max()))


def _sales_of(text: str) -> Sales | None:
    """The mark-ups of a call as the database tells them; None: one of them is not known."""
    rules = [
        (str(seller), kept_rule({"made_from": made, "initial_s": initial_s, "increment_s": increment_s}))
        for seller, made, initial_s, increment_s in json.loads(text)
    ]
    known = tuple((seller, rule) for seller, rule in rules if rule is not None)
    return known if len(known) == len(rules) else None


def _sold(book: Book, sales: Sales, numbers: Iterable[str]) -> tuple[Tariff, RateTable]:
    """A version sold on: as `carillon.usecases.past_prices` does it call by call."""
    tariff, rates = book.tariff, {rate.prefix: rate for number in numbers if (rate := book.rates.longest(number))}
    for seller, rule in sales:
        tariff = resold_rules(tariff, seller)
        rates = {prefix: marked_up_rate(rate, rule) for prefix, rate in rates.items()}
    return tariff, RateTable(rates.values())


def _versions(actor: Actor, wanted: Wanted) -> dict[int, list[PriceListVersion]]:
    """By list the versions that may price its calls, as they took over from each other."""
    rows = PriceListVersion.objects.visible_to(actor).select_related("price_list")
    if wanted.version_id is not None:
        rows = rows.filter(pk=wanted.version_id)
    else:
        rows = rows.filter(state=VersionState.APPROVED)
    found: dict[int, list[PriceListVersion]] = {}
    for version in rows.order_by("effective_from", "number"):
        found.setdefault(version.price_list_id, []).append(version)
    return found


def _begin_ms(version: PriceListVersion, wanted: Wanted) -> int:
    return 0 if wanted.version_id is not None else round(version.effective_from.timestamp() * 1000)


def _terms_of(currency: str, text: str, worth: Decimal | None) -> Terms | None:
    """What was agreed when the call was charged, as far as it holds for a version in this currency.

    `worth`: what converted it when the call began, if nothing was frozen.
    """
    account_currency, list_currency, exchange_rate, taxes = json.loads(text)
    on_top = tuple(Tax(tax["name"], Decimal(tax["percent"])) for tax in taxes)
    if currency == account_currency:
        return Terms(None, on_top, account_currency)
    if exchange_rate is not None and list_currency == currency:
        return Terms(Decimal(exchange_rate), on_top, account_currency)
    return None if worth is None else Terms(worth, on_top, account_currency)


# ---------------------------------------------------------------- from COPY to columns


class _Stream(io.RawIOBase):
    """What COPY sends, as a file to read."""

    def __init__(self, blocks: Iterator[Any]) -> None:
        self._blocks, self._left = blocks, bytearray()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes; 0 at the end."""
        while len(self._left) < len(buffer):
            block = next(self._blocks, None)
            if block is None:
                break
            self._left += block
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        del self._left[:count]
        return count


def _batches(stream: io.RawIOBase) -> Iterator[pa.RecordBatch]:
    """The rows of COPY in batches; none when there are none."""
    try:
        yield from pc.open_csv(
            stream,
            read_options=pc.ReadOptions(column_names=list(_COLUMNS), block_size=_BLOCK, use_threads=False),
            convert_options=pc.ConvertOptions(column_types=_COLUMNS),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" not in str(error):
            raise
