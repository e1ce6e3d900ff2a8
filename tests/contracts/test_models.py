"""What must hold for every model, now and for those to come."""

from __future__ import annotations

import tomllib
from io import StringIO

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, models
from django.db.models.fields.related import RelatedField

from carillon.base.tenancy import Tenancy
from carillon.business.partners.models import Login
from carillon.config import CHECKOUT

OURS = "carillon."

# Tables without an owner, each with the reason why every database role of the web may see all of it.
EXEMPT = {
    "account.EmailAddress": "sign-in: no owner columns; seen with its login (base.policies.SIGN_IN_TABLES)",
    "account.EmailConfirmation": "sign-in: keys of confirmation mails, useless without the mail",
    "auth.Group": "Django's own, unused: roles are in partners.roles",
    "auth.Permission": "Django's own, unused: permissions are patterns in partners.roles",
    "billing.EdgeLease": "the platform's own; revoked from web and worker (callfeed_sql/sql/60_grants.sql)",
    "contenttypes.ContentType": "names of models, no data",
    "mfa.Authenticator": "sign-in: no owner columns; seen with its login (base.policies.SIGN_IN_TABLES)",
    "sessions.Session": "sign-in: a session is found by its random key, and holds the realm it is good for",
    "procrastinate.ProcrastinateJob": "the queue: jobs carry ids only and open their own scope",
    "procrastinate.ProcrastinateEvent": "the queue",
    "procrastinate.ProcrastinatePeriodicDefer": "the queue",
    "procrastinate.ProcrastinateWorker": "the queue",
}

# Views past row-level security: what they join has no owner, so nobody may read it otherwise. Tested in tests/tenancy.
PUTS_THE_WALL_UP_ITSELF = {"endpoints_location", "pricing_wholesalelist", "pricing_wholesalerate"}

ALL = sorted(apps.get_models(), key=lambda model: model._meta.label)
TENANTS = [model for model in ALL if hasattr(model, "tenancy")]


def importlinter() -> list[dict[str, object]]:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, object]] = project["tool"]["importlinter"]["contracts"]
    return contracts


def layers_of(container: str) -> list[set[str]]:
    """Return the rooms of a container, top line first, as the import contract has them."""
    found = next(one for one in importlinter() if one.get("containers") == [container] and one["type"] == "layers")
    lines: list[str] = found["layers"]  # type: ignore[assignment]
    return [{room.strip(" ()") for room in line.split("|")} for line in lines]


def height(model: type[models.Model]) -> tuple[int, int] | None:
    """Return how high the model's room is: (line of rooms, line of contexts); None for other people's models."""
    path = model.__module__.split(".")
    if path[0] != "carillon":
        return None
    rooms, contexts = layers_of("carillon"), layers_of("carillon.business")
    room = next(len(rooms) - index for index, line in enumerate(rooms) if path[1] in line)
    if path[1] != "business":
        return room, 0
    return room, next(len(contexts) - index for index, line in enumerate(contexts) if path[2] in line)


@pytest.mark.parametrize("model", ALL, ids=lambda model: model._meta.label)
def test_every_foreign_key_points_down(model: type[models.Model]) -> None:
    """String references hide from the import linter, so models are walked."""
    for field in model._meta.get_fields():
        if not isinstance(field, RelatedField) or not field.concrete or not isinstance(field.related_model, type):
            continue
        aim = field.related_model
        if aim is Login or aim._meta.app_label == model._meta.app_label or height(aim) is None:
            continue  # AUTH_USER_MODEL is the one written exception
        mine = height(model)
        assert mine is not None, f"{model._meta.label}.{field.name} makes a foreign model point at ours"
        assert height(aim) < mine, f"{model._meta.label}.{field.name} points up or sideways to {aim._meta.label}"  # type: ignore[operator]


