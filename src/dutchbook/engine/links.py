"""Which links the engine trades: those of its ledger's registry, and those that it was given; both only while their rules stay.

Reads the rules of linked markets at the start and by the clock. A changed text re-opens the link: no new entries, an alarm, open
trades go on. Takes a person's decisions as commands. It must never approve anything by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from dutchbook.core.claim import MarketId, native_of, venue_of
from dutchbook.core.errors import DutchbookError, Refused, Skip
from dutchbook.core.facts import Alarmed, AnyFact, LinkAnnotated, LinkProposed
from dutchbook.core.link import Link
from dutchbook.core.link_state import LinkTurn, Standing
from dutchbook.core.market import Market
from dutchbook.core.money import Rate
from dutchbook.engine.commands import Commands
from dutchbook.engine.desk import Desk
from dutchbook.engine.pursuit import Pursuit
from dutchbook.ledger.links import Count, approval, check, news, refusal, reread
from dutchbook.ledger.projection import Ledger
from dutchbook.linking.prior import expected
from dutchbook.linking.review import prior_named

WATCHED_PROPOSALS: Final = 100
"""How many undecided links without a veto are watched too: a gap on one is evidence, and an approval takes effect at once."""


def divergence_of(ledger: Ledger) -> dict[str, Rate]:
    """Divergence class to the chance that a link of it diverges: the prior, or what this ledger's own trades have made of it."""
    counts = ledger.links.counts(ledger.trades.values(), ledger.divergences)
    classes = {entry.proposal.prior for entry in ledger.links.entries.values()}
    found = {}
    for code in classes:
        count = counts.get(code, Count())
        found[code] = expected(prior_named(code), count.settled, count.diverged)
    return found


def registered(ledger: Ledger) -> list[Link]:
    """The registry's links that are worth watching: approved ones, the newest undecided ones without a veto, and those of open
    trades. A link that cannot be built is left out."""
    held = {trade.opened.link for trade in ledger.open.values()}
    undecided = [
        name for name, entry in ledger.links.entries.items() if entry.standing is Standing.PROPOSED and not entry.vetoes
    ]
    wanted = held.union(undecided[-WATCHED_PROPOSALS:])
    chances = divergence_of(ledger)
    found = []
    for name, entry in ledger.links.entries.items():
        if entry.approved or name in wanted:
            try:
                check(entry.proposal)
                found.append(entry.link(chances[entry.proposal.prior]))
            except Skip:
                continue
    return found


