"""What a report tells, as plain data: figures of each day and their sum, profit curve, bars, kinds, trades, alarms. Read-only.

Everything is counted as `ledger.statistics` counts it. Amounts are decimal text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from dutchbook.cli.figures import NETTING, day_figures, trade_row
from dutchbook.cli.output import instant, money
from dutchbook.core.clock import SECOND
from dutchbook.core.facts import Alarmed
from dutchbook.core.money import Cash, ratio
from dutchbook.core.position import TradeBook
from dutchbook.ledger.journal import Journal
from dutchbook.ledger.projection import Ledger
from dutchbook.ledger.statistics import Statistics, day_bounds, statistics
from dutchbook.web.curve import Point, picture

TRADE_COLUMNS: Final = (
    "trade",
    "opened",
    "closed",
    "settled",
    "phase",
    "result",
    "type",
    "event",
    "link",
    "bundles",
    "legs",
    "cost",
    "fees",
    "expected_profit",
    "pnl",
    "pnl_is",
    "reason",
)


def _mode(identity: Mapping[str, str]) -> str:
    """A demo's ledger is live and risks nothing: the report says so, as the page does."""
    mode = identity.get("mode", "")
    return f"{mode} on simulators" if identity.get("profile") == "simulators" else mode


def report(journal: Journal, zone: ZoneInfo, days: Sequence[date]) -> dict[str, Any]:
    """The figures of these local days, one after the other. `picture` is the profit curve's drawing, None without a curve."""
    begins, ends = day_bounds(days[0], zone)[0], day_bounds(days[-1], zone)[1]
    ledger, alarms = Ledger(NETTING), Counter[str]()
    for record in journal.records():
        ledger.replay((record,))
        if isinstance(record.fact, Alarmed) and begins <= record.at_ns < ends:
            alarms[record.fact.code] += 1
    trades = [trade for trade in ledger.trades.values() if any(begins <= ns < ends for ns in _times(trade))]
    by_day = [(day, [_of(trade, zone, day) for trade in trades]) for day in days]
    points = _curve(trades, zone, days)
    name = days[0].isoformat() if len(days) == 1 else f"{days[0]:%G-W%V}"
    return {
        "ledger": str(journal.path),
        "mode": _mode(journal.identity()),
        "zone": zone.key,
        "period": name,
        "from": days[0].isoformat(),
        "to": days[-1].isoformat(),
        "total": day_figures(_sum(figures for _, each in by_day for figures in each)),
        "days": [{"day": day.isoformat(), **day_figures(_sum(each))} for day, each in by_day],
        "bars": _hours(points, zone) if len(days) == 1 else _days(by_day),
        "kinds": _kinds(trades, zone, days),
        "trades": [trade_row(trade) for trade in sorted(trades, key=lambda trade: trade.opened_ns)],
        "cash_moved": [
            {
                "at": instant(at_ns),
                "pool": fact.pool,
                "kind": fact.kind,
                "amount": money(fact.amount),
                "note": fact.note,
            }
            for at_ns, fact in ledger.cash_events
            if begins <= at_ns < ends
        ],
        "alarms": dict(alarms.most_common()),
        "balances_now": {pool: money(cash) for pool, cash in sorted(ledger.cash.items())},
        "curve": [{"at": instant(point.at_ns), "total": money(point.total)} for point in points],
        "picture": picture(points) if len(points) > 1 else None,
    }


def _times(trade: TradeBook) -> tuple[int, ...]:
    return tuple(ns for ns in (trade.opened_ns, trade.closed_ns, trade.settled_ns) if ns)


def _of(trade: TradeBook, zone: ZoneInfo, day: date) -> Statistics:
    return statistics((trade,), zone, day)


def _sum(parts: Iterable[Statistics]) -> Statistics:
    """Figures of single trades together."""
    every = list(parts)

    def total(name: str) -> int:
        return sum(getattr(part, name) for part in every)

    return Statistics(
        trades=total("trades"),
        successful=total("successful"),
        rolled_back=total("rolled_back"),
        failed=total("failed"),
        naked=total("naked"),
        dry_run=total("dry_run"),
        settled=total("settled"),
        realised=Cash(total("realised")),
        rollback_losses=Cash(total("rollback_losses")),
        fees=Cash(total("fees")),
        locked_profit=Cash(total("locked_profit")),
        # of one trade the rate is all or nothing
        win_rate=ratio(sum(part.win_rate > 0 for part in every), total("settled")),
    )


def _curve(trades: Iterable[TradeBook], zone: ZoneInfo, days: Sequence[date]) -> list[Point]:
    """Realised profit within the period, trade by trade, from zero at its beginning."""
    ended: list[tuple[int, int]] = []
    for trade in trades:
        for day in days:
            realised = _of(trade, zone, day).realised
            if realised:
                begins, ends = day_bounds(day, zone)
                ended.append((max(ns for ns in _times(trade) if begins <= ns < ends), realised))
    points = [Point(day_bounds(days[0], zone)[0], Cash(0))] if ended else []
    for at_ns, gained in sorted(ended):
        points.append(Point(at_ns, Cash(points[-1].total + gained)))
    return points


def _kinds(trades: Iterable[TradeBook], zone: ZoneInfo, days: Sequence[date]) -> list[dict[str, Any]]:
    """What each kind of bundle brought in the period, the largest profit first."""
    found: dict[str, list[Statistics]] = {}
    for trade in trades:
        found.setdefault(trade.opened.kind, []).extend(_of(trade, zone, day) for day in days)
    sums = sorted(((kind, _sum(each)) for kind, each in found.items()), key=lambda pair: -pair[1].realised)
    return [{"kind": kind, **day_figures(figures)} for kind, figures in sums]


def _days(by_day: Iterable[tuple[date, Sequence[Statistics]]]) -> list[dict[str, Any]]:
    return [
        {"name": f"{day:%a %d %b}", "realised": money(sum(each.realised for each in figures))}
        for day, figures in by_day
    ]


def _hours(points: Sequence[Point], zone: ZoneInfo) -> list[dict[str, Any]]:
    """What each local hour brought, from the first with a profit or loss to the last.

    An hour that a change of the clocks repeats is one bar.
    """
    sums = [0] * 24
    for before, point in pairwise(points):
        sums[datetime.fromtimestamp(point.at_ns // SECOND, zone).hour] += point.total - before.total
    busy = [hour for hour, total in enumerate(sums) if total]
    shown = range(busy[0], busy[-1] + 1) if busy else range(0)
    return [{"name": f"{hour:02}:00", "realised": money(sums[hour])} for hour in shown]
