"""`dutchbook links discover`: read both venues' catalogues, find pairs, judge them, and propose what stands as links.

Reads over the adapters, or from files that were saved before. Proposes only; a person approves. Ctrl-C ends it between two pages
(then nothing is proposed) or between two markets.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dutchbook.cli.links.registry import By, take_in, whoever
from dutchbook.cli.links.uncollected import uncollected
from dutchbook.cli.output import ExitStatus, note, say, say_json
from dutchbook.cli.own_ledger import Json, LedgerPath, ledger_path
from dutchbook.core.errors import SettingsError

if TYPE_CHECKING:
    from dutchbook.cli.interrupt import Interrupt
    from dutchbook.core.clock import Clock
    from dutchbook.core.facts import LinkProposed
    from dutchbook.core.listing import Listing
    from dutchbook.settings import Settings
    from dutchbook.venues.kalshi import KalshiData

MACHINE: Final = "discovery"
"""Who proposes, in the ledger."""

MOST: Final = 500
"""Links that one run proposes unless told otherwise: more than a person reads."""

Tell = Callable[[str, int, int], None]
"""Progress: what is being done, how much of it, and of how much (0: not known)."""


@dataclass(slots=True)
class Beside:
    """What Kalshi's milestones and structured targets added. `unread` names what of them could not be read, and why."""

    milestones: int = 0
    targets: int = 0
    markets: int = 0
    unread: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Found:
    """What a run came to. `vetoed` counts the reasons, most frequent first."""

    listings: dict[str, int] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    pairs: int = 0
    proposals: list[LinkProposed] = field(default_factory=list)
    doubted: list[LinkProposed] = field(default_factory=list)
    vetoed: dict[str, int] = field(default_factory=dict)
    stopped: bool = False
    beside: Beside = field(default_factory=lambda: Beside())


