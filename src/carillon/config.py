"""Typed settings, from the environment only.

Every process builds one `Config` at its start and hands its parts on; nothing else reads the environment. A wrong value
stops the start with a `ConfigError`, a sentence that names the variable. This is the lowest room: it imports nothing of
Carillon and only the standard library.

Secrets are not settings: they are made at random on the first start, one file each under `<home>/secrets` (mode 0600).
"""

from __future__ import annotations

import base64
import difflib
import hashlib
import ipaddress
import os
import re
import secrets
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

DATABASE_ROLES = ("owner", "web", "worker", "control", "edge")
LOG_LEVELS = ("debug", "info", "warning", "error")
SETTINGS = (
    "CARILLON_HOME",
    "CARILLON_RUNTIME",
    "CARILLON_PORT_OFFSET",
    "CARILLON_BIND",
    "CARILLON_ADVERTISED",
    "CARILLON_BIND_IPV6",
    "CARILLON_ADVERTISED_IPV6",
    "CARILLON_DATABASE_URL",
    "CARILLON_DATABASE_NAME",
    "CARILLON_PROXIES",
    "CARILLON_CHUNK_SECONDS",
    "CARILLON_MEDIA_TIMEOUT_SECONDS",
    "CARILLON_MAX_DECISIONS",
    "CARILLON_SMTP_URL",
    "CARILLON_MAIL_FROM",
    "CARILLON_WEBHOOKS_TO_LOOPBACK",
    "CARILLON_LOG_LEVEL",
    "CARILLON_DEBUG",
    "CARILLON_DB_ROLE",  # set by the supervisor for each process
    "CARILLON_PROCESS",  # likewise: the mark a process is known by
)
MAX_PORT_OFFSET = 33_000  # the highest port we use is 32399
CHECKOUT = Path(__file__).resolve().parents[2]


class ConfigError(ValueError):
    """A setting has a wrong value; the text is a sentence for the person who set it."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Every port of an installation, offset applied. Ranges are inclusive.

    `CARILLON_PORT_OFFSET` shifts all; `CARILLON_PORT_<FIELD>` (upper case) sets one by itself.
    """

    postgresql: int = 8432  # tcp, loopback
    rtpengine_ng: int = 8433  # udp, loopback
    rtpengine_cli: int = 8434  # tcp, loopback
    evapi: int = 8435  # tcp, loopback
    hep: int = 8436  # udp, loopback
    control: int = 8437  # tcp, loopback: status http
    carrier_a_http: int = 8438  # tcp, loopback
    carrier_b_http: int = 8439  # tcp, loopback
    web: int = 8080  # tcp
    sip: int = 5060  # udp and tcp
    sip_tls: int = 5061  # tcp
    carrier_a: int = 5090  # udp
    carrier_b: int = 5091  # udp
    rtp_min: int = 30000
    rtp_max: int = 31999
    carrier_a_rtp_min: int = 32000
    carrier_a_rtp_max: int = 32199
    carrier_b_rtp_min: int = 32200
    carrier_b_rtp_max: int = 32399


