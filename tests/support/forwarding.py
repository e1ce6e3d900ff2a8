"""Bob forwarding his calls, for tests of the call path."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.books import Books
from tests.support.flows import Changes


@pytest.fixture
def bob_forwards(books: Books, request: pytest.FixtureRequest) -> Iterator[None]:
    """Bob's calls go where the parameter says, and control knows."""
    books.arrange(Changes(forwarding={"bob": request.param}))
    yield
    books.drained()


def forwarding(**rules: str) -> pytest.MarkDecorator:
    """Bob forwards his calls by these rules."""
    return pytest.mark.parametrize("bob_forwards", [rules], indirect=True, ids=[""])
