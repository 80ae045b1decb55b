"""The figures of a local day in words: for the daily summary, the kill switch, and whoever asks. Pure."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from dutchbook.alerts.message import Kind, Message
from dutchbook.alerts.text import balances, dollars, escaped, gain, percent
from dutchbook.core.money import ratio
from dutchbook.ledger.projection import Ledger
from dutchbook.ledger.statistics import Statistics, day_bounds, local_day, statistics


def of_day(ledger: Ledger, zone: ZoneInfo, day: date) -> Statistics:
    """Statistics of one local day."""
    begins, _ = day_bounds(day, zone)
    return statistics(ledger.newest(since_ns=begins), zone, day)


def figures(ledger: Ledger, zone: ZoneInfo, wall_ns: int) -> list[str]:
    """Today in two lines."""
    told = of_day(ledger, zone, local_day(wall_ns, zone))
    return [
        f"Today: {told.trades} trades, {told.successful} successful, {told.rolled_back} rolled back, {told.failed} failed",
        f"P&amp;L today {gain(told.realised)} realised, {gain(told.locked_profit)} locked, fees {dollars(told.fees)}",
    ]


def lines(told: Statistics) -> list[str]:
    """A day in full."""
    share = f" ({percent(ratio(told.successful, told.trades))})" if told.trades else ""
    found = [
        f"Trades {told.trades}, successful {told.successful}{share}",
        f"Rolled back {told.rolled_back} ({gain(told.rollback_losses)}), failed {told.failed}",
        f"P&amp;L <b>{gain(told.realised)}</b> realised, {gain(told.locked_profit)} locked",
        f"Fees {dollars(told.fees)}",
    ]
    if told.naked:
        found.insert(2, f"🚨 Naked or handed over: {told.naked}")
    if told.settled:
        found.append(f"Settled or sold early {told.settled}, with profit {percent(told.win_rate)}")
    if told.dry_run:
        found.append(f"Decided only (dry-run) {told.dry_run}")
    return found


def summary(ledger: Ledger, zone: ZoneInfo, day: date, wall_ns: int, tag: str) -> Message:
    """The message of a day, sent at `wall_ns`."""
    told = of_day(ledger, zone, day)
    head = f"{day.isoformat()}: {told.trades} trades, {gain(told.realised)}"
    held = sum(1 for _ in ledger.holding())
    body = [*lines(told), f"Open positions {held}", balances(ledger.cash)]
    text = "\n".join((f"{Kind.DAY.sign} <b>The day {escaped(day.isoformat())}</b> {escaped(tag)}", *body))
    return Message(Kind.DAY, head, text, wall_ns, day=day.isoformat())
