"""A SIP ladder in plain text: one column per party, one arrow per message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_WIDTH = 24


@dataclass(frozen=True, slots=True)
class Arrow:
    """One message: time in microseconds of the Unix epoch, "address:port" of both ends, first line of the message."""

    at_us: int
    source: str
    destination: str
    first_line: str

    @property
    def label(self) -> str:
        """Method, or status and reason."""
        words = self.first_line.split(" ")
        return " ".join(words[1:]) if words[0] == "SIP/2.0" else words[0]


def draw(arrows: Sequence[Arrow], names: Mapping[str, str]) -> list[str]:
    """The ladder's lines, in order of time; `names` says who an "address:port" is (others are shown as they are).

    Parties stand in the order in which they first speak.
    """
    ordered = sorted(arrows, key=lambda arrow: arrow.at_us)
    parties: list[str] = []
    for arrow in ordered:
        for end in (arrow.source, arrow.destination):
            name = names.get(end, end)
            if name not in parties:
                parties.append(name)
    if not ordered:
        return ["(no messages)"]
    lines = [" " * 9 + "".join(f"{party:^{_WIDTH}}" for party in parties)]
    for arrow in ordered:
        seconds = (arrow.at_us - ordered[0].at_us) / 1_000_000
        left, right = (parties.index(names.get(end, end)) for end in (arrow.source, arrow.destination))
        lines.append(f"{seconds:8.3f} {_line(len(parties), left, right, arrow.label)}".rstrip())
    return lines


def _line(count: int, start: int, end: int, label: str) -> str:
    cells = list((" " * (_WIDTH // 2) + "|" + " " * (_WIDTH - _WIDTH // 2 - 1)) * count)
    low, high = sorted((start, end))
    first, last = low * _WIDTH + _WIDTH // 2 + 1, high * _WIDTH + _WIDTH // 2 - 1
    if first >= last:
        return "".join(cells) + f" {label}"
    room = last - first - 1
    text = f" {label[: room - 2]} ".center(room, "-")
    arrow = f"-{text}>" if start < end else f"<{text}-"
    cells[first : last + 1] = arrow
    return "".join(cells)
