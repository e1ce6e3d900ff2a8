"""A golden call flow without any engine: decide, take the hold, imagine the call, settle, post."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from uuid import uuid4

from carillon.callfeed.memory import MemoryFeed
from carillon.callpath.control.channels import Channels
from carillon.callpath.control.pace import Pace
from carillon.demo.world import CAST, micro
from carillon.logic import ledger
from carillon.logic.callflow import states
from carillon.logic.callflow.charging import outcome_of, settle
from carillon.logic.callflow.decide import decide
from carillon.logic.callflow.forwarding import Failure, forward_after, refuse_unpaid, unpaid_note
from carillon.logic.callflow.notes import noted
from carillon.logic.callflow.signals import Answered, Event, Extend, Extended, ExtendRefused, Refilled, Tick
from carillon.logic.callflow.values import (
    Attempt,
    CallFacts,
    CallRequest,
    Cause,
    CdrDraft,
    Decision,
    Direction,
    HoldRequest,
    Target,
)
from tests.support.flows import CHUNK_S, PAID_AFTER_S, ExpectedCdr, Flow, Script
from tests.support.memory_world import CARRIER_PORTS, MemoryWorld

STARTED_MS = 1_000_000
TALK_MS = 1_500
NO_LIMIT = "1000000"
MAX_TARGETS = 20
CODES = {"off": 480, "ring": 408, "silent": 408}
CAUSES = {
    "486": Cause.BUSY,
    "600": Cause.BUSY,
    "ring": Cause.NO_ANSWER,
    "off": Cause.UNREACHABLE,
    "silent": Cause.UNREACHABLE,
    "302": Cause.REDIRECTED,
}


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
    feed: MemoryFeed = field(init=False)
    held: Counter[int] = field(default_factory=Counter)
    lines: Counter[int] = field(default_factory=Counter)  # calls that hold money, by account
    pace: Pace = field(default_factory=Pace)
    channels: Channels = field(init=False)

    def __post_init__(self) -> None:
        self.channels = Channels(lambda gateway_id: self.feed.gateway(gateway_id))
        self.world = MemoryWorld(CAST, self.flow.world, fullness=self.channels.fullness)
        self.feed = self.world.feed()

    def run(self) -> tuple[list[Result], dict[str, int]]:
        """The results of the calls in order (simultaneous ones hold first, then talk), and the ledger's movements."""
        decisions = [self._open(self._decided(script)) for script in self.flow.calls]
        results = []
        postings: Counter[str] = Counter()
        for script, opened in zip(self.flow.calls, decisions, strict=True):
            decision, facts = self._facts(script, opened)
            drafts = sorted(settle(decision, facts), key=lambda draft: (draft.chain, draft.chain_no))
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

    def _decided(self, script: Script) -> Decision:
        decision = decide(self.feed, self._request(script), chunk_s=CHUNK_S)
        self.channels.send(call_id := uuid4(), decision)
        if not self.flow.together:
            self.channels.leave(call_id)
        return self._paced(decision)

    def _paced(self, decision: Decision) -> Decision:
        customer = self.feed.customer(decision.customer_id) if decision.customer_id is not None else None
        return decision if customer is None else self.pace.checked(decision, customer)

    def _open(self, decision: Decision) -> Decision:
        taken: list[HoldRequest] = []
        for hold in decision.holds:
            if slug := self._hold(hold):
                for other in taken:
                    self.lines[other.account_id] -= 1
                    self.held -= Counter(dict([(other.account_id, other.amount_micro), *other.upper]))
                return refuse_unpaid(decision, slug, hold)
            taken.append(hold)
        return decision

    def _hold(self, hold: HoldRequest) -> str:
        """The slug of what is missing, or "" and the money is held."""
        if any(self._free(account) < amount for account, amount in hold.upper):
            return "partner-credit-exhausted"
        if self._left_today(hold.account_id) < hold.amount_micro:
            return "daily-limit-reached"
        if self._free(hold.account_id) < hold.amount_micro:
            return "credit-exhausted"
        if self.lines[hold.account_id] == self.flow.world.max_channels.get(self.world.name_of_account(hold.account_id)):
            return "channels-exhausted"
        self.lines[hold.account_id] += 1
        for account, amount in ((hold.account_id, hold.amount_micro), *hold.upper):
            self.held[account] += amount
        return ""

    def _left_today(self, account_id: int) -> int:
        limit = self.flow.world.daily.get(self.world.name_of_account(account_id), NO_LIMIT)
        return micro(limit) - self.held[account_id]

    def _free(self, account_id: int) -> int:
        return self.world.available[account_id] - self.held[account_id]

    def _facts(self, script: Script, decision: Decision) -> tuple[Decision, CallFacts]:
        """What happens to the call; the decision grows when somebody forwards it."""
        if decision.refusal is not None:
            return decision, CallFacts(STARTED_MS, STARTED_MS, sip_code=decision.refusal.sip_code)
        attempts: list[Attempt] = []
        does = "off"
        for index in range(MAX_TARGETS):
            target = decision.targets[index]
            does = self._behaviour(script, target)
            if does == "answer":
                return decision, self._answered(script, decision, index, attempts)
            if script.cancels:
                return decision, CallFacts(STARTED_MS, STARTED_MS + 500, sip_code=487, ended_by="caller")
            attempts.append(Attempt(index, self._label(target), CODES.get(does) or int(does.split()[0]), "", 1))
            decision = self._forwarded(decision, index, does)
            is_final = does in ("ring", "off") or (does not in ("silent", "407") and attempts[-1].sip_code < 500)
            if len(decision.targets) == index + 1 or (is_final and decision.targets[index + 1].chain == target.chain):
                break
        code = attempts[-1].sip_code
        is_device = decision.targets[index].kind == "contacts"
        final = 480 if does == "ring" or code < 400 else (480 if is_device else 503) if code == 408 else code
        facts = CallFacts(STARTED_MS, STARTED_MS + 500, sip_code=final, ended_by="callee", attempts=tuple(attempts))
        return decision, facts

    def _forwarded(self, decision: Decision, index: int, does: str) -> Decision:
        """The second question, when the target that failed wants it asked."""
        cause = CAUSES.get(does.split()[0])
        if cause is None or cause not in decision.targets[index].asks:
            return decision
        failure = Failure(cause, index, does.partition(" ")[2])
        longer = forward_after(self.feed, decision, failure, CHUNK_S)
        if longer is None:
            return decision
        slug = next((slug for hold in longer.holds[len(decision.holds) :] if (slug := self._hold(hold))), "")
        return noted(decision, unpaid_note(longer, slug)) if slug else longer

    def _label(self, target: Target) -> str:
        return " ".join(target.contacts) or self.world.name_of_gateway(target.gateway_id)

    def _behaviour(self, script: Script, target: Target) -> str:
        if target.kind == "contacts":
            names = [contact.partition("@")[0] for contact in target.contacts]
            return "answer" if script.rings in names else script.phones.get(names[0], "off")
        key = {carrier.name: carrier.key for carrier in CAST.carriers}.get(
            self.world.name_of_gateway(target.gateway_id)
        )
        does = self.flow.carriers.get(key or "", "answer")
        return "answer" if does == "asks" else does

    def _answered(self, script: Script, decision: Decision, index: int, attempts: list[Attempt]) -> CallFacts:
        answered = STARTED_MS + 500
        if script.ends != "money" or not decision.holds:
            return CallFacts(
                STARTED_MS, answered + TALK_MS, answered, index, 200, ended_by="caller", attempts=tuple(attempts)
            )
        cut_ms, held = self._talk(decision, index, script.pays)
        late_ms = 400  # the cut comes a little late: that must cost nobody anything
        return CallFacts(
            STARTED_MS,
            answered + cut_ms + late_ms,
            answered,
            index,
            200,
            ended_by="money",
            attempts=tuple(attempts),
            holds=tuple(held.items()),
        )

    def _talk(self, decision: Decision, index: int, pays: dict[str, str]) -> tuple[int, dict[int, int]]:
        """Talk until the money is used up: milliseconds until then, and what each chain had held."""
        state = states.begin(decision, at_ms=0, chunk_s=CHUNK_S)
        state, _ = states.step(state, Answered(0, index))
        accounts = {hold.chain: hold.account_id for hold in decision.holds}
        held = {hold.chain: hold.amount_micro for hold in decision.holds}
        now_ms, unpaid = 0, dict(pays)
        while state.phase is states.Phase.TALKING:
            now_ms = max(now_ms, states.next_tick_ms(state) or 0)
            event: Event = Tick(now_ms)
            if unpaid and now_ms > 1000 * PAID_AFTER_S:
                now_ms, event = 1000 * PAID_AFTER_S, Refilled(1000 * PAID_AFTER_S)
                self.world.pay(unpaid)
                unpaid.clear()
            state, effects = states.step(state, event)
            while ask := next((effect for effect in effects if isinstance(effect, Extend)), None):
                account, more = accounts[ask.chain], ask.total_micro - held[ask.chain]
                left = min(self._free(account), self._left_today(account))
                if more <= left:
                    held[ask.chain] += more
                    self.held[account] += more
                    answer: Event = Extended(now_ms, held[ask.chain], ask.chain)
                else:
                    answer = ExtendRefused(now_ms, held[ask.chain] + left, ask.chain)
                state, effects = states.step(state, answer)
        return now_ms, held

    def _cdr(self, draft: CdrDraft) -> ExpectedCdr:
        return ExpectedCdr(
            draft.chain.value,
            draft.tier,
            self.world.name_of_partner(draft.seller_partner_id),
            self.world.name_of_account(draft.account_id),
            self.world.name_of_gateway(draft.gateway_id),
            draft.amount_micro,
            str(draft.explanation["tax"]) if draft.amount_micro and draft.explanation["taxes"] else "",
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
