"""`dutchbook reconcile`: the ledger against both venues' own statements, and `--adopt`, which takes in what it has never seen.

It asks and compares; it sends no order and cancels none. With an engine on the ledger it only has that one look and shows what
it found. Never adopts a figure that cannot be, and nothing at all while something of ours is in flight.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dutchbook.cli.output import ExitStatus, note, say, say_json
from dutchbook.core.clock import SECOND
from dutchbook.core.errors import SettingsError

if TYPE_CHECKING:
    from dutchbook.core.claim import MarketId
    from dutchbook.core.clock import Clock, Entropy
    from dutchbook.core.facts import AnyFact
    from dutchbook.core.market import Market
    from dutchbook.engine.engine import VenueSide
    from dutchbook.engine.payouts import WaitingPayouts
    from dutchbook.execution.findings import Books, Finding, VenueSnapshot
    from dutchbook.ledger.journal import Journal
    from dutchbook.ledger.projection import Ledger
    from dutchbook.settings import Settings

BETWEEN_NS = 2 * SECOND
"""Between the two looks that come before anything is adopted."""

BY = "operator"


def reconcile(
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Book cash that differs, and positions that the ledger has never seen.")
    ] = False,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", metavar="PATH", help="Instead of the settings' ledger.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare orders, fills, positions and cash of both venues with the ledger; status 1 when they differ.

    A lost ledger is rebuilt with --adopt on a new file: opening cash, and each position as a trade of its own.
    """
    import asyncio

    from dutchbook.cli.logs import configure_logs
    from dutchbook.cli.sides import check_profile
    from dutchbook.ledger.inbox import engine_runs
    from dutchbook.settings import load_here

    settings = load_here(os.environ, Path.cwd())
    path = ledger or settings.ledger_path
    configure_logs(stream=sys.stderr, as_json=False, file=None)
    if path.exists() and engine_runs(path):
        told = _of_running_engine(path, adopt)
    else:
        check_profile(settings)
        _check_mode(settings)
        told = asyncio.run(_alone(settings, path, adopt))
    if as_json:
        say_json(told)
    else:
        for line in lines(told):
            say(line)
    unread = any(venue["unread"] for venue in told["venues"].values())
    differs = any(venue["findings"] for venue in told["venues"].values()) or (adopt and told["engine"])
    raise typer.Exit(ExitStatus.VENUE if unread else ExitStatus.FAILED if differs else ExitStatus.OK)


def lines(told: Mapping[str, Any]) -> list[str]:
    """The result for people."""
    shown = [told["text"]] if told["text"] else []
    for name, venue in told["venues"].items():
        shown += [f"{name}: {part} could not be read: {why}" for part, why in venue["unread"].items()]
        shown += [f"{name}: {text}" for text in venue.get("under_way", [])]
        shown += [f"{name}: {text}" for text in venue.get("waiting", [])]
        for text in venue.get("adopted", []):
            shown.append(f"adopted     {text}")
        for finding in venue["findings"]:
            shown += [f"{finding['code']:15} {finding['text']}", f"{'':15} -> {finding['fix']}"]
        if not venue["findings"] and not venue["unread"]:
            shown.append(f"{name}: no differences")
    return shown


def _check_mode(settings: Settings) -> None:
    from dutchbook.core.mode import Mode

    if settings.mode is not Mode.LIVE:
        raise SettingsError(
            f"mode (DUTCHBOOK_MODE): {settings.mode.value} has no account at the venues to compare with; reconcile is for live"
        )
    settings.require_secrets()


def _of_running_engine(path: Path, adopt: bool) -> dict[str, Any]:
    """Have the engine look now, and tell what it found."""
    from dutchbook.cli.stop import command_engine
    from dutchbook.ledger.journal import Journal

    answer = command_engine(path, "reconcile", {})
    journal = Journal.read(path)
    try:
        gauge = journal.gauge("reconciliation")
    finally:
        journal.close()
    text = "an engine runs on this ledger and books what it may by the clock"
    if answer is not None:
        text += f"; it has looked now: {answer.text}"
    if adopt:
        text += "; nothing was adopted: stop it first, then run this again"
    venues = gauge.get("venues", {}) if isinstance(gauge, dict) else {}
    return {"ledger": str(path), "engine": True, "text": text, "venues": venues}


