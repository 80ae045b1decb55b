"""`dutchbook run`: the engine as the settings say, until time is up or Ctrl-C. Composes and reports; decides nothing."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dutchbook.cli.output import ExitStatus, dollars, money, say, say_json, trade_figures
from dutchbook.core.clock import SECOND
from dutchbook.core.errors import DutchbookError, LedgerError
from dutchbook.core.mode import Mode

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from dutchbook.cli.interrupt import Interrupt
    from dutchbook.core.book import Book
    from dutchbook.core.clock import Clock, Entropy
    from dutchbook.core.link import Link
    from dutchbook.core.transport import Transport
    from dutchbook.engine.config import EngineConfig
    from dutchbook.engine.engine import Engine, VenueSide
    from dutchbook.execution.leaving import ExitRule
    from dutchbook.ledger.journal import Identity, Journal
    from dutchbook.settings import Settings

TICK_S = 0.2
REMIND_S = 60.0


def run(
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after this time; without it, run until Ctrl-C.")
    ] = None,
    links: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Links besides the registry's (JSON lines), or the line of `sim both`; links.jsonl if it is there.",
        ),
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The ledger file, instead of the one in the settings.")
    ] = None,
    metrics_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Serve /metrics, /healthz and /readyz on this machine; 0: off.")
    ] = 0,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log JSON lines instead of text.")] = False,
    log_file: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Also write the log as JSON lines here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the closing report as one JSON object.")] = False,
) -> None:
    """Run the engine as dutchbook.toml, .env and the environment say: dry-run, paper (default) or live.

    Live sends real orders only when mode is live AND EXECUTOR_ENABLED is true. Ctrl-C once: no new trades, those under
    way are finished, then a report of what is left. Ctrl-C twice: leave at once.
    """
    from dutchbook.cli.interrupt import run_interruptible
    from dutchbook.cli.links.given import given_links
    from dutchbook.cli.logs import configure_logs
    from dutchbook.cli.sides import check_money, check_profile
    from dutchbook.settings import load_here

    settings = load_here(os.environ, Path.cwd())
    check_profile(settings)
    check_money(settings)
    settings.require_secrets()
    given = given_links(links, settings, ledger or settings.ledger_path)
    configure_logs(stream=sys.stderr, as_json=log_json, file=log_file)
    report = run_interruptible(
        lambda interrupt: _run(settings, given, ledger or settings.ledger_path, seconds, metrics_port, interrupt)
    )
    if as_json:
        say_json(report)
    else:
        for line in report_lines(report):
            say(line)
    raise typer.Exit(report["exit_status"])


async def _run(
    settings: Settings,
    links: Sequence[Link],
    ledger: Path,
    seconds: float | None,
    metrics_port: int,
    interrupt: Interrupt,
) -> dict[str, Any]:
    """Connect, trade, end in order; the closing report."""
    from dataclasses import replace

    import structlog

    from dutchbook.cli.links.given import for_real, registry_links
    from dutchbook.cli.metrics import serve_metrics
    from dutchbook.cli.sides import check_region, identity
    from dutchbook.core.clock import SystemClock, SystemEntropy
    from dutchbook.engine.engine import Engine
    from dutchbook.venues.http import AioTransport

    log = structlog.get_logger().bind(mode=settings.mode.tag)
    clock, entropy = SystemClock(), SystemEntropy()
    transport = AioTransport(clock)
    try:
        every = [*links, *registry_links(ledger)]
        _announce(settings, every, log)
        if links and for_real(settings):
            log.warning(
                "live: approvals of a links file do not count; `dutchbook links import` and approve", links=len(links)
            )
        if settings.sends_real_orders:
            log.info("region checked", polymarket=await check_region(settings, transport))
        sides, observe_book = venue_sides(settings, transport, clock, entropy, ledger)
        await _unless_interrupted(_reach(sides, signed=settings.mode is Mode.LIVE), interrupt)
        journal = open_journal(ledger, identity(settings), power_safe=settings.power_safe)
        try:
            engine = Engine(
                replace(engine_config(settings, every), serve_state=True, registry=True),
                sides,
                links,
                journal,
                clock,
                entropy,
                observe_book=observe_book,
            )
            async with serve_metrics(engine, metrics_port, log):
                await _unless_interrupted(_start(engine), interrupt)
                reason = await _until_over(engine, seconds, interrupt, log)
                finished = await engine.stop(reason)
            return closing_report(engine, reason, finished)
        finally:
            journal.close()
    finally:
        await transport.close()


def _announce(settings: Settings, links: Sequence[Link], log: FilteringBoundLogger) -> None:
    """What a person must know before anything happens."""
    for warning in settings.warnings():
        log.warning(warning)
    if settings.sends_real_orders:
        log.warning("LIVE with both keys turned: real orders, real money")
    if not any(link.approved for link in links):
        log.warning("no link is approved, so nothing will be traded", links=len(links))


def venue_sides(
    settings: Settings, transport: Transport, clock: Clock, entropy: Entropy, ledger: Path
) -> tuple[dict[str, VenueSide], Callable[[Book], None] | None]:
    """Live: the operator's accounts. Otherwise simulated accounts behind real books; in dry-run they are never asked.

    A simulated account goes on with the cash and contracts that its `ledger` knows. Raises LedgerError for one that
    cannot be read.
    """
    from dutchbook.cli.figures import open_ledger
    from dutchbook.cli.sides import data_sides, live_sides

    if settings.mode is Mode.LIVE:
        return live_sides(settings, transport, clock, entropy), None
    from dutchbook.cli.paper import paper_sides

    earlier = None
    if ledger.exists():
        journal, earlier = open_ledger(ledger)
        journal.close()
    return paper_sides(data_sides(settings, transport, clock), settings, clock, entropy, resume=earlier)


def engine_config(settings: Settings, links: Sequence[Link]) -> EngineConfig:
    """The engine's configuration for these settings."""
    from dataclasses import replace

    from dutchbook.cli.sides import kalshi_key
    from dutchbook.core.claim import venue_of
    from dutchbook.engine.config import EngineConfig
    from dutchbook.feed.connection import KeepAlive
    from dutchbook.feed.polling import round_ns
    from dutchbook.settings import breaker_limits, open_risk, risk_limits

    silent_ns = settings.feed.silent_ns
    if kalshi_key(settings) is None:
        polled = {market for link in links for market in link.markets if venue_of(market) == "kalshi"}
        # A round of polling is one frame: a long one must not look like a dead socket. Whether its books are fresh enough
        # to trade on is the gate's business, which keeps the limit of the settings.
        silent_ns = max(silent_ns, 3 * round_ns(len(polled)))
    return EngineConfig(
        mode=settings.mode,
        limits=risk_limits(settings),
        zone=settings.zone,
        sending=settings.mode is not Mode.LIVE or settings.executor_enabled,
        idle_yield=settings.trading.idle_yield,
        require_confident_edge=settings.trading.require_confident_edge,
        keep_alive=KeepAlive(every_ns=settings.feed.keepalive_ns, silent_ns=silent_ns),
        breakers=replace(breaker_limits(settings), silent_ns=silent_ns),
        on_daily_loss=open_risk(settings),
    )


