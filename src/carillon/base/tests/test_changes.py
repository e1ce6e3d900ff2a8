from __future__ import annotations

import pytest

from carillon.base.actor import Actor, nobody
from carillon.base.changes import action, audited, snapshot, witnessed
from carillon.base.errors import InvalidInput, NotFound, NotPermitted
from carillon.base.models import AuditEntry, Note
from carillon.base.places import Faults
from carillon.base.rows import check_values, locked, named, named_or_none, once

ACTOR = Actor(name="paul@northwind.test", partner_id=1, scope=frozenset({1}), permissions=frozenset({"notes.*"}))


def note(text: str = "call back", partner_id: int = 1) -> Note:
    return Note(partner_id=partner_id, object_type="x", object_id="1", author_name="paul", text=text)


@action("notes.add")
def write(actor: Actor, row: Note) -> Note:
    """An action like any other."""
    with audited(actor, row, "create"):
        row.save()
    return row


@pytest.mark.parametrize(
    ("permissions", "may"),
    [({"notes.add"}, True), ({"notes.*"}, True), ({"*"}, True), ({"*.add"}, True), ({"*.view"}, False), (set(), False)],
)
def test_permission_decides(db: None, permissions: set[str], may: bool) -> None:
    actor = Actor(name="x", partner_id=1, scope=frozenset({1}), permissions=frozenset(permissions))
    if may:
        assert write(actor, note()).pk
    else:
        with pytest.raises(NotPermitted):
            write(actor, note())
        assert not Note.objects.exists()


def test_nobody_may_nothing(db: None) -> None:
    with pytest.raises(NotPermitted):
        write(nobody(), note())


def test_row_outside_the_scope_is_taken_back(db: None) -> None:
    with pytest.raises(NotFound):
        write(ACTOR, note(partner_id=2))
    assert not Note.objects.exists() and not AuditEntry.objects.exists()


def test_history_has_before_and_after(db: None) -> None:
    row = write(ACTOR, note())
    with audited(ACTOR, row, "update", reason="typo"):
        row.text = "call back today"
        row.save()
    made, changed = AuditEntry.objects.order_by("id")
    assert (made.action, made.before) == ("note.create", None)
    assert made.after is not None and made.after["text"] == "call back"
    assert changed.before == made.after
    assert changed.after is not None and changed.after["text"] == "call back today"
    assert (changed.reason, changed.object_id) == ("typo", str(row.pk))


def test_change_that_changes_nothing_leaves_no_trace(db: None) -> None:
    row = write(ACTOR, note())
    with audited(ACTOR, row, "update"):
        row.save()
    assert AuditEntry.objects.count() == 1


def test_delete_keeps_the_id_and_what_was(db: None) -> None:
    row = write(ACTOR, note())
    key = row.pk
    with audited(ACTOR, row, "delete"):
        row.delete()
    entry = AuditEntry.objects.latest("id")
    assert (entry.object_id, entry.after) == (str(key), None)
    assert entry.before is not None and entry.before["text"] == "call back"


def test_witnessed_act_has_no_values(db: None) -> None:
    row = write(ACTOR, note())
    witnessed(ACTOR, row, "reveal", reason="asked by phone")
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.before, entry.after) == ("note.reveal", None, None)


def test_snapshot_is_plain_json(db: None) -> None:
    row = write(ACTOR, note())
    assert isinstance(snapshot(row)["at"], str)


def test_named_and_locked_hide_foreign_rows(db: None) -> None:
    row = note(partner_id=2)
    row.save()
    with pytest.raises(InvalidInput) as refusal:
        named(Note.objects, ACTOR, row.pk, "note_id")
    assert set(refusal.value.fields) == {"note_id"}
    with pytest.raises(NotFound):
        locked(Note.objects, ACTOR, row.pk)
    assert named_or_none(Note.objects, ACTOR, None, "note_id") is None


def test_values_are_checked_against_the_columns() -> None:
    row = note(text="")
    row.author_name = "x" * 201
    with pytest.raises(InvalidInput) as refusal:
        check_values(row)
    assert set(refusal.value.fields) == {"author_name", "text"}


def test_clash_becomes_an_input_error_and_the_transaction_lives_on(db: None) -> None:
    write(ACTOR, note())
    existing = Note.objects.get()
    clash = Note(pk=existing.pk, partner_id=1, object_type="x", object_id="1", author_name="x", text="x")
    with pytest.raises(InvalidInput) as refusal, once({"base_note_pkey": ("text", "There is one already.")}):
        clash.save(force_insert=True)
    assert refusal.value.fields == {"text": "There is one already."}
    assert Note.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "is_right"),
    [
        ("voice.example.com", True),
        ("a.b", True),
        ("xn--bcher-kva.example", True),
        ("localhost", False),
        ("voice_1.example.com", False),
        ("voice.example.com.", False),
        ("voice.example.com:80", False),
        ("10.0.0.1", False),
        ("exa mple.com", False),
        ("ümlaut.example", False),
        ("a" * 250 + ".com", False),
        ("", False),
    ],
)
def test_hostnames(name: str, is_right: bool) -> None:
    faults = Faults()
    faults.hostname(name, "hostname")
    assert (faults.fields == {}) is is_right
