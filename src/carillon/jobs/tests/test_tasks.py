from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from tests.support.cast import Cast

from carillon.base.models import IdempotencyKey
from carillon.jobs.tasks import forget_old_answers, forget_old_sessions

pytestmark = pytest.mark.django_db


def test_expired_sessions_go_and_live_ones_stay() -> None:
    for key, hours in (("old", -1), ("new", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=timezone.now() + timedelta(hours=hours))
    forget_old_sessions(0)
    assert list(Session.objects.values_list("session_key", flat=True)) == ["new"]


def test_answers_are_kept_for_a_week(cast: Cast) -> None:
    for key, days in (("old", 8), ("new", 6)):
        answer = IdempotencyKey.objects.create(
            partner_id=cast.northwind.pk, key=key, request_hash="", response={}, status=200
        )
        IdempotencyKey.objects.filter(pk=answer.pk).update(at=timezone.now() - timedelta(days=days))
    forget_old_answers(0)
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["new"]
