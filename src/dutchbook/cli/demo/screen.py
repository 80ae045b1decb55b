"""What a person sees while the demo runs: a live table on a terminal, otherwise a plain line now and then. Only reads."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from dutchbook.cli.output import dollars, note
from dutchbook.core.trade import Phase

if TYPE_CHECKING:
    from rich.console import Group

    from dutchbook.cli.demo.trial import Demo

SHOWN_EVENTS = 8
LINE_EVERY_S = 5.0


class Screen(Protocol):
    """Shows a running demo."""

    def open(self) -> None: ...

    def show(self, demo: Demo, left_s: float, doing: str) -> None:
        """Called about twice a second; `doing` says what happens now."""

    def close(self) -> None: ...


class PlainScreen:
    """A line every few seconds, and whenever something else begins."""

    def __init__(self) -> None:
        self._said_at = time.monotonic()
        self._doing = ""

    def open(self) -> None:
        note("starting two simulated venues and the engine")

    def show(self, demo: Demo, left_s: float, doing: str) -> None:
        now = time.monotonic()
        if doing == self._doing and now - self._said_at < LINE_EVERY_S:
            return
        self._said_at, self._doing = now, doing
        funnel = demo.engine.desk.funnel.counts()
        note(
            f"{doing}, {left_s:.0f} s left: {funnel['books']} book updates, {funnel['crossings']} crossings, "
            f"{funnel['traded']} traded, {_ends(demo)}"
        )

    def close(self) -> None:
        pass


class LiveScreen:
    """A table that is drawn anew twice a second. `events` are log lines, oldest first."""

    def __init__(self, events: deque[str]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._events = events
        self._live = Live(console=Console(highlight=False), auto_refresh=False, transient=True)

    def open(self) -> None:
        self._live.start()

    def show(self, demo: Demo, left_s: float, doing: str) -> None:
        self._live.update(self._picture(demo, left_s, doing), refresh=True)

    def close(self) -> None:
        self._live.stop()

    def _picture(self, demo: Demo, left_s: float, doing: str) -> Group:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        desk = demo.engine.desk
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="bold")
        table.add_column()
        table.add_row("dutchbook demo", f"{doing}, {left_s:.0f} s left, seed {demo.seed}")
        for balances in demo.engine.accounts.balances.values():
            pools = "   ".join(f"{pool} {dollars(cash)}" for pool, cash in balances.available.items())
            table.add_row(balances.venue, pools)
        counts = desk.funnel.counts()
        table.add_row("funnel", "   ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items()))
        table.add_row("trades", _ends(demo))
        live = sum(book.live for book in desk.books.values())
        table.add_row("books", f"{live} of {len(desk.books)} live")
        lines = [Text(line, overflow="ellipsis", no_wrap=True) for line in list(self._events)[-SHOWN_EVENTS:]]
        return Group(table, Text(), *lines)


def _ends(demo: Demo) -> str:
    phases = [trade.phase for trade in demo.engine.desk.ledger.trades.values()]
    locked = sum(phase in (Phase.LOCKED, Phase.SETTLED) for phase in phases)
    working = demo.engine.trades.working
    return (
        f"{locked} locked, {phases.count(Phase.FLAT)} rolled back, {phases.count(Phase.FAILED)} failed, "
        f"{working} under way"
    )
