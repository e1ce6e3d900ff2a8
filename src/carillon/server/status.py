"""`./carillon status` and `./carillon logs`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from dataclasses import asdict, dataclass

from carillon.config import Config
from carillon.server import engines
from carillon.server.progress import complain, say
from carillon.server.supervisor import Supervisor
from carillon.server.up import world

NOT_RUNNING = 3  # exit code that init scripts have used since LSB 3.1


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """What `status --json` says of a process. `state`: ready, starting, stopped or failed."""

    name: str
    state: str
    pid: int | None
    uptime_s: int
    ports: tuple[str, ...]  # such as "tcp/8080"
    log: str


def process_states(config: Config) -> list[ProcessStatus]:
    """Every process of the installation, asked of the supervisor and of the process itself."""
    known = Supervisor(config).states()
    table = engines.processes(config, is_demo=world(config) == "demo")
    found = []
    for process in table.values():
        state = known.get(process.name, {})
        is_running = state.get("statename") in ("RUNNING", "STARTING")
        found.append(
            ProcessStatus(
                name=process.name,
                state=("ready" if process.ready() else "starting") if is_running else "stopped",
                pid=state["pid"] if is_running else None,
                uptime_s=max(0, state["now"] - state["start"]) if is_running else 0,
                ports=tuple(f"{kind}/{port}" for kind, port in process.ports),
                log=str(config.home / "logs" / f"{process.name}.log"),
            )
        )
    return found


def status(arguments: list[str]) -> int:
    """Print what runs; exit code 0 when everything is ready, 3 when nothing runs, 1 in between."""
    parser = argparse.ArgumentParser(prog="./carillon status")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)
    config = Config.from_env(os.environ)
    states = process_states(config)
    is_running = any(state.pid for state in states)
    is_ready = all(state.state == "ready" for state in states)
    url = f"http://portal.localhost:{config.ports.web}/"
    if options.json:
        answer = {
            "running": is_running,
            "ready": is_ready,
            "url": url,
            "home": str(config.home),
            "runtime": str(config.runtime),
            "processes": [asdict(state) for state in states],
        }
        say(json.dumps(answer))
    else:
        _print_table(states)
        say(f"\n{url if is_running else 'Not running. Start it with ./carillon up'}")
    return 0 if is_ready else 1 if is_running else NOT_RUNNING


def _print_table(states: list[ProcessStatus]) -> None:
    say(f"{'process':<12} {'state':<9} {'pid':>7} {'uptime':>9}  ports")
    for state in states:
        minutes, seconds = divmod(state.uptime_s, 60)
        uptime = f"{minutes // 60}:{minutes % 60:02}:{seconds:02}" if state.pid else "-"
        say(f"{state.name:<12} {state.state:<9} {state.pid or '-':>7} {uptime:>9}  {' '.join(state.ports)}")


def logs(arguments: list[str]) -> int:
    """Print the end of a process's log, with `--follow` until Ctrl-C."""
    config = Config.from_env(os.environ)
    folder = config.home / "logs"
    names = sorted(path.stem for path in folder.glob("*.log")) if folder.exists() else []
    parser = argparse.ArgumentParser(prog="./carillon logs")
    parser.add_argument("name", metavar="NAME", help=", ".join(names) or "a process")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("-n", "--lines", type=int, default=100)
    options = parser.parse_args(arguments)
    if options.name not in names:
        complain(f"there is no log {options.name!r}; there are: {', '.join(names) or 'none yet'}.")
        return 2
    command = ["tail", "-n", str(options.lines), str(folder / f"{options.name}.log")]
    if options.follow:
        command.insert(1, "-F")
    try:
        return subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
        return 0
