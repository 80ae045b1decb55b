"""What the reading commands tell, as plain data from a ledger: JSON as it is, and the source of the tables. Read-only.

Amounts are decimal text, times ISO text in UTC. Everything works while an engine writes the same ledger.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from dutchbook.cli.output import instant, money, percent
from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import LedgerError, SettingsError
from dutchbook.core.money import MICRO, Rounding, divide
from dutchbook.core.position import LegRow, TradeBook
from dutchbook.core.trade import Phase
from dutchbook.ledger.journal import Journal, Record
from dutchbook.ledger.projection import Ledger
from dutchbook.ledger.statistics import Statistics, local_day, statistics

NETTING: Final = frozenset({"kalshi"})
"""Venues that close YES against NO by themselves, as their adapters declare; loading those to read a ledger would be slow."""

FRESH_NS: Final = 5 * SECOND
"""A running engine publishes every second; a gauge older than this says that it does not run."""


def open_ledger(path: Path) -> tuple[Journal, Ledger]:
    """The journal, read-only, and its fold. Raises LedgerError."""
    journal = Journal.read(path)
    try:
        return journal, Ledger(NETTING).replay(journal.records())
    except sqlite3.Error as error:
        raise LedgerError(f"ledger {path}: cannot be read ({error}); restore a backup") from error


def verify(path: Path) -> tuple[int, bool]:
    """Number of records of an unbroken chain, and whether a head file agrees with its end.

    Raises LedgerError naming the first bad record, or what is missing.
    """
    journal = Journal.read(path)
    try:
        return journal.verify(), journal.witnessed
    except sqlite3.Error as error:
        raise LedgerError(f"ledger {path}: cannot be read ({error}); restore a backup") from error


def engine_state(journal: Journal, ledger: Ledger, wall_ns: int) -> dict[str, Any]:
    """Whether an engine runs on this ledger now: running, stopped (with its reason), dead, or never started."""
    health = _gauge(journal, "health")
    age_ns = wall_ns - int(health["at_ns"]) if health else None
    if not ledger.started_ns:
        state, text = "never started", "no engine has run on this ledger"
    elif ledger.stopped is not None:
        state, text = "stopped", f"the engine is not running; it stopped: {ledger.stopped}"
    elif age_ns is not None and age_ns <= FRESH_NS:
        state, text = "running", "the engine is running"
    else:
        state = "dead"
        text = "the engine is not running and did not say goodbye; the next start goes on where it stopped"
    return {
        "state": state,
        "text": text,
        "started": instant(ledger.started_ns),
        "gauges_age_s": None if age_ns is None else age_ns // SECOND,
    }


def status(journal: Journal, ledger: Ledger, zone: ZoneInfo, wall_ns: int) -> dict[str, Any]:
    """What an operator asks first: the engine, its feeds, the funnel, cash, today, what is open, the last alarms."""
    funnel = _gauge(journal, "funnel") or {}
    results = Counter(trade.result for trade in ledger.trades.values())
    return {
        "ledger": str(journal.path),
        "identity": journal.identity(),
        "engine": engine_state(journal, ledger, wall_ns),
        "health": _gauge(journal, "health"),
        "kill_switch": None if ledger.kill_switch is None else ledger.kill_switch.reason,
        "funnel": funnel.get("funnel"),
        "cash": {pool: money(cash) for pool, cash in sorted(ledger.cash.items())},
        "trades": dict(sorted(results.items())),
        "working": [trade.id for trade in ledger.working],
        "open_positions": sum(1 for _ in ledger.holding()),
        "today": day_figures(statistics(ledger.trades.values(), zone, local_day(wall_ns, zone))),
        "alarms": [{"code": alarm.code, "text": alarm.text, "trade": alarm.trade} for alarm in ledger.alarms[-5:]],
        "records": ledger.seq,
    }


def explain(journal: Journal, ledger: Ledger, wall_ns: int) -> dict[str, Any]:
    """The funnel with its denominator, and why what was not traded was not."""
    funnel = _gauge(journal, "funnel")
    return {"engine": engine_state(journal, ledger, wall_ns), "funnel": None, **(funnel or {})}


def positions(ledger: Ledger, *, everything: bool) -> list[dict[str, Any]]:
    """One row per leg (M34), of trades that hold or work; `everything` adds those that are over."""
    return [
        _leg(trade, index, leg)
        for trade in ledger.trades.values()
        if trade.phase is not Phase.DRY_RUN
        for index, leg in enumerate(trade.legs)
        if (everything and leg.bought) or (leg.held and not leg.settled) or (trade.working and leg.orders)
    ]


def _leg(trade: TradeBook, index: int, leg: LegRow) -> dict[str, Any]:
    bought = leg.bought
    average = divide(leg.spent * MICRO, bought, Rounding.HALF_EVEN) if bought else None
    settled = leg.settled
    fees = leg.fees + (settled.fee if settled else 0)
    over = settled is not None or (leg.held == 0 and not trade.working)
    payout = settled.payout if settled else 0
    return {
        "trade": trade.id,
        "leg": index,
        "market": leg.claim.market,
        "side": leg.claim.outcome.value,
        "contracts": money(0 if settled else leg.held),
        "bought": money(bought),
        "average_price": None if average is None else money(average),
        "cost": money(leg.spent),
        "received": money(leg.received + payout),
        "fees": money(fees),
        "orders": [row.venue_order_id or row.plan.identity for row in leg.orders],
        "type": trade.opened.kind,
        "event": trade.opened.event,
        "expected_roi_percent": percent(trade.opened.roi),
        "phase": trade.phase.value,
        "result": trade.result,
        "opened": instant(trade.opened_ns),
        "settled": instant(trade.settled_ns),
        "winner": None if settled is None else _winner(settled.yes_value),
        "realised": money(leg.received + payout - leg.spent - fees) if over else None,
    }


def _winner(yes_value: int) -> str:
    return {0: "no", MICRO: "yes"}.get(yes_value, f"yes pays {money(yes_value)}")


def trades(ledger: Ledger, limit: int) -> list[dict[str, Any]]:
    """The newest trades first."""
    newest = sorted(ledger.trades.values(), key=lambda trade: trade.opened_ns, reverse=True)
    return [trade_row(trade) for trade in newest[:limit]]


def trade_row(trade: TradeBook) -> dict[str, Any]:
    """One trade in short. `pnl` is the locked profit until settlement, then the real one."""
    locked = trade.phase is Phase.LOCKED
    return {
        "trade": trade.id,
        "opened": instant(trade.opened_ns),
        "phase": trade.phase.value,
        "result": trade.result,
        "type": trade.opened.kind,
        "event": trade.opened.event,
        "link": trade.opened.link,
        "bundles": money(trade.opened.size),
        "legs": [str(leg.claim) for leg in trade.legs],
        "cost": money(trade.spent),
        "fees": money(trade.fees),
        "expected_profit": money(trade.opened.expected_profit),
        "pnl": money(trade.locked_profit if locked else trade.pnl),
        "pnl_is": "locked" if locked else ("so far" if trade.working else "final"),
        "closed": instant(trade.closed_ns),
        "settled": instant(trade.settled_ns),
        "reason": trade.reason,
    }


def trade_detail(
    journal: Journal, ledger: Ledger, trade_id: str, records: Iterable[Record] | None = None
) -> dict[str, Any]:
    """One trade with its legs and everything that happened to it, found among `records` (the whole journal).

    Raises SettingsError when there is no such trade.
    """
    trade = ledger.trades.get(trade_id)
    if trade is None:
        raise SettingsError(
            f"trade {trade_id}: the ledger {journal.path} has none of this id; `dutchbook trades` lists them"
        )
    timeline = []
    for record in journal.records() if records is None else records:
        if getattr(record.fact, "trade", None) == trade_id:
            after_ms = (record.at_ns - trade.opened_ns) // MILLISECOND
            fact = msgspec.to_builtins(record.fact)
            timeline.append({"seq": record.seq, "at": instant(record.at_ns), "after_ms": after_ms, **fact})
    legs = [_leg(trade, index, leg) for index, leg in enumerate(trade.legs)]
    return {**trade_row(trade), "legs": legs, "timeline": timeline}


def profit_and_loss(ledger: Ledger, zone: ZoneInfo, day: date | None) -> dict[str, Any]:
    """Figures (M36) of one local day, or of every day on which something happened, and their total."""
    everything = list(ledger.trades.values())
    # a trade counts on the days on which it was opened, closed and settled, and on no other
    by_day: dict[date, list[TradeBook]] = {} if day is None else {day: []}
    for trade in everything:
        for each in {local_day(ns, zone) for ns in (trade.opened_ns, trade.closed_ns, trade.settled_ns) if ns}:
            if day is None or each == day:
                by_day.setdefault(each, []).append(trade)
    rows = [
        {"day": each.isoformat(), **day_figures(statistics(trades, zone, each))}
        for each, trades in sorted(by_day.items())
    ]
    return {"zone": zone.key, "days": rows, "total": day_figures(statistics(everything, zone, day))}


def day_figures(figures: Statistics) -> dict[str, Any]:
    """Daily statistics as plain data."""
    return {
        "trades": figures.trades,
        "successful": figures.successful,
        "rolled_back": figures.rolled_back,
        "failed": figures.failed,
        "naked": figures.naked,
        "dry_run": figures.dry_run,
        "settled": figures.settled,
        "realised": money(figures.realised),
        "rollback_losses": money(figures.rollback_losses),
        "locked_profit": money(figures.locked_profit),
        "fees": money(figures.fees),
        "win_rate_percent": percent(figures.win_rate) if figures.settled else None,
    }


def _gauge(journal: Journal, name: str) -> Mapping[str, Any] | None:
    value = journal.gauge(name)
    return value if isinstance(value, dict) else None