def _exit_rule(settings: Settings) -> ExitRule | None:
    from dutchbook.execution.leaving import ExitRule

    trading = settings.trading
    if not trading.early_exit:
        return None
    return ExitRule(trading.min_profit, trading.exit_yield, trading.exit_patience_ns)


def open_journal(path: Path, owner: Identity, *, power_safe: bool) -> Journal:
    """The ledger, for writing. Raises LedgerError."""
    from dutchbook.ledger.journal import Journal

    try:
        return Journal.write(path, owner, power_safe=power_safe)
    except OSError as error:
        raise LedgerError(
            f"ledger {path}: cannot be opened ({error.strerror}); check the path and its permissions"
        ) from None


async def _reach(sides: Mapping[str, VenueSide], *, signed: bool) -> None:
    """Ask each venue something, `signed` where orders are: no ledger is made for an account that its venue does not know.

    Raises the venue's error with its name in front.
    """
    for name, side in sides.items():
        try:
            await side.data.mode()
            if signed:
                await side.trading.connect()
        except DutchbookError as error:
            raise type(error)(f"{name} cannot be used: {error}") from error


async def _start(engine: Engine) -> None:
    """Start the engine; when that fails, nothing of it keeps running."""
    desk = engine.desk
    try:
        await engine.start()
    except BaseException:
        await desk.cancel_tasks()
        raise
    config = desk.config
    desk.log.info(
        "running",
        links=len(desk.links),
        markets=len(desk.markets),
        ledger=str(desk.journal.path),
        sending=config.sending,
    )


