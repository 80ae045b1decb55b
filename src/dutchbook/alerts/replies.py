"""What the chat's commands answer: pure text from the ledger and the newest state of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

from dutchbook.alerts import day
from dutchbook.alerts.text import balances, claim_title, dollars, escaped, gain, percent, shares, shortened
from dutchbook.alerts.trades import titles
from dutchbook.core.clock import SECOND
from dutchbook.core.money import ratio
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Phase
from dutchbook.ledger.projection import Ledger
from dutchbook.ledger.statistics import local_day, statistics

HELP: Final = """<b>dutchbook</b>
/status - is it safe: engine, switch, today against its limits
/stop - no new entries; /stop cancel also cancels resting orders, /stop flatten also sells what can be sold
/start - take new entries again
/trades - the newest trades; /trades 20 for more
/pnl - profit and loss: today, and in all
/positions - what is held
/balance - cash of both venues
/help - this"""

MOST_TRADES: Final = 50


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a day from the settings, for when no engine tells its own: trades, and loss in millionths."""

    trades: int
    loss: int


@dataclass(frozen=True, slots=True)
class Now:
    """What is known at the moment of a question: `engine` as `Hearing.engine` says, `snapshots` the newest of the stream."""

    ledger: Ledger
    engine: Mapping[str, Any]
    snapshots: Mapping[str, Any]
    limits: Limits
    zone: ZoneInfo
    wall_ns: int
    tag: str


def status(now: Now) -> str:
    """The engine, the switch, counts against limits, exposure, what is open, the last alarm."""
    ledger = now.ledger
    running = now.engine["state"] == "running"
    switch = ledger.kill_switch
    today = day.of_day(ledger, now.zone, local_day(now.wall_ns, now.zone))
    breakers = now.snapshots.get("breakers") if running else None
    counted = breakers if isinstance(breakers, Mapping) else {}
    trades, most = counted.get("trades", today.trades), counted.get("most_trades", now.limits.trades)
    loss, most_loss = counted.get("loss", max(0, -today.realised)), counted.get("most_loss", now.limits.loss)
    sign = "🛑" if switch is not None else "🟢" if running else "🔴"
    lines = [
        f"{sign} <b>{escaped(str(now.engine['text']))}</b> {escaped(now.tag)}",
        ("New entries: yes" if running else "New entries: none, for no engine runs; <code>dutchbook run</code> goes on")
        if switch is None
        else f"Stopped: {shortened(switch.reason)} (by {shortened(switch.by, 60)}); /start",
    ]
    if counted.get("holding"):
        lines.append(f"Held back: {shortened(str(counted['holding']))}")
    lines.append(f"Trades today {trades} of {most}, loss today {dollars(loss)} of {dollars(most_loss)}")
    if counted:
        lines += [
            f"Unknown orders {counted['unknown']} of {counted['most_unknown']}, "
            f"naked {dollars(counted['naked_cost'])} of {dollars(counted['most_naked_cost'])}",
            *(
                f"Rejections at {escaped(str(venue))}: {count} of {counted['most_rejected']}"
                for venue, count in sorted(counted["rejected"].items())
                if count
            ),
        ]
    lines += _exposure(now.snapshots.get("exposure") if running else None)
    lines += day.lines(today)
    held = sum(1 for _ in ledger.holding())
    lines.append(f"Open positions {held}, under way {len(ledger.working)}")
    lines.append(balances(ledger.cash))
    lines += _health(now.snapshots.get("health") if running else None)
    if ledger.alarms:
        alarm = ledger.alarms[-1]
        lines.append(f"Last alarm: {escaped(alarm.code)}: {shortened(alarm.text, 200)}")
    return "\n".join(lines)


def _exposure(told: object) -> list[str]:
    if not isinstance(told, Mapping):
        return []
    largest = max((each["cash"] for each in told["events"].values()), default=0)
    return [f"Exposure {dollars(told['total'])}, largest event {dollars(largest)} of {dollars(told['most_per_event'])}"]


def _health(told: object) -> list[str]:
    if not isinstance(told, Mapping):
        return []
    feeds = told.get("feeds", {})
    down = sorted(name for name, feed in feeds.items() if not feed["up"])
    lines = [
        f"Feeds {len(feeds) - len(down)} of {len(feeds)} up, books live {told.get('books_live')} of {told.get('books')}"
    ]
    if down:
        lines.append(f"Down: {escaped(', '.join(down))}")
    if told.get("failure"):
        lines.append(f"🚨 Engine failed: {shortened(str(told['failure']))}")
    return lines


