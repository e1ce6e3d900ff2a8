"""How the dashboard's figures are drawn: tiles, charts and the list of destinations, each leading to its calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from carillon.business.calls.choices import Outcome, Tab
from carillon.faces.portal.charts import Chart, Series, Steps, bars, lines
from carillon.panels.cells import MICRO, duration_text
from carillon.panels.manner import day_text, moment_text, number_text

Found = Mapping[str, Any]
ANSWERED = Outcome.ANSWERED.value
MINUTE_MS = 60_000
MOST_TIMES = 10  # a change that is larger compares nothing with something


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure with what it is compared to and where it leads."""

    name: str
    value: str
    link: str
    hint: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Destination:
    """A row of the list of destinations; `share` is its part of the longest, in percent."""

    name: str
    link: str
    calls: str
    minutes: str
    asr: str
    acd: str
    money: tuple[tuple[str, str, str], ...]  # revenue, margin, currency
    share: int


@dataclass(frozen=True, slots=True)
class Board:
    """All that the page shows."""

    tiles: tuple[Tile, ...]
    present: tuple[Tile, ...]
    money: tuple[tuple[str, tuple[Tile, ...]], ...]
    charts: tuple[Chart, ...]
    destinations: tuple[Destination, ...]


def board_of(found: Found) -> Board:
    """The page for what `reports.read_dashboard` found."""
    return Board(
        _tiles(found), _present(found), tuple(_money(found)), tuple(_charts(found)), tuple(_destinations(found))
    )


# ---------------------------------------------------------------- links


def _calls(found: Found, tab: str, **more: str) -> str:
    """The CDR grid with the calls of the whole time."""
    return _grid("cdrs", tab=tab, started_at_from=found["since"], started_at_to=found["until"], **more)


def _grid(panel: str, **filters: str) -> str:
    return f"{reverse('portal:panel', args=[panel])}?{urlencode(filters)}"


# ---------------------------------------------------------------- tiles


def _tiles(found: Found) -> tuple[Tile, ...]:
    dialled, past = found["dialled"], found["before"]["dialled"]
    more = _change(dialled["talked_ms"], past["talked_ms"])
    all_dialled, all_answered = _calls(found, "dialled"), _calls(found, "dialled", outcome=ANSWERED)
    return (
        *(_tab_tile(found, tab) for tab in ("dialled", "received", "missed")),
        Tile(_("Minutes"), minutes(dialled["talked_ms"]), all_answered, more),
        Tile("ASR", percent(dialled["asr_percent"]), all_dialled, _was(past["asr_percent"], percent)),
        Tile("ACD", clock(dialled["acd_ms"]), all_answered, _was(past["acd_ms"], clock)),
        Tile("PDD", seconds(dialled["pdd_ms"]), all_dialled, _was(past["pdd_ms"], seconds)),
        *_losses(found),
    )  # fmt: skip


def _losses(found: Found) -> tuple[Tile, ...]:
    count = found["losses"]
    return (Tile(_("At a loss"), number(count), _calls(found, "lost"), tone="bad"),) if count else ()


def _tab_tile(found: Found, tab: str) -> Tile:
    count = found[tab]["calls"]
    return Tile(str(Tab(tab).label), number(count), _calls(found, tab), _change(count, found["before"][tab]["calls"]))


def _present(found: Found) -> tuple[Tile, ...]:
    present = found["now"]
    return (
        Tile(_("Live calls"), number(present["live_calls"]), _grid("live-calls")),
        Tile(_("Registered"), number(present["registered"]), _grid("sip-locations")),
        Tile(_("Open alerts"), number(present["alerts"]), _grid("alerts"), tone="bad" if present["alerts"] else ""),
    )


def _money(found: Found) -> list[tuple[str, tuple[Tile, ...]]]:
    before = {money["currency"]: money for money in found["before"]["money"]}
    priced = _calls(found, "dialled", outcome=ANSWERED)
    names = {"revenue_micro": _("Revenue"), "cost_micro": _("Cost"), "margin_micro": _("Margin")}
    rows = []
    for money in found["money"]:
        was = before.get(money["currency"], {})
        tiles = [
            Tile(name, major(money[key]), priced, _change(money[key], was.get(key, 0))) for key, name in names.items()
        ]
        tone = "bad" if money["margin_micro"] < 0 else ""
        tiles.append(Tile(_("Margin in percent"), percent(money["margin_percent"]), priced, tone=tone))
        rows.append((money["currency"], tuple(tiles)))
    return rows


def _change(present: int, past: int) -> str:
    """How much more or less than in the time before."""
    return f"{100 * (present - past) / past:+,.0f} %" if 0 < present <= MOST_TIMES * past else ""


def _was(past: Any, shown: Callable[[Any], str]) -> str:
    return "" if past is None else _("was %(value)s") % {"value": shown(past)}


# ---------------------------------------------------------------- charts


