from __future__ import annotations

from io import StringIO

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client

from carillon.business.partners.models import Login, Partner

BEGIN = ["create_operator", "--name=Level Platform", "--email=olga@level.test", "--country=GB", "--currency=EUR"]


def test_new_installation_begins_with_an_administrator_who_can_sign_in(db: None) -> None:
    cache.clear()
    output = StringIO()
    call_command(*BEGIN, stdout=output)
    password = output.getvalue().split("password ")[1].split()[0]
    client = Client(headers={"host": "portal.localhost"})
    answer = client.post("/accounts/login/", {"login": "olga@level.test", "password": password})
    assert answer.status_code == 302
    assert client.get("/accounts/places/").wsgi_request.actor.is_operator  # type: ignore[attr-defined]


def test_there_is_one_beginning(db: None) -> None:
    call_command(*BEGIN, stdout=StringIO())
    with pytest.raises(CommandError, match="operator already"):
        call_command(*BEGIN, stdout=StringIO())
    assert Partner.objects.count() == 1


def test_wrong_value_is_said_and_nothing_is_left(db: None) -> None:
    with pytest.raises(CommandError, match="ISO 3166"):
        call_command(*BEGIN[:-2], "--country=XX", "--currency=EUR", stdout=StringIO())
    with pytest.raises(CommandError, match="email"):
        call_command(*BEGIN[:2], "--email=nobody", *BEGIN[3:], stdout=StringIO())
    assert (Partner.objects.count(), Login.objects.count()) == (0, 0)
