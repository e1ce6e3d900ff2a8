"""Tickets: who asks whom, whose turn it is, what only those who answer see, and which files are taken."""

from __future__ import annotations

import pytest
from tests.support.cast import Cast

from carillon.base.actor import Actor
from carillon.base.errors import AlreadySo, Conflict, InvalidInput, NotFound, NotPermitted
from carillon.base.tenancy import tenant
from carillon.business.support.actions import (
    AssignmentData,
    InternalNoteData,
    ReplyData,
    TicketData,
    add_internal_note,
    assign_ticket,
    close_ticket,
    open_ticket,
    reply_to_ticket,
)
from carillon.business.support.choices import Priority, TicketStatus
from carillon.business.support.files import is_known, safe_name
from carillon.business.support.models import Ticket
from carillon.business.support.queries import conversation_of, tickets_of

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def asked(actor: Actor, **also: object) -> Ticket:
    return open_ticket(actor, TicketData(subject="No sound", text="One way only.", **also))  # type: ignore[arg-type]


def test_a_ticket_goes_to_those_one_buys_from_and_back_and_forth(cast: Cast) -> None:
    paul, olga = cast.staff("paul"), cast.staff("olga")
    with tenant(paul):
        ticket = asked(paul)
        assert (ticket.partner_id, ticket.answering_partner_id) == (cast.northwind.pk, cast.operator.pk)
    with tenant(olga):
        assert tickets_of(olga).get().side == "to-us"  # type: ignore[attr-defined]
        assert (
            reply_to_ticket(olga, ticket, ReplyData(text="Which call?", asks_back=True)).status == TicketStatus.WAITING
        )
    with tenant(paul):
        assert tickets_of(paul).get().side == "from-us"  # type: ignore[attr-defined]
        assert reply_to_ticket(paul, ticket, ReplyData(text="This one.")).status == TicketStatus.OPEN
    with tenant(olga):
        assert reply_to_ticket(olga, ticket, ReplyData(text="Mended.")).status == TicketStatus.ANSWERED
    with tenant(paul):
        assert close_ticket(paul, ticket).status == TicketStatus.CLOSED
        with pytest.raises(AlreadySo):
            close_ticket(paul, ticket)
        assert reply_to_ticket(paul, ticket, ReplyData(text="Again!")).status == TicketStatus.OPEN
        said = [(one.by, one.text, one.is_answer) for one in conversation_of(paul, ticket)]
    assert said == [
        ("Paul", "One way only.", False),
        ("Olga", "Which call?", True),
        ("Paul", "This one.", False),
        ("Olga", "Mended.", True),
        ("Paul", "Again!", False),
    ]


def test_only_those_who_answer_note_assign_and_see_what_they_noted(cast: Cast) -> None:
    paul, olga, petra = cast.staff("paul"), cast.staff("olga"), cast.staff("petra")
    with tenant(paul):
        ticket = asked(paul)
    with tenant(olga):
        add_internal_note(olga, ticket, InternalNoteData(text="They never pay."))
        assign_ticket(olga, ticket, AssignmentData(login_id=olga.login_id, priority=Priority.URGENT))
        with pytest.raises(InvalidInput):
            assign_ticket(olga, ticket, AssignmentData(login_id=petra.login_id))
        assert [one.is_internal for one in conversation_of(olga, ticket)] == [False, True]
    with tenant(paul):
        assert "never pay" not in str(conversation_of(paul, ticket))
        with pytest.raises(NotPermitted):
            add_internal_note(paul, ticket, InternalNoteData(text="x"))
        with pytest.raises(NotPermitted):
            assign_ticket(paul, ticket, AssignmentData())


def test_others_read_or_not_and_never_talk(cast: Cast) -> None:
    petra, olga, stranger = cast.staff("petra"), cast.staff("olga"), cast.staff("stranger")
    with tenant(petra):
        ticket = asked(petra)
    with tenant(olga):
        assert tickets_of(olga).get().side == "between"  # type: ignore[attr-defined]
        with pytest.raises(NotPermitted):
            reply_to_ticket(olga, ticket, ReplyData(text="x"))
    with tenant(stranger):
        assert not tickets_of(stranger).exists()
        with pytest.raises(NotFound):
            reply_to_ticket(stranger, ticket, ReplyData(text="x"))


def test_nobody_is_above_the_operator(cast: Cast) -> None:
    with tenant(cast.staff("olga")) as olga, pytest.raises(Conflict):
        asked(olga)


def test_customers_people_ask_their_seller_in_the_same_tables(cast: Cast) -> None:
    alice, paul = cast.user(cast.alice), cast.staff("paul")
    alice = alice.limited_to(alice.permissions | {"support.*"})
    with tenant(alice):
        ticket = asked(alice)
        assert (ticket.customer_id, ticket.answering_partner_id) == (cast.acme.pk, cast.northwind.pk)
    with tenant(paul):
        add_internal_note(paul, ticket, InternalNoteData(text="Ours alone."))
        reply_to_ticket(paul, ticket, ReplyData(text="Soon."))
    with tenant(alice):
        assert [one.text for one in conversation_of(alice, ticket)] == ["One way only.", "Soon."]


def test_empty_and_endless_texts_are_refused(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        for text in (" ", "\x00", "x" * 10_001):
            with pytest.raises(InvalidInput):
                open_ticket(paul, TicketData(subject="x", text=text))
        with pytest.raises(InvalidInput):
            open_ticket(paul, TicketData(subject="", text="x"))
        assert not Ticket.objects.exists()


def test_files_are_few_small_and_what_their_name_says(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        ticket = asked(paul, files=(("a/../photo of desk.PNG", PNG), ("trace.log", b"INVITE")))
        files = conversation_of(paul, ticket)[0].files
        assert [(file.name, file.size) for file in files] == [("photo of desk.PNG", len(PNG)), ("trace.log", 6)]
        for refused in (
            (("x.png", b"<html>"),),
            (("x.html", b"<script>"),),
            (("x.svg", b"<svg/>"),),
            (("x", b""),),
            (("x.txt", b"a\x00b"),),
            (("x.txt", b"a" * (5 * 2**20 + 1)),),
            tuple((f"{n}.txt", b"x") for n in range(6)),
        ):
            with pytest.raises(InvalidInput) as error:
                asked(paul, files=refused)
            assert "files" in error.value.fields


def test_names_are_safe_on_every_system() -> None:
    assert safe_name('C:\\temp\\a"b\r\n<c>.txt') == "a_b_c_.txt"
    assert safe_name("../../etc/passwd") == "passwd"
    assert len(safe_name("x" * 300 + ".txt")) == 120
    assert safe_name("..") == "file"
    assert is_known("a.WAV", b"RIFF0000WAVE")
