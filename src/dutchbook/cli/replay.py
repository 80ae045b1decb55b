"""`dutchbook replay`: recordings through the same engine, traded on paper in virtual time.

Same stream decoders, scanner, sizing, gate, executor and ledger as live; the clock jumps and randomness is seeded, so two
runs of a recording make the same decisions to the byte (`decisions` in the report is the ledger's last hash). Every
recording is played alone, with fresh books, account and ledger; the files of one `dutchbook record`, one a venue, are one
recording. Reaches no network and reads no settings file.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dutchbook.cli.compose import links_of_recording
from dutchbook.cli.demo.seeds import SeededEntropy
from dutchbook.cli.links.given import read_links
from dutchbook.cli.output import ExitStatus, money, say_json
from dutchbook.cli.paper import LATENCY_NS, paper_sides
from dutchbook.cli.recorded import (
    Contents,
    FramesContents,
    QuoteData,
    Tally,
    WindowData,
    frames_contents,
    frames_links,
    frames_sides,
    quote_contents,
    quotes_of,
    url_of,
    watched,
    window_contents,
)
from dutchbook.cli.sides import DataSide
from dutchbook.core.clock import DAY, MINUTE, SECOND
from dutchbook.core.errors import DutchbookError, SettingsError
from dutchbook.core.fees import Precision
from dutchbook.core.link import Link
from dutchbook.core.mode import Mode
from dutchbook.core.money import MICRO, Cash, Rate, parse_micros
from dutchbook.engine.config import EngineConfig
from dutchbook.engine.engine import Engine
from dutchbook.engine.proof import differences
from dutchbook.feed.connection import KeepAlive
from dutchbook.feed.recordings import Format, Recording, find, kalshi_frames
from dutchbook.feed.replay import ReplayTransport
from dutchbook.feed.virtual_time import VirtualClock, VirtualLoop, run_virtual
from dutchbook.ledger.journal import Identity, Journal
from dutchbook.ledger.statistics import statistics
from dutchbook.settings import Settings, TradingSettings, risk_limits

MAX_BET: Final = Cash(50 * MICRO)
NOTE: Final = (
    "Fills are simulated on paper: the recorded books, depth consumed, latency both ways. Fees are those that `dutchbook "
    "record` was told; other recordings state none: Kalshi 0.07 x p(1 - p), and Polymarket US, traded as a Polymarket "
    "market, 0.0695 x p(1 - p)."
)
LEAD_NS: Final = 10 * SECOND
"""How long before the first frame the engine starts."""

NEVER_NS: Final = 365 * DAY
PATIENCE_NS: Final = MINUTE
CONFIRMED_NS: Final = 5 * SECOND
"""After the last frame: longer than a Polymarket match takes to be final."""

SUMS: Final = ("frames", "books", "gaps", "resyncs", "negative_levels", "crossed_books")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a replay is played with."""

    settings: Settings
    seed: int
    latency_ns: int


def replay(
    paths: Sequence[Path],
    links_path: Path | None = None,
    *,
    max_bet: Cash = MAX_BET,
    dry_run: bool = False,
    ledger_path: Path | None = None,
    seed: int = 1,
    latency_ns: int = LATENCY_NS,
) -> dict[str, Any]:
    """Play recordings one after another; figures of all together and of each, as plain data, dollars as decimal text.

    `links_path` says which markets belong together; default `links.jsonl` beside the recording. Without one, recordings of
    frames are played market by market.
    `ledger_path` keeps the ledger (with several recordings one each, their names added), else it is thrown away.
    `latency_ns` is the time to the paper exchange, and back. Raises SettingsError for what cannot be read.
    """
    recordings = find(paths)
    settings = Settings(
        mode=Mode.DRY_RUN if dry_run else Mode.PAPER,
        trading=TradingSettings(max_bet=max_bet, min_bet=Cash(min(max_bet, TradingSettings().min_bet))),
    )
    terms = Terms(settings, seed, latency_ns)
    played = [
        _play(recording, links_path, _ledger_for(recording, recordings, ledger_path), terms) for recording in recordings
    ]
    return _total(played, settings.mode)


def _ledger_for(recording: Recording, recordings: Sequence[Recording], path: Path | None) -> Path | None:
    if path is None:
        return None
    mine = path if len(recordings) == 1 else path.with_name(f"{path.stem}-{recording.name}{path.suffix}")
    if mine.exists():
        raise SettingsError(f"--ledger {mine}: exists already, and a replay begins anew; name a new file")
    return mine


def _play(recording: Recording, links_path: Path | None, ledger: Path | None, terms: Terms) -> dict[str, Any]:
    links, contents = _look_through(recording, links_path, terms)
    loop = VirtualLoop()
    clock = VirtualClock(loop, contents.first_ns - LEAD_NS)
    with tempfile.TemporaryDirectory() as folder:
        path = ledger or Path(folder) / "ledger.db"
        return run_virtual(loop, _run(recording, links, contents, path, clock, terms))


