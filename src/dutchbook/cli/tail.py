"""`dutchbook tail`: what happens, line by line, as it happens. Reads the ledger; the state stream only says when to look.

It works before, while and after an engine runs, never changes anything, and ends with Ctrl-C.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer

from dutchbook.cli.output import instant, money, note
from dutchbook.cli.own_ledger import LedgerPath, ledger_path
from dutchbook.core.errors import LedgerError

if TYPE_CHECKING:
    from dutchbook.bus.reader import StateReader
    from dutchbook.ledger.journal import Journal, Record

LOOK_S: Final = 1.0
"""How often the ledger is looked at when no engine says that there is something new."""

PATIENCE: Final = 10
"""How often a file that is no ledger is looked at again before that is an error."""

AMOUNTS: Final = frozenset(
    {
        "amount",
        "cash",
        "expected_profit",
        "fee",
        "filled",
        "guaranteed",
        "limit",
        "payout",
        "pays",
        "size",
        "worst",
        "yes_value",
    }
)
"""Names in facts whose integers are millionths."""

_LONG: Final = frozenset({"legs", "members", "states", "rules", "hashes", "vetoes", "remarks"})
"""Lists that a line only counts; `--json` and `dutchbook trades ID` tell them in full."""


def tail(
    ledger: LedgerPath = None,
    last: Annotated[int, typer.Option("--last", min=0, help="Begin with so many facts that are there already.")] = 10,
    trade: Annotated[str | None, typer.Option("--trade", metavar="ID", help="Facts of this trade only.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Leave after the facts that are there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Follow what happens, one line for each fact, with its mode. Ctrl-C ends it.

    Works before, while and after an engine runs.
    """
    from dutchbook.cli.interrupt import run_until_signal

    path = ledger_path(ledger)
    if not once and not path.exists():
        note(f"waiting for {path}: no engine has written it yet")
    try:
        run_until_signal(_follow(path, last, trade, once=once, as_json=as_json))
    except BrokenPipeError:
        # the reader of our lines has gone (`| head`): the interpreter must not try to flush to it either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _follow(path: Path, last: int, trade: str | None, *, once: bool, as_json: bool) -> None:
    from dutchbook.bus.reader import StateReader

    news = asyncio.Event()
    listening = None if once else asyncio.create_task(_listen(StateReader(path), news))
    try:
        journal = await _opened(path, once=once)
        try:
            await _print(journal, last, trade, news, once=once, as_json=as_json)
        finally:
            journal.close()
    finally:
        if listening is not None:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening


async def _opened(path: Path, *, once: bool) -> Journal:
    """The ledger, as soon as there is one. Raises LedgerError for a file that stays unreadable."""
    from dutchbook.ledger.journal import Journal

    tries = 1 if once else PATIENCE
    while True:
        try:
            return Journal.read(path)
        except LedgerError:
            # a file that an engine is making at this moment is no ledger yet
            if once or _there(path):
                tries -= 1
            if not tries:
                raise
        await asyncio.sleep(LOOK_S)


def _there(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


async def _print(
    journal: Journal, last: int, trade: str | None, news: asyncio.Event, *, once: bool, as_json: bool
) -> None:
    mode = journal.identity().get("mode", "")
    async for record in _records(journal, last, trade, news, once=once):
        if as_json:
            sys.stdout.write(msgspec.json.encode(fact_told(record, mode)).decode() + "\n")
        else:
            sys.stdout.write(line(fact_told(record, mode)) + "\n")
        sys.stdout.flush()


async def _records(
    journal: Journal, last: int, trade: str | None, news: asyncio.Event, *, once: bool
) -> AsyncIterator[Record]:
    """Facts in order: the last ones that are there, then what comes."""
    after = _begin(journal, last, trade)
    while True:
        for record in journal.records(after):
            after = record.seq
            if trade is None or getattr(record.fact, "trade", "") == trade:
                yield record
        if once:
            return
        await _news(news)


def _begin(journal: Journal, last: int, trade: str | None) -> int:
    """The number after which the last facts begin."""
    if trade is None:
        return max(0, journal.seq - last)
    of_trade = [record.seq for record in journal.records() if getattr(record.fact, "trade", "") == trade]
    return of_trade[-last] - 1 if 0 < last <= len(of_trade) else 0 if last else journal.seq


async def _news(news: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(news.wait(), LOOK_S)
    news.clear()


async def _listen(reader: StateReader, news: asyncio.Event) -> None:
    """Say whether an engine is heard, and wake the reader of the ledger when it has written."""
    from dutchbook.bus.messages import Event, Missed
    from dutchbook.bus.reader import Connected, Disconnected

    async for update in reader.updates():
        match update:
            case Connected(hello):
                note(f"-- engine {hello.version} runs here, mode {hello.mode}, process {hello.pid}")
                news.set()
            case Disconnected(reason):
                note(f"-- no engine is heard ({reason}); waiting")
                news.set()
            case Event() | Missed():
                news.set()


def fact_told(record: Record, mode: str) -> dict[str, Any]:
    """A fact as plain data: number, time, mode, and what it says with its amounts as decimal text."""
    plain = msgspec.to_builtins(record.fact)
    return {"seq": record.seq, "at": instant(record.at_ns), "mode": mode, **_decimal(plain)}


def _decimal(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _decimal(each, key) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_decimal(each, name) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and name in AMOUNTS:
        return money(value)
    return value


def line(told: Mapping[str, Any]) -> str:
    """One fact as one line of text: time (UTC), mode, what, and its particulars."""
    at = str(told["at"])[11:23]
    what = str(told["fact"]).replace("_", " ")
    return f"{at} [{str(told['mode']).upper()}] {what:14} {' '.join(_particulars(told))}".rstrip()


def _particulars(told: Mapping[str, Any]) -> Iterable[str]:
    for key, value in told.items():
        if key in ("seq", "at", "mode", "fact") or value in ("", None):
            continue
        if key == "orders":
            yield "; ".join(f"{o['id']} {o['action']} {_short(o['size'])} at {_short(o['limit'])}" for o in value)
        elif key in _LONG:
            yield f"{key}={len(value)}"
        else:
            yield f"{key}={_short(value)}"


def _short(value: Any) -> str:
    """A particular as a person reads it: amounts without useless zeros, text on one line and printable."""
    text = str(value)
    whole, dot, fraction = text.partition(".")
    if dot and fraction.isdecimal() and whole.removeprefix("-").isdecimal():
        return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"
    return "".join(char if char.isprintable() else " " for char in text)
