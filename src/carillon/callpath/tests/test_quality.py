"""From rtpengine's answer to what each leg heard."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from carillon.callpath.control.quality import quality_of
from carillon.logic.callflow.quality import CALLEE, CALLER, CallQuality, LegQuality


def tag(source: int, packets: int, with_whom: str) -> dict[str, Any]:
    """A side of a call as rtpengine 10.5 tells it, shortened."""
    return {
        "subscriptions": [{"tag": with_whom, "type": "offer/answer"}],
        "medias": [
            {
                "codec": "PCMA/8000",
                "streams": [
                    {"flags": ["RTP", "filled"], "SSRC": source, "stats": {"packets": packets}},
                    {"flags": ["RTCP", "filled"], "stats": {"packets": 6}},
                ],
            }
        ],
    }


def report(mos: int, *, lowest: int, loss: int, lost: int) -> dict[str, Any]:
    average = {"MOS": mos, "round-trip time": 60_000, "round-trip time leg": 40_400, "jitter": 3, "packet loss": loss}
    return {"cumulative loss": lost, "average MOS": average, "lowest MOS": {"MOS": lowest}}


def test_each_leg_is_told_by_its_own_phone() -> None:
    reply = {
        "tags": {"a": tag(11, 500, "b"), "b": tag(22, 480, "a")},
        "SSRC": {"22": report(22, lowest=19, loss=20, lost=96), "11": report(44, lowest=43, loss=0, lost=1)},
    }
    quality = quality_of(reply, "a")
    assert quality == CallQuality(
        (
            LegQuality(CALLER, 500, "PCMA", Decimal("4.4"), Decimal("4.3"), 3, 0, 1, 40),
            LegQuality(CALLEE, 480, "PCMA", Decimal("2.2"), Decimal("1.9"), 3, 20, 96, 40),
        )
    )


def test_without_rtcp_only_packets_are_known() -> None:
    quality = quality_of({"tags": {"a": tag(11, 500, "b"), "b": tag(22, 0, "a")}, "SSRC": {}}, "a")
    assert quality == CallQuality((LegQuality(CALLER, 500, "PCMA"), LegQuality(CALLEE, 0, "PCMA")))


def test_reports_without_a_round_trip_leave_the_score_unknown() -> None:
    reply = {
        "tags": {"a": tag(11, 500, "b"), "b": tag(22, 480, "a")},
        "SSRC": {"22": report(0, lowest=0, loss=2, lost=9)},
    }
    quality = quality_of(reply, "a")
    assert quality is not None
    heard = quality.leg(CALLEE)
    assert heard is not None
    assert (heard.mos, heard.mos_lowest, heard.loss_percent, heard.packets_lost) == (None, None, 2, 9)


def test_a_phone_that_only_rang_has_no_leg() -> None:
    sides = {"a": tag(11, 500, "answered"), "rang": tag(33, 0, "a"), "answered": tag(22, 480, "a")}
    quality = quality_of({"tags": sides, "SSRC": {}}, "a")
    assert quality is not None
    assert quality.leg(CALLEE) == LegQuality(CALLEE, 480, "PCMA")


def test_a_caller_that_is_not_known_gives_nothing() -> None:
    assert quality_of({"tags": {"a": tag(11, 500, "b")}}, "") is None
    assert quality_of({}, "a") is None