@pytest.mark.parametrize("model", ALL, ids=lambda model: model._meta.label)
def test_every_model_has_an_owner_or_a_reason_to_have_none(model: type[models.Model]) -> None:
    has_owner = isinstance(getattr(model, "tenancy", None), Tenancy)
    assert has_owner != (model._meta.label in EXEMPT)


def test_no_exemption_has_outlived_its_model() -> None:
    assert set(EXEMPT) <= {model._meta.label for model in ALL}


@pytest.mark.parametrize("model", TENANTS, ids=lambda model: model._meta.label)
def test_tenancy_names_columns_that_exist(model: type[models.Model]) -> None:
    tenancy: Tenancy = model.tenancy  # type: ignore[attr-defined]
    columns = {field.attname for field in model._meta.concrete_fields}
    relations = {field.name for field in model._meta.concrete_fields if field.is_relation}
    if tenancy.through:
        assert tenancy.through[0] in columns
        return
    named = {tenancy.partner, *tenancy.also, tenancy.customer, tenancy.realm, tenancy.check} - {None}
    assert named <= columns | {"id"}
    assert {*tenancy.across, *tenancy.proven} <= relations


@pytest.mark.parametrize(
    "model", [model for model in TENANTS if not model.tenancy.through], ids=lambda model: model._meta.label
)
def test_every_tenant_model_reads_scoped(model: type[models.Model]) -> None:
    assert hasattr(model._default_manager.all(), "visible_to")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "model", [model for model in TENANTS if model._meta.managed], ids=lambda model: model._meta.label
)
def test_every_tenant_table_has_its_wall(model: type[models.Model]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select relrowsecurity, relforcerowsecurity, (select count(*) from pg_policy where polrelid = c.oid)"
            " from pg_class c where oid = %s::regclass",
            [model._meta.db_table],
        )
        enabled, forced, policies = cursor.fetchone()
    assert enabled and forced and policies


@pytest.mark.django_db
def test_every_view_over_tenants_rows_asks_in_the_readers_name() -> None:
    """A view runs as its owner unless told otherwise, and the owner passes every wall."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select relname from pg_class where relkind = 'v' and relnamespace = 'public'::regnamespace"
            " and not coalesce('security_invoker=true' = any (reloptions) or 'security_invoker=on' = any (reloptions)"
            " or 'security_invoker=1' = any (reloptions), false)"
            " and has_table_privilege('carillon_web', oid, 'select')"
        )
        assert {name for (name,) in cursor.fetchall()} == PUTS_THE_WALL_UP_ITSELF


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    output = StringIO()
    try:
        call_command("makemigrations", check_changes=True, dry_run=True, stdout=output, stderr=output)
    except SystemExit:
        pytest.fail(f"Models changed without a migration:\n{output.getvalue()}")


def test_every_room_is_in_the_import_contract() -> None:
    root = CHECKOUT / "src" / "carillon"
    for container, folder in (("carillon", root), ("carillon.business", root / "business")):
        rooms = {path.name for path in folder.iterdir() if (path / "__init__.py").exists()}
        rooms |= {path.stem for path in folder.glob("*.py") if not path.stem.startswith("__")}
        placed = set().union(*layers_of(container))
        assert rooms == placed, f"{container}: {rooms ^ placed}"


def test_every_context_keeps_the_order_of_rooms() -> None:
    contexts = set().union(*layers_of("carillon.business"))
    inside = next(one for one in importlinter() if one["name"] == "Inside a context: actions, queries, models")
    assert inside["containers"] == [f"carillon.business.{name}" for name in _in_order(inside["containers"], contexts)]


def _in_order(containers: object, contexts: set[str]) -> list[str]:
    names = [str(one).rsplit(".", 1)[1] for one in containers]  # type: ignore[attr-defined]
    assert set(names) == contexts
    return names


def test_every_context_is_installed() -> None:
    contexts = set().union(*layers_of("carillon.business"))
    assert {f"carillon.business.{name}" for name in contexts} <= set(settings.INSTALLED_APPS)