class LinkDesk:
    """The links of one engine, kept in `desk.links`: those that it was given and the registry does not know, and those of the
    registry where the configuration says so."""

    def __init__(self, desk: Desk, pursuit: Pursuit) -> None:
        self._desk = desk
        self._pursuit = pursuit
        self._given = dict(desk.links)
        self._texts: dict[MarketId, str] = {}
        self._withdrawn: set[str] = set()
        self.gather()

    def register(self, commands: Commands) -> None:
        """Let a person decide while the engine runs."""
        commands.register("link_approve", self.approve)
        commands.register("link_reject", self.reject)
        commands.register("link_suspend", self.suspend)
        commands.register("link_propose", self.propose)
        commands.register("link_annotate", self.annotate)

    def gather(self) -> None:
        """Put together what is traded and watched, from the registry as it stands now."""
        desk = self._desk
        desk.links.clear()
        for name, link in self._given.items():
            if name not in desk.ledger.links.entries:
                gone = name in self._withdrawn
                desk.links[name] = replace(link, approved=False, high_confidence=False) if gone else link
        if desk.config.registry:
            desk.links.update({link.id: link for link in registered(desk.ledger)})

    def optional(self) -> set[MarketId]:
        """Markets that only the registry names: the engine starts without those that the venue no longer knows."""
        given = {market for link in self._given.values() for market in link.markets}
        return {market for link in self._desk.links.values() for market in link.markets} - given

    async def read(self, venue: str, natives: Sequence[str]) -> list[Market]:
        """The named markets as the venue has them now, without those that it does not know any more."""
        if not natives:
            return []
        data = self._desk.venues[venue].data
        try:
            return await data.markets(natives)
        except Refused as error:
            if len(natives) == 1:
                self._desk.log.warning("market of a link not known any more", market=natives[0], reason=str(error))
                return []
            middle = len(natives) // 2
            return await self.read(venue, natives[:middle]) + await self.read(venue, natives[middle:])

    async def look(self) -> None:
        """Read every linked market again; a venue that cannot be read now is asked the next time."""
        desk = self._desk
        wanted: dict[str, set[str]] = {}
        for link in desk.links.values():
            for market in link.markets:
                if market in desk.markets:
                    wanted.setdefault(venue_of(market), set()).add(native_of(market))
        fresh: list[Market] = []
        for venue, natives in wanted.items():
            try:
                read = await self.read(venue, sorted(natives))
            except DutchbookError as error:
                desk.log.warning("rules not read again", venue=venue, reason=str(error))
                continue
            desk.venues[venue].trading.know(read)
            desk.markets.update({market.id: market for market in read})
            fresh += read
        self.compare(fresh)

    def compare(self, markets: Iterable[Market]) -> None:
        """Hold rules texts that were just read against what was approved; whatever has changed is re-opened."""
        desk = self._desk
        texts = {market.id: market.rules for market in markets}
        changed = False
        for name, entry in desk.ledger.links.entries.items():
            if texts.keys().isdisjoint(entry.hashes):
                continue
            fact = reread(entry, texts, "engine")
            if fact is not None:
                self._say(name, fact.reason, fact, approved=entry.approved)
                changed = True
        for name, link in self._given.items():
            read = [market for market in link.markets if market in texts]
            moved = [market for market in read if self._texts.get(market, texts[market]) != texts[market]]
            if moved and name in desk.links and desk.links[name].approved and name not in desk.ledger.links.entries:
                self._withdrawn.add(name)
                self._say(name, f"the rules of {', '.join(moved)} have changed", None, approved=True)
                changed = True
        self._texts.update(texts)
        if changed:
            self._renew()

    def _say(self, name: str, reason: str, fact: AnyFact | None, *, approved: bool) -> None:
        desk = self._desk
        facts = [] if fact is None else [fact]
        if approved:
            text = f"link {name}: {reason}; no new entries until a person has approved it again"
            facts.append(Alarmed("rules_changed", text))
            desk.log.error("rules changed", link=name, reason=reason)
        else:
            desk.log.warning("rules changed", link=name, reason=reason)
        desk.record(*facts)

    def _renew(self) -> None:
        self.gather()
        self._pursuit.watch()

    # -- commands -----------------------------------------------------------------------------------------------------

    async def approve(self, arguments: Mapping[str, str]) -> str:
        """A person's approval. Raises Skip as `ledger.links.approval` does."""
        desk = self._desk
        name = arguments.get("link", "")
        fact = approval(
            desk.ledger.links, name, arguments["by"], arguments.get("reason", ""), arguments.get("seen", "")
        )
        desk.record(fact)
        self._renew()
        link = desk.links.get(name)
        watched = link is not None and all(market in desk.books for market in link.markets)
        return f"link {name}: approved" + (
            "" if watched else "; its markets are not watched yet: traded from the next start"
        )

    async def reject(self, arguments: Mapping[str, str]) -> str:
        """A person's no."""
        return self._refuse(LinkTurn.REJECT, arguments)

    async def suspend(self, arguments: Mapping[str, str]) -> str:
        """No new entries until it is approved again."""
        return self._refuse(LinkTurn.SUSPEND, arguments)

    def _refuse(self, turn: LinkTurn, arguments: Mapping[str, str]) -> str:
        desk = self._desk
        name = arguments.get("link", "")
        desk.record(refusal(desk.ledger.links, name, turn, arguments["by"], arguments.get("reason", "")))
        self._renew()
        return f"link {name}: {desk.ledger.links.entries[name].standing.value}; open trades go on to their end"

    async def propose(self, arguments: Mapping[str, str]) -> str:
        """Take proposals in (JSON); each waits for a person. Raises Skip for one that cannot be read."""
        try:
            told = msgspec.json.decode(arguments.get("proposals", ""), type=list[LinkProposed])
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise Skip(f"proposals: cannot be read ({error})") from None
        fresh = news(self._desk.ledger.links, told)
        if fresh:
            self._desk.record(*fresh)
            self._renew()
        return f"{len(fresh)} links taken in, {len(told) - len(fresh)} known already"

    async def annotate(self, arguments: Mapping[str, str]) -> str:
        """Book what a reader of the rules says. Raises Skip for what cannot be read, or about a link that is not there."""
        try:
            fact = msgspec.json.decode(arguments.get("annotation", ""), type=LinkAnnotated)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise Skip(f"annotation: cannot be read ({error})") from None
        self._desk.ledger.links.named(fact.link)
        self._desk.record(fact)
        self._renew()
        return f"link {fact.link}: {len(fact.remarks)} remarks, {len(fact.vetoes)} vetoes booked"