@dataclass(frozen=True, slots=True)
class Database:
    """How one role reaches PostgreSQL."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)
    options: str = ""  # query string of the URL, such as sslmode=require

    @property
    def url(self) -> str:
        """A libpq URL, for psycopg, asyncpg and PostgreSQL's own programs."""
        query = f"?{self.options}" if self.options else ""
        return f"postgresql://{self._authority}/{quote(self.name)}{query}"

    @property
    def kamailio_url(self) -> str:
        """The URL in the spelling of Kamailio's db_postgres, which knows no options."""
        return f"postgres://{self._authority}/{self.name}"

    @property
    def _authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Who sends our mails on. `is_tls`: encrypted from the start; otherwise STARTTLS, but on loopback."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    is_tls: bool
    sender: str


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of one installation."""

    home: Path  # state: databases, secrets, logs
    runtime: Path  # short private folder for sockets and pid files
    port_offset: int
    ports: Ports
    bind: str  # address the public ports listen on
    advertised: str  # address that phones and carriers are told
    databases: Mapping[str, Database]  # by role: owner web worker control edge
    external_database: Database | None  # administrator's access when PostgreSQL is not ours
    bind_ipv6: str | None  # the same for SIP and media over IPv6; None: without
    advertised_ipv6: str | None
    secret_key: str = field(repr=False)  # signs sessions
    sip_key: bytes = field(repr=False)  # Fernet key of SIP secrets at rest
    control_token: str = field(repr=False)  # bearer token of control's status http
    proxies: int = 0  # in front of the web port: how many of the last addresses in X-Forwarded-For are true
    chunk_s: int = 30  # seconds of a call paid for at a time
    media_timeout_s: int = 60  # a call without sound for so long is over, unless it is held
    most_decisions: int = 128  # about new calls, under way at once
    mail: MailServer | None = None  # None: mails are written to the worker's log
    webhooks_to_loopback: bool = False  # also to this machine, without TLS: for tests and developers only
    log_level: str = "info"
    is_debug: bool = False  # error pages with everything in them for everybody: for developers only

    @property
    def secrets_folder(self) -> Path:
        """Where the secrets are, one file each."""
        return self.home / "secrets"

    def database(self, role: str) -> Database:
        """Access of `role`, one of DATABASE_ROLES."""
        return self.databases[role]

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Config:
        """Read the settings, making missing secrets on the way.

        Raises ConfigError, a sentence that names the variable with the wrong value.
        """
        home = _home(environ)
        bind = _address(environ, "CARILLON_BIND", "127.0.0.1")
        advertised = _advertised(environ, bind)
        bind_ipv6 = _bind_ipv6(environ, bind)
        offset = _integer(environ, "CARILLON_PORT_OFFSET", 0, 0, MAX_PORT_OFFSET)
        ports = _ports(environ, offset)
        folder = home / "secrets"
        external = _external_database(environ)
        name = _database_name(environ)
        return cls(
            home=home,
            runtime=_runtime(environ, home),
            port_offset=offset,
            ports=ports,
            bind=bind,
            advertised=advertised,
            bind_ipv6=bind_ipv6,
            advertised_ipv6=_advertised_ipv6(environ, bind_ipv6),
            databases={role: _database(role, folder, ports.postgresql, name, external) for role in DATABASE_ROLES},
            external_database=external,
            secret_key=_secret(folder / "django.key", lambda: secrets.token_urlsafe(50)),
            sip_key=_secret(folder / "sip.key", _fernet_key).encode(),
            control_token=_secret(folder / "control.token", lambda: secrets.token_urlsafe(32)),
            proxies=_integer(environ, "CARILLON_PROXIES", 0, 0, 9),
            chunk_s=_integer(environ, "CARILLON_CHUNK_SECONDS", 30, 1, 3600),
            media_timeout_s=_integer(environ, "CARILLON_MEDIA_TIMEOUT_SECONDS", 60, 5, 3600),
            most_decisions=_integer(environ, "CARILLON_MAX_DECISIONS", 256, 1, 1000),
            mail=_mail_server(environ),
            webhooks_to_loopback=_choice(environ, "CARILLON_WEBHOOKS_TO_LOOPBACK", "0", ("0", "1")) == "1",
            log_level=_choice(environ, "CARILLON_LOG_LEVEL", "info", LOG_LEVELS),
            is_debug=_choice(environ, "CARILLON_DEBUG", "0", ("0", "1")) == "1",
        )


def misspelt_settings(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that looks like a setting and is none: a misspelt one would silently do nothing."""
    known = {*SETTINGS, *(f"CARILLON_PORT_{port.name.upper()}" for port in fields(Ports))}
    sentences = []
    for name in sorted(name for name in environ if name.startswith("CARILLON_") and name not in known):
        near = difflib.get_close_matches(name, known, n=1)
        sentences.append(f"{name} is not a setting{f': is {near[0]} meant?' if near else '.'}")
    return sentences