def _look_through(
    recording: Recording, links_path: Path | None, terms: Terms
) -> tuple[list[Link], Contents | FramesContents]:
    precision = terms.settings.kalshi.precision
    if recording.format is Format.KALSHI_WINDOW:
        contents = window_contents(recording, precision)
        return watched(market.id for market in contents.markets["kalshi"]), contents
    beside = links_path or recording.files[0].with_name("links.jsonl")
    if recording.format is Format.FRAMES:
        frames = frames_contents(recording)
        if links_path is None and not beside.exists():
            return watched(frames.markets), frames
        return frames_links(frames, read_links(beside), str(beside)), frames
    if not beside.exists():
        raise SettingsError(f"{beside}: no such links file; say which instruments belong together with --links FILE")
    links = links_of_recording(beside, Rate(0))
    return links, quote_contents(recording, links, precision)


def _sides(
    recording: Recording, contents: Contents | FramesContents, tally: Tally, clock: VirtualClock, precision: Precision
) -> tuple[dict[str, DataSide], ReplayTransport]:
    if isinstance(contents, FramesContents):
        ours, transport = frames_sides(contents, precision, tally, clock)
        return {venue: DataSide(each, transport) for venue, each in ours.items()}, transport
    frames: dict[str, Iterator[tuple[int, bytes]]] = {}
    data: dict[str, QuoteData] = {}
    for venue, markets in contents.markets.items():
        if recording.format is Format.KALSHI_WINDOW:
            frames[venue] = kalshi_frames(recording)
            data[venue] = WindowData(markets, tally, use_yes_price=contents.use_yes_price)
        else:
            frames[venue] = quotes_of(recording, venue)
            data[venue] = QuoteData(venue, markets, tally)
    transport = ReplayTransport({url_of(venue): each for venue, each in frames.items()}, clock)
    return {venue: DataSide(each, transport) for venue, each in data.items()}, transport


def _config(settings: Settings, *, silence_is_kept: bool) -> EngineConfig:
    """Silence in a recording is the recorder's and never ends a stream: recordings of ours keep when one ended, and what
    proved it alive meanwhile (`silence_is_kept`), others do not. How old a book may be holds for all."""
    limits = risk_limits(settings)
    if not silence_is_kept:
        limits = replace(limits, feed_silent_ns=NEVER_NS)
    return EngineConfig(
        mode=settings.mode,
        limits=limits,
        zone=settings.zone,
        idle_yield=settings.trading.idle_yield,
        require_confident_edge=settings.trading.require_confident_edge,
        keep_alive=KeepAlive(every_ns=NEVER_NS, silent_ns=NEVER_NS),
        balance_every_ns=15 * SECOND,
        results_every_ns=10 * MINUTE,
        publish_every_ns=MINUTE,
    )


