"""`dutchbook record`: keep what venues say about some markets, frame by frame, to play it back later. Sends no order.

The recorder asks what an engine over the same markets would ask, when it would: a book after a gap, a market that changed,
what the venue takes, results. So a replay finds its answers in the recording.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dutchbook.cli.output import ExitStatus, note, say, say_json
from dutchbook.core.errors import DutchbookError, SettingsError

if TYPE_CHECKING:
    from dutchbook.cli.interrupt import Interrupt
    from dutchbook.core.claim import MarketId
    from dutchbook.core.clock import Clock
    from dutchbook.core.events import StreamEvent
    from dutchbook.settings import Settings

NEWS_S = 5.0
ASK_S = 60
"""How often the venue's mode and results are asked for, as an engine does."""


def record(
    venue: Annotated[str | None, typer.Option(help="kalshi or polymarket; with --market.")] = None,
    market: Annotated[
        list[str] | None, typer.Option(help="The venue's own id of a market; repeat it for several.")
    ] = None,
    links: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Instead: every market of these links, one file for each venue."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder to write into.")] = Path("recordings"),
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop after this time; else until Ctrl-C.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Record raw frames of markets with their receive times. `dutchbook replay` plays them back.

    With --links the files of one recording have one stamp and are replayed together, with the same links file.
    """
    from dutchbook.cli.interrupt import run_interruptible
    from dutchbook.cli.logs import configure_logs
    from dutchbook.settings import load_here

    wanted = _wanted(venue, market or [], links)
    settings = load_here(os.environ, Path.cwd())
    configure_logs(stream=sys.stderr, as_json=False, file=None)
    for warning in settings.warnings():
        if any(name in warning.lower() for name in wanted):
            note(f"warning: {warning}")
    report = run_interruptible(lambda interrupt: _record(settings, wanted, out, seconds, interrupt))
    if as_json:
        say_json(report)
    else:
        for one in report["recordings"]:
            say(f"recorded {one['frames']} frames of {len(one['markets'])} {one['venue']} markets: {one['file']}")
        for trouble in report["troubles"]:
            say(f"trouble: {trouble}")
    raise typer.Exit(ExitStatus.OK if all(one["frames"] for one in report["recordings"]) else ExitStatus.FAILED)


def _wanted(venue: str | None, natives: Sequence[str], links: Path | None) -> dict[str, list[str]]:
    """The markets to record by venue, sorted. Raises SettingsError for options that do not say what."""
    from dutchbook.cli.links.given import read_links
    from dutchbook.core.claim import native_of, venue_of

    if (links is None) == (venue is None and not natives):
        raise SettingsError("record: say what: --links FILE, or --venue V with --market ID (one or more), not both")
    if links is not None:
        linked = {market for link in read_links(links) for market in link.markets}
        wanted: dict[str, list[str]] = {}
        for market in sorted(linked):
            wanted.setdefault(venue_of(market), []).append(native_of(market))
    elif venue is None or not natives:
        raise SettingsError("record: --venue and --market belong together")
    else:
        wanted = {venue: sorted(set(natives))}
    for name in wanted:
        if name not in ("kalshi", "polymarket"):
            raise SettingsError(f"{'--venue' if links is None else links}: {name!r} is not kalshi or polymarket")
    return wanted


async def _record(
    settings: Settings, wanted: dict[str, list[str]], out: Path, seconds: float | None, interrupt: Interrupt
) -> dict[str, Any]:
    from dutchbook.core.clock import SystemClock

    clock = SystemClock()
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    began = time.monotonic()
    recorders = [_Recorder(settings, venue, natives, out, stamp, clock) for venue, natives in wanted.items()]
    running: list[asyncio.Task[None]] = []
    try:
        for failed in await asyncio.gather(*(recorder.begin() for recorder in recorders), return_exceptions=True):
            if failed is not None:
                raise failed
        for recorder in recorders:
            note(f"recording {len(recorder.natives)} {recorder.venue} markets to {recorder.recording.path}")
        note("Ctrl-C ends it")
        running = [asyncio.create_task(recorder.run()) for recorder in recorders]
        told = began
        while seconds is None or time.monotonic() - began < seconds:
            for task in running:
                if task.done():
                    task.result()
            if await interrupt.wait(0.1):
                break
            if time.monotonic() - told > NEWS_S:
                told = time.monotonic()
                note(f"{sum(r.recording.frames for r in recorders)} frames after {told - began:.0f} s")
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for recorder in recorders:
            await recorder.close(keep=bool(running))
    recordings = [recorder.report() for recorder in recorders]
    return {
        "files": [one["file"] for one in recordings],
        "frames": sum(one["frames"] for one in recordings),
        "markets": [native for one in recordings for native in one["markets"]],
        "seconds": round(time.monotonic() - began, 1),
        "troubles": list(dict.fromkeys(trouble for recorder in recorders for trouble in recorder.troubles)),
        "recordings": recordings,
    }


class _Recorder:
    """One venue: its file, its stream, and the questions that an engine would have."""

    def __init__(self, settings: Settings, venue: str, natives: list[str], out: Path, stamp: str, clock: Clock) -> None:
        from dutchbook.cli.sides import data_sides
        from dutchbook.feed.record import SUFFIX, Recording, RecordingTransport
        from dutchbook.venues.http import AioTransport

        self.venue = venue
        self.natives = natives
        self.troubles: list[str] = []
        self.recording = Recording(out / f"{venue}-{stamp}{SUFFIX}", venue, natives, clock.wall())
        self._settings = settings
        self._clock = clock
        self._transport = RecordingTransport(AioTransport(clock), self.recording, clock)
        self._side = data_sides(settings, self._transport, clock)[venue]
        self._ids: list[MarketId] = []
        self._questions: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """Read what the venue takes now and the markets. Raises the venue's error, or SettingsError naming a market."""
        from dutchbook.feed.connection import Connection, KeepAlive

        data, feed = self._side.data, self._settings.feed
        if self._side.transport is not self._transport:
            note(f"warning: {self.venue}: without a key there is no stream, and polled books cannot be replayed")
        await data.mode()
        markets = await data.markets(self.natives)
        missing = sorted(set(self.natives) - {market.native for market in markets})
        if missing:
            raise SettingsError(f"{self.venue}: cannot be read or is not known: {', '.join(missing)}")
        self._ids = [market.id for market in markets]
        self._stream = data.stream(markets)
        self._connection = Connection(
            f"{self.venue} books",
            self._stream,
            self._side.transport,
            self._clock,
            self._heard,
            KeepAlive(every_ns=feed.keepalive_ns, silent_ns=max(feed.silent_ns, 30_000_000_000)),
        )

    async def run(self) -> None:
        """Listen, and ask, until cancelled."""
        try:
            await asyncio.gather(self._connection.run(), self._ask_now_and_then())
        finally:
            for question in self._questions:
                question.cancel()
            await asyncio.gather(*self._questions, return_exceptions=True)

    async def close(self, *, keep: bool) -> None:
        """Finish the file, or take it away where nothing could begin."""
        self.recording.close()
        if not keep:
            self.recording.path.unlink()
        await self._transport.close()

    def report(self) -> dict[str, Any]:
        """What was written, as plain data."""
        path, frames = str(self.recording.path), self.recording.frames
        return {"venue": self.venue, "file": path, "frames": frames, "markets": self.natives}

    def _heard(self, events: Sequence[StreamEvent]) -> None:
        from dutchbook.core.events import BookGap, MarketChanged, StreamTrouble

        for event in events:
            if isinstance(event, StreamTrouble):
                self.troubles.append(event.reason)
            elif isinstance(event, BookGap) and event.fetch:
                self._ask(self._fetch(event.markets))
        if any(isinstance(event, MarketChanged) for event in events):
            self._ask(self._read_again())

    def _ask(self, question: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(question)
        self._questions.add(task)
        task.add_done_callback(self._questions.discard)

    async def _fetch(self, markets: Sequence[MarketId]) -> None:
        for market in markets:
            try:
                snapshot = await self._side.data.snapshot(market)
            except DutchbookError as error:
                self.troubles.append(str(error))
            else:
                self._heard(self._stream.load(snapshot, self._clock.monotonic()))

    async def _read_again(self) -> None:
        try:
            await self._side.data.markets(self.natives)
        except DutchbookError as error:
            self.troubles.append(str(error))

    async def _ask_now_and_then(self) -> None:
        while True:
            try:
                await self._side.data.resolutions(self._ids)
            except DutchbookError as error:
                self.troubles.append(str(error))
            await asyncio.sleep(ASK_S)
            try:
                await self._side.data.mode()
            except DutchbookError as error:
                self.troubles.append(str(error))
