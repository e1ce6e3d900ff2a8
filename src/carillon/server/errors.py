"""What can go wrong around processes, databases and files; each text is a sentence a person can act on."""

from __future__ import annotations


class OperatorError(RuntimeError):
    """Shown as it is to the person at the terminal."""


class ClusterError(OperatorError):
    """PostgreSQL could not be made, started or prepared."""


class EngineError(OperatorError):
    """A process is not installed or did not become ready; names it and its log."""


class SupervisorError(OperatorError):
    """The supervisor can't be started or does not answer."""


class UpError(OperatorError):
    """Why the installation can't start."""


class BackupError(OperatorError):
    """Why a backup can't be taken or restored."""
