"""Many customers of the demo world's sub-partner: the tree is operator - partner - sub-partner - customer."""

from __future__ import annotations

from carillon.server.installation import Installation

DOMAIN, MODEL, SUB_PARTNER = "fjord.test", "Nordlys AS", "Fjord Voice"
PASSWORD = "bench-password"  # noqa: S105 - of every phone of a throw-away installation
FIRST_ID = 1_000_000  # rows of one customer share one id: far from those the demo world got
MONEY_MICRO = 100_000_000
TIERS = 3  # Level Platform sells to Northwind, Northwind to Fjord, Fjord to the customer

# A customer is a copy of the demo world's: a column that is new tomorrow needs no line here. `n` counts.
_COPIES = (
    ("customers_customer", "id", "'name', 'Customer ' || n"),
    ("customers_user", "customer_id", "'customer_id', {id}, 'name', 'User ' || n, 'email', '', 'login_id', null"),
    (
        "numbers_number",
        "customer_id",
        "'customer_id', {id}, 'user_id', {id}, 'e164', '+44191' || lpad(n::text, 7, '0')",
    ),
    (
        "endpoints_endpoint",
        "customer_id",
        "'customer_id', {id}, 'user_id', {id}, 'username', 'phone' || n,"
        " 'ha1_md5', md5('phone' || n || ':{domain}:{password}')",
    ),
    (
        "billing_account",
        "customer_id",
        "'customer_id', {id}, 'credit_limit_micro', {money}, 'balance_micro', 0, 'reserved_micro', 0,"
        " 'unposted_micro', 0, 'open_calls', 0",
    ),
)


def load_crowd(installed: Installation, customers: int) -> list[str]:
    """Make the demo world and `customers` more with a phone, a number and money each; the phones' user names.

    Everybody's money, the partners' too, is a credit limit: a new ledger sums to zero by itself.
    """
    installed.manage("load_cast")
    for table, reference, changes in _COPIES:
        values = changes.format(id=f"{FIRST_ID} + n", domain=DOMAIN, password=PASSWORD, money=MONEY_MICRO)
        copy = f"jsonb_populate_record(t, jsonb_build_object('id', {FIRST_ID} + n, {values}))"
        model = "(select id from customers_customer where name = %s)"
        query = f"insert into {table} select ({copy}).* from {table} t, generate_series(1, %s) n"
        installed.sql(f"{query} where t.{reference} = {model}", customers, MODEL)
    installed.sql("update billing_account set credit_limit_micro = %s where kind = 'partner'", 10**15)
    installed.sql("analyze")
    return [f"phone{n}" for n in range(1, customers + 1)]
