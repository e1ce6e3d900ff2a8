"""A small SIP user agent in the standard library, for demo phones, demo carriers and call tests: UDP, TCP, TLS; G.711.

It is written apart from the engines it talks to, so that a call between them is evidence. It registers and calls with
digest, rings, answers, refuses, cancels, holds; it plays a tone and measures the tone it hears; it keeps every message
for a ladder. It can also misbehave on purpose, which tests of bad input need.
"""

from __future__ import annotations

from carillon.useragent.agent import Account, UserAgent
from carillon.useragent.call import Call, CallRefused, IncomingCall, OutgoingCall, State
from carillon.useragent.media import AudioReport, PortRange
from carillon.useragent.message import MalformedMessage, Message
from carillon.useragent.transaction import Timers
from carillon.useragent.transport import Recorded

__all__ = [
    "Account",
    "AudioReport",
    "Call",
    "CallRefused",
    "IncomingCall",
    "MalformedMessage",
    "Message",
    "OutgoingCall",
    "PortRange",
    "Recorded",
    "State",
    "Timers",
    "UserAgent",
]
