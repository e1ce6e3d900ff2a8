"""How a call sounded, from what rtpengine has counted; asked once, when the call is over.

rtpengine keeps a call for some seconds after its end (`delete-delay`), so whoever ended it can be first.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from carillon.callpath.control.live import Live, LiveCalls, now_ms
from carillon.callpath.control.relay import Relay, RelayGone
from carillon.logic.callflow import signals
from carillon.logic.callflow.quality import CALLEE, CALLER, CallQuality, LegQuality
from carillon.logic.documents import to_document

log = logging.getLogger(__name__)
Json = Mapping[str, Any]


class QualityMeter:
    """Writes an event `media` for each answered call that is over."""

    def __init__(self, relay: Relay, live: LiveCalls) -> None:
        self._relay, self._live = relay, live

    def measure_later(self, live: Live) -> None:
        """Ask and write in the background; calls that nobody answered have nothing to measure."""
        if live.state.answered_ms is not None:
            self._live.background(self._measure(live))

    async def _measure(self, live: Live) -> None:
        try:
            reply = await self._relay.ask(live.sip_call_id)
        except RelayGone as error:
            log.warning("How call %s sounded is not known: %s", live.call_id, error)
            return
        quality = quality_of(reply, live.from_tag) if reply else None
        if quality is not None:
            await self._live.record(live, signals.RecordEvent("media", now_ms(), to_document(quality)))


def quality_of(reply: Json, from_tag: str) -> CallQuality | None:
    """The legs of a call from rtpengine's answer to `query`; None when it does not know the caller by that tag.

    A phone that rang and never spoke has no part in the call: the callee is whom the caller talks with now.
    """
    tags = reply.get("tags", {})
    caller = tags.get(from_tag)
    if caller is None:
        return None
    partners = [item.get("tag") for item in caller.get("subscriptions", ())]
    callee = next((tags[tag] for tag in reversed(partners) if tag in tags), None)
    sides = ((CALLER, caller), (CALLEE, callee))
    return CallQuality(tuple(_leg(side, tag, reply.get("SSRC", {})) for side, tag in sides if tag is not None))


def _leg(side: str, tag: Json, reports: Json) -> LegQuality:
    """A side of the call with what it reported to hear; rtpengine keeps reports by the source of who sent them."""
    sources = [str(stream["SSRC"]) for stream in _streams(tag) if "SSRC" in stream]
    report: Json = next((reports[source] for source in sources if source in reports), {})
    codecs = [str(media.get("codec") or "") for media in tag.get("medias", ())]
    average, lowest = report.get("average MOS", {}), report.get("lowest MOS", {})
    return LegQuality(
        side=side,
        packets=sum(stream.get("stats", {}).get("packets", 0) for stream in _streams(tag)),
        codec=codecs[0].split("/")[0] if codecs else "",
        mos=_score(average),
        mos_lowest=_score(lowest),
        jitter_ms=average.get("jitter"),
        loss_percent=average.get("packet loss"),
        packets_lost=report.get("cumulative loss") if average else None,
        round_trip_ms=_milliseconds(average.get("round-trip time leg")),
    )


def _streams(tag: Json) -> Iterator[Json]:
    """The RTP streams of a side; RTCP has its own."""
    for media in tag.get("medias", ()):
        yield from (stream for stream in media.get("streams", ()) if "RTP" in stream.get("flags", ()))


def _score(measured: Json) -> Decimal | None:
    """Tenths as a score; 0 stands for "not known", such as without a round trip to compute it from."""
    tenths = measured.get("MOS")
    return Decimal(tenths) / 10 if tenths else None


def _milliseconds(micros: int | None) -> int | None:
    return None if not micros else round(micros / 1000)