def instance_name(checkout: Path) -> str:
    """Name of the installation that belongs to a checkout; the launcher computes the same in shell."""
    return f"{checkout.name}-{hashlib.sha256(str(checkout).encode()).hexdigest()[:8]}"


def _home(environ: Mapping[str, str]) -> Path:
    given = environ.get("CARILLON_HOME", "")
    if given:
        if not given.startswith("/"):
            raise ConfigError(f"CARILLON_HOME must be an absolute path; it is {given!r}.")
        return Path(given)
    if os.geteuid() == 0:
        return Path("/var/lib/carillon") / instance_name(CHECKOUT)
    return CHECKOUT / "var"


def _runtime(environ: Mapping[str, str], home: Path) -> Path:
    given = environ.get("CARILLON_RUNTIME", "")
    name = f"carillon-{os.geteuid()}-{hashlib.sha256(str(home).encode()).hexdigest()[:8]}"
    runtime = Path(given) if given else Path("/tmp") / name  # noqa: S108 - made 0700 and checked by the supervisor
    if not runtime.is_absolute() or len(str(runtime)) > 80:
        raise ConfigError(
            f"CARILLON_RUNTIME must be an absolute path of at most 80 characters (sockets live there); it is {given!r}."
        )
    return runtime


def _integer(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = environ.get(name, "").strip() or str(default)
    try:
        value = int(text)
    except ValueError:
        raise ConfigError(f"{name} must be a whole number from {low} to {high}; it is {text!r}.") from None
    if not low <= value <= high:
        raise ConfigError(f"{name} must be a whole number from {low} to {high}; it is {value}.")
    return value


def _choice(environ: Mapping[str, str], name: str, default: str, choices: tuple[str, ...]) -> str:
    value = environ.get(name, "").strip().lower() or default
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}; it is {value!r}.")
    return value


def _address(environ: Mapping[str, str], name: str, default: str) -> str:
    text = environ.get(name, "").strip() or default
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ConfigError(f"{name} must be an IP address such as 192.0.2.10; it is {text!r}.") from None


def _bind_ipv6(environ: Mapping[str, str], bind: str) -> str | None:
    """The IPv6 address to listen on: `auto` is loopback for a loopback installation, else the machine's own if any."""
    text = environ.get("CARILLON_BIND_IPV6", "").strip().lower() or "auto"
    if text == "none":
        return None
    if text != "auto":
        return _ipv6(text, "CARILLON_BIND_IPV6")
    is_loopback = ipaddress.ip_address(bind).is_loopback
    try:
        with socket.socket(
            socket.AF_INET6, socket.SOCK_DGRAM
        ) as probe:  # connecting UDP asks the routes, sends nothing
            probe.connect(("::1" if is_loopback else "2001:db8::1", 9))
            return str(probe.getsockname()[0])
    except OSError:
        return None


def _advertised(environ: Mapping[str, str], bind: str) -> str:
    advertised = _address(environ, "CARILLON_ADVERTISED", bind)
    if ipaddress.ip_address(advertised).is_unspecified:
        raise ConfigError(
            f"CARILLON_ADVERTISED must be the address that phones can reach; {advertised} is every address at once."
        )
    return advertised


def _advertised_ipv6(environ: Mapping[str, str], bind: str | None) -> str | None:
    told = environ.get("CARILLON_ADVERTISED_IPV6", "").strip()
    text = _ipv6(told, "CARILLON_ADVERTISED_IPV6") if told else bind
    if text is None or bind is None:
        return None
    if ipaddress.ip_address(text).is_unspecified:
        raise ConfigError(
            f"CARILLON_ADVERTISED_IPV6 must be the address that phones can reach; {text} is every address at once."
        )
    return text


