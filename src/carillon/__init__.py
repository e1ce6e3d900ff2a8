"""Carillon: a white-label Internet Telephony Service Provider platform."""

__version__ = "0.1.0"
