"""Money moved by people: sums, limits, replays, and what the roles may do to the ledger."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from tests.support.cast import Cast

from carillon.base.errors import InvalidInput, NotPermitted
from carillon.base.models import AuditEntry
from carillon.base.tenancy import tenant
from carillon.business.billing.actions import (
    LimitData,
    ReversalData,
    TopUpData,
    open_customer_account,
    reverse_transfer,
    set_credit_limit,
    top_up_customer,
    top_up_partner,
)
from carillon.business.billing.choices import AccountKind, TransferKind
from carillon.business.billing.errors import KeyReused, NotReversible
from carillon.business.billing.models import Account, Entry, Transfer
from carillon.business.billing.queries import (
    accounts_of,
    customer_account,
    entries_of,
    ledger_sums,
    partner_account,
    transfers_of,
)
from carillon.business.partners.queries import system_actor
from carillon.logic.money import MICRO

pytestmark = pytest.mark.django_db
TEN = TopUpData(amount_micro=10 * MICRO, idempotency_key="bank-1", reference="bank transfer 1")


def test_top_up_is_seen_by_seller_and_customer_and_sums_to_zero(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        transfer = top_up_customer(paul, cast.acme, TEN)
        assert [entry.amount_micro for entry in entries_of(paul, transfer)] == [-10 * MICRO, 10 * MICRO]
        assert ledger_sums(paul) == {"EUR": 0}
        account = customer_account(paul, cast.acme.pk)
        assert account is not None
        assert account.available_micro == 10 * MICRO
    with tenant(cast.user(cast.alice)) as alice:
        assert transfers_of(alice).get() == transfer
        assert [item.kind for item in accounts_of(alice)] == [AccountKind.CUSTOMER]
        assert not entries_of(alice, transfer).exists()
    with tenant(cast.staff("stranger")) as stranger:
        assert not transfers_of(stranger).exists()


def test_the_same_key_moves_money_once(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        first = top_up_customer(paul, cast.acme, TEN)
        assert top_up_customer(paul, cast.acme, TEN) == first
        with pytest.raises(KeyReused):
            top_up_customer(paul, cast.dan, TEN)
        with pytest.raises(KeyReused):
            top_up_customer(paul, cast.acme, TopUpData(amount_micro=MICRO, idempotency_key="bank-1"))
        assert Transfer.objects.count() == 1
    with tenant(cast.staff("petra")) as petra:  # keys are each partner's own
        top_up_customer(petra, cast.fjord_customer, TEN)


@pytest.mark.parametrize(
    ("amount_micro", "key", "field"),
    [
        (0, "k", "amount_micro"),
        (-MICRO, "k", "amount_micro"),
        (1_000_001 * MICRO, "k", "amount_micro"),
        (5_000, "k", "amount_micro"),  # half a cent
        (MICRO, "", "idempotency_key"),
        (MICRO, "x" * 81, "idempotency_key"),
        (MICRO, "a\nb", "idempotency_key"),
    ],
)
def test_absurd_top_ups_are_refused(cast: Cast, amount_micro: int, key: str, field: str) -> None:
    with tenant(cast.staff("paul")) as paul, pytest.raises(InvalidInput) as refused:
        top_up_customer(paul, cast.acme, TopUpData(amount_micro=amount_micro, idempotency_key=key))
    assert set(refused.value.fields) == {field}


def test_nobody_fills_their_own_account(cast: Cast) -> None:
    with tenant(cast.staff("petra")) as petra:
        with pytest.raises(NotPermitted):
            top_up_partner(petra, cast.fjord, TEN)
        own = partner_account(petra, cast.fjord.pk)
        assert own is not None
        with pytest.raises(NotPermitted):
            set_credit_limit(petra, own, LimitData(credit_limit_micro=MICRO))
    with tenant(cast.user(cast.alice)) as alice, pytest.raises(NotPermitted):
        top_up_customer(alice, cast.acme, TEN)
    with tenant(cast.staff("paul")) as paul:
        assert top_up_partner(paul, cast.fjord, TEN).buyer_partner_id == cast.fjord.pk
    with tenant(cast.staff("petra")) as petra:
        assert transfers_of(petra).get().amount_micro == 10 * MICRO


def test_strangers_customer_does_not_exist(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul, pytest.raises(InvalidInput, match="There is no customer"):
        top_up_customer(paul, cast.charlie, TEN)


def test_credit_limit_adds_to_what_is_available_and_is_in_history(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        account = set_credit_limit(
            paul, open_customer_account(paul, cast.dan), LimitData(credit_limit_micro=5 * MICRO, reason="good payer")
        )
        assert account.available_micro == 5 * MICRO
        with pytest.raises(InvalidInput):
            set_credit_limit(paul, account, LimitData(credit_limit_micro=-1))
        entry = AuditEntry.objects.get(action="account.set_credit_limit")
    assert entry.after is not None
    assert (entry.reason, entry.after["credit_limit_micro"]) == ("good payer", 5 * MICRO)


def test_reversal_takes_back_once_and_only_what_people_moved(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        transfer = top_up_customer(paul, cast.acme, TEN)
        with pytest.raises(InvalidInput):
            reverse_transfer(paul, transfer, ReversalData(reason=" "))
        back = reverse_transfer(paul, transfer, ReversalData(reason="bounced"))
        assert reverse_transfer(paul, transfer, ReversalData(reason="bounced")) == back
        assert (back.kind, back.amount_micro, back.customer_id) == (TransferKind.REVERSAL, -10 * MICRO, cast.acme.pk)
        account = customer_account(paul, cast.acme.pk)
        assert account is not None
        assert account.balance_micro == 0
        with pytest.raises(NotReversible):
            reverse_transfer(paul, back, ReversalData(reason="no"))
        assert ledger_sums(paul) == {"EUR": 0}


def test_accounts_are_opened_once(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        assert open_customer_account(paul, cast.acme) == open_customer_account(paul, cast.acme)


def test_unbalanced_transfer_is_refused_at_commit(cast: Cast) -> None:
    with tenant(system_actor()) as actor:
        transfer = top_up_customer(actor, cast.acme, TEN)
        account = Account.objects.get(kind=AccountKind.CUSTOMER, customer=cast.acme)
        with pytest.raises(IntegrityError, match="differ by 1 micro-units in EUR"), transaction.atomic():
            Entry.objects.create(
                partner=account.partner, transfer=transfer, account=account, currency="EUR", amount_micro=1
            )
            with connection.cursor() as cursor:
                cursor.execute("set constraints all immediate")
        with pytest.raises(IntegrityError, match="another currency"), transaction.atomic():
            for amount in (1, -1):
                Entry.objects.create(
                    partner=account.partner, transfer=transfer, account=account, currency="GBP", amount_micro=amount
                )
            with connection.cursor() as cursor:
                cursor.execute("set constraints all immediate")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["billing_transfer", "billing_entry", "calls_cdr"])
@pytest.mark.parametrize("role", ["web", "worker"])
def test_the_ledger_is_append_only(
    cast: Cast, as_role: Callable[[str], AbstractContextManager[None]], role: str, table: str
) -> None:
    with as_role(role):
        for statement in (f"delete from {table}", f"update {table} set partner_id = partner_id"):  # noqa: S608
            with (
                pytest.raises(ProgrammingError, match="permission denied"),
                tenant(system_actor()),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_raw_sql_of_the_web_role_sees_nothing_without_scope(
    cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]
) -> None:
    with tenant(system_actor()) as actor:
        top_up_customer(actor, cast.acme, TEN)
    paul, stranger = cast.staff("paul"), cast.staff("stranger")
    with as_role("web"):
        for table in ("account", "transfer", "entry", "hold", "unpostedcharge"):
            with connection.cursor() as cursor:
                cursor.execute(f"select count(*) from billing_{table}")  # noqa: S608
                assert cursor.fetchone() == (0,), table
        with tenant(stranger), connection.cursor() as cursor:
            cursor.execute("select count(*) from billing_entry")
            assert cursor.fetchone() == (0,)
        with tenant(paul), connection.cursor() as cursor:
            cursor.execute("select count(*) from billing_entry")
            assert cursor.fetchone() == (2,)


@pytest.mark.django_db(transaction=True)
def test_web_role_tops_up_and_reverses(cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]) -> None:
    paul = cast.staff("paul")
    with as_role("web"), tenant(paul):
        transfer = top_up_customer(paul, cast.acme, TEN)
        top_up_partner(paul, cast.fjord, TopUpData(amount_micro=MICRO, idempotency_key="bank-2"))
        reverse_transfer(paul, transfer, ReversalData(reason="bounced"))
        assert ledger_sums(paul) == {"EUR": 0}


@pytest.mark.django_db(transaction=True)
def test_simultaneous_top_ups_and_reversals_wait_for_each_other(cast: Cast) -> None:
    paul = cast.staff("paul")

    def one(number: int) -> int:
        try:
            with tenant(paul):
                data = TopUpData(amount_micro=MICRO, idempotency_key=f"key-{number % 4}")
                transfer = top_up_customer(paul, cast.dan if number % 4 == 3 else cast.acme, data)
                transfer_id = transfer.pk
            if number % 4 == 0:
                with tenant(paul):
                    reverse_transfer(paul, transfer, ReversalData(reason="bounced"))
            return transfer_id
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(one, range(40)))
    assert len(set(ids)) == 4
    with tenant(paul):
        balances = {cast.acme.pk: 2 * MICRO, cast.dan.pk: MICRO}
        for customer_id, balance in balances.items():
            account = customer_account(paul, customer_id)
            assert account is not None
            assert account.balance_micro == balance
        assert ledger_sums(paul) == {"EUR": 0}
