"""A small ledger with known figures: one trade settled with a profit, one locked, one rolled back, one that found nothing.

Amounts are millionths. Day one is 2026-11-20, day two 2026-11-21 (UTC).
"""

from __future__ import annotations

from pathlib import Path

from dutchbook.core.claim import MarketId, Outcome
from dutchbook.core.clock import HOUR, MILLISECOND, SECOND
from dutchbook.core.facts import (
    Alarmed,
    AnyFact,
    CashMoved,
    EngineStarted,
    EngineStopped,
    Filled,
    LegPlan,
    LegSettled,
    OrderMoved,
    OrderPlan,
    OrdersPlanned,
    TradeOpened,
    TradeTurned,
)
from dutchbook.core.fees import Liquidity
from dutchbook.core.order import Action, OrderEvent, TimeInForce
from dutchbook.core.trade import Turn
from dutchbook.ledger.journal import Identity, Journal

OWNER = Identity("paper", "intl", ("kalshi", "polymarket"), ("simulated",))
DAY_ONE = 1_795_132_800 * SECOND + 23 * HOUR
"""2026-11-20 23:00 UTC: the day after in Tokyo."""
DAY_TWO = DAY_ONE + 4 * HOUR

KALSHI, POLYMARKET = MarketId("kalshi:KXRAIN"), MarketId("polymarket:rain")
DOLLAR = 1_000_000
TEN = 10 * DOLLAR


def opened(trade: str) -> TradeOpened:
    """Ten YES at Kalshi for 0.40 and ten NO at Polymarket for 0.50."""
    legs = (
        LegPlan(KALSHI, Outcome.YES, "kalshi:0", TEN, 400_000, 4 * DOLLAR, 170_000, 4_200_000),
        LegPlan(POLYMARKET, Outcome.NO, "polymarket:pusd", TEN, 500_000, 5 * DOLLAR, 125_000, 5_200_000),
    )
    orders = tuple(
        OrderPlan(
            f"{trade}.{leg}.1",
            leg,
            Action.BUY,
            TEN,
            plan.limit,
            TimeInForce.FOK,
            f"{trade}-identity-{leg}",
            0,
            plan.worst,
        )
        for leg, plan in enumerate(legs)
    )
    return TradeOpened(trade, "rain", "yes_no", "rain-tomorrow", DOLLAR, TEN, 705_000, 75_000_000_000, legs, orders)


def sent(trade: str) -> list[AnyFact]:
    return [
        opened(trade),
        TradeTurned(trade, Turn.START),
        OrderMoved(trade, f"{trade}.0.1", OrderEvent.SEND),
        OrderMoved(trade, f"{trade}.1.1", OrderEvent.SEND),
    ]


def filled(trade: str, leg: int, cash: int, fee: int, *, order: int = 1) -> list[AnyFact]:
    name = f"{trade}.{leg}.{order}"
    return [
        Filled(trade, name, f"{name}-fill", TEN, cash, fee, Liquidity.TAKER, 0),
        OrderMoved(trade, name, OrderEvent.FINISH, TEN, f"venue-{name}"),
    ]


def settled() -> list[AnyFact]:
    """Bought for 9 and 0.295 in fees, paid 10: a profit of 0.705."""
    return [
        *sent("aaaa1111"),
        *filled("aaaa1111", 0, 4 * DOLLAR, 170_000),
        *filled("aaaa1111", 1, 5 * DOLLAR, 125_000),
        TradeTurned("aaaa1111", Turn.LOCK, "10 contracts on every leg"),
    ]


def rolled_back() -> list[AnyFact]:
    """Ten bought at Kalshi for 4 and sold for 3.90 again, 0.34 in fees: a loss of 0.44."""
    sale = OrderPlan("bbbb2222.0.2", 0, Action.SELL, TEN, 390_000, TimeInForce.IOC, "bbbb2222-sale", 0)
    return [
        *sent("bbbb2222"),
        *filled("bbbb2222", 0, 4 * DOLLAR, 170_000),
        OrderMoved("bbbb2222", "bbbb2222.1.1", OrderEvent.REJECT, reason="fok not filled"),
        TradeTurned("bbbb2222", Turn.FALL_SHORT, "one leg is missing"),
        OrdersPlanned("bbbb2222", Turn.UNWIND, "selling is cheaper", (sale,)),
        OrderMoved("bbbb2222", "bbbb2222.0.2", OrderEvent.SEND),
        *filled("bbbb2222", 0, 3_900_000, 170_000, order=2),
        TradeTurned("bbbb2222", Turn.FLATTEN, "everything sold"),
    ]


def locked() -> list[AnyFact]:
    return [
        *sent("cccc3333"),
        *filled("cccc3333", 0, 4 * DOLLAR, 170_000),
        *filled("cccc3333", 1, 5 * DOLLAR, 125_000),
        TradeTurned("cccc3333", Turn.LOCK, "10 contracts on every leg"),
    ]


def missed() -> list[AnyFact]:
    return [
        *sent("dddd4444"),
        OrderMoved("dddd4444", "dddd4444.0.1", OrderEvent.REJECT, reason="gone"),
        OrderMoved("dddd4444", "dddd4444.1.1", OrderEvent.REJECT, reason="gone"),
        TradeTurned("dddd4444", Turn.MISS, "nothing filled"),
    ]


def write(path: Path, *, stopped: bool = True) -> None:
    """The whole ledger."""
    journal = Journal.write(path, OWNER)
    cash: list[AnyFact] = [
        CashMoved("kalshi", "kalshi:0", "opening", 500 * DOLLAR),
        CashMoved("polymarket", "polymarket:pusd", "opening", 500 * DOLLAR),
    ]
    journal.append([EngineStarted("0.1.0", "paper"), *cash], DAY_ONE)
    journal.append(settled(), DAY_ONE + SECOND)
    journal.append(rolled_back(), DAY_ONE + 2 * SECOND)
    journal.append(
        [
            LegSettled("aaaa1111", 0, DOLLAR, TEN),
            LegSettled("aaaa1111", 1, DOLLAR, 0),
            TradeTurned("aaaa1111", Turn.SETTLE, "every leg has paid"),
        ],
        DAY_TWO,
    )
    journal.append(locked(), DAY_TWO + SECOND)
    journal.append(missed(), DAY_TWO + SECOND + 500 * MILLISECOND)
    journal.append([Alarmed("cash_difference", "kalshi:0 differs by $0.01")], DAY_TWO + 2 * SECOND)
    if stopped:
        journal.append([EngineStopped("time is up")], DAY_TWO + 3 * SECOND)
    journal.set_gauge("health", health(DAY_TWO))
    journal.set_gauge("funnel", funnel())
    journal.close()


def health(at_ns: int) -> dict[str, object]:
    feed = {"up": True, "age_ms": 12, "frames": 345, "reconnects": 0, "troubles": 0}
    return {
        "mode": "paper",
        "at_ns": at_ns,
        "accepting": True,
        "kill_switch": None,
        "feeds": {"kalshi books": feed},
        "books_live": 2,
        "books": 2,
        "working": 0,
    }


def funnel() -> dict[str, object]:
    return {
        "funnel": {"books": 9000, "crossings": 40, "net_positive": 12, "approved": 5, "traded": 4},
        "updates_crossing": 70,
        "reasons": {"fees": 28, "roi_low": 7, "stale": 1},
        "alarms": {"intra_market": 2},
        "examples": [
            {"bundle": "rain#1", "code": "fees", "text": "fees: an old example"},
            {"bundle": "rain#2", "code": "fees", "text": "fees: $0.01 gross a bundle, -$0.02 after fees"},
        ],
    }