def _charts(found: Found) -> list[Chart]:
    along, received = _along(found, "dialled"), _along(found, "received")
    dialled = [step["dialled"] for step in found["steps"]]
    answered = Series(_("Answered"), "one", [one["answered"] for one in dialled])
    others = Series(_("Not answered"), "two", [one["calls"] - one["answered"] for one in dialled])
    taken = Series(str(Tab.RECEIVED.label), "one", [step["received"]["calls"] for step in found["steps"]])
    missed = Series(str(Tab.MISSED.label), "two", [step["missed"]["calls"] for step in found["steps"]])
    talked = Series(_("Minutes"), "one", [one["talked_ms"] / MINUTE_MS for one in dialled])
    return [
        bars(_("Dialled calls"), along, (answered, others), number),
        bars(_("Minutes of dialled calls"), along, (talked,), number),
        *(_money_chart(found, money["currency"], along) for money in found["money"]),
        bars(_("Received and missed calls"), received, (taken, missed), number),
        lines(_("Answer-seizure ratio (ASR)"), along, (Series("ASR", "one", _each(dialled, "asr_percent")),), percent),
        lines(
            _("Average call duration (ACD)"), along, (Series("ACD", "one", _each(dialled, "acd_ms", MINUTE_MS)),), _acd
        ),
        lines(_("Post-dial delay (PDD)"), along, (Series("PDD", "one", _each(dialled, "pdd_ms")),), seconds),
    ]


def _each(steps: list[Found], key: str, unit: int = 1) -> list[float | None]:
    return [None if step[key] is None else step[key] / unit for step in steps]


def _acd(minutes: float) -> str:
    return clock(minutes * MINUTE_MS)


def _money_chart(found: Found, currency: str, along: Steps) -> Chart:
    """Cost and margin stand on each other: together they are the revenue. A loss hangs below."""
    amounts = [
        next((money for money in step["money"] if money["currency"] == currency), None) for step in found["steps"]
    ]
    title = _("Revenue in %(currency)s") % {"currency": currency}
    paid = [min(one["cost_micro"], one["revenue_micro"]) / MICRO if one else 0 for one in amounts]
    margins = [one["margin_micro"] / MICRO if one else 0 for one in amounts]
    series = (
        Series(_("Cost"), "two", paid),
        Series(_("Margin"), "one", [max(one, 0) for one in margins]),
        Series(_("Loss"), "bad", [min(one, 0) for one in margins]),
    )
    return bars(title, along, series if min(margins, default=0) < 0 else series[:2], number)


def _along(found: Found, tab: str) -> Steps:
    kind = found["step"]
    pairs = [_moments(step) for step in found["steps"]]
    short = {"hour": "H:i", "day": "j M", "month": "M Y"}[kind]
    return Steps(
        [date_format(start, short) for start, _end in pairs],
        [_named(kind, start) for start, _end in pairs],
        [_step_link(kind, tab, start, end) for start, end in pairs],
    )


def _named(kind: str, start: datetime) -> str:
    if kind == "hour":
        return moment_text(start, "%H:%M")
    return f"{date_format(start, 'D')} {day_text(start)}" if kind == "day" else date_format(start, "F Y")


def _moments(step: Found) -> tuple[datetime, datetime]:
    return (
        timezone.localtime(datetime.fromisoformat(step["from"])),
        timezone.localtime(datetime.fromisoformat(step["to"])),
    )


def _step_link(kind: str, tab: str, start: datetime, end: datetime) -> str:
    if kind == "hour":
        return _grid("cdrs", tab=tab, since=start.isoformat(), until=end.isoformat())
    last = end - timedelta(minutes=1)
    return _grid("cdrs", tab=tab, started_at_from=start.date().isoformat(), started_at_to=last.date().isoformat())


# ---------------------------------------------------------------- destinations


def _destinations(found: Found) -> list[Destination]:
    longest = max((one["dialled"]["talked_ms"] for one in found["destinations"]), default=0) or 1
    return [
        Destination(
            name=one["name"],
            link=_calls(found, "dialled", destination_is=one["name"]),
            calls=number(one["dialled"]["calls"]),
            minutes=minutes(one["dialled"]["talked_ms"]),
            asr=percent(one["dialled"]["asr_percent"]),
            acd=clock(one["dialled"]["acd_ms"]),
            money=tuple((major(m["revenue_micro"]), major(m["margin_micro"]), m["currency"]) for m in one["money"]),
            share=round(100 * one["dialled"]["talked_ms"] / longest),
        )
        for one in found["destinations"]
    ]


# ---------------------------------------------------------------- texts


def number(value: float) -> str:
    """A number of things, with thousands; small ones with the decimals they have."""
    return number_text(f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:,.3g}")


def minutes(milliseconds: int) -> str:
    """Whole minutes, tenths of few."""
    value = milliseconds / MINUTE_MS
    return number_text(f"{value:,.0f}" if value >= 100 else f"{value:,.1f}")


def percent(value: float | None) -> str:
    """Percent; a dash when not known."""
    if value is None:
        return "–"
    return number_text(f"{value:.0f} %" if value == round(value) else f"{value:.1f} %")


def clock(milliseconds: float | None) -> str:
    """A duration as m:ss; a dash when not known."""
    return "–" if milliseconds is None else duration_text(int(milliseconds))


def seconds(milliseconds: float | None) -> str:
    """Seconds with a tenth, short ones with hundredths; a dash when not known."""
    if milliseconds is None:
        return "–"
    return number_text(f"{milliseconds / 1000:.{1 if milliseconds >= 1000 else 2}f} s")


def major(micro: int) -> str:
    """Money in major units, two decimals."""
    return number_text(f"{micro / MICRO:,.2f}")
