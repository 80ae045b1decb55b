"""The link registry: which markets a person has approved as one bet, folded from facts, and how a decision becomes a fact.

Only `approval` makes a link tradable, and only for the rules texts that stand in the registry at that moment. Reads no venue,
judges no pair, and must never approve what a file, a machine or a language model says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from dutchbook.core.claim import MarketId
from dutchbook.core.errors import ImpossibleEvent, Skip
from dutchbook.core.facts import (
    LinkAnnotated,
    LinkMember,
    LinkProposed,
    LinkReread,
    LinkTurned,
    LinkVeto,
    OutcomesDiverged,
    RulesText,
)
from dutchbook.core.link import LONGEST_RULES, Link, LinkKind, State, rules_hash
from dutchbook.core.link_state import LINK_TABLE, LinkTurn, Standing, next_standing
from dutchbook.core.money import Price, Rate
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Phase

LinkFact = LinkProposed | LinkTurned | LinkReread | LinkAnnotated


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to a link: `what` is proposed, read again, changed, annotated, or a turn."""

    at_ns: int
    what: str
    by: str
    reason: str


@dataclass(slots=True)
class LinkEntry:
    """One link of the registry: what was read, where it stands, and how it came there."""

    proposal: LinkProposed
    standing: Standing = Standing.PROPOSED
    approved_hashes: dict[MarketId, str] = field(default_factory=dict)
    remarks: list[LinkAnnotated] = field(default_factory=list)
    history: list[Step] = field(default_factory=list)

    @property
    def hashes(self) -> dict[MarketId, str]:
        """Market to SHA-256 of the rules text as it was read last."""
        return {member.market: member.rules_hash for member in self.proposal.members}

    @property
    def approved(self) -> bool:
        """Whether a person's approval stands for exactly the texts of now."""
        return self.standing is Standing.APPROVED and self.approved_hashes == self.hashes

    @property
    def vetoes(self) -> tuple[LinkVeto, ...]:
        """Every reason against the link: the machine's, and those that a reader of the rules added."""
        return (*self.proposal.vetoes, *(veto for remark in self.remarks for veto in remark.vetoes))

    @property
    def review_code(self) -> str:
        """Twelve hex digits that change with anything a person judges by: markets, texts, payoffs, vetoes."""
        shown = (self.proposal.kind, sorted(self.hashes.items()), self.proposal.states, self.vetoes)
        return hashlib.sha256(msgspec.json.encode(shown)).hexdigest()[:12]

    def link(self, divergence: Rate) -> Link:
        """The link as the engine trades it; states whose payoffs nobody knows beforehand are left out. Raises Skip."""
        return link_of(self.proposal, divergence, approved=self.approved)


@dataclass(frozen=True, slots=True)
class Count:
    """Links of one divergence class whose markets have paid, and those of them that paid in a way no state knows."""

    settled: int = 0
    diverged: int = 0