def _ipv6(text: str, name: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise ConfigError(
            f"{name} must be an IPv6 address such as 2001:db8::10, auto or none; it is {text!r}."
        ) from None


def _ports(environ: Mapping[str, str], offset: int) -> Ports:
    values = {}
    for port in fields(Ports):
        default = int(port.default) + offset  # type: ignore[arg-type]
        values[port.name] = _integer(environ, f"CARILLON_PORT_{port.name.upper()}", default, 1, 65535)
    return Ports(**values)


def _external_database(environ: Mapping[str, str]) -> Database | None:
    text = environ.get("CARILLON_DATABASE_URL", "").strip()
    if not text:
        return None
    wrong = "CARILLON_DATABASE_URL must look like postgresql://user:password@host:5432/carillon"
    try:
        url = urlsplit(text)
        port = url.port or 5432
    except ValueError:
        raise ConfigError(f"{wrong}; its host or port can't be read.") from None
    if url.scheme not in ("postgresql", "postgres"):
        raise ConfigError(f"{wrong}; it starts with {url.scheme + '://' if url.scheme else 'no scheme'}.")
    if not url.hostname or not url.username or url.path in ("", "/"):
        raise ConfigError(f"{wrong}; user, host and database name are needed.")
    return Database(
        host=url.hostname,
        port=port,
        name=unquote(url.path[1:]),
        user=unquote(url.username),
        password=unquote(url.password or ""),
        options=url.query,
    )


def _database_name(environ: Mapping[str, str]) -> str:
    name = environ.get("CARILLON_DATABASE_NAME", "").strip() or "carillon"
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,50}", name):
        raise ConfigError(
            f"CARILLON_DATABASE_NAME must be small letters, digits and underscores, a letter first; it is {name!r}."
        )
    return name


def _mail_server(environ: Mapping[str, str]) -> MailServer | None:
    text = environ.get("CARILLON_SMTP_URL", "").strip()
    if not text:
        return None
    wrong = "CARILLON_SMTP_URL must look like smtp://user:password@mail.example.com:587 or smtps://..."
    try:
        url = urlsplit(text)
        is_tls, port = url.scheme == "smtps", url.port
    except ValueError as error:
        raise ConfigError(f"{wrong}: {error}.") from None
    if url.scheme not in ("smtp", "smtps") or not url.hostname:
        raise ConfigError(f"{wrong}.")
    sender = environ.get("CARILLON_MAIL_FROM", "").strip() or f"carillon@{url.hostname}"
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", sender):
        raise ConfigError(f"CARILLON_MAIL_FROM must be an e-mail address; it is {sender!r}.")
    user, password = unquote(url.username or ""), unquote(url.password or "")
    return MailServer(url.hostname, port or (465 if is_tls else 587), user, password, is_tls, sender)


def _database(role: str, folder: Path, port: int, name: str, external: Database | None) -> Database:
    password = _secret(folder / f"database.{role}", lambda: secrets.token_urlsafe(24))
    user = f"carillon_{role}"
    if external:
        return Database(external.host, external.port, external.name, user, password, external.options)
    return Database("127.0.0.1", port, name, user, password)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in `path`; made when missing. Several processes may start at once: the first one's value wins."""
    try:
        text = path.read_text().strip()
    except FileNotFoundError:
        text = _make_secret(path, make())
    except OSError as error:
        raise ConfigError(f"The secret {path} can't be read ({error.strerror}): is CARILLON_HOME yours?") from None
    if not text:
        raise ConfigError(f"The secret {path} is empty: restore it from a backup, or remove it to get a new one.")
    return text


def _make_secret(path: Path, value: str) -> str:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes mode 0600; link never overwrites and never shows a half-written file
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w") as file:
            file.write(value + "\n")
        try:
            os.link(temporary, path)
        except FileExistsError:
            return path.read_text().strip()
        finally:
            Path(temporary).unlink()
    except OSError as error:
        raise ConfigError(f"CARILLON_HOME: {path} can't be written ({error.strerror}).") from None
    return value
