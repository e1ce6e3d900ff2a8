"""The launcher's errors: each is one sentence that says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from carillon.config import CHECKOUT

LAUNCHER = CHECKOUT / "carillon"


def run(
    folder: Path, *arguments: str, fakes: dict[str, str] | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a copy of the launcher in `folder`, with programs of our own making found before the system's."""
    folder.mkdir(parents=True, exist_ok=True)
    launcher = shutil.copy(LAUNCHER, folder / "carillon")
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for name, script in (fakes or {}).items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    settings = {
        "PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(folder),
        "CARILLON_HOME": str(folder / "home"),
        "CI": "true",
        **environ,
    }
    return subprocess.run(
        [launcher, *arguments], env=settings, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    return done.stderr.splitlines()[-1]


ORDINARY_USER = {"id": 'case $1 in -u) echo 1000;; *) exec /usr/bin/id "$@";; esac'}
NOTHING_INSTALLED = {"dpkg-query": "exit 1"}


def test_help_names_every_command(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 0
    for command in (
        "up",
        "down",
        "status",
        "logs",
        "demo call",
        "test",
        "check",
        "token",
        "manage",
        "backup",
        "restore",
    ):
        assert f"  {command}" in done.stdout or f", {command}" in done.stdout


def test_an_unknown_command_is_named(tmp_path: Path) -> None:
    assert complaint(run(tmp_path, "dance")) == 'carillon: There is no command "dance".'


@pytest.mark.parametrize("name", ["with space", "with:colon", "quo'te", "per%cent"])
def test_a_path_that_configuration_files_can_not_name_is_refused(tmp_path: Path, name: str) -> None:
    assert "special character" in complaint(run(tmp_path / name, "up"))
    assert not (tmp_path / name / "home").exists()


def test_a_home_that_can_not_be_made_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    text = complaint(run(tmp_path, "up", CARILLON_HOME=str(tmp_path / "file" / "home")))
    assert "CARILLON_HOME" in text


def test_missing_packages_without_sudo_name_the_command(tmp_path: Path) -> None:
    fakes = {**ORDINARY_USER, **NOTHING_INSTALLED, "sudo": "exit 1"}
    text = complaint(run(tmp_path, "up", fakes=fakes))
    assert "sudo asks for a password" in text
    assert "apt-get install --no-install-recommends python3-venv postgresql" in text


def test_a_small_disk_is_told_before_anything_is_installed(tmp_path: Path) -> None:
    fakes = {**NOTHING_INSTALLED, "df": "echo header; echo /dev/vda 100 100 51200 99% /"}
    text = complaint(run(tmp_path, "up", fakes=fakes))
    assert "Only 50 MB are free" in text


def test_offline_is_said_in_words(tmp_path: Path) -> None:
    fakes = {
        **ORDINARY_USER,
        **NOTHING_INSTALLED,
        "sudo": 'case $* in *apt-get*) echo "E: Temporary failure resolving"; exit 100;; esac',
    }
    done = run(tmp_path, "up", fakes=fakes)
    assert "Is this machine online?" in complaint(done)
    assert "Temporary failure resolving" in done.stderr


def test_a_busy_package_manager_is_said_in_words(tmp_path: Path) -> None:
    busy = 'case $* in *apt-get*) echo "E: Could not get lock /var/lib/dpkg/lock-frontend"; exit 100;; esac'
    text = complaint(run(tmp_path, "up", fakes={**ORDINARY_USER, **NOTHING_INSTALLED, "sudo": busy}))
    assert "another package manager" in text


def test_commands_on_nothing_installed_point_to_up(tmp_path: Path) -> None:
    assert "./carillon up" in complaint(run(tmp_path, "status", fakes=ORDINARY_USER))


def test_the_launcher_is_plain_posix_shell() -> None:
    assert subprocess.run(["dash", "-n", LAUNCHER], check=False).returncode == 0
    assert os.access(LAUNCHER, os.X_OK)
