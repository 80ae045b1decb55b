"""The profit curve: realised profit over time, trade by trade, and its picture as an SVG path. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dutchbook.core.clock import MILLISECOND
from dutchbook.core.money import Cash, format_micros
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Phase

POINTS: Final = 400
WIDTH, HEIGHT, MARGIN = 1000, 260, 8


@dataclass(frozen=True, slots=True)
class Point:
    """Wall time (ns) and realised profit up to then, millionths."""

    at_ns: int
    total: Cash


def curve(trades: Iterable[TradeBook]) -> list[Point]:
    """Cumulative profit at the end of each trade that is over, oldest first."""
    over = sorted(
        (trade.settled_ns or trade.closed_ns, trade.pnl)
        for trade in trades
        if trade.phase in (Phase.SETTLED, Phase.FLAT) and (trade.settled_ns or trade.closed_ns)
    )
    points, total = [], 0
    for at_ns, pnl in over:
        total += pnl
        points.append(Point(at_ns, Cash(total)))
    return points


def by_kind(trades: Iterable[TradeBook]) -> list[dict[str, Any]]:
    """Trades, profit and fees of each kind of bundle; the largest profit first."""
    found: dict[str, list[int]] = {}
    for trade in trades:
        if trade.phase is Phase.DRY_RUN:
            continue
        row = found.setdefault(trade.opened.kind, [0, 0, 0])
        row[0] += 1
        row[1] += trade.pnl if trade.phase in (Phase.SETTLED, Phase.FLAT) else 0
        row[2] += trade.fees
    ordered = sorted(found.items(), key=lambda item: -item[1][1])
    return [
        {"kind": kind, "trades": count, "realised": format_micros(profit), "fees": format_micros(fees)}
        for kind, (count, profit, fees) in ordered
    ]


def plain(points: Sequence[Point]) -> list[dict[str, Any]]:
    """For the API."""
    return [{"at_ms": point.at_ns // MILLISECOND, "total": format_micros(point.total)} for point in thin(points)]


def thin(points: Sequence[Point]) -> Sequence[Point]:
    """At most `POINTS` of them, the last one kept."""
    if len(points) <= POINTS:
        return points
    step = len(points) / POINTS
    return [points[int(number * step)] for number in range(POINTS - 1)] + [points[-1]]


def picture(points: Sequence[Point]) -> dict[str, Any] | None:
    """Coordinates for the template: the line, the area under it, where zero is; None with fewer than two points."""
    if len(points) < 2:
        return None
    shown = thin(points)
    low, high = min(0, *(p.total for p in shown)), max(0, *(p.total for p in shown))
    first, last = shown[0].at_ns, shown[-1].at_ns
    room = HEIGHT - 2 * MARGIN

    def x(at_ns: int) -> int:
        return (at_ns - first) * WIDTH // max(1, last - first)

    def y(total: int) -> int:
        return MARGIN + room - (total - low) * room // max(1, high - low)

    steps = [f"M{x(shown[0].at_ns)},{y(0)}"]
    for point in shown:
        # profit comes in steps: nothing happens between two trades
        steps.append(f"H{x(point.at_ns)}V{y(point.total)}")
    line = "".join(steps)
    return {
        "line": line,
        "area": f"{line}V{y(0)}H{x(shown[0].at_ns)}Z",
        "zero": y(0),
        "width": WIDTH,
        "height": HEIGHT,
        "low": format_micros(low),
        "high": format_micros(high),
        "last": format_micros(shown[-1].total),
        "first_ms": first // MILLISECOND,
        "last_ms": last // MILLISECOND,
    }
