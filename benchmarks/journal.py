"""What one append to the journal costs: the facts of real trades, durable across process death and across power loss.

In turn with two peers that write the same bytes in the same run, without hashes and without the number of the record: a plain
SQLite table (one row a batch, autocommit, the same durability) and a file that is only appended to. Every append is timed, those
that end in a checkpoint of SQLite's write-ahead file included.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import msgspec

from dutchbook.core.claim import MarketId, Outcome
from dutchbook.core.facts import AnyFact, Filled, LegPlan, OrderMoved, OrderPlan, TradeOpened, TradeTurned
from dutchbook.core.fees import Liquidity
from dutchbook.core.order import Action, OrderEvent, TimeInForce
from dutchbook.core.trade import Turn
from dutchbook.ledger.journal import Identity, Journal

NOW_NS = 1_795_000_000_000_000_000
DOLLAR = 1_000_000
BLOCK = 500
"""Appends of one writer before the next one's turn."""
GOALS_US = {"process": (25.0, 1_000.0), "power": (400.0, None)}
"""Median and 99th percentile, microseconds."""

_encoder = msgspec.json.Encoder()

Write = Callable[[Sequence[AnyFact], int], None]


def trade(number: int) -> list[tuple[str, list[AnyFact]]]:
    """What a trade of two legs writes, batch by batch, with the kind of each batch."""
    name = f"{number:08x}"
    legs = (
        LegPlan(MarketId("kalshi:KXNBAGAME-26NOV21BOSNYK-BOS"), Outcome.YES, "kalshi:0", 25 * DOLLAR, 420_000,
                10_500_000, 426_300, 10_926_300),
        LegPlan(MarketId("polymarket:nba-bos-nyk-2026-11-21"), Outcome.NO, "polymarket:pusd", 25 * DOLLAR, 480_000,
                12_000_000, 312_000, 12_312_000),
    )  # fmt: skip
    identities = (
        f"{number:08x}-5d5c-4b7e-8a7e-9d2f3c1b0a99",
        f"0x{number:08x}" + "9f" * 28,
    )
    orders = tuple(
        OrderPlan(
            f"{name}.{leg}.1", leg, Action.BUY, 25 * DOLLAR, plan.limit, TimeInForce.FOK, identities[leg],
            NOW_NS + 10**9, plan.worst,
        )
        for leg, plan in enumerate(legs)
    )  # fmt: skip
    opened = TradeOpened(
        name, "nba-bos-nyk", "yes_no", "nba-bos-nyk-2026-11-21", DOLLAR, 25 * DOLLAR, 1_761_700, 75_000_000_000, legs,
        orders,
    )  # fmt: skip
    sent = [OrderMoved(name, order.id, OrderEvent.SEND) for order in orders]
    batches: list[tuple[str, list[AnyFact]]] = [("intent", [opened, TradeTurned(name, Turn.START), *sent])]
    for leg, order in enumerate(orders):
        report = OrderMoved(
            name, order.id, OrderEvent.FINISH, 25 * DOLLAR, f"{number:08x}-aaaa-4bbb-8ccc-00000000000{leg}"
        )
        fill = Filled(
            name, order.id, f"fill-{name}-{leg}", 25 * DOLLAR, legs[leg].cash, legs[leg].fee, Liquidity.TAKER, NOW_NS
        )
        batches += [("fact", [report]), ("fact", [fill])]
    batches.append(("fact", [TradeTurned(name, Turn.LOCK, "25 contracts on every leg")]))
    return batches


class _Table:
    """The plain SQLite peer."""

    def __init__(self, path: Path, power_safe: bool) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(f"PRAGMA synchronous={'FULL' if power_safe else 'NORMAL'}")
        self._db.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, body BLOB NOT NULL)")

    def append(self, facts: Sequence[AnyFact], at_ns: int) -> None:
        body = b"\n".join([_encoder.encode(fact) for fact in facts])
        self._db.execute("INSERT INTO log (at_ns, body) VALUES (?, ?)", (at_ns, body))

    def close(self) -> None:
        self._db.close()


class _File:
    """The raw file peer."""

    def __init__(self, path: Path, power_safe: bool) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._power_safe = power_safe

    def append(self, facts: Sequence[AnyFact], at_ns: int) -> None:
        lines = [_encoder.encode(fact) for fact in facts]
        os.write(self._descriptor, b"%d %s\n" % (at_ns, b" ".join(lines)))
        if self._power_safe:
            os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


def _time(write: Write, batches: Sequence[tuple[str, list[AnyFact]]], times: dict[str, list[int]]) -> None:
    for number, (kind, facts) in enumerate(batches):
        began = perf_counter_ns()
        write(facts, NOW_NS + number)
        times[kind].append(perf_counter_ns() - began)


def _at(times: Sequence[int], permille: int) -> float:
    """A permille of the times, microseconds."""
    return round(sorted(times)[min(len(times) - 1, len(times) * permille // 1_000)] / 1_000, 1)


def _figures(times: dict[str, list[int]]) -> dict[str, float]:
    every = [one for kind in times.values() for one in kind]
    return {
        "median_us": _at(every, 500),
        "p99_us": _at(every, 990),
        "p999_us": _at(every, 999),
        "worst_us": _at(every, 1_000),
        "mean_us": round(sum(every) / len(every) / 1_000, 1),
        "median_one_fact_us": _at(times["fact"], 500),
        "median_intent_us": _at(times["intent"], 500),
    }


def measure(folder: Path, appends: int, power_safe: bool) -> dict[str, Any]:
    """Figures of the journal and of both peers for one durability."""
    batches: list[tuple[str, list[AnyFact]]] = []
    number = 0
    while len(batches) < appends:
        batches += trade(number)
        number += 1
    del batches[appends:]
    journal = Journal.write(folder / "ledger.db", Identity("live", "benchmark", (), ()), power_safe=power_safe)
    writers = {
        "journal": journal,
        "sqlite": _Table(folder / "table.db", power_safe),
        "file": _File(folder / "file", power_safe),
    }
    times: dict[str, dict[str, list[int]]] = {name: {"fact": [], "intent": []} for name in writers}
    for start in range(0, appends, BLOCK):
        for name, writer in writers.items():
            _time(writer.append, batches[start : start + BLOCK], times[name])
    records = journal.verify()
    for writer in writers.values():
        writer.close()
    figures: dict[str, Any] = {name: _figures(found) for name, found in times.items()}
    ours = figures["journal"]
    median, p99 = GOALS_US["power" if power_safe else "process"]
    return {
        "appends": appends,
        "records": records,
        **{f"journal_{key}": value for key, value in ours.items()},
        **{
            f"{peer}_{key}": figures[peer][key]
            for peer in ("sqlite", "file")
            for key in ("median_us", "p99_us", "worst_us")
        },
        "journal_over_sqlite": round(ours["median_us"] / figures["sqlite"]["median_us"], 2),
        "journal_over_file": round(ours["median_us"] / figures["file"]["median_us"], 2),
        "goal_median_us": median,
        "goal_p99_us": p99,
        "ok": ours["median_us"] <= median and (p99 is None or ours["p99_us"] <= p99),
    }


def run(appends: int = 20_000, folder: Path | None = None) -> dict[str, Any]:
    """Figures by durability. `folder` chooses the disk (without it, where temporary files are)."""
    found: dict[str, Any] = {}
    for name in ("process", "power"):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            found[name] = measure(Path(place), appends, name == "power")
    return {
        **{f"{name}_{key}": value for name, figures in found.items() for key, value in figures.items() if key != "ok"},
        "ok": all(figures["ok"] for figures in found.values()),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
