"""Asks each venue for its whole statement at start, by the clock and on demand, and acts on what `execution.reconcile` finds.

The one place where a difference becomes a fact: a fill taken up, an order asked about or cancelled, cash booked. A failed read
says nothing. It never trades a position away and never touches an order that is not ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dutchbook.core.claim import native_of
from dutchbook.core.clock import MINUTE, SECOND
from dutchbook.core.errors import DutchbookError, ImpossibleEvent, LedgerError
from dutchbook.core.facts import Alarmed
from dutchbook.core.mode import Mode
from dutchbook.core.money import Size, format_dollars
from dutchbook.core.order import Fill, OrderReport, OrderState, ReportStatus
from dutchbook.engine.accounts import Accounts
from dutchbook.engine.desk import Desk
from dutchbook.engine.orders import restore
from dutchbook.engine.payouts import Waiting
from dutchbook.engine.settlement import Settlement
from dutchbook.engine.statement import books_of, born_ns, heard_ns, read_snapshot
from dutchbook.engine.trades import Trades
from dutchbook.execution.findings import (
    HOLDS_CASH,
    AdoptCash,
    AskOrder,
    CancelOrder,
    Code,
    Finding,
    Keys,
    TakeFill,
    VenueSnapshot,
)
from dutchbook.execution.reconcile import cash_differences, reconcile, settle_remedies

AGAIN_NS: Final = 5 * SECOND
"""A new finding is looked at again so soon: it is acted on only when it is still there."""

UNREAD_NS: Final = 30 * SECOND
"""A statement of which a part could not be read is asked for again so soon."""

OVERLAP_NS: Final = 2 * MINUTE
"""Fills are listed from so long before the last complete statement: a venue may list them late."""

LOOK_BACK_NS: Final = 60 * MINUTE
"""At start fills are listed from so long before the newest fact of the ledger."""

MOST_TOLD: Final = 2_000
"""So many differences are remembered as told; one that stands is never forgotten."""

_FILLS: Final = frozenset({Code.FILL_IMPOSSIBLE, Code.FILL_FOREIGN})

SLACK_NS: Final = 2 * SECOND
"""Fills of the last moments before a balance was read may or may not be in it."""


class Reconciliation:
    """`findings` by venue: of the newest statement, for whoever shows them."""

    def __init__(self, desk: Desk, accounts: Accounts, settlement: Settlement, trades: Trades) -> None:
        self.findings: dict[str, list[Finding]] = {}
        self.unread: dict[str, dict[str, str]] = {}
        """By venue: which parts of the newest statement could not be read, and why."""
        self._desk = desk
        self._accounts = accounts
        self._settlement = settlement
        self._trades = trades
        self._seen: dict[str, Keys] = {}
        self._cash_seen: dict[str, Keys] = {}
        self._foreign: dict[str, dict[str, Fill]] = {}
        self._told = dict.fromkeys((alarm.code, alarm.text) for alarm in desk.ledger.alarms)
        """What a person was told, the last seen last."""
        self._stood: dict[tuple[object, ...], tuple[int, int]] = {}
        """Differences of cash that were confirmed: since when, and when last, on our monotonic clock."""
        self._busy: set[str] = set()
        self._waiting: set[str] = set()
        self._heard_ns = heard_ns(desk.ledger)
        begun = min((trade.opened_ns for trade in desk.ledger.working), default=self._heard_ns)
        self._since = max(0, min(begun, self._heard_ns) - LOOK_BACK_NS)
        self._since_ns: dict[str, int] = {}
        self._agreed_ns: dict[str, int] = {}

    async def round(self) -> None:
        """A statement of every venue. Nothing to compare in dry-run: no account has done anything."""
        if self._desk.config.mode is not Mode.DRY_RUN:
            for venue in self._desk.trading:
                await self.look(venue)

    async def command(self, arguments: Mapping[str, str]) -> str:
        """The verb `reconcile`: a round now, and how many differences it found."""
        await self.round()
        found = sum(len(each) for each in self.findings.values())
        unread = "; ".join(f"{venue}: {', '.join(parts)} not read" for venue, parts in self.unread.items() if parts)
        return f"{found or 'no'} differences" + (f"; {unread}" if unread else "")

    async def look(self, venue: str) -> None:
        """One statement of one venue: findings, what is done about them, and a second look soon when there are new ones."""
        if venue in self._busy:
            return
        self._busy.add(venue)
        try:
            await self._look(venue)
        finally:
            self._busy.discard(venue)
        self.publish()

    async def _look(self, venue: str) -> None:
        desk, ledger = self._desk, self._desk.ledger
        trading = desk.trading[venue]
        begun, before, booked = desk.clock.wall(), ledger.facts, ledger.payouts
        born = born_ns(ledger, venue, begun)
        since = max(born, self._since_ns.get(venue, self._since))
        snapshot, self.unread[venue] = await read_snapshot(venue, trading, since)
        if self.unread[venue]:
            desk.log.warning("statement not read", venue=venue, **self.unread[venue])
        if snapshot.positions is not None:
            self._accounts.payouts.hold(venue, snapshot.positions.held, booked)
        if snapshot.balances is not None:
            self._accounts.balances[venue] = snapshot.balances
            if self._accounts.settled_with(venue):
                self._accounts.true_up(venue)
        now = desk.clock.wall()
        view = books_of(
            ledger,
            venue,
            trading,
            snapshot,
            desk.identities,
            before=before,
            wall_ns=now,
            agreed_ns=self._agreed_ns.get(venue, self._heard_ns or begun),
            resolved=self._settlement.known,
            waiting=self._accounts.payouts,
        )
        strangers = {fill.id: fill for fill in snapshot.fills or () if fill.identity not in view.orders}
        self._foreign.setdefault(venue, {}).update(strangers)
        found = reconcile(view, snapshot, self._seen.get(venue, ()), now)
        self.findings[venue] = found
        if snapshot.complete and snapshot.as_of_ns is not None:
            self._seen[venue] = {finding.key for finding in found}
            # a fill that is still to be looked at again must be listed again
            self._since_ns[venue] = since if _fills_left(found) else min(snapshot.as_of_ns, begun) - OVERLAP_NS
            self._note_agreement(venue, found, begun, quiet=view.quiet)
        for finding in found:
            await self._follow(finding)
        if not snapshot.complete:
            self._again(venue, UNREAD_NS)
        elif any(not finding.confirmed or finding.remedy is not None for finding in found):
            if any(finding.code is Code.POSITION and not finding.confirmed for finding in found):
                await self._poll_results()
            self._again(venue, AGAIN_NS)

    async def cash(self, venue: str) -> None:
        """The newest balance of a venue against the ledger, with nothing in flight.

        A difference may be a payout whose result we have not read yet, or a trade by hand: so results and the whole statement
        are asked for, and only a difference that stands unchanged at the next reading is booked.
        """
        accounts, desk = self._accounts, self._desk
        if not accounts.settled_with(venue):
            return
        if self._pending(venue):
            self._cash_seen.pop(venue, None)
            return
        accounts.true_up(venue)
        begun = desk.clock.wall()
        balances = accounts.balances[venue]
        nothing = VenueSnapshot(venue, None, balances, None, None, None)
        view = books_of(
            desk.ledger,
            venue,
            desk.trading[venue],
            nothing,
            {},
            before=desk.ledger.facts,
            wall_ns=begun,
            agreed_ns=self._agreed_ns.get(venue, self._heard_ns or begun),
            resolved=self._settlement.known,
            waiting=accounts.payouts,
        )
        differences = cash_differences(view, balances, self._foreign.get(venue, {}).values())
        seen = self._cash_seen.get(venue, ())
        found = settle_remedies(differences, seen, complete=True)
        self._cash_seen[venue] = {finding.key for finding in found}
        self._note_agreement(venue, found, begun, quiet=view.quiet)
        for finding in found:
            await self._follow(finding)
        if any(not finding.confirmed for finding in found):
            await self._poll_results()
            if self._desk.config.mode is not Mode.DRY_RUN:
                await self.look(venue)

    def _pending(self, venue: str) -> bool:
        """Whether the newest statement is incomplete, or shows orders or fills whose cash may be the difference."""
        return bool(self.unread.get(venue)) or any(each.code in HOLDS_CASH for each in self.findings.get(venue, ()))

    def _note_agreement(self, venue: str, found: list[Finding], begun: int, *, quiet: bool) -> None:
        """With cash agreed, what happened before is in the books: it explains nothing later."""
        apart = HOLDS_CASH | {Code.CASH, Code.ABSURD_BALANCE}
        if quiet and not any(finding.code in apart for finding in found):
            agreed = begun - SLACK_NS
            self._agreed_ns[venue] = max(self._agreed_ns.get(venue, 0), agreed)
            kept = self._foreign.get(venue, {})
            for fill in [fill for fill in kept.values() if fill.at_ns < agreed]:
                del kept[fill.id]

    # -- acting -------------------------------------------------------------------------------------------------------

    async def _follow(self, finding: Finding) -> None:
        """Tell a person once, and do what the finding says now."""
        remedy = finding.remedy
        if isinstance(remedy, AdoptCash) and not self._stands(finding):
            return
        self._tell(finding)
        try:
            match remedy:
                case AdoptCash():
                    self._accounts.adopt(finding.venue, remedy, finding.text)
                    self._desk.log.error("cash difference", pool=remedy.pool, amount=format_dollars(remedy.amount, 6))
                case TakeFill() | AskOrder() | CancelOrder() if self._desk.config.sending:
                    await self._mend(finding.venue, remedy)
        except LedgerError:
            raise
        except ImpossibleEvent:
            pass  # recorded and alarmed, and the kill switch is thrown
        except DutchbookError as error:
            self._desk.log.warning("not mended", finding=finding.text, reason=str(error))

    def _stands(self, finding: Finding) -> bool:
        """Whether a difference of cash may be booked: at once, or after it has stood for long where a payout waits to be
        redeemed, since tokens and cash are read one after the other, and a read may be seconds old."""
        margin = self._desk.policy.absence_margin_ns[finding.venue]
        now = self._desk.clock.monotonic()
        key = (finding.venue, *finding.key)
        began, last = self._stood.get(key, (now, now))
        if now - last > margin:
            began = now
        self._stood[key] = began, now
        return not self._accounts.payouts.unsteady(finding.venue, margin) or now - began > margin

    async def _mend(self, venue: str, remedy: TakeFill | AskOrder | CancelOrder) -> None:
        trade = self._desk.ledger.trades[remedy.trade]
        row = trade.order(remedy.order)
        trading = self._desk.trading[venue]
        match remedy:
            case TakeFill():
                self._desk.note(trade, "fill taken up", order=remedy.order, fill=remedy.fill.id)
                self._trades.on_fill(remedy.fill)
            case CancelOrder():
                report = await trading.cancel(restore(trade, row), remedy.venue_order_id)
                self._desk.note(trade, "cancelled", order=remedy.order, venue_order_id=remedy.venue_order_id)
                self._trades.on_report(report)
            case AskOrder():
                found = await trading.find(restore(trade, row))
                if found is not None:
                    self._trades.on_report(found)
                elif row.state is OrderState.RESTING:
                    # from here on the rule of absence decides
                    words = "the venue neither lists nor finds it"
                    self._trades.on_report(
                        OrderReport(row.plan.identity, "", ReportStatus.UNKNOWN, Size(0), words, "gone")
                    )

    def _tell(self, finding: Finding) -> None:
        """An alarm for what stands, once; cash is alarmed where it is booked."""
        if not finding.confirmed or finding.code is Code.CASH:
            return
        alarm = Alarmed(f"reconcile_{finding.code.value}", f"{finding.text}. What ends it: {finding.fix}")
        key = (alarm.code, alarm.text)
        new = key not in self._told
        self._told.pop(key, None)
        self._told[key] = None
        if new:
            if len(self._told) > MOST_TOLD:
                del self._told[next(iter(self._told))]
            self._desk.record(alarm)
            self._desk.log.error("difference", code=finding.code.value, venue=finding.venue, text=finding.text)

    async def _poll_results(self) -> None:
        for trouble in await self._settlement.poll(self._desk.trading, self._desk.clock.wall()):
            self._desk.log.warning("results not read", reason=trouble)

    def _again(self, venue: str, pause_ns: int) -> None:
        """Another look soon; one is enough."""
        if venue not in self._waiting:
            self._waiting.add(venue)
            self._desk.spawn(self._look_later(venue, pause_ns), f"look at {venue} again")

    async def _look_later(self, venue: str, pause_ns: int) -> None:
        await self._desk.clock.sleep(pause_ns)
        self._waiting.discard(venue)
        await self.look(venue)

    # -- showing ------------------------------------------------------------------------------------------------------

    def publish(self) -> None:
        """The gauge `reconciliation`: the newest findings, for readers in other processes."""
        told: dict[str, Any] = {
            venue: {
                "unread": self.unread.get(venue, {}),
                "waiting": waiting_payouts(self._accounts.payouts.at(venue)),
                "findings": [plain(finding) for finding in found],
            }
            for venue, found in self.findings.items()
        }
        self._desk.publish("reconciliation", {"at_ns": self._desk.clock.wall(), "venues": told})


def _fills_left(found: list[Finding]) -> bool:
    """Whether a fill was found that is not booked yet, or was not there in the statement before."""
    return any(each.code is Code.FILL_MISSED or (each.code in _FILLS and not each.confirmed) for each in found)


def waiting_payouts(waiting: Waiting) -> list[str]:
    """Payouts that are booked while a venue still holds their tokens, a sentence each."""
    return [
        f"a payout of {format_dollars(sum(pools.values()), 4)} of {market} waits at the venue: "
        f"`dutchbook wallet redeem {native_of(market)}`, unless the engine (trading.use_wallet) or the venue does it"
        for market, pools in sorted(waiting.items())
    ]


def plain(finding: Finding) -> dict[str, Any]:
    """A finding as plain data; figures are millionths."""
    return {
        "code": finding.code.value,
        "venue": finding.venue,
        "subject": finding.subject,
        "text": finding.text,
        "fix": finding.fix,
        "stated": finding.stated,
        "expected": finding.expected,
        "confirmed": finding.confirmed,
    }
