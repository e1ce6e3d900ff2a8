"""Settings: defaults, clear errors, secrets made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from carillon.config import Config, ConfigError, MailServer, instance_name, misspelt_settings


def config(home: Path, **settings: str) -> Config:
    return Config.from_env({"CARILLON_HOME": str(home), **settings})


def test_defaults_are_a_loopback_installation(tmp_path: Path) -> None:
    result = config(tmp_path)
    assert (result.bind, result.advertised, result.ports.web, result.ports.sip) == (
        "127.0.0.1",
        "127.0.0.1",
        8080,
        5060,
    )
    assert result.chunk_s == 30
    assert not result.is_debug
    assert result.external_database is None


def test_ipv6_goes_beside_ipv4_unless_told_otherwise(tmp_path: Path) -> None:
    assert config(tmp_path, CARILLON_BIND_IPV6="none").bind_ipv6 is None
    told = config(tmp_path, CARILLON_BIND_IPV6="::", CARILLON_ADVERTISED_IPV6="2001:DB8::5")
    assert (told.bind_ipv6, told.advertised_ipv6) == ("::", "2001:db8::5")
    assert config(tmp_path).bind_ipv6 in ("::1", None)  # None on a machine without IPv6
    with pytest.raises(ConfigError, match="CARILLON_ADVERTISED_IPV6"):
        config(tmp_path, CARILLON_BIND_IPV6="::")


def test_offset_shifts_every_port(tmp_path: Path) -> None:
    base, shifted = config(tmp_path).ports, config(tmp_path, CARILLON_PORT_OFFSET="1000").ports
    assert all(getattr(shifted, name) == getattr(base, name) + 1000 for name in base.__slots__)


def test_one_port_can_be_set_by_itself(tmp_path: Path) -> None:
    result = config(tmp_path, CARILLON_PORT_OFFSET="1000", CARILLON_PORT_WEB="80")
    assert (result.ports.web, result.ports.sip) == (80, 6060)


def test_mails_go_to_the_server_that_is_named_or_to_the_log(tmp_path: Path) -> None:
    assert config(tmp_path).mail is None
    plain = config(tmp_path, CARILLON_SMTP_URL="smtp://me:p%40ss@mail.example.com").mail
    assert plain == MailServer("mail.example.com", 587, "me", "p@ss", False, "carillon@mail.example.com")
    safe = {"CARILLON_SMTP_URL": "smtps://mail.example.com", "CARILLON_MAIL_FROM": "noc@northwind.example"}
    assert config(tmp_path, **safe).mail == MailServer("mail.example.com", 465, "", "", True, "noc@northwind.example")
    with pytest.raises(ConfigError, match="CARILLON_MAIL_FROM"):
        config(tmp_path, **{**safe, "CARILLON_MAIL_FROM": "nobody"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CARILLON_PORT_OFFSET", "-1"),
        ("CARILLON_PORT_OFFSET", "many"),
        ("CARILLON_PORT_OFFSET", "40000"),
        ("CARILLON_PORT_SIP", "70000"),
        ("CARILLON_BIND", "localhost"),
        ("CARILLON_ADVERTISED", "0.0.0.0"),  # noqa: S104
        ("CARILLON_BIND_IPV6", "192.0.2.1"),
        ("CARILLON_ADVERTISED_IPV6", "192.0.2.1"),
        ("CARILLON_CHUNK_SECONDS", "0"),
        ("CARILLON_MEDIA_TIMEOUT_SECONDS", "4"),
        ("CARILLON_SMTP_URL", "mail.example.com"),
        ("CARILLON_SMTP_URL", "smtp://mail.example.com:many"),
        ("CARILLON_LOG_LEVEL", "chatty"),
        ("CARILLON_DEBUG", "maybe"),
        ("CARILLON_DATABASE_URL", "mysql://u:p@db/carillon"),
        ("CARILLON_DATABASE_URL", "postgresql://db/carillon"),
        ("CARILLON_DATABASE_URL", "postgresql://u:p@db:port/carillon"),
        ("CARILLON_DATABASE_NAME", "Robert'); DROP"),
        ("CARILLON_HOME", "relative/path"),
        ("CARILLON_RUNTIME", "/tmp/" + "long" * 30),  # noqa: S108
    ],
)
def test_a_wrong_value_names_its_variable(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Config.from_env({"CARILLON_HOME": str(tmp_path), name: value})


def test_bind_to_every_address_asks_for_the_advertised_one(tmp_path: Path) -> None:
    everywhere = "0.0.0.0"  # noqa: S104
    with pytest.raises(ConfigError, match="CARILLON_ADVERTISED"):
        config(tmp_path, CARILLON_BIND=everywhere)
    assert config(tmp_path, CARILLON_BIND=everywhere, CARILLON_ADVERTISED="192.0.2.7").advertised == "192.0.2.7"


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    first, second = config(tmp_path), config(tmp_path)
    assert (first.secret_key, first.sip_key, first.control_token) == (
        second.secret_key,
        second.sip_key,
        second.control_token,
    )
    files = list((tmp_path / "secrets").iterdir())
    assert len(files) == 8
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_secrets_stay_out_of_repr(tmp_path: Path) -> None:
    result = config(tmp_path)
    text = repr(result)
    assert result.secret_key not in text
    assert result.database("web").password not in text


def test_an_empty_secret_is_refused(tmp_path: Path) -> None:
    config(tmp_path)
    (tmp_path / "secrets" / "sip.key").write_text("")
    with pytest.raises(ConfigError, match=r"sip\.key is empty"):
        config(tmp_path)


def test_every_role_has_its_own_login(tmp_path: Path) -> None:
    result = config(tmp_path, CARILLON_PORT_OFFSET="7")
    assert {database.user for database in result.databases.values()} == {
        f"carillon_{role}" for role in ("owner", "web", "worker", "control", "edge")
    }
    assert len({database.password for database in result.databases.values()}) == 5
    web = result.database("web")
    assert web.url == f"postgresql://carillon_web:{web.password}@127.0.0.1:8439/carillon"
    assert web.kamailio_url == f"postgres://carillon_web:{web.password}@127.0.0.1:8439/carillon"


def test_external_postgresql_keeps_host_name_and_options(tmp_path: Path) -> None:
    result = config(tmp_path, CARILLON_DATABASE_URL="postgresql://adm%40x:p%2Fw@db.example:6543/telco?sslmode=require")
    assert result.external_database is not None
    assert (result.external_database.user, result.external_database.password) == ("adm@x", "p/w")
    control = result.database("control")
    assert (control.host, control.port, control.name, control.user) == ("db.example", 6543, "telco", "carillon_control")
    assert control.url.endswith("?sslmode=require")


def test_an_unwritable_home_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="can't be"):
        config(tmp_path / "file")


def test_instance_names_differ_by_path() -> None:
    assert instance_name(Path("/srv/a/carillon")) != instance_name(Path("/srv/b/carillon"))
    assert instance_name(Path("/srv/a/carillon")).startswith("carillon-")


def test_a_misspelt_setting_is_told() -> None:
    environ = {"CARILLON_PROT_OFFSET": "1000", "CARILLON_PORT_WEB": "80", "CARILLON_HOME": "/srv", "PATH": "/bin"}
    assert misspelt_settings(environ) == ["CARILLON_PROT_OFFSET is not a setting: is CARILLON_PORT_OFFSET meant?"]