async def _unless_interrupted(work: Coroutine[Any, Any, None], interrupt: Interrupt) -> None:
    """Do some work of the start-up; Ctrl-C ends it there and raises typer.Abort, since nothing is under way yet."""
    import asyncio

    working = asyncio.create_task(work)
    asked = asyncio.create_task(interrupt.asked.wait())
    await asyncio.wait((working, asked), return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if not working.done():
        working.cancel()
        await asyncio.wait((working,))
        raise typer.Abort
    working.result()


async def _until_over(engine: Engine, seconds: float | None, interrupt: Interrupt, log: FilteringBoundLogger) -> str:
    """Wait for the end; why it came."""
    began = time.monotonic()
    reminded = began
    while engine.desk.failure is None:
        now = time.monotonic()
        left = TICK_S if seconds is None else began + seconds - now
        if left <= 0:
            return "time is up"
        if not engine.desk.config.sending and now - reminded >= REMIND_S:
            reminded = now
            log.warning("live, but nothing is sent: set EXECUTOR_ENABLED=true to turn the second key")
        if await interrupt.wait(min(TICK_S, left)):
            return "interrupted"
    return "the engine failed"


def closing_report(engine: Engine, reason: str, finished: bool) -> dict[str, Any]:
    """What this run did and what it leaves behind, as plain data; amounts are decimal text."""
    from dutchbook.ledger.statistics import statistics

    desk = engine.desk
    started = desk.ledger.started_ns
    figures = statistics(
        (trade for trade in desk.ledger.trades.values() if trade.opened_ns >= started), desk.config.zone
    )
    failure = desk.failure
    ledger_failed = isinstance(failure, LedgerError)
    clean = finished and failure is None and not desk.ledger.working
    status = ExitStatus.OK if clean else ExitStatus.LEDGER if ledger_failed else ExitStatus.FAILED
    snapshot = desk.funnel.snapshot()
    return {
        "mode": desk.config.mode.value,
        "ended": reason,
        "seconds": (desk.clock.wall() - started) // SECOND,
        "funnel": snapshot["funnel"],
        "reasons": snapshot["reasons"],
        **trade_figures(figures, dry_runs=True),
        "would_have_placed": {"bets": engine.pursuit.dry_runs, "total": money(engine.pursuit.dry_run_cost)},
        "left": {
            "under_way": [f"{trade.id} ({trade.phase.value}: {trade.reason})" for trade in desk.ledger.working],
            "holding": [trade.id for trade in desk.ledger.holding() if not trade.working],
        },
        "failure": None if failure is None else f"{type(failure).__name__}: {failure}",
        "ledger": str(desk.journal.path),
        "exit_status": int(status),
    }


def report_lines(report: Mapping[str, Any]) -> list[str]:
    """The closing report for people."""
    from dutchbook.core.money import parse_micros

    def shown(text: str) -> str:
        return dollars(parse_micros(text))

    trades, left, would = report["trades"], report["left"], report["would_have_placed"]
    lines = [
        f"{report['mode']}: over after {report['seconds']} s: {report['ended']}",
        "funnel      " + " -> ".join(f"{count} {stage.replace('_', ' ')}" for stage, count in report["funnel"].items()),
    ]
    if report["mode"] == "dry-run":
        lines.append(f"dry run     would have placed {would['bets']} bets totalling {shown(would['total'])}")
    else:
        lines += [
            f"trades      {trades['locked']} locked, {trades['rolled_back']} rolled back, {trades['failed']} failed, "
            f"{trades['naked']} naked",
            f"P&L         realised {shown(report['pnl'])}, locked until settlement {shown(report['locked_profit'])}, "
            f"fees {shown(report['fees'])}",
            f"left        {len(left['holding'])} trades hold contracts until their markets settle",
        ]
    lines += [f"UNFINISHED  {trade}; the next start goes on with it" for trade in left["under_way"]]
    if report["failure"]:
        lines.append(f"failure     {report['failure']}")
    return [*lines, f"ledger      {report['ledger']}"]
