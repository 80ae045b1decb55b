"""What the routes share: the ledger, the live state, figures, access and commands; and the contents of every page as plain data.

One place decides what a page tells, so that the page and the API tell the same. Changes nothing but through `command`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from dutchbook.core.clock import DAY
from dutchbook.core.errors import Skip
from dutchbook.core.money import format_micros, ratio
from dutchbook.core.position import TradeBook
from dutchbook.core.trade import Phase
from dutchbook.ledger.inbox import Answer
from dutchbook.web.access import Access
from dutchbook.web.curve import by_kind, curve
from dutchbook.web.links import link_list, link_review
from dutchbook.web.live import Live
from dutchbook.web.orders import order_list
from dutchbook.web.sources import Command, Figures

LOG_BYTES: Final = 256 * 1024

BY: Final = "web"


@dataclass(slots=True)
class Room:
    """One page's process."""

    live: Live
    figures: Figures
    access: Access
    command: Command
    read_only: bool = False
    log_file: Path | None = None
    warnings: tuple[str, ...] = ()
    watchdog: str = ""
    """What the watchdog last found, empty while all is well."""
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _pnl: tuple[int, dict[str, Any]] | None = None

    # -- commands -----------------------------------------------------------------------------------------------------

    async def do(self, verb: str, arguments: Mapping[str, str], seen: int | None = None, by: str = BY) -> Answer:
        """Have the engine do something; one command at a time, so that the later of two operators is told what the first did.

        `by` stands in the ledger with it.

        `start` with `seen`, the record up to which the operator had looked, is refused when somebody stopped the engine after
        that: a stop always wins. Raises Skip and the other errors of the tree.
        """
        async with self._one_at_a_time:
            self.live.catch_up()
            view = self.live.view
            if verb == "start" and seen is not None and view.stop_seq > seen:
                raise Skip("somebody stopped the engine after you looked; look at the reason, then start again")
            try:
                return await asyncio.to_thread(self.command, verb, arguments, by)
            finally:
                self.live.catch_up()

    # -- contents -----------------------------------------------------------------------------------------------------

    def strip(self) -> dict[str, Any]:
        """What stands on top of every page."""
        live, ledger = self.live, self.live.view.ledger
        health = live.value("health")
        switch = ledger.kill_switch
        identity = live.view.journal.identity() if live.view.journal is not None else {}
        engine = live.engine()
        running = engine["state"] == "running"
        return {
            "mode": identity.get("mode", "none"),
            "profile": identity.get("profile", ""),
            "engine": engine,
            "running": running,
            "accepting": bool(running and isinstance(health, dict) and health.get("accepting")),
            "blind": bool(
                running and isinstance(health, dict) and health.get("books") and not health.get("books_live")
            ),
            "kill_switch": None if switch is None else {"reason": switch.reason, "by": switch.by},
            "failure": health.get("failure") if running and isinstance(health, dict) else None,
            "holding": (live.value("breakers") or {}).get("holding") if running else None,
            "today": self.figures.today(ledger, time.time_ns()),
            "seq": ledger.seq,
            "read_only": self.read_only,
            "warnings": list(self.warnings),
            "watchdog": self.watchdog,
        }

    def now(self) -> dict[str, Any]:
        """Mode, health, breakers, balances, exposure, profit and capital."""
        live, ledger = self.live, self.live.view.ledger
        journal = live.view.journal
        return {
            **self.strip(),
            "health": live.value("health"),
            "breakers": live.value("breakers"),
            "balances": live.value("balances"),
            "exposure": live.value("exposure"),
            "funnel": live.value("funnel"),
            "capital": None if journal is None else self.figures.capital(journal, ledger),
            "open": [self.figures.trade_row(trade) for trade in reversed(list(ledger.open.values())[-8:])],
            "open_count": len(ledger.open),
            "newest": [self.figures.trade_row(trade) for trade in islice(ledger.newest(), 8)],
            "alarms": [
                {"code": each.code, "text": each.text, "trade": each.trade} for each in reversed(ledger.alarms[-6:])
            ],
        }

    def opportunities(self) -> dict[str, Any]:
        """The table, and the funnel that says why the rest was not traded."""
        rows = sorted(self.live.table.values(), key=row_order)
        return {
            "engine": self.live.engine(),
            "bundles": self.live.bundles,
            "rows": rows,
            "funnel": self.live.value("funnel"),
            "at_ns": self.live.values.get("opportunities", (0, None))[0],
        }

    def trades(self, limit: int, after: int = 0) -> dict[str, Any]:
        """The newest trades first; `after` leaves out so many of them."""
        trades = self.live.view.ledger.trades
        newest = islice(reversed(trades.values()), after, after + limit)
        return {"total": len(trades), "after": after, "trades": [self.figures.trade_row(trade) for trade in newest]}

    def trade(self, trade: str) -> dict[str, Any] | None:
        """One trade with everything that happened to it; None when there is none of this id."""
        view = self.live.view
        if trade not in view.ledger.trades or view.journal is None:
            return None
        told = self.figures.trade(view.journal, view.ledger, trade, view.records_of(trade))
        book = view.ledger.trades[trade]
        return {**told, "exit": (self.live.value("exits") or {}).get(trade), "may": _may(book)}

    def positions(self) -> dict[str, Any]:
        """What is held, trade by trade: days to cash, yield, and what selling now would bring where that is known."""
        view = self.live.view
        until = (self.live.value("capital") or {}).get("until", {})
        exits = self.live.value("exits") or {}
        now = time.time_ns()
        held = [trade for trade in view.ledger.holding() if trade.phase is not Phase.DRY_RUN]
        rows = [
            {
                **self.figures.trade_row(trade),
                **_maturity(trade, until, now),
                "exit": exits.get(trade.id),
                "holds": [
                    {"claim": str(leg.claim), "contracts": format_micros(leg.held), "sets": format_micros(leg.sets)}
                    for leg in trade.legs
                    if not leg.settled
                ],
            }
            for trade in held
        ]
        rows.sort(key=lambda row: (row["days"] is None, row["days"] or 0))
        return {
            "trades": rows,
            "cost": format_micros(sum(-trade.pnl for trade in held)),
            "expected": format_micros(sum(trade.locked_profit for trade in held if trade.phase is Phase.LOCKED)),
        }

    def orders(self) -> dict[str, Any]:
        """Orders that are out, and the newest that have ended."""
        return order_list(self.live.view.ledger)

    def profit(self) -> dict[str, Any]:
        """Profit and loss in all, by day and by kind, and the points of its curve; kept until there is a new fact."""
        ledger = self.live.view.ledger
        kept = self._pnl
        if kept is not None and kept[0] == ledger.facts:
            return kept[1]
        told = {
            **self.figures.profit_and_loss(ledger),
            "kinds": by_kind(ledger.trades.values()),
            "curve": curve(ledger.trades.values()),
        }
        self._pnl = ledger.facts, told
        return told

    def links(self, standing: str = "") -> dict[str, Any]:
        """The link registry."""
        return link_list(self.live.view.ledger, standing)

    def link(self, link: str) -> dict[str, Any] | None:
        """One link for a decision; None when there is none of this id."""
        return link_review(self.live.view.ledger, link)

    def system(self) -> dict[str, Any]:
        """Feeds, latencies, rate limits, reconciliation; the process that shows it."""
        live = self.live
        return {
            "engine": live.engine(),
            "stream": None if live.hello is None else {"pid": live.hello.pid, "version": live.hello.version},
            "identity": live.view.journal.identity() if live.view.journal is not None else {},
            "ledger": str(live.view.path),
            "records": live.view.ledger.seq,
            "trouble": live.view.trouble,
            "health": live.value("health"),
            "latency": live.value("latency"),
            "buckets": live.value("buckets"),
            "reconciliation": live.value("reconciliation"),
            "visitors": live.visitors,
        }

    def log(self, lines: int) -> dict[str, Any]:
        """The end of the log file, the newest line last."""
        path = self.log_file
        if path is None or not path.exists():
            return {"file": None if path is None else str(path), "lines": []}
        with path.open("rb") as file:
            file.seek(0, 2)
            size = file.tell()
            file.seek(max(0, size - LOG_BYTES))
            text = file.read().decode(errors="replace").splitlines()
        found = text[1:] if size > LOG_BYTES else text
        return {"file": str(path), "lines": [_log_line(line) for line in found[-lines:]]}


