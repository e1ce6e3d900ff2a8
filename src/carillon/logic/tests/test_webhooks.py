"""Signatures, back-off and the addresses that webhooks may go to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from carillon.logic.retries import next_try, rest
from carillon.logic.webhooks import is_public, make_secret, signature, signed_headers

NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def test_signature_is_that_of_the_specifications_example() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    given = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert given == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_is_replaced_both_sign() -> None:
    new, old = make_secret(), make_secret()
    headers = signed_headers([new, old], "msg_1", NOW, b"{}")
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert headers["webhook-signature"].split() == [
        signature(secret, "msg_1", int(NOW.timestamp()), b"{}") for secret in (new, old)
    ]


def test_tries_get_rarer_and_end_after_a_day() -> None:
    at = NOW
    tries: list[timedelta] = []
    while (following := next_try(len(tries) + 1, at, NOW + DAY)) is not None:
        tries.append(following - at)
        at = following
    assert [gap.total_seconds() for gap in tries[:4]] == [10, 30, 90, 270]
    assert max(tries) == timedelta(hours=4)
    assert at == NOW + DAY
    assert len(tries) == 13


def test_a_receiver_rests_longer_the_more_it_fails_but_never_longer_than_five_minutes() -> None:
    assert [rest(failures).total_seconds() for failures in (1, 2, 3, 9, 500)] == [2, 4, 8, 300, 300]


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::200e"])
def test_hosts_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),  # noqa: S104
        *("169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
        *("224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "100::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:93.184.216.34", "::127.0.0.1"),
        *("2002:7f00:1::", "2001:0:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::1", "5f00::1"),
        *("", "localhost", "0x7f.1", "2130706433", "127.1", "0177.0.0.1"),
    ],
)
def test_everything_else_is_not(address: str) -> None:
    assert not is_public(address)