def trades(now: Now, limit: int) -> str:
    """The newest trades first, one paragraph each."""
    newest = list(islice(reversed(now.ledger.trades.values()), max(1, min(limit, MOST_TRADES))))
    if not newest:
        return "No trades yet"
    return "\n\n".join(
        [
            f"<b>Newest {len(newest)} of {len(now.ledger.trades)} trades</b>",
            *(_trade(each, now.zone) for each in newest),
        ]
    )


def _trade(trade: TradeBook, zone: ZoneInfo) -> str:
    when = datetime.fromtimestamp(trade.opened_ns // SECOND, UTC).astimezone(zone).strftime("%d %b %H:%M")
    if trade.phase is Phase.LOCKED and trade.opened.guaranteed:
        money = f"locked {gain(trade.locked_profit)}"
    elif trade.phase in (Phase.FAILED, Phase.DRY_RUN):
        money = "nothing bought"
    else:
        money = f"{gain(trade.pnl)} {'final' if trade.flat else 'so far'}"
    cost = trade.spent + trade.fees
    return (
        f"{when} <b>{escaped(trade.result.replace('_', ' '))}</b> {shortened(trade.opened.event, 80)}\n"
        f"cost {dollars(cost)} · {money} · <code>{escaped(trade.id)}</code>"
    )


def profit(now: Now) -> str:
    """Today and in all."""
    today = local_day(now.wall_ns, now.zone)
    everything = statistics(now.ledger.trades.values(), now.zone)
    told = day.of_day(now.ledger, now.zone, today)
    return "\n".join(
        (
            f"<b>Today, {today.isoformat()}</b> {escaped(now.tag)}",
            *day.lines(told),
            "",
            "<b>In all</b>",
            *day.lines(everything),
        )
    )


def positions(now: Now) -> str:
    """What is held, trade by trade."""
    held = [trade for trade in now.ledger.holding() if trade.phase is not Phase.DRY_RUN]
    if not held:
        return "Nothing is held"
    locked = sum(trade.locked_profit for trade in held if trade.phase is Phase.LOCKED and trade.opened.guaranteed)
    parts = [
        f"<b>{len(held)} open positions</b>, cost {dollars(-sum(trade.pnl for trade in held))}, locked {gain(locked)}"
    ]
    for trade in reversed(held):
        named = titles(now.ledger, trade.opened.link)
        rows = [f"<b>{shortened(trade.opened.event, 80)}</b> {escaped(trade.phase.value.replace('_', ' '))}"]
        for leg in trade.legs:
            if leg.held and not leg.settled:
                title = named.get(leg.claim.market, "")
                rows.append(f"{claim_title(leg.claim, title)}: {shares(leg.held)}, paid {dollars(leg.spent)}")
            if leg.sets and not leg.settled:
                rows.append(f"{claim_title(leg.claim)}: {shares(leg.sets)} complete sets")
        if trade.phase is Phase.LOCKED and trade.opened.guaranteed and trade.spent:
            sure = trade.locked_profit
            rows.append(f"profit {gain(sure)} ({percent(ratio(sure, trade.spent + trade.fees))})")
        parts.append("\n".join(rows))
    return "\n\n".join(parts)


def balance(now: Now) -> str:
    """Cash per pool: the ledger's, and what the venue states where the engine tells it."""
    told = now.snapshots.get("balances") if now.engine["state"] == "running" else None
    lines = ["<b>Balances</b> (the ledger's)"]
    lines += [f"{escaped(name)} {dollars(amount)}" for name, amount in sorted(now.ledger.cash.items())]
    lines.append(f"Together {dollars(sum(now.ledger.cash.values()))}")
    if isinstance(told, Mapping) and told:
        lines += ["", "<b>As the venues state them</b>"]
        for pool, row in sorted(told.items()):
            age = f"{row['age_ns'] // SECOND} s ago"
            trouble = f"; not read since: {shortened(str(row['error']), 120)}" if row.get("error") else ""
            lines.append(
                f"{escaped(pool)} {dollars(row['stated'])}, free for a trade {dollars(row['free'])} ({age}{trouble})"
            )
    return "\n".join(lines)
