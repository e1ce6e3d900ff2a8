"""What stops a change of price lists."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from carillon.base.errors import Conflict


class VersionApproved(Conflict):
    """What was approved is what customers were charged by: it never changes."""

    slug = "version-approved"
    title = _("An approved version never changes: create a new version.")


class VersionNotDraft(Conflict):
    """The version is no draft any more."""

    slug = "version-not-draft"
    title = _("Only a draft can be changed or approved.")


class VersionEmpty(Conflict):
    """A version without rates would stop all calls."""

    slug = "version-empty"
    title = _("The version has no rates: add or import some first.")


class VersionNeeded(Conflict):
    """No earlier version could take over."""

    slug = "version-needed"
    title = _("No earlier version would take over: approve another version first.")


class SecondPersonNeeded(Conflict):
    """The list's owner wants four eyes, and these two have written the draft."""

    slug = "second-person-needed"
    title = _("You have written on this draft: somebody else must approve it.")