@dataclass(slots=True)
class LinkBook:
    """Every link that this ledger knows, by id."""

    entries: dict[str, LinkEntry] = field(default_factory=dict)

    def apply(self, fact: LinkFact, at_ns: int) -> None:
        """Take one fact; raises ImpossibleEvent for one that cannot follow what is known."""
        if isinstance(fact, LinkProposed):
            self._propose(fact, at_ns)
            return
        entry = self.entries.get(fact.link)
        if entry is None:
            raise ImpossibleEvent(f"{type(fact).__name__} names link {fact.link}, which was never proposed")
        match fact:
            case LinkTurned():
                entry.standing = next_standing(entry.standing, fact.turn)
                entry.approved_hashes = dict(fact.hashes) if fact.turn is LinkTurn.APPROVE else {}
                entry.history.append(Step(at_ns, fact.turn.value, fact.by, fact.reason))
            case LinkReread():
                members = [_reread(member, fact.rules) for member in entry.proposal.members]
                entry.proposal = msgspec.structs.replace(entry.proposal, members=tuple(members))
                self._reopen(entry, at_ns, fact.by, fact.reason)
            case LinkAnnotated():
                if fact.hashes == entry.hashes:
                    entry.remarks.append(fact)
                entry.history.append(Step(at_ns, "annotated", fact.by, "; ".join(fact.remarks)))

    def _propose(self, fact: LinkProposed, at_ns: int) -> None:
        entry = self.entries.get(fact.link)
        if entry is None:
            entry = self.entries[fact.link] = LinkEntry(fact)
            entry.history.append(Step(at_ns, "proposed", fact.by, fact.why))
            return
        before = entry.proposal
        entry.proposal = fact
        if _substance(before) == _substance(fact):
            entry.history.append(Step(at_ns, "read again", fact.by, fact.why))
        else:
            self._reopen(entry, at_ns, fact.by, "what was read differs from what was there before")

    def _reopen(self, entry: LinkEntry, at_ns: int, by: str, reason: str) -> None:
        entry.standing = next_standing(entry.standing, LinkTurn.REOPEN)
        entry.approved_hashes = {}
        entry.remarks.clear()
        entry.history.append(Step(at_ns, LinkTurn.REOPEN.value, by, reason))

    # -- questions ----------------------------------------------------------------------------------------------------

    def named(self, link: str) -> LinkEntry:
        """The entry; raises Skip for a link that is not there."""
        entry = self.entries.get(link)
        if entry is None:
            raise Skip(f"link {link or '(none named)'}: not in this ledger; `dutchbook links list` shows what is")
        return entry

    def with_market(self, market: MarketId) -> list[LinkEntry]:
        """Every entry that has this market as a member."""
        return [entry for entry in self.entries.values() if market in entry.hashes]

    def counts(self, trades: Iterable[TradeBook], divergences: Iterable[OutcomesDiverged]) -> dict[str, Count]:
        """How often links of each divergence class have paid alike, and how often not, by this ledger's own trades."""
        paid = {trade.opened.link for trade in trades if trade.phase is Phase.SETTLED}
        apart = {fact.link for fact in divergences}
        found: dict[str, Count] = {}
        for link in paid | apart:
            entry = self.entries.get(link)
            if entry is not None:
                before = found.get(entry.proposal.prior, Count())
                found[entry.proposal.prior] = Count(before.settled + 1, before.diverged + (link in apart))
        return found


# -- decisions ----------------------------------------------------------------------------------------------------------


def approval(book: LinkBook, link: str, by: str, reason: str = "", seen: str = "") -> LinkTurned:
    """A person's approval as a fact, bound to the texts that stand now. `seen` is the review code of what the person read.

    Raises Skip: for a link that is not there or approved already, with vetoes or an earlier no and without a reason, and when
    what was read is not what stands now.
    """
    entry = book.named(link)
    if entry.approved:
        raise Skip(f"link {link}: is approved already")
    if LinkTurn.APPROVE not in LINK_TABLE[entry.standing]:
        raise Skip(f"link {link}: is {entry.standing.value}; it cannot be approved from there")
    if seen and seen != entry.review_code:
        raise Skip(f"link {link}: changed since it was read (code {seen}, now {entry.review_code}); read it again")
    if not reason.strip():
        if entry.vetoes:
            words = "; ".join(f"{veto.code}: {veto.text}" for veto in entry.vetoes)
            raise Skip(f"link {link}: there is a reason against it, so approving it needs --reason ({words})")
        if entry.standing is not Standing.PROPOSED:
            raise Skip(f"link {link}: is {entry.standing.value}; approving it all the same needs --reason")
    check(entry.proposal)
    return LinkTurned(link, LinkTurn.APPROVE, _name(by), reason.strip(), entry.hashes)


