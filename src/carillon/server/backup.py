"""`./carillon backup FILE` and `restore FILE`: the database and the secrets that open it, in one tar.

The secrets belong in it: without `sip.key` the SIP secrets of a restored database can't be read. So the file is as
secret as the installation itself and gets mode 0600.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib.metadata
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from carillon.config import DATABASE_ROLES, Config
from carillon.server import cluster
from carillon.server.errors import BackupError
from carillon.server.progress import complain, say, step
from carillon.server.supervisor import Supervisor
from carillon.server.up import make_folders, remove_runtime

FORMAT = 1
DUMP = "database.dump"
MANIFEST = "manifest.json"
SECRET_NAME = re.compile(r"secrets/[a-z.]+\Z")


def backup(arguments: list[str]) -> int:
    """Write FILE, from a running or a stopped installation. A partial file never has the final name."""
    parser = argparse.ArgumentParser(prog="./carillon backup")
    parser.add_argument("file", metavar="FILE", type=Path)
    target: Path = parser.parse_args(arguments).file.absolute()
    config = Config.from_env(os.environ)
    make_folders(config)
    partial = target.with_name(target.name + ".partial")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with server(config), tempfile.TemporaryDirectory(dir=config.home) as folder, os.fdopen(handle, "wb") as output:
            dump = Path(folder) / DUMP
            with step("Database"):
                _postgresql_program(
                    config, "pg_dump", "--format=custom", "--file", str(dump), config.database("owner").name
                )
            with step("Archive"), tarfile.open(fileobj=output, mode="w") as archive:
                _write_archive(archive, config, dump)
            os.fsync(output.fileno())
        partial.rename(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise BackupError(f"{target} can't be written ({error.strerror}).") from None
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    say(f"{target.stat().st_size // 1024} kB. The file holds secrets: keep it as safe as the server itself.")
    return 0


def restore(arguments: list[str]) -> int:
    """Replace database and secrets by those in FILE; refuses while Carillon runs unless `--force` stops it."""
    parser = argparse.ArgumentParser(prog="./carillon restore")
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--force", action="store_true", help="stop a running Carillon; replace data without asking")
    options = parser.parse_args(arguments)
    config = Config.from_env(os.environ)
    supervisor = Supervisor(config)
    with _opened(options.file) as archive:
        manifest = _manifest(archive)
        if supervisor.pid() is not None:
            if not options.force:
                complain("Carillon is running: stop it first (./carillon down), or add --force.")
                return 1
            with step("Stopping"):
                supervisor.stop()
        if (config.home / "stamps" / "world").exists() and not options.force:
            complain(f"{config.home} already holds a database, which would be replaced: add --force to do it.")
            return 1
        make_folders(config)
        with step("Secrets"):
            _restore_secrets(archive, config)
        _restore_database(archive, Config.from_env(os.environ), str(manifest["world"]))
    say(f"Restored the backup of {manifest['taken_at']}. Start it with ./carillon up")
    return 0


@contextlib.contextmanager
def server(config: Config) -> Iterator[None]:
    """A running PostgreSQL: the installation's own when it runs, else started for as long as this takes."""
    found = cluster.cluster_of(config)
    if config.external_database or Supervisor(config).pid() is not None:
        cluster.wait_ready(cluster.administrator(config), timeout_s=30)
        yield
        return
    Supervisor(config).end_leftovers()
    cluster.create(found)
    cluster.configure(found)
    process = cluster.start(found)
    try:
        yield
    finally:
        cluster.stop(found)
        process.wait()
        remove_runtime(config)


def _write_archive(archive: tarfile.TarFile, config: Config, dump: Path) -> None:
    world = config.home / "stamps" / "world"
    manifest = {
        "format": FORMAT,
        "carillon": importlib.metadata.version("carillon") if _is_installed() else "",
        "taken_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "postgresql": cluster.binaries().parent.name,
        "world": world.read_text() if world.exists() else "empty",
    }
    text = json.dumps(manifest, indent=1).encode()
    entry = tarfile.TarInfo(MANIFEST)
    entry.size = len(text)
    entry.mode = 0o600
    archive.addfile(entry, io.BytesIO(text))
    for secret in sorted(config.secrets_folder.iterdir()):
        archive.add(secret, f"secrets/{secret.name}")
    archive.add(dump, DUMP)


def _is_installed() -> bool:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return bool(importlib.metadata.version("carillon"))
    return False


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        archive = tarfile.open(file)  # noqa: SIM115 - closed below; only the opening may fail like this
    except (OSError, tarfile.TarError) as error:
        raise BackupError(f"{file} can't be read as a backup ({error}).") from None
    with archive:
        yield archive


def _manifest(archive: tarfile.TarFile) -> dict[str, object]:
    try:
        file = archive.extractfile(MANIFEST)
        manifest: dict[str, object] = json.load(file) if file else {}
        archive.getmember(DUMP)
    except (KeyError, ValueError):
        raise BackupError("This is no backup of Carillon: it has no manifest or no database.") from None
    if manifest.get("format") != FORMAT:
        raise BackupError(f"This backup has format {manifest.get('format')}; this Carillon reads format {FORMAT}.")
    return manifest


def _restore_secrets(archive: tarfile.TarFile, config: Config) -> None:
    folder = config.secrets_folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for member in archive.getmembers():
        # only plain files with the names we write: an archive may come from anywhere
        if member.isfile() and SECRET_NAME.match(member.name) and (file := archive.extractfile(member)):
            path = folder / member.name.partition("/")[2]
            path.unlink(missing_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
                output.write(file.read())


def _restore_database(archive: tarfile.TarFile, config: Config, world: str) -> None:
    databases = [config.database(role) for role in DATABASE_ROLES]
    with server(config), tempfile.TemporaryDirectory(dir=config.home) as folder:
        conninfo = cluster.administrator(config)
        dump = Path(folder) / DUMP
        with dump.open("wb") as output:
            if packed := archive.extractfile(DUMP):
                shutil.copyfileobj(packed, output)
        with step("Database"):
            _drop_database(conninfo, databases[0].name)
            cluster.prepare(conninfo, databases)
            _postgresql_program(
                config,
                "pg_restore",
                *("--exit-on-error", "--single-transaction", "--no-owner", "--role", databases[0].user),
                *("--dbname", databases[0].name, str(dump)),
            )
    stamps = config.home / "stamps"
    for name in ("database", "static"):  # the dump may be older than the code: the next start migrates
        (stamps / name).unlink(missing_ok=True)
    (stamps / "world").write_text(world)


def _drop_database(conninfo: str, name: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _postgresql_program(config: Config, name: str, *arguments: str) -> None:
    """Run pg_dump or pg_restore as the administrator. Raises BackupError with its last words."""
    if config.external_database:
        database = config.external_database
        environ = {"PGHOST": database.host, "PGPORT": str(database.port), "PGUSER": database.user}
        environ["PGPASSWORD"] = database.password
    else:
        found = cluster.cluster_of(config)
        environ = {"PGHOST": str(found.sockets), "PGPORT": str(found.port), "PGUSER": cluster.SUPERUSER}
    command = [str(cluster.binaries() / name), "--no-password", *arguments]
    done = subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BackupError(f"{name} failed: {done.stderr.strip()[-600:]}")
