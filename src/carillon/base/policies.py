"""The second wall: row-level security, grants and composite foreign keys, derived from each model's `tenancy`.

Everything here is re-appliable: `manage apply_sql` runs it after each migrate.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.db import models

from carillon.base.tenancy import Tenancy

APPLICATION_ROLES = ("carillon_web", "carillon_worker")

FUNCTIONS = """
create or replace function public.carillon_scope() returns bigint[] language sql stable parallel safe as
$$ select string_to_array(nullif(current_setting('carillon.scope', true), ''), ',')::bigint[] $$;
create or replace function public.carillon_customer() returns bigint language sql stable parallel safe as
$$ select nullif(current_setting('carillon.customer', true), '')::bigint $$;
create or replace function public.carillon_realm() returns bigint language sql stable parallel safe as
$$ select nullif(current_setting('carillon.realm', true), '')::bigint $$;
"""


# allauth's, without owner columns: seen with the login they belong to, in its realm while it signs in
SIGN_IN_TABLES = ("account_emailaddress", "mfa_authenticator")


def tenant_models() -> list[type[models.Model]]:
    """Return all models that belong to tenants, in table order."""
    found = [model for model in apps.get_models() if hasattr(model, "tenancy") and model._meta.managed]
    return sorted(found, key=lambda model: model._meta.db_table)


def statements() -> Iterator[str]:
    """Yield the SQL that raises the second wall, in order."""
    yield FUNCTIONS
    for role in APPLICATION_ROLES:
        yield f"grant usage on schema public to {role}"
        yield f"grant select, insert, update, delete on all tables in schema public to {role}"
        yield f"grant usage, select on all sequences in schema public to {role}"
        yield f"grant execute on all functions in schema public to {role}"
    for model in tenant_models():
        yield from _policies(model)
    for table in SIGN_IN_TABLES:
        yield from _follow(table, "user_id", "partners_login")
    for model in tenant_models():
        yield from _composite_keys(model)
    for model in apps.get_models():
        for verb in getattr(model, "revoked", ()):  # append-only tables name the verbs nobody may use
            yield from (f'revoke {verb} on "{model._meta.db_table}" from {role}' for role in APPLICATION_ROLES)


def _policies(model: type[models.Model]) -> Iterator[str]:
    table, tenancy = model._meta.db_table, _tenancy(model)
    if tenancy.through:
        yield from _follow(table, *tenancy.through)
        return
    sees = _predicate(tenancy, (tenancy.partner, *tenancy.also, *((tenancy.check,) if tenancy.check else ())))
    owns = _predicate(tenancy, (tenancy.check or tenancy.partner, *((tenancy.partner,) if tenancy.check else ())))
    yield f'alter table "{table}" enable row level security'
    yield f'alter table "{table}" force row level security'
    for name in ("tenant_reads", "tenant_adds", "tenant_changes", "tenant_removes", "sign_in", "sign_in_changes"):
        yield f'drop policy if exists {name} on "{table}"'
    yield f'create policy tenant_reads on "{table}" for select using ({sees})'
    yield f'create policy tenant_adds on "{table}" for insert with check ({owns})'
    yield f'create policy tenant_changes on "{table}" for update using ({owns}) with check ({owns})'
    yield f'create policy tenant_removes on "{table}" for delete using ({owns})'
    if tenancy.realm:
        by_realm = f"{tenancy.realm} = {REALM}"
        yield f'create policy sign_in on "{table}" for select using ({by_realm})'
        yield f'create policy sign_in_changes on "{table}" for update using ({by_realm}) with check ({by_realm})'


def _follow(table: str, column: str, parent: str) -> Iterator[str]:
    """Rows without owner columns are seen when the row is that they hang on: its policies decide."""
    yield f'alter table "{table}" enable row level security'
    yield f'alter table "{table}" force row level security'
    yield f'drop policy if exists follows_parent on "{table}"'
    seen = f'exists (select from "{parent}" p where p.id = {column})'
    yield f'create policy follows_parent on "{table}" using ({seen})'


# As sub-selects the settings are read once per statement; bare calls would parse the list of partners for each row.
SCOPE = "(select public.carillon_scope())::bigint[]"
CUSTOMER = "(select public.carillon_customer())"
REALM = "(select public.carillon_realm())"


def _predicate(tenancy: Tenancy, columns: tuple[str, ...]) -> str:
    partner = " or ".join(f"{column} = any ({SCOPE})" for column in columns)
    own = f" or {tenancy.customer} = {CUSTOMER}" if tenancy.customer else ""
    return f"({partner}) and ({CUSTOMER} is null{own})"


def _composite_keys(model: type[models.Model]) -> Iterator[str]:
    """Foreign key checks bypass row-level security; a composite key keeps them inside the tenant."""
    table, tenancy = model._meta.db_table, _tenancy(model)
    for field in model._meta.concrete_fields:
        target = field.related_model
        if not isinstance(target, type) or not hasattr(target, "tenancy"):
            continue
        if field.name in (*tenancy.across, *tenancy.proven):
            continue
        theirs = _tenancy(target)
        if tenancy.through or theirs.partner != "partner_id" or tenancy.partner != "partner_id":
            continue
        aim = target._meta.db_table
        yield _once(
            f"{aim}_partner_and_id",
            f'alter table "{aim}" add constraint "{aim}_partner_and_id" unique (partner_id, id)',
        )
        name = f"{table}_{field.column}_same_partner"
        yield _once(
            name,
            f'alter table "{table}" add constraint "{name}" foreign key (partner_id, {field.column}) '
            f'references "{aim}" (partner_id, id) deferrable initially deferred',
        )


def _once(constraint: str, statement: str) -> str:
    return (
        f"do $do$ begin if not exists (select from pg_constraint where conname = '{constraint[:63]}') "
        f"then {statement}; end if; end $do$"
    )


def _tenancy(model: type[models.Model]) -> Tenancy:
    tenancy: Tenancy = model.tenancy  # type: ignore[attr-defined]
    return tenancy
