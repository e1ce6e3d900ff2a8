"""Which files a ticket takes: their size, their kind by what is in them, a name that no system stumbles over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _

from carillon.base.errors import InvalidInput

MOST_FILES = 5  # of a post
MOST_MB = 5
LONGEST_NAME = 120

PLAIN_TEXT: tuple[bytes, ...] = ()
BEGINNINGS: Mapping[str, tuple[bytes, ...]] = {  # how files of each kind begin; texts are known by having no NUL
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpg": (b"\xff\xd8\xff",),
    "jpeg": (b"\xff\xd8\xff",),
    "gif": (b"GIF87a", b"GIF89a"),
    "pdf": (b"%PDF-",),
    "xlsx": (b"PK\x03\x04",),
    "pcap": (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1"),
    "pcapng": (b"\x0a\x0d\x0d\x0a",),
    "wav": (b"RIFF",),
    "txt": PLAIN_TEXT,
    "log": PLAIN_TEXT,
    "csv": PLAIN_TEXT,
}
KINDS = ", ".join(BEGINNINGS)


def checked_files(files: Iterable[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Return the files with safe names.

    Raises:
        InvalidInput: there are too many, or one is too large or of no kind that a ticket takes; it names the file.
    """
    kept = [(safe_name(name), content) for name, content in files]
    if len(kept) > MOST_FILES:
        raise InvalidInput(fields={"files": _("At most %(most)s files go with one message.") % {"most": MOST_FILES}})
    for name, content in kept:
        if len(content) > MOST_MB * 2**20:
            raise InvalidInput(
                fields={"files": _("%(name)s is larger than %(most)s MB.") % {"name": name, "most": MOST_MB}}
            )
        if not is_known(name, content):
            raise InvalidInput(
                fields={
                    "files": _("%(name)s is no file that a ticket takes: %(kinds)s.") % {"name": name, "kinds": KINDS}
                }
            )
    return kept


def is_known(name: str, content: bytes) -> bool:
    """Tell whether a file is of a kind that a ticket takes, and is what its name says."""
    beginnings = BEGINNINGS.get(name.rpartition(".")[2].lower())
    if beginnings is None:
        return False
    return content.startswith(beginnings) if beginnings else b"\x00" not in content


def safe_name(name: str) -> str:
    """Return the last part of a file's name, of letters, digits and a few marks, with its ending kept."""
    last = re.split(r"[/\\]", name)[-1]
    stem, dot, ending = re.sub(r"[^\w.() -]+", "_", last).strip(" .").rpartition(".")
    return f"{stem[: LONGEST_NAME - len(ending) - 1]}{dot}{ending[:10]}"[:LONGEST_NAME] or "file"
