"""Why a call was decided as it was, in sentences, each with who may read it.

Partners in one tree trade with each other: whoever sells must not learn its supplier's routes, carriers and costs from
the story of a call. A note without a partner is for every seller of the call; one with a partner is for that partner
and the sellers above it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from carillon.logic.callflow.feed import Tier
from carillon.logic.callflow.phrases import phrase
from carillon.logic.callflow.values import (
    Chain,
    Decision,
    PrivateNote,
    Target,
)
from carillon.logic.copies import replace


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence on its way into a decision; `partner_id` is the lowest partner that may read it, None: everybody."""

    text: str
    partner_id: int | None = None


def noted(decision: Decision, *notes: Note) -> Decision:
    """The decision with more notes at the end."""
    said = list(decision.notes)
    private = list(decision.private_notes)
    for note in notes:
        if note.partner_id is None:
            said.append(note.text)
        else:
            private.append(PrivateNote(note.text, note.partner_id, len(said)))
    return replace(decision, notes=tuple(said), private_notes=tuple(private))


def notes_for(decision: Decision, partner_ids: Collection[int]) -> list[str]:
    """The notes in order that someone who may read the business of `partner_ids` is shown."""
    readable = [note for note in decision.private_notes if note.partner_id in partner_ids]
    told: list[str] = []
    for place in range(len(decision.notes) + 1):
        told += [note.text for note in readable if note.after == place]
        told += decision.notes[place : place + 1]
    return told


def readers_at(chain: Chain, position: int) -> frozenset[int]:
    """The partners whose business the seller at a tier may read: itself and the sellers below it."""
    return frozenset(charge.tier.seller_partner_id for charge in chain.tiers if charge.tier.position <= position)


def attempt_label(decision: Decision, index: int, label: str, partner_ids: Collection[int]) -> str:
    """How someone who may read the business of `partner_ids` is told the target at `index`, really named `label`.

    A carrier of somebody above is "carrier 1 of" the partner that the reader itself buys from, whoever owns it: a
    supplier's own suppliers are its secret. Devices of another partner are told by the number that was called,
    and so is wherever somebody of another partner has forwarded the call to.
    """
    target = decision.targets[index] if 0 <= index < len(decision.targets) else None
    if target is None:  # refused after all, or of a decision that is gone: nobody can say whose it was
        return f"target {index + 1}"
    if target.kind == "contacts":
        owner = callee_partner_of(decision, target)
        return label if owner is None or owner in partner_ids else decision.callee
    if target.carrier is not None and target.carrier.owner_partner_id in partner_ids:
        return label
    payer = decision.chains[target.chain : target.chain + 1]
    if target.diversions and not any(_supplies(chain, partner_ids) for chain in payer):
        return decision.callee
    supplier = supplier_of(decision, partner_ids, target.chain)
    return f"carrier {index + 1} of {supplier}" if supplier else f"carrier {index + 1}"


def callee_partner_of(decision: Decision, target: Target) -> int | None:
    """Whose customer's phones a target of contacts is; None when nobody's in particular."""
    if not target.diversions or target.chain >= len(decision.chains):
        return decision.callee_partner_id
    return decision.chains[target.chain].partner_id


def _supplies(chain: Chain, partner_ids: Collection[int]) -> bool:
    return any(charge.tier.seller_partner_id in partner_ids for charge in chain.tiers)


def final_reason(decision: Decision, sip_code: int, reason: str, partner_ids: Collection[int]) -> str:
    """Why the call ended, for the same reader: a carrier's own words may name it, its code's usual phrase does not."""
    carriers = (target.carrier for target in decision.targets)
    is_own = all(carrier is None or carrier.owner_partner_id in partner_ids for carrier in carriers)
    return reason if is_own else phrase(sip_code)


def supplier_of(decision: Decision, partner_ids: Collection[int], first_chain: int = 0) -> str:
    """Whom the highest of `partner_ids` that sells this call buys it from; "" when there is nobody above."""
    for chain in decision.chains[first_chain:]:
        supplier = _supplier([charge.tier for charge in chain.tiers], partner_ids)
        if supplier:
            return supplier
    return ""


def _supplier(tiers: list[Tier], partner_ids: Collection[int]) -> str:
    places = [place for place, tier in enumerate(tiers) if tier.seller_partner_id in partner_ids]
    above = tiers[places[-1] + 1 :] if places else []
    return above[0].seller if above else ""
