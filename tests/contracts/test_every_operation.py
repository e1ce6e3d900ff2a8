"""Every operation of the OpenAPI description with requests made of that description, right ones and wrong ones.

In one process, over WSGI, as the web role: what is answered must be what the description promises, and whatever a
partner's administrator sends, nothing of anybody beside that partner is shown or changed. Addresses and references
mostly name rows that there are, of one's own and of others, so that requests come further than "no such row".

CARILLON_FUZZ_EXAMPLES: requests per operation and kind (right, wrong); default 2. More are for a look now and then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
import schemathesis
from django.core.cache import cache
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode, checks
from schemathesis.core.failures import FailureGroup
from schemathesis.generation.feedback import NO_FEEDBACK

from carillon.base.tenancy import realm_scope, tenant
from carillon.business.partners.tokens import TokenData, create_token
from carillon.faces.portal.catalogue import panels
from carillon.server.wsgi import application
from tests.support.cast import Cast
from tests.support.clients import program
from tests.support.market import make_market
from tests.support.others import digests_of, lookups

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = int(os.environ.get("CARILLON_FUZZ_EXAMPLES", "2"))
PORTAL = "http://portal.localhost"
PROMISES: list[Any] = [
    checks.not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
    checks.response_schema_conformance,
]  # fmt: skip
FOREIGN = (b"Charlie", b"Elsewhere")
AIMED = 0.8  # of what names a row names one that there is
MOST_ROWS = 3  # of one's own and of others, per resource


@pytest.fixture
def web(cast: Cast, as_role: Callable[[str], AbstractContextManager[None]]) -> Iterator[Cast]:
    """The cast with a market, Django's own pooled connection signed in as the web role."""
    cache.clear()
    make_market(cast)
    with as_role("web"):
        yield cast


@dataclass(slots=True)
class Asking:
    """Who asks, the rows there are, and what was answered."""

    cast: Cast
    rows: dict[str, list[Any]]
    references: dict[tuple[str, str], list[tuple[str, str]]]
    chance: Random
    clear: str = ""
    faults: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, set[int]] = field(default_factory=dict)

    def ask(self, case: Case[Any], *, is_mended: bool) -> None:
        """Send one request and compare its answer with the description. `is_mended`: it may be right by now."""
        headers = {"Authorization": self.clear}
        response = case.call(base_url=PORTAL, headers=headers)
        label = case.operation.label
        self.statuses.setdefault(label, set()).add(response.status_code)
        sent = f"{case.path_parameters} {case.query} {case.headers} {case.body!r}"
        if shown := [mark for mark in FOREIGN if mark in response.content]:
            self.faults[f"{label} shows {shown}"] = f"{sent:.400}"
        try:
            wanted = PROMISES if is_mended else promises(case)
            case.validate_response(response, checks=wanted, headers=headers)
        except FailureGroup as found:
            for one in found.exceptions:
                self.faults.setdefault(f"{label}: {type(one).__name__} {response.status_code}", f"{one}\n{sent:.600}")

    def aimed(self, case: Case[Any]) -> bool:
        """Let the body name rows that there are, where it names any; whether it was changed."""
        before = repr(case.body)
        for name, slug in self.references.get((case.method.lower(), case.path), ()):
            if isinstance(case.body, dict) and name in case.body and self.is_aimed() and self.rows.get(slug):
                key = self.chance.choice(self.rows[slug])
                case.body[name] = [key] if isinstance(case.body[name], list) else key
        return repr(case.body) != before

    def key(self, operation: Any, mode: GenerationMode) -> dict[str, Any] | None:
        """The id of a row that there is, for the operation's path; None: it is made up."""
        rows = self.rows.get(operation.path.removeprefix("/api/v1/").partition("/")[0])
        if not rows or "{id}" not in operation.path or not self.is_aimed():
            return None
        if mode.is_negative and not (operation.query or operation.body):  # nothing would be left to be wrong
            return None
        return {"id": self.chance.choice(rows)}

    def is_aimed(self) -> bool:
        """Whether this time a row is named that there is."""
        return self.chance.random() < AIMED


def promises(case: Case[Any]) -> list[Any]:
    """What must hold of an answer. Wrong requests may pass when what is wrong is taken off before it is looked at:

    an empty parameter is one that was not given, as in a form, and texts are measured without the space around them.
    """
    texts = case.body.values() if isinstance(case.body, dict) else ()
    is_trimmed = any(isinstance(one, str) and one != one.strip() for one in texts)
    is_mended = is_trimmed or "" in case.query.values()
    return PROMISES if is_mended else [*PROMISES, checks.negative_data_rejection]


def rows_seen(cast: Cast) -> dict[str, list[Any]]:
    """Some ids by resource: of Paul's, and of those that only Olga sees."""
    with realm_scope(0):
        actors = cast.staff("paul"), cast.staff("olga")
    paul, olga = map(program, actors)
    found: dict[str, list[Any]] = {}
    for panel in (panel for panel in panels() if panel.rest_name):
        path = f"/api/v1/{panel.rest_name}/?limit=200"
        mine, all_rows = ([row["id"] for row in client.get(path).json().get("results", ())] for client in (paul, olga))
        found[panel.rest_name] = mine[:MOST_ROWS] + [key for key in all_rows if key not in mine][:MOST_ROWS]
        found.setdefault(panel.slug, found[panel.rest_name])
    return found


def references() -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Inputs that name rows, by operation: (input, resource)."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for method, path, name, slug in lookups():
        found.setdefault((method, path), []).append((name, slug))
    return found


def token(cast: Cast) -> str:
    """A fresh one: an earlier request may have revoked all."""
    with realm_scope(0):
        actor = cast.staff("paul")
    with tenant(actor):
        return f"Bearer {create_token(actor, TokenData(name='script', scopes=('*',)))[1]}"


def send(asking: Asking, operation: Any, mode: GenerationMode) -> None:
    """Send some requests made of one operation's description, right ones or wrong ones."""
    asking.chance.seed(f"{operation.label} {mode}")  # a new operation changes nothing for the others
    key = asking.key(operation, mode)
    strategy = operation.as_strategy(generation_mode=mode, feedback=NO_FEEDBACK, path_parameters=key)

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=strategy)
    def one(case: Case[Any]) -> None:
        asking.ask(case, is_mended=asking.aimed(case))

    try:
        one()
    except Unsatisfiable:  # nothing is asked for that could be wrong
        assert mode.is_negative, operation.label


def test_every_operation_answers_as_described(web: Cast) -> None:
    description = Client(headers={"host": "portal.localhost"}).get("/api/v1/schema/?format=json").json()
    described = schemathesis.openapi.from_dict(description)
    described.app = application
    described.config.generation.update(with_security_parameters=False)
    described.config.checks.negative_data_rejection.expected_statuses.append("412")
    asking = Asking(web, rows_seen(web), references(), Random(EXAMPLES))
    others = (web.elsewhere.pk, web.operator.pk)
    before = digests_of(others)
    for found in described.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        asking.clear = token(web)
        for mode in GenerationMode:
            send(asking, operation, mode)
    assert asking.faults == {}
    assert digests_of(others) == before
    done = [label for label, statuses in asking.statuses.items() if min(statuses) < 300]
    assert len(done) > 100
