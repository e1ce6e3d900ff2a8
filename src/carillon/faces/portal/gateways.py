"""How a gateway is and how calls to it go: columns of the panel Gateways, and the page of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from carillon.base.actor import Actor
from carillon.business.routing import queries
from carillon.business.routing.choices import Presence
from carillon.business.routing.models import Gateway
from carillon.faces.portal.charts import Chart, Series, Steps, bars
from carillon.logic import health
from carillon.logic.health import Quarter
from carillon.logic.traffic import Traffic
from carillon.panels.manner import moment_text, number_text

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
TONES = {Presence.ALIVE: "good", Presence.AWAY: "bad"}


def known(name: str) -> Callable[[Gateway], Any]:
    """A column of what is known of a gateway; empty while it is not asked."""

    def value(gateway: Gateway) -> Any:
        is_asked = queries.presence_of(gateway) is not Presence.UNASKED
        return getattr(queries.health_of(gateway), name, None) if is_asked else None

    return value


def figure(name: str, span: timedelta) -> Callable[[Gateway], int | Decimal | None]:
    """A column of the calls of the last `span`: calls, asr, acd_ms or pdd_ms."""

    def value(gateway: Gateway) -> int | Decimal | None:
        return _figures(queries.traffic_of(gateway, span))[name]

    return value


def _figures(traffic: Traffic) -> dict[str, int | Decimal | None]:
    asr = traffic.asr_percent
    return {
        "calls": traffic.calls,
        "answered": traffic.answered,
        "asr": None if asr is None else Decimal(str(asr)),
        "acd_ms": traffic.acd_ms,
        "pdd_ms": traffic.pdd_ms,
    }


def latest_calls(_actor: Actor, gateway: Gateway) -> list[dict[str, Any]]:
    """The last day by quarters of an hour, those without anything left out; for REST."""
    found = queries.health_of(gateway)
    return [
        {
            "begin": _begin(quarter).isoformat().replace("+00:00", "Z"),
            "asked": quarter.asked,
            "silent": quarter.silent,
            "slowest_ms": quarter.slowest_ms,
            "calls": quarter.traffic.calls,
            "answered": quarter.traffic.answered,
            "talked_ms": quarter.traffic.talked_ms,
            "rung": quarter.traffic.rung,
            "ring_ms": quarter.traffic.ring_ms,
        }
        for quarter in (health.read(found.quarters) if found else ())
    ]


def gateway_page(_actor: Actor, gateway: Gateway) -> Mapping[str, Any]:
    """What the page of one gateway shows."""
    found, presence = queries.health_of(gateway), queries.presence_of(gateway)
    quarters = _day(health.read(found.quarters) if found else ())
    return {
        "gateway": gateway,
        "health": found,
        "presence": presence,
        "tone": TONES.get(presence, "warn"),
        "spans": [
            (_("Last hour"), _figures(queries.traffic_of(gateway, HOUR))),
            (_("Last 24 hours"), _figures(queries.traffic_of(gateway, DAY))),
        ],
        "charts": _charts(quarters),
    }


def _day(quarters: Sequence[Quarter]) -> list[Quarter]:
    """The quarters of the last day in order, also those in which nothing was."""
    by_begin = {quarter.begin_ms: quarter for quarter in quarters}
    now_ms = round(timezone.now().timestamp() * 1000)
    last_ms = now_ms - now_ms % health.QUARTER_MS
    begins = range(last_ms - (health.QUARTERS - 1) * health.QUARTER_MS, last_ms + 1, health.QUARTER_MS)
    return [by_begin.get(begin_ms, Quarter(begin_ms)) for begin_ms in begins]


def _charts(quarters: Sequence[Quarter]) -> list[Chart]:
    begins = [timezone.localtime(_begin(quarter)) for quarter in quarters]
    steps = Steps([f"{begin:%H:%M}" for begin in begins], [moment_text(begin) for begin in begins])
    slowest = [float(one.slowest_ms) if one.asked > one.silent else None for one in quarters]
    silent = [float(one.silent) for one in quarters]
    answered = [float(one.traffic.answered) for one in quarters]
    others = [float(max(one.traffic.calls - one.traffic.answered, 0)) for one in quarters]
    return [
        bars(_("Slowest reply to OPTIONS (ms)"), steps, [Series(_("Slowest reply"), "one", slowest)], _whole),
        bars(_("OPTIONS without a reply"), steps, [Series(_("Without a reply"), "bad", silent)], _whole),
        bars(
            _("Calls tried here"),
            steps,
            [Series(_("Answered"), "one", answered), Series(_("Not answered"), "two", others)],
            _whole,
        ),
    ]


def _begin(quarter: Quarter) -> datetime:
    return datetime.fromtimestamp(quarter.begin_ms / 1000, UTC)


def _whole(value: float) -> str:
    return number_text(f"{value:,.0f}")
