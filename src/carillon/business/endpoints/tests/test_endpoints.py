"""SIP accounts: secrets stay secret, hashes follow the domain, strangers see nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from django.core import serializers
from django.test import override_settings
from tests.support.cast import Cast

from carillon.base.choices import Transport
from carillon.base.errors import AlreadySo, InvalidInput, NotFound, NotPermitted
from carillon.base.models import AuditEntry
from carillon.base.secrets import SecretUnreadable, decrypt, encrypt, make_secret
from carillon.base.tenancy import tenant
from carillon.business.endpoints.actions import (
    ADDRESS_TAKEN,
    ADDRESSES_ARE_THE_SELLERS,
    SOURCE_TAKEN,
    EndpointData,
    create_endpoint,
    derive_hashes,
    disable_endpoint,
    enable_endpoint,
    regenerate_secret,
    remove_endpoint,
    reveal_secret,
    update_endpoint,
)
from carillon.business.endpoints.models import Endpoint
from carillon.business.endpoints.queries import endpoints_of
from carillon.business.numbers.actions import NumberAssignment, NumberData, add_number, assign_number
from carillon.business.partners.queries import system_actor


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def test_secrets_are_long_unambiguous_and_never_twice() -> None:
    secrets = {make_secret() for _ in range(200)}
    assert len(secrets) == 200
    assert all(len(secret) == 24 and secret.isalnum() and not set(secret) & set("0O1lI") for secret in secrets)


def test_stored_secret_is_encrypted_and_another_key_cannot_read_it() -> None:
    stored = encrypt("pa55word")
    assert stored.startswith("v1:")
    assert "pa55word" not in stored
    assert decrypt(stored) == "pa55word"
    for broken in ("", "pa55word", stored[:-4] + "AAAA", "v1:", "v2:" + stored[3:]):
        with pytest.raises(SecretUnreadable):
            decrypt(broken)


def test_account_lives_in_its_customers_domain(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        endpoint = create_endpoint(
            paul, EndpointData(customer_id=cast.acme.pk, username=" Alice ", user_id=cast.bob.pk, label="Desk")
        )
        secret = reveal_secret(paul, endpoint)
        endpoint.refresh_from_db()
        assert (endpoint.username, endpoint.web_product, endpoint.partner) == ("alice", cast.business, cast.northwind)
        assert endpoint.ha1_md5 == md5(f"alice:northwind.test:{secret}")
        assert endpoint.ha1_sha256 == hashlib.sha256(f"alice:northwind.test:{secret}".encode()).hexdigest()
        assert list(endpoints_of(paul).filter(customer=cast.acme)) == [endpoint]


def test_username_is_made_when_none_is_given(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        endpoint = create_endpoint(paul, EndpointData(customer_id=cast.acme.pk))
        assert len(endpoint.username) == 10
        assert endpoint.username.isdigit()


@pytest.mark.parametrize("username", ["a b", "alice@x", "ålice", "-a", "a.", "x" * 65, "a;b", "a\r\nb", '"', "sip:a"])
def test_bad_usernames_are_refused(cast: Cast, username: str) -> None:
    with tenant(cast.staff("paul")) as paul, pytest.raises(InvalidInput) as refused:
        create_endpoint(paul, EndpointData(customer_id=cast.acme.pk, username=username))
    assert "username" in refused.value.fields


def test_username_is_once_per_domain(cast: Cast) -> None:
    with tenant(system_actor()) as system:
        create_endpoint(system, EndpointData(customer_id=cast.acme.pk, username="alice"))
        create_endpoint(system, EndpointData(customer_id=cast.fjord_customer.pk, username="alice"))
        with pytest.raises(InvalidInput) as refused:
            create_endpoint(system, EndpointData(customer_id=cast.acme.pk, username="ALICE"))
        assert "username" in refused.value.fields


def test_secret_may_come_from_another_platform(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        data = EndpointData(customer_id=cast.acme.pk, username="alice")
        for bad in ("short", "x" * 65, "has spaces in it, long", "ünïcödé-ünïcödé-ü"):
            with pytest.raises(InvalidInput):
                create_endpoint(paul, data, secret=bad)
        endpoint = create_endpoint(paul, data, secret="brought-from-elsewhere")
        assert reveal_secret(paul, endpoint) == "brought-from-elsewhere"


def test_secrets_are_in_no_history_and_no_listing(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        endpoint = create_endpoint(paul, EndpointData(customer_id=cast.acme.pk, username="alice"))
        first = reveal_secret(paul, endpoint)
        regenerate_secret(paul, endpoint)
        second = reveal_secret(paul, endpoint)
        disable_endpoint(paul, endpoint)
        endpoint.refresh_from_db()
        told = serializers.serialize("json", AuditEntry.objects.all())
        for hidden in (first, second, endpoint.secret, endpoint.ha1_md5, endpoint.ha1_sha256):
            assert hidden not in told
        assert first != second
        listed = endpoints_of(paul).get()
        assert not {"secret", "ha1_md5", "ha1_sha256"} & set(listed.__dict__)


def test_who_looks_at_a_secret_is_in_the_history(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        endpoint = create_endpoint(paul, EndpointData(customer_id=cast.acme.pk))
        reveal_secret(paul, endpoint)
        regenerate_secret(paul, endpoint)
        entries = AuditEntry.objects.filter(object_type="endpoints.endpoint").order_by("id")
        assert [entry.action for entry in entries] == [
            "endpoint.create",
            "endpoint.reveal_secret",
            "endpoint.regenerate_secret",
        ]
        assert {entry.actor_name for entry in entries} == {paul.name}
    clerk = replace(cast.staff("paul"), permissions=frozenset({"sip_endpoints.view", "sip_endpoints.change"}))
    with tenant(clerk), pytest.raises(NotPermitted):
        reveal_secret(clerk, endpoint)


def test_caller_id_and_user_are_the_customers_own(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        own, spare = (add_number(paul, NumberData(e164=e164)) for e164 in ("+442079460100", "+442079460101"))
        assign_number(paul, own, NumberAssignment(cast.acme.pk))
        endpoint = create_endpoint(paul, EndpointData(customer_id=cast.acme.pk))
        for field, data in (
            ("caller_id_id", EndpointData(customer_id=cast.acme.pk, caller_id_id=spare.pk)),
            ("caller_id_id", EndpointData(customer_id=cast.acme.pk, caller_id_id=10**9)),
            ("user_id", EndpointData(customer_id=cast.acme.pk, user_id=cast.fjord_user.pk)),
            ("user_id", EndpointData(customer_id=cast.acme.pk, user_id=cast.stranger.pk)),
            ("transport", EndpointData(customer_id=cast.acme.pk, transport="ax25")),  # type: ignore[arg-type]
            ("label", EndpointData(customer_id=cast.acme.pk, label="x" * 101)),
        ):
            with pytest.raises(InvalidInput) as refused:
                update_endpoint(paul, endpoint, data)
            assert field in refused.value.fields
        wanted = EndpointData(
            customer_id=cast.acme.pk, user_id=cast.bob.pk, caller_id_id=own.pk, transport=Transport.TCP
        )
        update_endpoint(paul, endpoint, wanted)
        endpoint.refresh_from_db()
        assert (endpoint.user, endpoint.caller_id, endpoint.transport) == (cast.bob, own, "tcp")


def test_account_is_disabled_enabled_and_removed(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        endpoint = create_endpoint(paul, EndpointData(customer_id=cast.acme.pk))
        with pytest.raises(AlreadySo):
            enable_endpoint(paul, endpoint)
        assert not disable_endpoint(paul, endpoint).is_enabled
        assert enable_endpoint(paul, endpoint).is_enabled
        remove_endpoint(paul, endpoint)
        assert not endpoints_of(paul).exists()
        assert AuditEntry.objects.filter(action="endpoint.remove", object_id=str(endpoint.pk)).exists()


def test_hashes_follow_a_changed_domain(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        endpoint = create_endpoint(paul, EndpointData(customer_id=cast.acme.pk, username="alice"))
        secret = reveal_secret(paul, endpoint)
        cast.business.sip_domain = "Voice.Northwind.test"
        cast.business.save()
        assert derive_hashes(paul, cast.business) == 1
        endpoint.refresh_from_db()
        assert endpoint.ha1_md5 == md5(f"alice:voice.northwind.test:{secret}")
        assert reveal_secret(paul, endpoint) == secret


def test_stranger_neither_sees_nor_changes(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        endpoint = create_endpoint(paul, EndpointData(customer_id=cast.acme.pk))
    with tenant(cast.staff("stranger")) as charlie:
        assert not endpoints_of(charlie).exists()
        for act in (reveal_secret, regenerate_secret, disable_endpoint, remove_endpoint):
            with pytest.raises(NotFound):
                act(charlie, endpoint)
        with pytest.raises(InvalidInput):
            create_endpoint(charlie, EndpointData(customer_id=cast.acme.pk))
    with tenant(cast.staff("paul")):
        assert Endpoint.objects.get().secret == endpoint.secret


def test_customers_people_see_their_own_only(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        endpoint = create_endpoint(paul, EndpointData(customer_id=cast.acme.pk))
    carla = replace(cast.staff("paul"), customer_id=cast.acme.pk)
    other = replace(cast.staff("paul"), customer_id=10**9)
    with tenant(carla):
        assert list(endpoints_of(carla)) == [endpoint]
        assert len(json.dumps(reveal_secret(carla, endpoint))) == 26
    with tenant(other):
        assert not endpoints_of(other).exists()
        with pytest.raises(NotFound):
            reveal_secret(other, endpoint)


def test_trunks_address_is_one_customers_over_the_whole_platform(cast: Cast) -> None:
    wanted = EndpointData(customer_id=cast.acme.pk, username="pbx", source_addresses=(" 192.0.2.7:5060", "2001:DB8::1"))
    with tenant(cast.staff("paul")) as paul:
        pbx = create_endpoint(paul, wanted)
        assert pbx.source_addresses == ["192.0.2.7:5060", "2001:db8::1"]
        update_endpoint(paul, pbx, replace(wanted, label="Its own address is no obstacle"))
    with tenant(cast.staff("stranger")) as stranger:
        theirs = EndpointData(customer_id=cast.charlie.pk, source_addresses=("192.0.2.7:5061",))
        create_endpoint(stranger, theirs)
        for source in ("192.0.2.7", "192.0.2.7:5060", "[2001:db8::1]:5060", "192.0.2.0/28", "2001:db8::/64"):
            with pytest.raises(InvalidInput) as refused:
                create_endpoint(stranger, replace(theirs, source_addresses=(source,)))
            assert refused.value.fields == {"source_addresses": str(SOURCE_TAKEN)}


def test_trunks_block_is_one_customers_with_all_that_is_in_it(cast: Cast) -> None:
    written = ("192.0.2.7/28", "2001:DB8::1/64", "198.51.100.7/32", "203.0.113.0/24")
    with tenant(cast.staff("paul")) as paul:
        pbx = create_endpoint(paul, EndpointData(customer_id=cast.acme.pk, source_addresses=written))
    assert pbx.source_addresses == ["192.0.2.0/28", "2001:db8::/64", "198.51.100.7", "203.0.113.0/24"]
    with tenant(cast.staff("stranger")) as stranger:
        theirs = EndpointData(customer_id=cast.charlie.pk, source_addresses=("192.0.2.16/28",))
        create_endpoint(stranger, theirs)
        for source in ("192.0.2.15", "192.0.2.8:5060", "192.0.2.0/27", "[2001:db8::2]:5060", "203.0.113.128/25"):
            with pytest.raises(InvalidInput) as refused:
                create_endpoint(stranger, replace(theirs, source_addresses=(source,)))
            assert refused.value.fields == {"source_addresses": str(SOURCE_TAKEN)}
        with pytest.raises(InvalidInput) as refused:
            create_endpoint(stranger, EndpointData(customer_id=cast.charlie.pk, fixed_address="192.0.2.3"))
        assert refused.value.fields == {"fixed_address": str(ADDRESS_TAKEN)}


@pytest.mark.parametrize(
    "source",
    [
        *("pbx.example", "::", "2a00::1%eth0", "224.0.0.1", "192.0.2.7:0"),
        *("192.0.2.0/23", "2001:db8::/63", "0.0.0.0/24", "::/64", "224.0.0.0/28", "192.0.2.0/28:5060", "192.0.2.0/33"),
    ],
)
def test_trunk_has_addresses_of_hosts_and_blocks_of_one_site(cast: Cast, source: str) -> None:
    with tenant(cast.staff("paul")) as paul, pytest.raises(InvalidInput) as refused:
        create_endpoint(paul, EndpointData(customer_id=cast.acme.pk, source_addresses=(source,)))
    assert set(refused.value.fields) == {"source_addresses"}


@pytest.mark.parametrize("source", ["127.0.0.1", "10.1.2.3", "::1", "100.64.0.1", "::ffff:10.0.0.1", "10.1.2.0/28"])
def test_trunk_of_a_public_installation_is_on_the_internet(cast: Cast, source: str) -> None:
    wanted = EndpointData(customer_id=cast.acme.pk, source_addresses=(source,))
    with tenant(cast.staff("paul")) as paul:
        with override_settings(TRUNKS_MAY_BE_PRIVATE=False), pytest.raises(InvalidInput):
            create_endpoint(paul, wanted)
        with override_settings(TRUNKS_MAY_BE_PRIVATE=True):
            create_endpoint(paul, wanted)


def test_customers_people_can_neither_name_nor_drop_a_trunks_address(cast: Cast) -> None:
    wanted = EndpointData(customer_id=cast.acme.pk, username="pbx", source_addresses=("192.0.2.7",))
    with tenant(cast.staff("paul")) as paul:
        pbx = create_endpoint(paul, wanted)
    with tenant(cast.user(cast.alice)) as alice:
        assert update_endpoint(alice, pbx, replace(wanted, label="Mine")).label == "Mine"
        for sources in ((), ("192.0.2.8",)):
            with pytest.raises(InvalidInput) as refused:
                update_endpoint(alice, pbx, replace(wanted, source_addresses=sources))
            assert refused.value.fields == {"source_addresses": str(ADDRESSES_ARE_THE_SELLERS)}


@pytest.mark.parametrize(
    ("written", "transport", "kept"),
    [
        ("", Transport.UDP, ""),
        (" 192.0.2.7 ", Transport.TCP, "192.0.2.7:5060"),
        ("192.0.2.7", Transport.TLS, "192.0.2.7:5061"),
        ("192.0.2.7:5070", Transport.TLS, "192.0.2.7:5070"),
        ("2001:DB8::1", Transport.UDP, "[2001:db8::1]:5060"),
    ],
)
def test_trunk_is_called_at_an_address_with_its_port(cast: Cast, written: str, transport: Transport, kept: str) -> None:
    wanted = EndpointData(customer_id=cast.acme.pk, transport=transport, fixed_address=written)
    with tenant(cast.staff("paul")) as paul:
        pbx = create_endpoint(paul, wanted)
        assert pbx.fixed_address == kept
        assert update_endpoint(paul, pbx, replace(wanted, fixed_address=kept)).fixed_address == kept


@pytest.mark.parametrize(
    "address", ["pbx.example", "192.0.2.0/24", "192.0.2.7,192.0.2.8", "::", "224.0.0.1", "1.2.3.4:"]
)
def test_trunk_is_called_at_one_host(cast: Cast, address: str) -> None:
    with tenant(cast.staff("paul")) as paul, pytest.raises(InvalidInput) as refused:
        create_endpoint(paul, EndpointData(customer_id=cast.acme.pk, fixed_address=address))
    assert set(refused.value.fields) == {"fixed_address"}


def test_nobody_has_calls_sent_to_a_carrier_or_another_customers_telephone_system(cast: Cast) -> None:
    with tenant(cast.staff("paul")) as paul:
        own = EndpointData(customer_id=cast.acme.pk, source_addresses=("192.0.2.7",), fixed_address="192.0.2.7")
        pbx = create_endpoint(paul, own)
    with tenant(cast.staff("stranger")) as stranger, pytest.raises(InvalidInput) as refused:
        create_endpoint(stranger, EndpointData(customer_id=cast.charlie.pk, fixed_address="192.0.2.7:5070"))
    assert refused.value.fields == {"fixed_address": str(ADDRESS_TAKEN)}
    with tenant(cast.user(cast.alice)) as alice:
        assert update_endpoint(alice, pbx, replace(own, fixed_address="192.0.2.7:5060", label="Mine")).label == "Mine"
        for address in ("", "192.0.2.8"):
            with pytest.raises(InvalidInput) as refused:
                update_endpoint(alice, pbx, replace(own, fixed_address=address))
            assert refused.value.fields == {"fixed_address": str(ADDRESSES_ARE_THE_SELLERS)}
