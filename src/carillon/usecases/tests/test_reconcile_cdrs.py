"""Carriers' CDR files, read as their providers say and compared with our calls."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from openpyxl import Workbook
from tests.support.cast import Cast

from carillon.base.actor import Actor
from carillon.base.errors import InvalidInput, NotFound, NotPermitted
from carillon.base.tenancy import tenant
from carillon.business.calls.models import Call, Cdr
from carillon.business.routing.actions import GatewayData, create_gateway
from carillon.business.routing.choices import DecimalMark, DurationUnit
from carillon.business.routing.models import CdrProvider, ReconciledCall, Reconciliation
from carillon.business.routing.providers import ProviderData, create_provider, remove_provider, update_provider
from carillon.usecases.reconcile_cdrs import CdrFile, reconcile_cdrs, remove_reconciliation

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
HEAD = "Date,From,To,Secs,Charge,Call-ID\n"


def a_provider(actor: Actor, **more: Any) -> CdrProvider:
    gateway = create_gateway(actor, GatewayData(name="Carrier", host="sip.carrier.example"))
    values: dict[str, Any] = {
        "name": "Carrier", "gateway_ids": (gateway.pk,), "started_column": "date", "callee_column": "To",
        "duration_column": "Secs", "caller_column": "From", "price_column": "Charge", "call_id_column": "Call-ID",
        "currency": "EUR",
    }  # fmt: skip
    return create_provider(actor, ProviderData(**(values | more)))


def our_call(provider: CdrProvider, callee: str, at_s: int, seconds: int, micro: int, **more: Any) -> Cdr:
    began, call_id = START + timedelta(seconds=at_s), uuid4()
    shared = {"direction": "outbound", "caller": "+34910000001", "callee": callee, "started_at": began}
    Call.objects.create(
        id=call_id, partner_id=provider.partner_id, edge="e", sip_call_id=f"{at_s}@us", state="rated", due_at=began,
        decision={}, **shared,
    )  # fmt: skip
    values = {
        "partner_id": provider.partner_id, "started_on": began.date(), "call_id": call_id, "chain": "originating",
        "tier": 1, "tab": "dialled", "is_carrier_cost": True, "gateway_id": provider.gateway_ids[0],
        "ended_at": began + timedelta(seconds=seconds), "duration_ms": seconds * 1000, "billed_s": seconds,
        "outcome": "answered", "currency": "EUR", "amount_micro": micro, "explanation": {}, **shared,
    }  # fmt: skip
    return Cdr.objects.create(**(values | more))


def a_line(at_s: int, callee: str, seconds: int, price: str, call_id: str = "") -> str:
    return f"{START + timedelta(seconds=at_s):%Y-%m-%d %H:%M:%S},+34910000001,{callee},{seconds},{price},{call_id}\n"


def a_file(*lines: str, head: str = HEAD) -> CdrFile:
    return CdrFile(content=(head + "".join(lines)).encode(), name="november.csv")


def verdicts(done: Reconciliation) -> list[tuple[str, str, int]]:
    lines = ReconciledCall.objects.filter(reconciliation=done).order_by("pk")
    return [(line.verdict, line.callee, line.overcharged_micro) for line in lines]


def test_a_file_is_compared_with_our_calls(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        provider = a_provider(paul)
        same = our_call(provider, "+442071234567", 0, 60, 20_000)
        our_call(provider, "+442071234568", 100, 60, 20_000)
        our_call(provider, "+442071234569", 200, 60, 20_000)
        our_call(provider, "+442071234560", 300, 60, 30_000)
        our_call(provider, "+442071234560", 400, 60, 30_000, outcome="busy")
        our_call(provider, "+442071234560", 400, 60, 30_000, gateway_id=provider.gateway_ids[0] + 1)
        done = reconcile_cdrs(
            paul,
            provider,
            a_file(
                a_line(5, "442071234567", 60, "0.02"),
                a_line(4000, "+442071234568", 75, "0.025", "100@us"),
                a_line(210, "+442071234569", 60, "0.05"),
                a_line(220, "+33140000000", 10, "0.01"),
                a_line(230, "+33140000000", 0, "0"),
            ),
        )
        assert verdicts(done) == [
            ("matched", "+442071234567", 0),
            ("duration", "+442071234568", 5_000),
            ("price", "+442071234569", 30_000),
            ("theirs", "+33140000000", 10_000),
            ("ours", "+442071234560", -30_000),
        ]
        assert done.counts == {"matched": 1, "duration": 1, "price": 1, "theirs": 1, "ours": 1}
        assert (done.theirs_micro, done.ours_micro) == (105_000, 90_000)
        assert (done.overcharged_micro, done.undercharged_micro) == (45_000, 30_000)
        assert ReconciledCall.objects.get(reconciliation=done, verdict="matched").call_id == same.call_id
        assert [line.line for line in ReconciledCall.objects.order_by("pk")][:2] == [2, 3]


def test_a_file_is_read_as_its_provider_says(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        provider = a_provider(
            paul, timezone="Europe/Madrid", time_format="%d.%m.%Y %H:%M", decimal_mark=DecimalMark.COMMA,
            duration_unit=DurationUnit.CLOCK, price_divisor=100, country="GB", call_id_column="",
            started_column="#1", callee_column="#2", duration_column="#3", caller_column="", price_column="#4",
        )  # fmt: skip
        our_call(provider, "+442071234567", 0, 3725, 20_000)
        file = CdrFile(content="02.11.2026 11:00;020 7123 4567;1:02:05;2,0\n".encode("windows-1252"), name="x.csv")
        assert verdicts(reconcile_cdrs(paul, provider, file)) == [("matched", "+442071234567", 0)]


def workbook(rows: Iterable[Iterable[object]]) -> bytes:
    book, buffer = Workbook(), io.BytesIO()
    assert book.active is not None
    for row in rows:
        book.active.append([*row])
    book.save(buffer)
    return buffer.getvalue()


def test_a_workbook_is_read_too(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        provider = a_provider(paul)
        our_call(provider, "+442071234567", 0, 60, 20_000)
        moment = START.replace(tzinfo=None)
        content = workbook([HEAD.strip().split(","), [moment, "+34910000001", 442071234567, 60, 0.02, None]])
        done = reconcile_cdrs(paul, provider, CdrFile(content=content, name="x.xlsx"))
        assert verdicts(done) == [("matched", "+442071234567", 0)]


def a_bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b"\0" * (201 * 1024 * 1024))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"", "file"),
        (b"\x00\x01", "file"),
        (b"\xff\xfe\x81\x8d", "file"),
        (b"PK\x03\x04 no workbook", "file"),
        (b"Date,To\n", "file"),
        (HEAD.encode(), "file"),
        ((HEAD + "yesterday,1,+442071234567,60,1,\n").encode(), "2:started"),
        ((HEAD + "2026-11-02 10:00:00,1,,60,1,\n").encode(), "2:callee"),
        ((HEAD + "2026-11-02 10:00:00,1,+442071234567,-1,1,\n").encode(), "2:duration"),
        ((HEAD + "2026-11-02 10:00:00,1,+442071234567,NaN,1,\n").encode(), "2:duration"),
        ((HEAD + "2026-11-02 10:00:00,1,+442071234567,60,1e99,\n").encode(), "2:price"),
        ((HEAD + "2026-11-02 10:00:00,1,+442071234567,60,=1+1,\n").encode(), "2:price"),
        ((HEAD + a_line(0, "+4420712345", 60, "1") + a_line(9_000_000, "+4420712345", 60, "1")).encode(), "file"),
    ],
)
def test_what_cannot_be_read_is_said_and_nothing_is_kept(cast: Cast, content: bytes, field: str) -> None:
    with tenant(cast.staff("paul")) as paul:
        provider = a_provider(paul)
        with pytest.raises(InvalidInput) as error:
            reconcile_cdrs(paul, provider, CdrFile(content=content, name="bad"))
        assert set(error.value.fields) == {field}
        assert not Reconciliation.objects.exists()


def test_a_zip_bomb_is_not_unpacked(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul, pytest.raises(InvalidInput, match="200 MB"):
        reconcile_cdrs(paul, a_provider(paul), CdrFile(content=a_bomb(), name="bomb.xlsx"))


def test_providers_are_checked_and_stay_with_their_partner(cast: Cast) -> None:
    with tenant(cast.staff("petra")) as petra:
        below = create_gateway(petra, GatewayData(name="Petra's", host="sip.carrier.example"))
    with tenant(cast.staff("paul")) as paul:
        provider = a_provider(paul)
        right = ProviderData(
            name="Other", gateway_ids=tuple(provider.gateway_ids), started_column="a", callee_column="b",
            duration_column="c", currency="EUR",
        )  # fmt: skip
        for field, wrong in {
            "name": replace(right, name="Carrier"),
            "gateway_ids": replace(right, gateway_ids=(below.pk,)),
            "currency": replace(right, currency="EURO"),
            "timezone": replace(right, timezone="Mars/Olympus"),
            "time_format": replace(right, time_format="%d"),
            "price_divisor": replace(right, price_divisor=7),
            "duration_tolerance_s": replace(right, duration_tolerance_s=-1),
        }.items():
            with pytest.raises(InvalidInput) as error:
                create_provider(paul, wrong)
            assert set(error.value.fields) == {field}
        for wrong in (replace(right, gateway_ids=()), replace(right, time_format="%Y-%m-%d %H:%M %Y")):
            with pytest.raises(InvalidInput):
                create_provider(paul, wrong)
        assert update_provider(paul, provider, replace(right, timezone="Europe/Madrid")).timezone == "Europe/Madrid"


def test_only_those_who_may_compare_and_nobody_elses_files(cast: Cast) -> None:
    paul, stranger = cast.staff("paul"), cast.staff("stranger")
    file = a_file(a_line(0, "+442071234567", 60, "0.02"))
    with tenant(paul):
        provider = a_provider(paul)
        reader = replace(paul, permissions=frozenset({"*.view"}))
        with pytest.raises(NotPermitted):
            reconcile_cdrs(reader, provider, file)
        done = reconcile_cdrs(paul, provider, file)
    with tenant(stranger):
        for run in (lambda: reconcile_cdrs(stranger, provider, file), lambda: remove_reconciliation(stranger, done)):
            with pytest.raises(NotFound):
                run()
    with tenant(paul):
        remove_reconciliation(paul, done)
        assert not ReconciledCall.objects.exists()
        remove_provider(paul, provider)
