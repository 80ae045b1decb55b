"""The rules themselves: each of these breaks one, from facts alone."""

from __future__ import annotations

import pytest

from dutchbook.core.book import Book
from dutchbook.core.claim import MarketId, market_id
from dutchbook.core.clock import SECOND
from dutchbook.core.facts import Alarmed, AnyFact, CashMoved, FillSettled, OrdersPlanned, TradeTurned
from dutchbook.core.money import MICRO
from dutchbook.core.order import Action, OrderEvent
from dutchbook.core.position import LegRow, OrderRow
from dutchbook.core.trade import Turn
from dutchbook.simulator.kalshi import KalshiExchange
from dutchbook.simulator.polymarket import PolymarketExchange
from dutchbook.torture.rules import Rules
from dutchbook.torture.witness import BookWatch, Witness
from ledger.story import CENT, POOLS, bought, moved, opening, paid, plan, sent
from simulator.kalshi import member
from simulator.polymarket import trader


class Venues(Witness):
    """Venues of which only this is known: whether orders are alive there, and how much of each was filled."""

    def __init__(self, *, living: bool = False, contracts: int = 0) -> None:
        self._living, self._filled = living, contracts * MICRO

    def alive(self, leg: LegRow, row: OrderRow) -> bool:
        return self._living

    def filled(self, leg: LegRow, row: OrderRow) -> int:
        return self._filled


def broken_by(*facts: AnyFact, venues: Witness | None = None, doubled: str = "") -> set[str]:
    huge = 1 << 60
    rules = Rules(lambda market: True, lambda: 1, lambda: 1, huge, huge, huge, venues)
    rules.doubled.add(doubled)
    rules.appended([CashMoved("", pool, "opening", 20 * MICRO) for pool in POOLS.values()])
    rules.appended(facts)
    return {violation.rule for violation in rules.violations}


def locked() -> tuple[AnyFact, ...]:
    fills = (bought("t.0.1", "f1", 10, 40), bought("t.1.1", "f2", 10, 50))
    ends = (moved("t.0.1", OrderEvent.FINISH), moved("t.1.1", OrderEvent.FINISH))
    return (opening("t"), TradeTurned("t", Turn.START), *sent("t"), *fills, *ends, TradeTurned("t", Turn.LOCK))


def test_an_alarm_of_a_defect_is_seen_however_many_others_follow() -> None:
    assert broken_by(Alarmed("defect", "x"), *(Alarmed("naked", "y") for _ in range(9))) == {
        "the tables know every event"
    }


def test_a_locked_trade_may_be_sold_and_no_more_than_it() -> None:
    def sale(size: int) -> OrdersPlanned:
        return OrdersPlanned(
            "t", Turn.EXIT, "early", (plan("t.0.2", Action.SELL, size), plan("t.1.2", Action.SELL, 10))
        )

    assert broken_by(*locked(), sale(10)) == set()
    assert broken_by(*locked(), sale(11)) == {"nothing is sold that is not held"}


@pytest.mark.parametrize("event", [OrderEvent.FINISH, OrderEvent.REJECT])
def test_an_order_that_is_alive_at_its_venue_has_not_ended(event: OrderEvent) -> None:
    story = (opening("t"), TradeTurned("t", Turn.START), *sent("t"), moved("t.0.1", event))
    assert broken_by(*story, venues=Venues()) == set()
    assert broken_by(*story, venues=Venues(living=True)) == {"what is held for ended has ended"}


def test_an_order_that_is_held_for_refused_has_no_fill_at_its_venue_unless_a_copy_of_it_had() -> None:
    story = (opening("t"), TradeTurned("t", Turn.START), *sent("t"), moved("t.0.1", OrderEvent.REJECT))
    assert broken_by(*story, venues=Venues(contracts=10)) == {"what is held for ended has ended"}
    assert broken_by(*story, venues=Venues(contracts=10), doubled="id-t.0.1") == set()
    lost = (*story[:-1], moved("t.0.1", OrderEvent.LOSE))
    assert broken_by(*lost, venues=Venues(contracts=10)) == set()