async def _run(
    recording: Recording,
    links: Sequence[Link],
    contents: Contents | FramesContents,
    ledger: Path,
    clock: VirtualClock,
    terms: Terms,
) -> dict[str, Any]:
    tally = Tally()
    entropy = SeededEntropy(terms.seed)
    public, transport = _sides(recording, contents, tally, clock, terms.settings.kalshi.precision)
    sides, observe = paper_sides(public, terms.settings, clock, entropy, latency_ns=terms.latency_ns)
    owner = Identity(terms.settings.mode.value, "replay", (recording.name,), ("simulated",))
    journal = Journal.write(ledger, owner)
    config = _config(terms.settings, silence_is_kept=recording.format is Format.FRAMES)
    engine = Engine(config, sides, links, journal, clock, entropy, observe_book=observe)
    await engine.start()
    began = time.perf_counter()
    await _first(transport.played(), engine.desk.failed.wait())
    seconds = time.perf_counter() - began
    mismatches = await _prove(engine, clock)
    finished = await engine.stop("the recording is over")
    for side in sides.values():
        await side.trading_transport.close()
    journal.verify()
    figures = _figures(engine, tally)
    frames = sum(channel.delivered for channel in transport.channels.values())
    decisions = journal.head
    journal.close()
    return {
        "recording": recording.name,
        "frames": frames,
        "seconds": round(seconds, 3),
        "frames_per_second": round(frames / seconds) if seconds else 0,
        "markets": len(engine.desk.markets),
        "finished": finished and engine.desk.failure is None,
        "ledger_matches_venues": not mismatches,
        "mismatches": mismatches,
        "failure": None if engine.desk.failure is None else repr(engine.desk.failure),
        "decisions": decisions,
        **figures,
    }


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Until one of them is over; its error is raised."""
    tasks = [asyncio.ensure_future(each) for each in waits]
    done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    for task in done:
        task.result()


async def _prove(engine: Engine, clock: VirtualClock) -> list[str]:
    """Let what is under way come to its end, then hold the ledger against the paper exchanges, to the millionth."""
    engine.halt_entries()
    deadline = clock.monotonic() + PATIENCE_NS
    await clock.sleep(CONFIRMED_NS)
    while engine.trades.working and clock.monotonic() < deadline:
        await clock.sleep(SECOND)
    try:
        for venue in engine.desk.trading:
            await engine.accounts.refresh(venue)
            engine.accounts.true_up(venue)
        return await differences(engine.desk.ledger, engine.desk.trading)
    except DutchbookError as error:
        return [f"statements could not be read: {error}"]


def _figures(engine: Engine, tally: Tally) -> dict[str, Any]:
    desk = engine.desk
    found = statistics(desk.ledger.trades.values(), desk.config.zone)
    snapshot = desk.funnel.snapshot()
    return {
        "books": desk.funnel.books,
        "gaps": tally.gaps,
        "resyncs": tally.resyncs,
        "negative_levels": tally.negative_levels,
        "crossed_books": tally.crossed_books,
        "troubles": tally.troubles,
        "funnel": snapshot["funnel"],
        "updates_crossing": snapshot["updates_crossing"],
        "data_alarms": snapshot["alarms"],
        "reasons": snapshot["reasons"],
        "examples": snapshot["examples"],
        "trades": {
            "locked": found.successful,
            "rolled_back": found.rolled_back,
            "failed": found.failed,
            "naked": found.naked,
            "dry_run": found.dry_run,
        },
        "fees": money(found.fees),
        "pnl": money(found.realised),
        "locked_profit": money(found.locked_profit),
        "rollback_losses": money(found.rollback_losses),
        "alarms": [f"{alarm.code}: {alarm.text}" for alarm in desk.ledger.alarms],
    }


def _total(played: Sequence[Mapping[str, Any]], mode: Mode) -> dict[str, Any]:
    frames = sum(one["frames"] for one in played)
    seconds = sum(one["seconds"] for one in played)
    dollars = ("fees", "pnl", "locked_profit", "rollback_losses")
    return {
        **{key: sum(one[key] for one in played) for key in SUMS},
        "frames_per_second": round(frames / seconds) if seconds else 0,
        "funnel": _added(one["funnel"] for one in played),
        "trades": _added(one["trades"] for one in played),
        "mode": mode.value,
        "reasons": _added(one["reasons"] for one in played),
        **{key: money(sum(parse_micros(one[key]) for one in played)) for key in dollars},
        "note": NOTE,
        "recordings": list(played),
    }


def _added(groups: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for group in groups:
        # not `+`: a count of zero is a figure and stays
        total.update(group)
    return dict(total)


def command(
    recordings: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Recordings: of `record` (.frames.gz, one for each venue, played together), Kalshi frames (.ndjson, "
            ".ndjson.gz), best quotes (.csv, .csv.gz), or folders of them.",
        ),
    ],
    links: Annotated[
        Path | None, typer.Option(help="Which markets are the same bet; default: links.jsonl beside the recording.")
    ] = None,
    max_bet: Annotated[str, typer.Option(help="Largest worst cost of a bundle, dollars.")] = "50",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide everything and place nothing.")] = False,
    ledger: Annotated[
        Path | None, typer.Option(help="Keep the ledger here (one for each recording); it must not exist yet.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of identities and keys; decisions repeat with it.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a report.")] = False,
) -> None:
    """Play recordings through the engine, on paper and faster than life.

    Says how many frames and books there were, every gap and broken book, how far each crossing came and why it was not
    traded. The exit status is 1 when a replay could not be finished, or when the ledger and the
    paper exchanges disagree.
    """
    from dutchbook.cli.logs import configure_logs

    try:
        bet = Cash(parse_micros(max_bet, "--max-bet"))
    except ValueError as error:
        raise SettingsError(f"{error}; give dollars, for example 50") from error
    if bet <= 0:
        raise SettingsError(f"--max-bet {max_bet}: must be more than nothing")
    configure_logs(stream=None)
    figures = replay(recordings, links, max_bet=bet, dry_run=dry_run, ledger_path=ledger, seed=seed)
    if as_json:
        say_json(figures)
    else:
        show(figures)
    sound = all(one["finished"] and one["ledger_matches_venues"] for one in figures["recordings"])
    raise typer.Exit(ExitStatus.OK if sound else ExitStatus.FAILED)


def show(figures: Mapping[str, Any]) -> None:
    """The report for a person."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title="Replay", caption=f"[{figures['mode'].upper()}] {NOTE}")
    table.add_column("recording", overflow="fold")
    columns = (*SUMS, "frames_per_second")
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for one in figures["recordings"]:
        table.add_row(one["recording"], *(f"{one[column]:,}" for column in columns))
    if len(figures["recordings"]) > 1:
        table.add_section()
        table.add_row("all", *(f"{figures[column]:,}" for column in columns))
    console.print(table)
    funnel, trades = figures["funnel"], figures["trades"]
    console.print(" -> ".join(f"{count:,} {stage.replace('_', ' ')}" for stage, count in funnel.items()))
    for code, count in sorted(figures["reasons"].items(), key=lambda item: -item[1]):
        example = next((e["text"] for one in figures["recordings"] for e in one["examples"] if e["code"] == code), "")
        console.print(f"  {count:6,}  {code:16} {example}", markup=False, highlight=False)
    console.print(", ".join(f"{count} {end.replace('_', ' ')}" for end, count in trades.items()))
    console.print(
        f"fees ${figures['fees']}, realised ${figures['pnl']} (rollbacks ${figures['rollback_losses']}), "
        f"locked until settlement ${figures['locked_profit']}"
    )
