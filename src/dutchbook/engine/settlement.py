"""Finds results and books them: each leg's payout to the millionth, the trade settled, divergence said aloud.

A result counts when its venue calls it final. The venues' results of one trade are compared with the link's states:
a combination that no state has is a divergence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from dutchbook.core.account import Resolution
from dutchbook.core.claim import MarketId, Outcome, venue_of
from dutchbook.core.clock import DAY
from dutchbook.core.errors import DutchbookError
from dutchbook.core.facts import Alarmed, AnyFact, LegResettled, LegSettled, OutcomesDiverged, TradeTurned
from dutchbook.core.link import Link
from dutchbook.core.money import MICRO, Cash, Price, Rounding, divide, format_micros
from dutchbook.core.position import LegRow, TradeBook
from dutchbook.core.trade import Phase, Turn
from dutchbook.core.venue import Trading
from dutchbook.ledger.projection import Ledger

CORRECTIONS_NS: Final = 3 * DAY
"""How long after a payout a venue is still asked whether its result stands."""

_PAYABLE: Final = frozenset({Phase.LOCKED, Phase.FLAT, Phase.NAKED, Phase.HANDED_OVER})


class Recorder(Protocol):
    def record(self, *facts: AnyFact) -> None: ...


class Settlement:
    """Results known so far, and the trades that wait for them. A venue may correct a result: it is asked again for a time."""

    def __init__(self, ledger: Ledger, links: Mapping[str, Link], recorder: Recorder) -> None:
        self.known: dict[MarketId, Resolution] = {}
        self._ledger = ledger
        self._links = links
        self._recorder = recorder
        for market in ledger.paid:
            self.known[market] = Resolution(market, Price(self._paid(market)[0][1].yes_value), final=True)

    def waiting(self, wall_ns: int) -> dict[str, list[MarketId]]:
        """Markets whose result is missing for a trade that holds them, and those paid not long ago, by venue."""
        wanted: dict[str, set[MarketId]] = {}
        for trade in self._ledger.holding():
            for leg in trade.legs:
                market = leg.claim.market
                if (
                    not leg.settled
                    and (leg.held or leg.sets)
                    and not (market in self.known and self.known[market].final)
                ):
                    wanted.setdefault(venue_of(market), set()).add(market)
        for market, legs in self._ledger.paid.items():
            newest = self._ledger.trades[legs[-1][0]]
            if max(newest.settled_ns, newest.turned_ns) + CORRECTIONS_NS > wall_ns:
                wanted.setdefault(venue_of(market), set()).add(market)
        return {venue: sorted(markets) for venue, markets in wanted.items()}

    async def poll(self, trading: Mapping[str, Trading], wall_ns: int) -> list[str]:
        """Ask every venue for missing results; returns what could not be read."""
        troubles: list[str] = []
        for venue, markets in self.waiting(wall_ns).items():
            try:
                for resolution in await trading[venue].resolutions(markets):
                    self.take(resolution)
            except DutchbookError as error:
                troubles.append(f"{venue}: {error}")
        # also what was known before: a trade may have come to its end, or its last fill become final, meanwhile
        self.book_all()
        return troubles

    def take(self, resolution: Resolution) -> None:
        """A result from a stream or a question; books it when it is final, and a correction of one that was."""
        before = self.known.get(resolution.market)
        if before is not None and before.final:
            if not resolution.final or before.yes_value == resolution.yes_value:
                return
            self._recorder.record(
                Alarmed(
                    "result_changed",
                    f"{resolution.market}: final result {format_micros(before.yes_value)} became "
                    f"{format_micros(resolution.yes_value)}; what was paid is corrected by a counter-entry",
                )
            )
        self.known[resolution.market] = resolution
        if resolution.final:
            self.book_all(resolution.market)
            self._correct(resolution)

    def book_all(self, news: MarketId | None = None) -> None:
        """Book every final result into the trades that hold it and are not being worked on; `news` is the one market of
        which something is new.

        A NAKED trade without an open order is booked too: its market has ended before it could.
        """
        for trade in list(self._ledger.open.values()):
            if news is not None and all(leg.claim.market != news for leg in trade.legs):
                continue
            idle = all(row.ended and row.accounted for row in trade.orders())
            if not trade.working or (trade.phase is Phase.NAKED and idle):
                self._book(trade)

    def in_the_way(self) -> bool:
        """Whether a NAKED trade has a final result that is not booked because an order of it is out."""
        return any(
            trade.phase is Phase.NAKED
            and leg.settled is None
            and bool(leg.held or leg.sets)
            and leg.claim.market in self.known
            and self.known[leg.claim.market].final
            and not _provisional(leg)
            for trade in self._ledger.open.values()
            for leg in trade.legs
        )

    def _book(self, trade: TradeBook) -> None:
        for index, leg in enumerate(trade.legs):
            result = self.known.get(leg.claim.market)
            if result is None or not result.final or _provisional(leg):
                continue
            if leg.settled is None and (leg.held or leg.sets):
                fee = 0 if self._fee_is_booked(leg.claim.market) else result.fee
                payout = _payout(leg, result.yes_value)
                self._recorder.record(LegSettled(trade.id, index, result.yes_value, payout, fee))
            elif leg.settled is not None and leg.held != leg.paid_size:
                # a fill that was told only now has been paid with the others
                self._resettle(trade, index, leg, leg.settled.yes_value, leg.settled.fee)
        if trade.flat and trade.phase in _PAYABLE and any(leg.settled for leg in trade.legs):
            self._recorder.record(TradeTurned(trade.id, Turn.SETTLE, "every leg has paid"))
            self._compare(trade)

    def _correct(self, result: Resolution) -> None:
        """Counter-entries for what was paid by an earlier result; they are a divergence where no state of the link knows it."""
        fee = result.fee
        for trade_id, index in list(self._ledger.paid.get(result.market, ())):
            trade = self._ledger.trades[trade_id]
            leg = trade.legs[index]
            if leg.settled is not None and leg.settled.yes_value != result.yes_value:
                # the fee is for the account's whole position: the first leg carries it, whoever carried the earlier one
                self._resettle(trade, index, leg, result.yes_value, fee)
                fee = Cash(0)
                self._compare(trade)

    def _resettle(self, trade: TradeBook, index: int, leg: LegRow, yes_value: int, fee: int) -> None:
        self._recorder.record(LegResettled(trade.id, index, yes_value, _payout(leg, yes_value), fee))

    def _paid(self, market: MarketId) -> list[tuple[TradeBook, LegSettled]]:
        """Legs that this market has paid."""
        legs = [(self._ledger.trades[trade], leg) for trade, leg in self._ledger.paid.get(market, ())]
        return [(trade, paid) for trade, leg in legs if (paid := trade.legs[leg].settled) is not None]

    def _fee_is_booked(self, market: MarketId) -> bool:
        """A venue's settlement fee is for the account's whole position: the first leg that is paid carries it."""
        return any(paid.fee for _, paid in self._paid(market))

    def _compare(self, trade: TradeBook) -> None:
        link = self._links.get(trade.opened.link)
        values = _values(self.known, (leg.claim.market for leg in trade.legs))
        if link is None or not values:
            return
        for state in range(len(link.states)):
            if all(link.payoffs[market][state] == value for market, value in values.items() if market in link.payoffs):
                return
        text = ", ".join(f"{market} paid {format_micros(value)}" for market, value in values.items())
        self._recorder.record(OutcomesDiverged(trade.id, link.id, text), Alarmed("divergence", text, trade.id))


def _payout(leg: LegRow, yes_value: int) -> int:
    """What a market pays for the contracts of a leg that stand alone."""
    value = yes_value if leg.claim.outcome is Outcome.YES else MICRO - yes_value
    return divide(value * leg.held, MICRO, Rounding.FLOOR)


def _provisional(leg: LegRow) -> bool:
    """Whether a fill of the leg may still be reversed: what it would be paid for is not certain."""
    return any(not fill.final for row in leg.orders for fill in row.fills.values())


def _values(known: Mapping[MarketId, Resolution], markets: Iterable[MarketId]) -> dict[MarketId, Price]:
    return {market: known[market].yes_value for market in markets if market in known}