def row_order(row: Mapping[str, Any]) -> tuple[bool, int]:
    """Crossings first, then the smallest distance to one."""
    gap = row["gap"]
    return row["stage"] is None, 1 << 40 if gap is None else -gap


def _may(trade: TradeBook) -> list[str]:
    """What a person can ask of a trade in this phase."""
    match trade.phase:
        case Phase.NAKED | Phase.SETTLING | Phase.PARTIAL:
            return ["complete", "unwind", "hand_over"]
        case Phase.HANDED_OVER:
            return ["complete", "unwind"]
        case Phase.LOCKED:
            return ["unwind", "hand_over"]
        case _:
            return []


def _maturity(trade: TradeBook, until: Mapping[str, int], now_ns: int) -> dict[str, Any]:
    """When the last of its markets is expected to pay, in how many days, and what that makes a year (over 1e-12)."""
    times = [until.get(leg.claim.market, 0) for leg in trade.legs if not leg.settled]
    if not times or not all(times):
        return {"pays_ns": None, "days": None, "yield": None}
    pays_ns = max(times)
    days = max(1, -(-(pays_ns - now_ns) // DAY))
    cost = -trade.pnl
    annual = ratio(trade.locked_profit * 365, max(1, cost) * days) if trade.phase is Phase.LOCKED and cost > 0 else None
    return {"pays_ns": pays_ns, "days": days, "yield": annual}


def _log_line(line: str) -> dict[str, str]:
    """A JSON line as time, level, event and the rest; any other line as its text."""
    try:
        told = json.loads(line)
        rest = {key: value for key, value in told.items() if key not in ("timestamp", "level", "event", "mode")}
    except (ValueError, AttributeError):
        return {"at": "", "level": "", "event": line, "rest": ""}
    words = " ".join(f"{key}={value}" for key, value in rest.items())
    head = (str(told.get(key, "")) for key in ("timestamp", "level", "event"))
    return dict(zip(("at", "level", "event"), head, strict=True)) | {"rest": words}
