"""sipp as callers, registering phones and carriers."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.frame import say
from carillon.server.engines import find_program

SCENARIOS = Path(__file__).parent / "sipp"
MOST_COMPLAINTS = 5
SOCKET_BYTES = 4 << 20
_CALL_ID = re.compile(r" for Call-I[dD]:? ?'?[^' ]*'?")
LEAST_LATE_S = 60  # how much longer than planned a run may take before it is ended


@dataclass(frozen=True, slots=True)
class Load:
    """What one sipp offers: `scenario` (a file in sipp/) `times` times, `per_s` a second."""

    scenario: str
    port: int  # where it sits
    target: str  # host:port
    per_s: float
    times: int
    lasting_ms: int = 0  # of each call
    accounts: Path | None = None
    sound: Path | None = None  # a file of A-law that callers play again and again
    echo_port: int = 0  # where a called party sends back what it hears
    transport: str = "udp"  # or tcp: one connection for all calls


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it."""

    done: int
    failed: int
    answers: list[tuple[float, float]]  # of what the scenario times: when, in ms since the start, and how long it took

    @property
    def answer_ms(self) -> list[float]:
        """How long each took."""
        return [took_ms for _, took_ms in self.answers]


class Sipp:
    """A running sipp with its files in `folder`, which must be its own."""

    def __init__(self, load: Load, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.load, self._folder = load, folder
        command = [
            *(find_program("sipp", "sip-tester"), load.target, "-sf", str(self._scenario())),
            *("-i", "127.0.0.1", "-p", str(load.port), "-nostdin", "-aa"),
            *("-t", "t1" if load.transport == "tcp" else "u1"),
            *("-buff_size", str(SOCKET_BYTES)),  # what is lost in front of sipp is no finding
            *("-trace_stat", "-stf", str(folder / "stat.csv"), "-fd", "1", "-trace_err"),
        ]
        if load.times:
            command += ["-r", f"{load.per_s:g}", "-m", str(load.times), "-l", "100000", "-d", str(load.lasting_ms)]
            command += ["-trace_rtt", "-rtt_freq", "1", "-timer_resol", "10"]
        if load.accounts:
            command += ["-inf", str(load.accounts)]
        if load.echo_port:
            command += ["-rtp_echo", "-mp", str(load.echo_port)]
        with (folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "TERM": "dumb"},
            )

    def _scenario(self) -> Path:
        """The scenario's file; with sound it is played before the pause, from a port of each call's own."""
        written = SCENARIOS / f"{self.load.scenario}.xml"
        if self.load.sound is None:
            return written
        play = f'<nop><action><exec rtp_stream="{self.load.sound},-1,8"/></action></nop>\n  <pause/>'
        text = written.read_text().replace("[media_port]", "[rtpstream_audio_port]").replace("<pause/>", play)
        aloud = self._folder / written.name
        aloud.write_text(text)
        return aloud

    def wait(self) -> Outcome:
        """Its outcome when all is offered and over. Raises RuntimeError when it could not run."""
        planned_s = self.load.times / self.load.per_s + self.load.lasting_ms / 1000
        try:
            self._process.wait(planned_s * 1.5 + LEAST_LATE_S)
        except subprocess.TimeoutExpired:
            self.stop()
        return self._outcome(self.load.times)

    def finish(self) -> Outcome:
        """Offer nothing more, and its outcome when what is on its way is over."""
        self._process.send_signal(signal.SIGUSR1)
        try:
            self._process.wait(self.load.lasting_ms / 1000 + LEAST_LATE_S)
        except subprocess.TimeoutExpired:
            self.stop()
        return self._outcome()

    def stop(self) -> None:
        """End it at once."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def _outcome(self, offered: int = 0) -> Outcome:
        stat = self._folder / "stat.csv"
        rows = list(csv.DictReader(stat.open(), delimiter=";")) if stat.exists() else []
        if not rows:
            raise RuntimeError(f"sipp did not run: {(self._folder / 'output').read_text(errors='replace')[-500:]}")
        done = int(rows[-1]["SuccessfulCall(C)"])
        for why, times in self._complaints().most_common(MOST_COMPLAINTS):
            say(f"{times} times: {why}")
        return Outcome(done, (offered or int(rows[-1]["TotalCallCreated"])) - done, list(self._answers()))

    def _complaints(self) -> Counter[str]:
        """Why calls were given up, and how many."""
        files = self._folder.glob("*_errors.log")
        lines = (line for path in files for line in path.read_text(errors="replace").splitlines())
        return Counter(
            _CALL_ID.sub("", line.partition("Aborting call ")[2]) for line in lines if "Aborting call " in line
        )

    def _answers(self) -> Iterable[tuple[float, float]]:
        for path in self._folder.glob("*_rtt.csv"):
            with path.open() as file:
                for row in csv.reader(file, delimiter=";"):
                    if len(row) > 1 and row[1].replace(".", "", 1).isdigit():
                        yield float(row[0]), float(row[1])


def write_accounts(path: Path, usernames: Iterable[str], password: str, *, callees: int = 1) -> Path:
    """sipp's injection file: user name, credentials, and one of so many numbers to call (Ofcom's for fiction)."""
    lines = (
        f"{name};[authentication username={name} password={password}];01632960{n % callees:03d}\n"
        for n, name in enumerate(usernames)
    )
    path.write_text("SEQUENTIAL\n" + "".join(lines))
    return path


def settle_down(seconds: float) -> None:
    """Let what was just started come to rest, so that its start is not measured."""
    time.sleep(seconds)
