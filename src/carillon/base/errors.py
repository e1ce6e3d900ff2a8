"""Named facts that stop a change. Each has a slug for programs and a sentence for people.

They are mapped to problem+json (RFC 9457) in faces/api and to form errors in panels, nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise  # a sentence, or one that is put into the reader's language when it is raised


class CarillonError(Exception):
    """A refusal with a slug and an HTTP status; `fields` names the inputs at fault."""

    slug = "error"
    title: Text = _("The request could not be carried out.")
    status = 400

    def __init__(self, detail: Text = "", *, fields: Mapping[str, Text] | None = None) -> None:
        self.detail = str(detail or self.title)
        self.fields = {name: str(sentence) for name, sentence in (fields or {}).items()}
        super().__init__(self.detail)


class InvalidInput(CarillonError):
    """Input that breaks a rule; `fields` says which and why."""

    slug = "invalid-input"
    title = _("Some values are not valid.")
    status = 400


class NotPermitted(CarillonError):
    """The actor sees the object but may not do this."""

    slug = "not-permitted"
    title = _("You are not allowed to do this.")
    status = 403


class NotFound(CarillonError):
    """There is no such object, or the actor may not know of it: both look the same."""

    slug = "not-found"
    title = _("There is no such object.")
    status = 404


class Conflict(CarillonError):
    """The object's state does not allow the change, or somebody else changed it first."""

    slug = "conflict"
    title = _("The change does not fit the present state.")
    status = 409


class AlreadySo(Conflict):
    """The object is in the wanted state already: enabled, disabled."""

    slug = "already-so"
    title = _("It is in that state already.")


class ChangedMeanwhile(Conflict):
    """Somebody else has changed the object since the actor looked at it (RFC 9110, 13.1.1)."""

    slug = "changed-meanwhile"
    title = _("Somebody has changed this meanwhile: look at it again.")
    status = 412