async def _alone(settings: Settings, path: Path, adopt: bool) -> dict[str, Any]:
    from dutchbook.cli.run import open_journal
    from dutchbook.cli.sides import identity, live_sides
    from dutchbook.core.clock import SystemClock, SystemEntropy
    from dutchbook.ledger.journal import Journal
    from dutchbook.ledger.projection import Ledger
    from dutchbook.venues.http import AioTransport

    clock, entropy = SystemClock(), SystemEntropy()
    transport = AioTransport(clock)
    try:
        sides = live_sides(settings, transport, clock, entropy)
        journal = open_journal(path, identity(settings), power_safe=True) if adopt else Journal.read(path)
        try:
            netting = frozenset(name for name, side in sides.items() if side.trading.capabilities.nets_positions)
            known = Ledger(netting).replay(journal.records())
            comparison = Comparison(sides, known, journal if adopt else None, clock, entropy)
            return {"ledger": str(path), "engine": False, "text": "", "venues": await comparison.run(adopt)}
        finally:
            journal.close()
    finally:
        await transport.close()


@dataclass(slots=True)
class Comparison:
    """One run without an engine. Without a `journal` everything stays in memory."""

    sides: Mapping[str, VenueSide]
    ledger: Ledger
    journal: Journal | None
    clock: Clock
    entropy: Entropy
    markets: dict[MarketId, Market] = field(default_factory=dict)
    payouts: WaitingPayouts = field(init=False)

    def __post_init__(self) -> None:
        from dutchbook.engine.payouts import WaitingPayouts

        self.payouts = WaitingPayouts(self.ledger, self.clock)

    def record(self, *facts: AnyFact) -> None:
        """Apply facts, and write them where there is a journal."""
        now = self.clock.wall()
        for fact in facts:
            self.ledger.apply(fact, now)
        if self.journal is not None:
            self.journal.append(facts, now)

    async def run(self, adopt: bool) -> dict[str, Any]:
        """Each venue's differences as plain data, and what was adopted."""
        from dutchbook.engine.reconciliation import plain, waiting_payouts
        from dutchbook.execution.reconcile import reconcile as compare

        result: dict[str, Any] = {}
        for name, side in self.sides.items():
            await side.trading.connect()
            await self._learn(name, side)
            view, snapshot, unread = await self._look(name, side)
            found = compare(view, snapshot, (), self.clock.wall())
            adopted: list[str] = []
            if adopt and found and snapshot.complete and view.quiet:
                await self.clock.sleep(BETWEEN_NS)
                seen = {finding.key for finding in found}
                view, snapshot, unread = await self._look(name, side)
                again = compare(view, snapshot, seen, self.clock.wall())
                adopted = self._adopt(name, view, snapshot, [each for each in again if each.confirmed])
                view, snapshot, unread = await self._look(name, side)
                found = compare(view, snapshot, (), self.clock.wall())
            under_way = (
                [] if view.quiet else ["orders, fills or payouts of ours are under way; `dutchbook run` ends them"]
            )
            result[name] = {
                "unread": unread,
                "under_way": under_way,
                "waiting": waiting_payouts(self.payouts.at(name)),
                "adopted": adopted,
                "findings": [plain(finding) for finding in found],
            }
        return result

    async def _learn(self, name: str, side: VenueSide) -> None:
        """Read the markets of everything that the ledger or the venue holds: positions are told for known markets only."""
        from dutchbook.core.claim import native_of, venue_of
        from dutchbook.core.venue import ListsHoldings

        open_legs = [leg for trade in self.ledger.open.values() for leg in trade.legs]
        natives = {native_of(leg.claim.market) for leg in open_legs if venue_of(leg.claim.market) == name}
        if isinstance(side.trading, ListsHoldings):
            natives |= set(await side.trading.held_natives())
        else:
            natives |= {native_of(claim.market) for claim in (await side.trading.positions()).held}
        markets = await side.data.markets(sorted(natives))
        side.trading.know(markets)
        self.markets.update({market.id: market for market in markets})

    async def _look(self, name: str, side: VenueSide) -> tuple[Books, VenueSnapshot, dict[str, str]]:
        from dutchbook.engine.accounts import Accounts
        from dutchbook.engine.reconciliation import LOOK_BACK_NS, SLACK_NS
        from dutchbook.engine.statement import born_ns, heard_ns, identities_of, read_snapshot

        before, heard = self.ledger.facts, heard_ns(self.ledger)
        since = max(born_ns(self.ledger, name, self.clock.wall()), heard - LOOK_BACK_NS)
        snapshot, unread = await read_snapshot(name, side.trading, since)
        if snapshot.fills is not None:
            # what strangers did before the ledger's newest fact shows in cash and positions, where it still matters
            ours = identities_of(self.ledger)
            recent = tuple(fill for fill in snapshot.fills if fill.identity in ours or fill.at_ns >= heard - SLACK_NS)
            snapshot = replace(snapshot, fills=recent)
        if snapshot.positions is not None:
            self.payouts.hold(name, snapshot.positions.held, self.ledger.payouts)
        accounts = Accounts({name: side.trading}, self.ledger, self.clock, self, self.payouts)
        if snapshot.balances is not None and accounts.settled_with(name):
            accounts.balances[name] = snapshot.balances
            accounts.true_up(name)
        return self._books(name, side, snapshot, max(before, self.ledger.facts)), snapshot, unread

    def _books(self, name: str, side: VenueSide, snapshot: VenueSnapshot, before: int) -> Books:
        from dutchbook.engine.statement import books_of, identities_of

        identities = identities_of(self.ledger)
        wall = self.clock.wall()
        return books_of(
            self.ledger, name, side.trading, snapshot, identities, before=before, wall_ns=wall, waiting=self.payouts
        )

    def _adopt(self, name: str, view: Books, snapshot: VenueSnapshot, confirmed: Sequence[Finding]) -> list[str]:
        """Say what is adopted, then book it: cash that differs, and positions in markets that the ledger has never been in."""
        from dutchbook.core.facts import CashMoved
        from dutchbook.core.money import Size, format_micros
        from dutchbook.execution.adopt import adoption
        from dutchbook.execution.findings import AdoptCash, Code
        from dutchbook.execution.reconcile import cash_differences

        facts: list[AnyFact] = []
        told: list[str] = []
        agreed = {finding.key for finding in confirmed}
        strangers = [fill for fill in snapshot.fills or () if fill.identity not in view.orders]
        assert snapshot.balances is not None and snapshot.positions is not None
        for finding in cash_differences(view, snapshot.balances, strangers):
            if finding.key in agreed and isinstance(finding.remedy, AdoptCash):
                pool, kind, amount = finding.remedy.pool, finding.remedy.kind, finding.remedy.amount
                kind = kind if pool in self.ledger.cash else "opening"
                facts.append(CashMoved(name, pool, kind, amount, f"adopted by {BY}"))
                told.append(f"{pool}: {format_micros(amount, trim=True)} dollars as {kind} cash")
        visited = {leg.claim.market for trade in self.ledger.trades.values() for leg in trade.legs}
        positions = {str(claim): claim for claim in snapshot.positions.held}
        for finding in confirmed:
            claim = positions.get(finding.subject)
            if finding.code is not Code.POSITION or claim is None or claim.market in visited:
                continue
            market = self.markets.get(claim.market)
            if market is None:
                note(f"{claim}: not adopted, its market cannot be read at the venue")
                continue
            trade = f"{self.entropy.bits(32):08x}"
            facts += adoption(trade, claim, Size(finding.stated), market, BY)
            told.append(f"{claim}: {format_micros(finding.stated, trim=True)} contracts as trade {trade}, at no cost")
        for text in told:
            note(f"will adopt  {text}")
        if facts:
            self.record(*facts)
        return told
