"""What kind of browser or program a User-Agent header tells of, in words that its owner knows again."""

from __future__ import annotations

# The first that is found counts: Edge also says Chrome, Chrome also says Safari, Android also says Linux.
PROGRAMS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (
    *(("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad")),
    *(("Mac OS", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux")),
)


def device_of(user_agent: str) -> str:
    """Return "Firefox, Linux" for a browser; the name before the version for other programs; "?" for none."""
    program = next((name for mark, name in PROGRAMS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    return ", ".join(filter(None, (program, system))) or user_agent.partition("/")[0][:40] or "?"