def refusal(book: LinkBook, link: str, turn: LinkTurn, by: str, reason: str) -> LinkTurned:
    """Rejecting or suspending a link as a fact. Raises Skip without a reason, or where the table has no such turn."""
    entry = book.named(link)
    if not reason.strip():
        raise Skip(f"link {link}: --reason is missing; say why in a few words, it is kept in the ledger")
    if turn not in LINK_TABLE[entry.standing]:
        raise Skip(f"link {link}: is {entry.standing.value}, there is nothing to {turn.value}")
    return LinkTurned(link, turn, _name(by), reason.strip(), entry.hashes)


def reread(entry: LinkEntry, texts: Mapping[MarketId, str], by: str) -> LinkReread | None:
    """What follows from the rules texts that the venues show now; None when every text that was read is what it was."""
    known = entry.hashes
    changed = {market: text for market, text in texts.items() if market in known and rules_hash(text) != known[market]}
    if not changed:
        return None
    rules = tuple(RulesText(market, text[:LONGEST_RULES], rules_hash(text)) for market, text in sorted(changed.items()))
    return LinkReread(entry.proposal.link, rules, f"the rules of {', '.join(sorted(changed))} have changed", by)


def news(book: LinkBook, told: Iterable[LinkProposed]) -> list[LinkProposed]:
    """Those of the proposals that say something new; nothing is taken twice. Raises Skip for one that cannot be judged."""
    found: dict[str, LinkProposed] = {}
    for proposal in told:
        check(proposal)
        entry = book.entries.get(proposal.link)
        if entry is None or _said(entry.proposal) != _said(proposal):
            found[proposal.link] = proposal
    return list(found.values())


def link_of(proposal: LinkProposed, divergence: Rate, *, approved: bool) -> Link:
    """A proposal as a link. Raises Skip for payoffs that cannot be, and for a kind that this version does not know."""
    known = [row for row in proposal.states if None not in row.pays]
    try:
        kind = LinkKind(proposal.kind)
    except ValueError:
        raise Skip(f"link {proposal.link}: kind {proposal.kind!r} is not known") from None
    return Link(
        id=proposal.link,
        kind=kind,
        event=proposal.event,
        states=tuple(State(row.name, row.core) for row in known),
        payoffs={
            member.market: tuple(Price(value) for row in known if (value := row.pays[place]) is not None)
            for place, member in enumerate(proposal.members)
        },
        approved=approved,
        divergence=divergence,
        high_confidence=approved and proposal.high,
    )


def check(proposal: LinkProposed) -> None:
    """Raises Skip for a proposal that no person could judge: too few markets, one twice, rows of another length."""
    markets = [member.market for member in proposal.members]
    if len(markets) < 2 or len(set(markets)) < len(markets):
        raise Skip(f"link {proposal.link}: needs at least two markets, each once")
    if any(len(row.pays) != len(markets) for row in proposal.states):
        raise Skip(f"link {proposal.link}: a state does not say what every market pays")
    if any(row.core and None in row.pays for row in proposal.states):
        raise Skip(f"link {proposal.link}: what a core state pays is not known")
    link_of(proposal, Rate(0), approved=False)


def _substance(proposal: LinkProposed) -> object:
    """What a decision was made about: markets, texts and payoffs, in whatever order they come."""
    order = sorted(range(len(proposal.members)), key=lambda place: proposal.members[place].market)
    members = [(proposal.members[place].market, proposal.members[place].rules_hash) for place in order]
    states = [(row.core, [row.pays[place] for place in order]) for row in proposal.states]
    return proposal.kind, proposal.event, members, states


def _said(proposal: LinkProposed) -> object:
    """All that a proposal says, whoever says it."""
    return msgspec.structs.replace(proposal, by="")


def _reread(member: LinkMember, rules: Iterable[RulesText]) -> LinkMember:
    for fresh in rules:
        if fresh.market == member.market:
            return msgspec.structs.replace(member, rules=fresh.rules, rules_hash=fresh.rules_hash)
    return member


def _name(by: str) -> str:
    if not by.strip():
        raise Skip("by: nobody is named; a decision about a link is a person's")
    return by.strip()
