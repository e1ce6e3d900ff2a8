"""The sentences that decisions, prices and refusals leave behind, as patterns, to be told in any language.

What is kept of a call is English, once and for all: rows of years ago are read by the same list. Whoever shows such a
sentence asks `pattern_of` for its pattern and values, and puts the pattern's translation in its place. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from carillon.logic.callflow.diagnosis import SENTENCES
from carillon.logic.callflow.phrases import BECAUSE
from carillon.logic.callflow.refusals import REFUSALS
from carillon.logic.callflow.values import Outcome
from carillon.logic.destinations import NAMES

PATTERNS: Final = (
    # what a bill says (logic.rating)
    "Connection fee %(amount)s %(currency)s.",
    "Free of charge: up to %(seconds)s s cost nothing.",
    "%(seconds)s s charged at %(amount)s %(currency)s a minute (%(intervals)s).",
    "%(seconds)s s charged at %(amount)s %(currency)s a minute (%(intervals)s) in “%(window)s”.",
    "%(seconds)s s charged at %(amount)s %(currency)s a second (%(intervals)s).",
    "%(seconds)s s charged at %(amount)s %(currency)s a second (%(intervals)s) in “%(window)s”.",
    "%(seconds)s s charged at %(amount)s %(currency)s an hour (%(intervals)s).",
    "%(seconds)s s charged at %(amount)s %(currency)s an hour (%(intervals)s) in “%(window)s”.",
    "%(count)s messages charged at %(amount)s %(currency)s each (%(intervals)s).",
    "%(count)s messages charged at %(amount)s %(currency)s each (%(intervals)s) in “%(window)s”.",
    "The connection fee is the least that a call costs.",
    "Less than the least charge: that is charged.",
    "More than the maximum charge: that is charged.",
    "Exact price %(amount)s %(currency)s.",
    "Converted at %(rate)s.",
    "The carrier's cost list has no price for this number: the cost is not known.",
    "refused: %(why)s",
    "not answered (%(why)s)",
    "no price",
    "received call",
    "emergency",
    "on-net",
    "by %(name)s: %(why)s",
    # what was dialled (logic.numbers)
    "“%(dialled)s” is not a telephone number.",
    "%(digits)s is an emergency number in %(country)s.",
    "%(digits)s is an emergency number in any country.",
    "%(digits)s is read as an extension.",
    "%(digits)s needs a leading + because the caller's country is not known.",
    "%(digits)s is %(number)s, dialled as in %(country)s.",
    "%(digits)s cannot be a number as dialled in %(country)s.",
    "%(digits)s begins with no calling code in use.",
    "%(digits)s has %(count)s digits after +%(code)s, which no number there has.",
    "%(digits)s has an area code that cannot exist.",
    "%(digits)s, dialled with %(prefix)s.",
    "%(digits)s, sent without +.",
    # who calls (decide, standing, callerid, inbound)
    "No SIP account %(account)s.",
    "Customer %(id)s of the SIP account does not exist.",
    "%(account)s of %(customer)s dialled “%(dialled)s”.",
    "The caller withholds the number.",
    "The caller withheld the number.",
    "The caller's number is shown as the carrier sent it.",
    "%(domain)s is not a domain of this platform.",
    "%(name)s is suspended.",
    "%(name)s is blocked.",
    "%(name)s is terminated.",
    "%(account)s is disabled.",
    "%(number)s is %(what)s: such calls are barred until they are allowed for the customer.",
    "%(customer)s has no extension %(extension)s.",
    "%(name)s sees extension %(extension)s.",
    "%(number)s is in stock but assigned to nobody.",
    "%(name)s is out of service.",
    "On-net: %(number)s is reached without a carrier.",
    "Emergency calls are free.",
    "Caller ID %(number)s: asked for by the device, one of %(customer)s's numbers.",
    "Caller ID %(number)s: one of %(customer)s's numbers.",
    "Caller ID %(number)s: %(name)s's, who forwards.",
    "Caller ID %(number)s: the device's.",
    "Caller ID %(number)s: the user's.",
    "Caller ID %(number)s: the user's for emergency calls.",
    "Caller ID %(number)s: the customer's for emergency calls.",
    "Caller ID %(number)s: the default of %(customer)s.",
    "Caller ID withheld.",
    "Caller ID withheld: %(customer)s has no number to show.",
    "%(first)s From “%(sent)s” is not theirs to show.",
    "Caller %(number)s by asserted identity.",
    "Caller %(number)s by From.",
    "Caller %(number)s, sent without +.",
    "No gateway has the address %(address)s.",
    "Gateway %(gateway)s (%(address)s) calls %(number)s.",
    "%(gateway)s sent a call to “%(dialled)s”, no number of its owner.",
    "%(value)s is on a blacklist: it may not be called.",
    "%(value)s is on a blacklist: it may not call.",
    "Address %(value)s is on a blacklist.",
    "%(partner)s blocks %(value)s: %(reason)s",
    "Devices of %(customer)s may begin calls at a rate of %(rate)s a second.",
    "Refused with %(code)s: %(why)s.",
    # where it goes (logic.routing, lossguard)
    "%(partner)s has no route for %(number)s.",
    "Emergency route “%(route)s” of %(partner)s.",
    "No emergency route for this country: any carrier is used.",
    "No emergency route for %(country)s: any carrier is used.",
    "Route “%(route)s” of %(partner)s blocks calls to all numbers.",
    "Route “%(route)s” of %(partner)s blocks calls to %(prefix)s.",
    "Route “%(route)s” of %(partner)s for all numbers, cheapest carrier first.",
    "Route “%(route)s” of %(partner)s for all numbers, carriers in the listed order.",
    "Route “%(route)s” of %(partner)s for %(prefix)s, cheapest carrier first.",
    "Route “%(route)s” of %(partner)s for %(prefix)s, carriers in the listed order.",
    "Route “%(route)s” of %(partner)s for all numbers, best carrier of the last hours first.",
    "Route “%(route)s” of %(partner)s for %(prefix)s, best carrier of the last hours first.",
    "Route “%(route)s” holds %(hours)s, not now: it is passed over.",
    "Route “%(route)s” is a stopper: no later route is tried.",
    "Carrier %(gateway)s: ASR %(asr)s %%, %(rings)s until it rings, %(talks)s a call, of %(count)s recent calls.",
    "Carrier %(gateway)s has %(count)s recent calls, fewer than %(least)s: it comes after those that are measured.",
    "Carriers share the calls: %(shares)s. This one begins with %(gateway)s.",
    "Gateway %(gateway)s is away since %(since)s: it is tried last.",
    "Gateway %(gateway)s is disabled and skipped.",
    "Gateway %(gateway)s belongs to another partner and is skipped.",
    "Gateway %(gateway)s carries %(count)s calls, as many as it may: it is skipped.",
    "Gateway %(gateway)s gets %(count)s new calls a second, as many as it may: it is skipped.",
    "Carrier %(gateway)s costs %(amount)s %(currency)s for a typical minute.",
    "Carrier %(gateway)s has no known cost.",
    "Carrier %(gateway)s costs %(amount)s %(currency)s for a typical minute and %(buyer)s pays %(paid)s: the route"
    " allows this loss.",
    "Carrier %(gateway)s costs %(amount)s %(currency)s for a typical minute and %(buyer)s pays %(paid)s: it is left"
    " out, for the route allows no loss.",
    "Carrier %(gateway)s costs %(amount)s %(currency)s for a typical minute and %(buyer)s pays %(paid)s: the"
    " price list's assignment allows this loss.",
    "Carrier %(gateway)s costs %(amount)s %(currency)s for the first %(seconds)s s and %(buyer)s pays %(paid)s:"
    " the route allows this loss.",
    "Carrier %(gateway)s costs %(amount)s %(currency)s for the first %(seconds)s s and %(buyer)s pays %(paid)s:"
    " the price list's assignment allows this loss.",
    "Carrier %(gateway)s costs %(amount)s %(currency)s for the first %(seconds)s s and %(buyer)s pays %(paid)s:"
    " it is left out, for the route allows no loss.",
    "%(supplier)s charges %(seller)s %(amount)s %(currency)s for a typical minute and %(buyer)s pays %(paid)s:"
    " the call is refused.",
    "%(supplier)s charges %(seller)s %(amount)s %(currency)s for a typical minute and %(buyer)s pays %(paid)s:"
    " the price list's assignment allows this loss.",
    "%(supplier)s charges %(seller)s %(amount)s %(currency)s for the first %(seconds)s s and %(buyer)s pays"
    " %(paid)s: the call is refused.",
    "%(supplier)s charges %(seller)s %(amount)s %(currency)s for the first %(seconds)s s and %(buyer)s pays"
    " %(paid)s: the price list's assignment allows this loss.",
    # what it costs (callflow.pricing)
    "Nobody sells to %(customer)s: the customer has no tiers.",
    "%(seller)s has no price list in force for %(buyer)s.",
    "Price list “%(list)s” of %(seller)s has no price for unknown callers.",
    "Price list “%(list)s” of %(seller)s has no price for %(number)s.",
    "Price list “%(list)s” is in %(currency)s, the account of %(buyer)s in %(other)s, and there is no exchange rate.",
    "%(seller)s charges %(buyer)s by “%(list)s” version %(version)s, %(destination)s (+%(prefix)s): %(fee)s +"
    " %(amount)s %(currency)s a minute (%(intervals)s).",
    "%(seller)s charges %(buyer)s by “%(list)s” version %(version)s, %(destination)s (+%(prefix)s): %(fee)s +"
    " %(amount)s %(unit)s (%(intervals)s).",
    "Of %(count)s price lists of %(seller)s for %(buyer)s “%(list)s” is the first with a price (weight %(rate)s).",
    "Price list “%(list)s” of %(seller)s is for messages alone.",
    "Price list “%(list)s” of %(seller)s is for calls alone.",
    "One %(currency)s is %(amount)s %(code)s.",
    "%(seller)s has no price of its own for this number and sells it by what it pays itself, marked up by %(markup)s.",
    "%(seller)s charges %(buyer)s without a list, %(destination)s (+%(prefix)s): %(fee)s + %(amount)s %(currency)s a"
    " minute (%(intervals)s).",
    "%(seller)s charges %(buyer)s without a list, %(destination)s (+%(prefix)s): %(fee)s + %(amount)s %(unit)s"
    " (%(intervals)s).",
    # where it is forwarded (callflow.forwarding)
    "The called customer can't pay for this call: %(why)s.",
    "%(name)s can't forward the call: %(why)s.",
    "%(name)s can't forward the call to this number.",
    "%(name)s can't forward the call to %(number)s.",
    "%(name)s has no device.",
    "%(name)s of %(customer)s is rung.",
    "%(name)s forwards the call in a circle.",
    "The call was forwarded %(count)s times already.",
    "Forwarded by %(name)s (%(why)s) to “%(dialled)s”: %(then)s",
    # who was tried (callflow.notes)
    "target %(place)s",
    "carrier %(place)s of %(supplier)s",
    "carrier %(place)s",
)
OUTCOMES: Final = tuple(outcome.value.replace("_", " ") for outcome in Outcome)  # as explanations write them
WORDS: Final = frozenset(  # values without spaces
    {"amount", "currency", "seconds", "count", "code", "rate", "address", "intervals", "place"}
)
TOLD: Final = frozenset({"why", "what", "then", "first"})  # values that are sentences, or parts of them, themselves
_PLACE = re.compile(r"%\(([a-z]+)\)s")


def texts() -> Iterator[str]:
    """Yield every text that is to be translated: patterns, what stands in them, and those of the diagnosis."""
    yield from PATTERNS
    yield from OUTCOMES
    yield from BECAUSE.values()
    yield from NAMES.values()
    yield from (refusal.reason for refusal in REFUSALS.values())
    yield from SENTENCES.values()


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Those with most fixed words first: "for all numbers" before "for +44"."""
    with_places = [one for one in (*PATTERNS, *SENTENCES.values()) if _PLACE.search(one)]
    ordered = sorted(with_places, key=lambda one: len(_PLACE.sub("", one)), reverse=True)
    return tuple((one, re.compile(_PLACE.sub(_group, _escaped(one)), re.DOTALL)) for one in ordered)


def _group(place: re.Match[str]) -> str:
    what = r"\S+?" if place[1] in WORDS else ".*?" if place[1] == "reason" else ".+?"  # not everybody says why
    return f"(?P<{place[1]}>{what})"


def _escaped(pattern: str) -> str:
    """A pattern whose words mean themselves in a regular expression; its places stay."""
    parts = _PLACE.split(pattern)
    return "".join(
        f"%({part})s" if place % 2 else re.escape(part.replace("%%", "%")) for place, part in enumerate(parts)
    )


def pattern_of(sentence: str) -> tuple[str, Mapping[str, str]] | None:
    """Return the pattern of a sentence and what stands in its places; None for one that is not ours.

    Texts without places are their own pattern.
    """
    if sentence in _fixed():
        return sentence, {}
    for pattern, expression in _patterns():
        found = expression.fullmatch(sentence)
        if found:
            return pattern, found.groupdict()
    return None


@cache
def _fixed() -> frozenset[str]:
    return frozenset(one for one in texts() if not _PLACE.search(one))