def test_nothing_is_sold_before_it_is_settled() -> None:
    early = bought("t.0.1", "f1", 10, 40, final=False, sellable=False)
    story = (opening("t"), TradeTurned("t", Turn.START), *sent("t"), early, moved("t.0.1", OrderEvent.FINISH))
    short = (*story, moved("t.1.1", OrderEvent.REJECT), TradeTurned("t", Turn.FALL_SHORT))
    sale = OrdersPlanned("t", Turn.UNWIND, "back", (plan("t.0.2", Action.SELL, 10),))
    assert broken_by(*short, sale) == {"nothing is sold before it is settled"}
    assert broken_by(*short, FillSettled("t", "t.0.1", "f1", final=False), sale) == set()


def test_nothing_provisional_is_paid() -> None:
    early = bought("t.0.1", "f1", 10, 40, final=False)
    story = (opening("t"), TradeTurned("t", Turn.START), *sent("t"), early)
    assert broken_by(*story, paid("t", 0, 100, 1000)) == {"nothing provisional is paid"}
    assert broken_by(*locked(), paid("t", 0, 100, 1000)) == set()


def test_an_entry_is_covered_by_what_open_orders_leave_of_the_cash() -> None:
    """Each leg costs four dollars of twenty at worst: five trades fit while their orders are open, and a sixth does not."""
    five = [fact for name in "abcde" for fact in (opening(name), TradeTurned(name, Turn.START), *sent(name))]
    assert broken_by(*five) == set()
    assert broken_by(*five, opening("f")) == {"an entry is covered"}
    over = [moved(f"a.{leg}.1", OrderEvent.REJECT) for leg in (0, 1)]
    assert broken_by(*five, *over, opening("f")) == set()


def test_unexplained_cash_explains_nothing() -> None:
    facts = [CashMoved("", "kalshi:0", "opening", 20 * MICRO), CashMoved("", "kalshi:0", "unexplained", 3 * MICRO)]
    rules = Rules(lambda market: True, lambda: 1, lambda: 1, 1, 1, 1)
    rules.appended(facts)
    rules.wealth(23 * MICRO, 23 * MICRO, rules.fold)
    assert rules.violations == []
    rules.wealth(23 * MICRO, 20 * MICRO, rules.fold)
    assert [violation.rule for violation in rules.violations] == ["every cent is booked"]


def test_a_trade_whose_legs_were_paid_has_ended_only_when_it_is_settled() -> None:
    both = (paid("t", 0, 100, 1000), paid("t", 1, 100, 0))
    for more, expected in (((), ["every trade ends"]), ((TradeTurned("t", Turn.SETTLE),), [])):
        rules = Rules(lambda market: True, lambda: 1, lambda: 1, 1 << 60, 1 << 60, 1 << 60)
        rules.appended([CashMoved("", pool, "opening", 20 * MICRO) for pool in POOLS.values()])
        rules.appended([*locked(), *both, *more])
        rules.ended(rules.fold)
        assert [violation.rule for violation in rules.violations] == expected


def test_a_live_book_that_is_not_the_venues_is_found_when_the_venues_stands_still() -> None:
    exchange = KalshiExchange(7)
    exchange.list_market(member.spec(closes_ns=trader.NOW + 86_400 * SECOND), trader.NOW)
    exchange.quote(member.TICKER, "house", [(40 * CENT, MICRO)], [(50 * CENT, MICRO)], trader.NOW)
    market = market_id("kalshi", member.TICKER)
    book = Book(market)

    def found(book: Book, stale: tuple[MarketId, ...] = (), blind: str = "") -> MarketId | None:
        watch = BookWatch(Witness(exchange, PolymarketExchange(1)), {blind})
        later = (watch.wrong({market: book}, stale, second * SECOND) for second in range(12))
        return next((each for each in later if each is not None), None)

    assert found(book) is None
    book.snapshot([(40 * CENT, MICRO)], [(50 * CENT, 2 * MICRO)])
    assert found(book) == market
    assert found(book, stale=(market,)) is None
    assert found(book, blind="kalshi") is None
    book.snapshot([(40 * CENT, MICRO)], [(50 * CENT, MICRO)])
    assert found(book) is None
