"""Which certificate each SIP domain gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from carillon.callpath.control.certificates import Certificates, Pair, fault_of


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    (tmp_path / "run").mkdir()
    return Certificates(tmp_path, tmp_path / "run", "192.0.2.5")


def test_every_domain_gets_one_and_nothing_changes_until_something_does(
    certificates: Certificates, tmp_path: Path
) -> None:
    assert certificates.write(["a.test", "b.test"])
    assert not certificates.write(["b.test", "a.test"])
    text = certificates.config.read_text()
    for domain in ("a.test", "b.test"):
        made = Pair.of(tmp_path / "tls" / "made" / domain)
        assert f"certificate = {made.certificate}\nprivate_key = {made.key}\nserver_name = {domain}\n" in text
        assert fault_of(made) == ""
        assert made.key.stat().st_mode & 0o077 == 0
    assert certificates.write(["a.test"])


def test_what_is_brought_is_used_unless_it_is_broken(certificates: Certificates, tmp_path: Path) -> None:
    certificates.write(["a.test", "b.test"])
    brought, spare = tmp_path / "tls" / "a.test", tmp_path / "tls" / "made" / "b.test"
    brought.mkdir()
    for name in ("fullchain.pem", "privkey.pem"):
        (brought / name).write_bytes((spare / name).read_bytes())
    assert certificates.write(["a.test", "b.test"])
    assert str(brought / "fullchain.pem") in certificates.config.read_text()
    (brought / "privkey.pem").write_bytes((tmp_path / "tls" / "made" / "a.test" / "privkey.pem").read_bytes())
    assert fault_of(Pair.of(brought)) == "the key is not the certificate's"
    assert certificates.write(["a.test", "b.test"])
    assert str(brought) not in certificates.config.read_text()


def test_a_restart_keeps_what_was_known(certificates: Certificates) -> None:
    certificates.prepare()
    assert "server:default" in certificates.config.read_text()
    certificates.write(["a.test"])
    certificates.prepare()
    assert "a.test" in certificates.config.read_text()
