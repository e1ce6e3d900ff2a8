"""A golden call flow without any engine: decide, take the hold, imagine the call, settle, post."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from carillon.demo.world import CAST
from carillon.logic import ledger
from carillon.logic.callflow.charging import funded_seconds, outcome_of, settle
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.refusals import refuse
from carillon.logic.callflow.values import (
    Attempt,
    CallFacts,
    CallRequest,
    CdrDraft,
    Decision,
    Direction,
    Target,
)
from tests.support.flows import CHUNK_S, ExpectedCdr, Flow, Script
from tests.support.memory_world import CARRIER_PORTS, MemoryWorld

STARTED_MS = 1_000_000
TALK_MS = 1_500


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one call, in the words of a flow."""

    decision: Decision
    facts: CallFacts
    outcome: str
    cdrs: list[ExpectedCdr]


@dataclass(slots=True)
class PureRun:
    """One flow's run. The hold rule here is the database's in three lines: it must be there, on every tier."""

    flow: Flow
    world: MemoryWorld = field(init=False)
    held: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.world = MemoryWorld(CAST, self.flow.world)

    def run(self) -> tuple[list[Result], dict[str, int]]:
        """The results of the calls in order (simultaneous ones hold first, then talk), and the ledger's movements."""
        feed = self.world.feed()
        decisions = [self._open(decide(feed, self._request(script), chunk_s=CHUNK_S)) for script in self.flow.calls]
        results = []
        postings: Counter[str] = Counter()
        for script, decision in zip(self.flow.calls, decisions, strict=True):
            facts = self._facts(script, decision)
            drafts = settle(decision, facts)
            cdrs = [self._cdr(draft) for draft in drafts] or [self._unowned(decision)]
            results.append(Result(decision, facts, outcome_of(decision, facts).value, cdrs))
            for draft in drafts:
                postings.update(self._post(draft))
        return results, {account: amount for account, amount in postings.items() if amount}

    def _request(self, script: Script) -> CallRequest:
        if script.is_inbound:
            port = CARRIER_PORTS[script.caller.removeprefix("carrier ")]
            return CallRequest(
                "call", "127.0.0.1", port, "udp", "", "", script.dial, "127.0.0.1", script.shown_as, "127.0.0.1"
            )
        domain = next(
            brand.sip_domain
            for buyer in CAST.buyers
            for brand in CAST.brands
            if brand.name == buyer.brand and any(phone.username == script.caller for phone in buyer.phones)
        )
        shown = script.claims or script.caller
        return CallRequest("call", "127.0.0.1", 40000, "udp", script.caller, domain, script.dial, domain, shown, domain)

    def _open(self, decision: Decision) -> Decision:
        hold = decision.hold
        if hold is None:
            return decision
        if any(self._free(account) < amount for account, amount in hold.upper):
            return refuse(decision, "partner-credit-exhausted")
        if self._free(hold.account_id) < hold.amount_micro:
            return refuse(decision, "credit-exhausted")
        self.held[hold.account_id] += hold.amount_micro
        return decision

    def _free(self, account_id: int) -> int:
        return self.world.available[account_id] - self.held[account_id]

    def _facts(self, script: Script, decision: Decision) -> CallFacts:
        if decision.refusal is not None:
            return CallFacts(STARTED_MS, STARTED_MS, sip_code=decision.refusal.sip_code)
        attempts: list[Attempt] = []
        for index, target in enumerate(decision.targets):
            if target.kind == "contacts" and not script.rings:
                attempts.append(Attempt(index, " ".join(target.contacts), 480, "", 0))
                code, does = 480, "off"
                break
            does = self._behaviour(target)
            if does == "answer":
                return self._answered(script, decision, index, attempts)
            if script.cancels:
                return CallFacts(STARTED_MS, STARTED_MS + 500, sip_code=487, ended_by="caller")
            code = 408 if does in ("silent", "ring") else int(does)
            attempts.append(Attempt(index, self.world.name_of_gateway(target.gateway_id), code, "", 1))
            if does == "ring" or (code < 500 and does != "silent"):
                break
        final = 480 if does == "ring" else 503 if code == 408 else code
        return CallFacts(STARTED_MS, STARTED_MS + 500, sip_code=final, ended_by="callee", attempts=tuple(attempts))

    def _behaviour(self, target: Target) -> str:
        key = {carrier.name: carrier.key for carrier in CAST.carriers}.get(
            self.world.name_of_gateway(target.gateway_id)
        )
        return self.flow.carriers.get(key or "", "answer")

    def _answered(self, script: Script, decision: Decision, index: int, attempts: list[Attempt]) -> CallFacts:
        answered = STARTED_MS + 500
        if script.ends != "money" or decision.hold is None:
            return CallFacts(
                STARTED_MS, answered + TALK_MS, answered, index, 200, ended_by="caller", attempts=tuple(attempts)
            )
        others = self.held[decision.hold.account_id] - decision.hold.amount_micro
        money = self.world.available[decision.hold.account_id] - others
        talked_s = funded_seconds(decision.chains[0].tiers[0], money)
        late_ms = 400  # the cut comes a little late: that must cost nobody anything
        return CallFacts(
            STARTED_MS,
            answered + talked_s * 1000 + late_ms,
            answered,
            index,
            200,
            ended_by="money",
            attempts=tuple(attempts),
            held_micro=money,
        )

    def _cdr(self, draft: CdrDraft) -> ExpectedCdr:
        return ExpectedCdr(
            draft.chain.value,
            draft.tier,
            self.world.name_of_partner(draft.seller_partner_id),
            self.world.name_of_account(draft.account_id),
            self.world.name_of_gateway(draft.gateway_id),
            draft.amount_micro,
        )

    def _unowned(self, decision: Decision) -> ExpectedCdr:
        """A call that concerns no customer still has one CDR, at the partner whose number or gateway it was."""
        chain = "terminating" if decision.direction is Direction.INBOUND else "originating"
        return ExpectedCdr(chain, 0, self.world.name_of_partner(decision.partner_id))

    def _post(self, draft: CdrDraft) -> Counter[str]:
        """The ledger's entries of one CDR, by account name; what a carrier costs is owed to it."""
        seller = draft.seller_partner_id
        if draft.account_id is None:
            sides = f"cost:{seller}", f"payable:{seller}"
        else:
            sides = ledger.account_key(draft.account_id), f"revenue:{seller}"
        postings = ledger.move_postings(*sides, draft.amount_micro, draft.currency)
        entries: Counter[str] = Counter()
        for posting in ledger.check_balanced(postings):
            entries[self._name(posting.account_key)] += posting.amount_micro
        return entries

    def _name(self, account_key: str) -> str:
        kind, _, identity = account_key.partition(":")
        if kind == "account":
            return self.world.name_of_account(int(identity))
        return f"{kind} of {self.world.name_of_partner(int(identity))}"