def discover(
    saved: Annotated[
        list[Path] | None,
        typer.Option(
            "--saved",
            metavar="FILE",
            help="Read saved pages of either venue's events instead of the venues; repeatable.",
        ),
    ] = None,
    min_volume: Annotated[float, typer.Option(min=0, help="Leave out markets that traded less than this.")] = 0,
    min_liquidity: Annotated[
        float, typer.Option(min=0, help="Leave out markets with fewer dollars resting, where told.")
    ] = 0,
    vetoed: Annotated[
        bool, typer.Option("--vetoed", help="Also record vetoed pairs, with their vetoes, for reading.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Propose at most so many links.")] = MOST,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be proposed; write nothing.")] = False,
    by: By = "",
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """Look for markets on both venues that are the same bet, and propose them as links. Nothing is approved by this."""
    from dutchbook.cli.interrupt import run_interruptible

    path = ledger_path(ledger)
    least = int(min_volume * 1_000_000), int(min_liquidity * 1_000_000)

    async def whole(interrupt: Interrupt) -> Found:
        with _progress() as tell:
            beside = Beside()
            pages = _from_files(saved) if saved else _from_venues(beside)
            listings = await _gather(pages, interrupt, tell)
            if listings is None:
                return Found(stopped=True, beside=beside)
            kept = [each for each in listings if _large_enough(each, *least)]
            with uncollected():
                found = match(kept, tell, stop=interrupt.asked.is_set, doubted=limit if vetoed else 0)
                found.beside = beside
                return found

    found = run_interruptible(whole)
    chosen = (found.proposals + found.doubted)[:limit]
    fresh, known = (0, 0) if dry_run or not chosen else take_in(path, chosen, whoever(by))
    told = {
        "ledger": str(path),
        "markets": found.listings,
        "listed_twice": found.twice,
        "milestones": {
            "read": found.beside.milestones,
            "targets": found.beside.targets,
            "markets": found.beside.markets,
        },
        "not_read": found.beside.unread,
        "pairs_judged": found.pairs,
        "proposed": [proposal.link for proposal in chosen],
        "new": fresh,
        "known": known,
        "left_out": max(0, len(found.proposals) + len(found.doubted) - limit),
        "vetoes": found.vetoed,
        "stopped_early": found.stopped,
        "written": not dry_run,
    }
    if as_json:
        say_json(told)
    else:
        _say(told, chosen)
    raise typer.Exit(ExitStatus.INTERRUPTED if found.stopped else ExitStatus.OK)


def match(
    listings: Iterable[Listing],
    tell: Tell = lambda what, done, of: None,
    *,
    stop: Callable[[], bool] = lambda: False,
    doubted: int = 0,
) -> Found:
    """Everything that pure linking makes of a catalogue. `doubted`: how many vetoed pairs are kept as links with their vetoes."""
    from dutchbook.linking.candidates import Candidates
    from dutchbook.linking.reading import read
    from dutchbook.linking.registry import Judged, proposals, unique
    from dutchbook.linking.registry import vetoed as as_vetoed
    from dutchbook.linking.verdict import judge

    kept, twice = unique(listings)
    found = Found(twice=twice)
    readings = []
    for place, listing in enumerate(kept):
        readings.append(read(listing))
        found.listings[listing.venue] = found.listings.get(listing.venue, 0) + 1
        if place % 500 == 0:
            tell("reading markets", place, len(kept))
            if stop():
                found.stopped = True
                return found
    # the smaller catalogue asks, the larger one answers
    asking = min(found.listings, key=lambda venue: found.listings[venue], default="")
    standing = Candidates()
    for reading in readings:
        if reading.listing.venue != asking:
            standing.add(reading)
    asked = [reading for reading in readings if reading.listing.venue == asking]
    judged: list[Judged] = []
    for place, reading in enumerate(asked):
        if place % 50 == 0:
            tell("comparing", place, len(asked))
            if stop():
                found.stopped = True
                break
        for candidate in standing.near(reading):
            pair = Judged(reading, candidate.reading, judge(reading, candidate.reading, briefly=not doubted))
            found.pairs += 1
            if pair.verdict.proposed:
                judged.append(pair)
            elif pair.verdict.vetoes:
                for code in dict.fromkeys(veto.code for veto in pair.verdict.vetoes):
                    found.vetoed[code] = found.vetoed.get(code, 0) + 1
                if len(found.doubted) < doubted and pair.verdict.polarity is not None and len(pair.verdict.vetoes) == 1:
                    found.doubted.append(as_vetoed(pair, MACHINE))
    found.vetoed = dict(sorted(found.vetoed.items(), key=lambda item: -item[1]))
    found.proposals = proposals(judged, MACHINE)
    return found


async def _gather(pages: AsyncIterator[list[Listing]], interrupt: Interrupt, tell: Tell) -> list[Listing] | None:
    """Every page; None after Ctrl-C: half a catalogue does not show which market has two twins."""
    listings: list[Listing] = []
    async for page in pages:
        listings += page
        tell("reading catalogues", len(listings), 0)
        if interrupt.asked.is_set():
            return None
    return listings


async def _from_venues(beside: Beside) -> AsyncIterator[list[Listing]]:
    """Both venues' open markets, page by page. Raises the venue's error: half a catalogue is not a catalogue.

    What is known beside Kalshi's events is joined where it can be read; `beside` says what came of it.
    """
    from dutchbook.cli.sides import check_profile, kalshi_config, kalshi_key, polymarket_config
    from dutchbook.core.clock import SystemClock
    from dutchbook.settings import load_here
    from dutchbook.venues.http import AioTransport
    from dutchbook.venues.kalshi import KalshiData
    from dutchbook.venues.polymarket import PolymarketData, TokenRegistry

    settings: Settings = load_here(os.environ, Path.cwd())
    check_profile(settings)
    clock = SystemClock()
    transport = AioTransport(clock)
    try:
        kalshi = KalshiData(kalshi_config(settings), transport, clock, kalshi_key(settings))
        polymarket = PolymarketData(transport, polymarket_config(settings), TokenRegistry())
        async for page in listed_at_kalshi(kalshi, clock, beside):
            yield page
        async for page in polymarket.listings():
            yield page
    finally:
        await transport.close()


async def listed_at_kalshi(kalshi: KalshiData, clock: Clock, beside: Beside) -> AsyncIterator[list[Listing]]:
    """Kalshi's open markets with their milestones and structured targets; without those that could not be read."""
    from dutchbook.venues.kalshi.happenings import KalshiHappenings

    happenings = KalshiHappenings(kalshi.reference)
    await happenings.begin(clock.wall())
    yield []
    async for page in kalshi.listings():
        yield await happenings.told(page)
    beside.milestones, beside.targets = happenings.milestones, happenings.targets
    beside.markets, beside.unread = happenings.joined, happenings.unread


async def _from_files(files: Sequence[Path]) -> AsyncIterator[list[Listing]]:
    for file in files:
        for page in saved_pages(file):
            yield page


def saved_pages(file: Path) -> Iterator[list[Listing]]:
    """Listings of a saved answer, gzipped or plain: a page of either venue's events, a list of events, or one of these a line.

    Raises SettingsError naming the file and what it is not.
    """
    import gzip
    import zlib

    import msgspec

    from dutchbook.venues.kalshi.listings import read_event as read_kalshi
    from dutchbook.venues.polymarket.listings import read_event as read_polymarket

    try:
        raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise SettingsError(f"{file}: cannot be read: {error}") from None
    encode = msgspec.json.Encoder(decimal_format="number").encode
    found = False
    for document in _documents(raw, file):
        events: Any = document.get("events") if isinstance(document, dict) else document
        if not isinstance(events, list):
            events = [document]
        for event in events:
            if not isinstance(event, dict):
                continue
            body = encode(event)
            if "event_ticker" in event:
                found = True
                yield read_kalshi(body)
            elif "slug" in event and "markets" in event:
                found = True
                yield read_polymarket(body)
    if not found:
        raise SettingsError(f"{file}: holds no event of Kalshi (event_ticker) or of Polymarket (slug and markets)")


def _documents(raw: bytes, file: Path) -> Iterator[Any]:
    from decimal import Decimal

    import msgspec

    try:
        yield msgspec.json.Decoder(float_hook=Decimal).decode(raw)
        return
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    for number, line in enumerate(raw.splitlines(), 1):
        if line.strip():
            try:
                yield msgspec.json.Decoder(float_hook=Decimal).decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise SettingsError(f"{file}, line {number}: is not JSON ({error})") from None


def _large_enough(listing: Listing, volume: int, liquidity: int) -> bool:
    """A figure that the venue does not tell keeps nobody out."""
    traded, resting = listing.volume, listing.liquidity
    return (traded is None or traded >= volume) and (resting is None or resting >= liquidity)


def _say(told: dict[str, Any], chosen: Sequence[LinkProposed]) -> None:
    counts = ", ".join(f"{count} at {venue}" for venue, count in told["markets"].items()) or "none"
    say(f"markets     {counts}; {told['pairs_judged']} pairs judged")
    joined = told["milestones"]
    if joined["read"] or joined["targets"]:
        say(
            f"beside      {joined['read']} milestones and {joined['targets']} targets of kalshi, for {joined['markets']} markets"
        )
    for what, why in told["not_read"].items():
        say(f"not read    kalshi's {what}, so that only events tell who plays and when: {why}")
    for proposal in chosen:
        against = (
            f"  against: {', '.join(dict.fromkeys(veto.code for veto in proposal.vetoes))}" if proposal.vetoes else ""
        )
        say(f"proposed    {proposal.kind:10}  {proposal.link}{against}")
    if told["left_out"]:
        say(f"left out    {told['left_out']} more; raise --limit")
    if told["listed_twice"]:
        say(f"not used    listed twice with different contents: {', '.join(told['listed_twice'][:10])}")
    if told["vetoes"]:
        say("vetoes      " + ", ".join(f"{code} {count}" for code, count in told["vetoes"].items()))
    if not told["written"]:
        say("ledger      nothing was written (--dry-run)")
        return
    say(
        f"ledger      {told['ledger']}: {told['new']} new, {told['known']} known; read one with `dutchbook links show ID`"
    )


@contextmanager
def _progress() -> Iterator[Tell]:
    """A progress bar on a terminal's standard error; without a terminal a line every few seconds."""
    if not sys.stderr.isatty():
        last = [time.monotonic()]

        def line(what: str, done: int, of: int) -> None:
            if time.monotonic() - last[0] >= 5:
                last[0] = time.monotonic()
                note(f"{what}: {done}" + (f" of {of}" if of else ""))

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(what: str, done: int, of: int) -> None:
            bar.update(task, description=what, completed=done, total=of or None)

        yield show
