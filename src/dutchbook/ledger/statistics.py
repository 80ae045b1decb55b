"""Figures of a day or of all time, computed from the ledger's trades and never kept anywhere else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from dutchbook.core.clock import SECOND
from dutchbook.core.money import Cash, Rate, ratio
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Phase

_OVER: Final = frozenset({Phase.SETTLED, Phase.FLAT})
_STRANDED: Final = frozenset({Phase.NAKED, Phase.HANDED_OVER})


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts of trades opened in the period, and the profit of those that ended in it (millionths of a dollar).

    `successful` are trades that locked (settled ones and early exits included), `naked` those whose legs stayed unequal
    (settled ones and those handed to a person included); `win_rate` is settled trades with a profit over all settled, over
    1e-12. `realised` counts a trade once: on the day of its settlement, or on the day it was sold (rolled back, or an early
    exit), then with the cost of dust that was left and whatever that dust is paid later.
    """

    trades: int
    successful: int
    rolled_back: int
    failed: int
    naked: int
    dry_run: int
    settled: int
    realised: Cash
    rollback_losses: Cash
    fees: Cash
    locked_profit: Cash
    win_rate: Rate


def local_day(at_ns: int, zone: ZoneInfo) -> date:
    """The calendar day of a wall time in a zone."""
    return datetime.fromtimestamp(at_ns // SECOND, zone).date()


@lru_cache(64)
def day_bounds(day: date, zone: ZoneInfo) -> tuple[int, int]:
    """First wall nanosecond of a local day, and of the next."""
    first, following = (datetime(d.year, d.month, d.day, tzinfo=zone) for d in (day, day + timedelta(days=1)))
    return int(first.timestamp()) * SECOND, int(following.timestamp()) * SECOND


def statistics(trades: Iterable[TradeBook], zone: ZoneInfo, day: date | None = None) -> Statistics:
    """Figures over all trades, or those of one local day."""

    begins, ends = (1, 1 << 63) if day is None else day_bounds(day, zone)

    def counts(at_ns: int) -> bool:
        return begins <= at_ns < ends

    opened = successful = rolled_back = failed = naked = dry_run = settled = wins = 0
    realised = rollback_losses = fees = locked = 0
    for trade in trades:
        if trade.phase is Phase.DRY_RUN:
            dry_run += counts(trade.opened_ns)
            continue
        if counts(trade.opened_ns):
            opened += 1
            successful += trade.phase is Phase.LOCKED or (trade.phase in _OVER and _locked(trade))
            rolled_back += _rolled_back(trade)
            failed += trade.phase is Phase.FAILED
            naked += trade.phase in _STRANDED or (trade.phase is Phase.SETTLED and not trade.closed_ns)
            fees += trade.fees
        if trade.phase is Phase.LOCKED and counts(trade.closed_ns):
            locked += trade.locked_profit
        # dust that a roll-back could not sell must not hide its loss from the daily limit until the market pays
        sold = _rolled_back(trade) or trade.exited
        # a sale that was never finished ends when its markets pay
        ended_ns = (trade.closed_ns if sold else 0) or trade.settled_ns
        if counts(ended_ns) and trade.phase in _OVER:
            realised += trade.pnl
            if _rolled_back(trade):
                rollback_losses += trade.pnl
            else:
                settled += 1
                wins += trade.pnl > 0
    return Statistics(
        trades=opened,
        successful=successful,
        rolled_back=rolled_back,
        failed=failed,
        naked=naked,
        dry_run=dry_run,
        settled=settled,
        realised=Cash(realised),
        rollback_losses=Cash(rollback_losses),
        fees=Cash(fees),
        locked_profit=Cash(locked),
        win_rate=ratio(wins, settled),
    )


def _locked(trade: TradeBook) -> bool:
    """Whether a trade that is over had come to equal legs before it was paid or sold."""
    return bool(trade.closed_ns) and not trade.rolled_back


def _rolled_back(trade: TradeBook) -> bool:
    """Whether the trade ended without its bundle: everything that was bought was sold again, but for dust."""
    return trade.rolled_back and trade.phase in _OVER
