"""`dutchbook order`: one order by hand, through the same gate, journal and executor as everything else; then what came of it.

The first thing one does with ten dollars. It opens the ledger itself, so it does not run beside an engine on the same ledger.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dutchbook.cli.output import ExitStatus, dollars, money, say, say_json
from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.clock import MILLISECOND
from dutchbook.core.errors import DryRunError, SettingsError, Skip
from dutchbook.core.money import Price, Size, format_micros, parse_micros
from dutchbook.core.order import OrderState, TimeInForce

if TYPE_CHECKING:
    from dutchbook.core.position import TradeBook
    from dutchbook.engine.engine import Engine
    from dutchbook.ledger.projection import Ledger

app = typer.Typer(
    help="One order by hand, through the same gate, journal and executor as everything else.", no_args_is_help=True
)

Market = Annotated[str, typer.Argument(help="venue:id, for example kalshi:KXFED-27JAN-T4.00 or polymarket:some-slug.")]
Side = Annotated[Outcome, typer.Argument(help="Which claim.")]
Contracts = Annotated[str, typer.Argument(help="How many contracts, for example 10 or 2.50.")]
Limit = Annotated[str, typer.Argument(help="The worst price, dollars a contract of that claim, for example 0.42.")]
Tif = Annotated[TimeInForce, typer.Option("--tif", help="fok: all or nothing; ioc: what is there; gtc, gtd: may rest.")]
LedgerPath = Annotated[Path | None, typer.Option("--ledger", metavar="PATH", help="Instead of the settings' ledger.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

BOOK_S = 10.0
ANSWER_S = 20.0


@app.command()
def buy(
    market: Market,
    side: Side,
    contracts: Contracts,
    limit: Limit,
    tif: Tif = TimeInForce.IOC,
    post_only: Annotated[bool, typer.Option(help="Rest or nothing; with gtc or gtd.")] = False,
    minutes: Annotated[float, typer.Option(min=0, help="Life of a gtd order.")] = 0,
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """Buy contracts at a limit or better."""
    claim = Claim(_market(market), side)
    size, price = _amount(contracts, "contracts"), _price(limit)
    if (tif is TimeInForce.GTD) != (minutes > 0):
        raise SettingsError("--minutes: a gtd order needs its life, and no other order has one")

    async def work(engine: Engine) -> TradeBook:
        await _book(engine, claim.market)
        expires = engine.desk.clock.wall() + int(minutes * 60_000) * MILLISECOND if minutes else 0
        return engine.by_hand.buy(claim, size, price, tif, post_only=post_only, expires_ns=expires)

    _run([claim.market], ledger, work, as_json)


@app.command()
def sell(
    trade_id: Annotated[str, typer.Argument(metavar="TRADE", help="The trade that holds them: `dutchbook positions`.")],
    contracts: Contracts,
    limit: Limit,
    tif: Tif = TimeInForce.IOC,
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """Sell contracts that a trade by hand holds."""
    size, price = _amount(contracts, "contracts"), _price(limit)

    async def work(engine: Engine) -> TradeBook:
        trade = _trade(engine.desk.ledger, trade_id)
        await _book(engine, trade.legs[0].claim.market)
        engine.by_hand.sell(trade, size, price, tif)
        return trade

    _run([], ledger, work, as_json)


@app.command()
def cancel(
    order: Annotated[str, typer.Argument(help="The order, as `order show` names it.")],
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """Take a resting order out of the venue's book."""

    async def work(engine: Engine) -> TradeBook:
        trade = _trade(engine.desk.ledger, order.partition(".")[0])
        engine.by_hand.cancel(order)
        return trade

    _run([], ledger, work, as_json, may_rest=False)


@app.command()
def show(
    order: Annotated[str, typer.Argument(help="An order or a trade.")],
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """What the ledger knows of an order; asks nobody."""
    from dutchbook.ledger.journal import Journal
    from dutchbook.ledger.projection import Ledger
    from dutchbook.settings import load_here

    journal = Journal.read(ledger or load_here(os.environ, Path.cwd()).ledger_path)
    trade = _trade(Ledger().replay(journal.records()), order.partition(".")[0])
    journal.close()
    _tell(trade, as_json)


def _run(
    markets: Sequence[MarketId],
    ledger: Path | None,
    work: Callable[[Engine], Any],
    as_json: bool,
    *,
    may_rest: bool = True,
) -> None:
    from dutchbook.cli.interrupt import run_interruptible
    from dutchbook.cli.logs import configure_logs
    from dutchbook.cli.sides import check_money, check_profile
    from dutchbook.settings import load_here

    settings = load_here(os.environ, Path.cwd())
    check_profile(settings)
    if may_rest:  # a new order: taking one out is never refused for the addresses' sake
        check_money(settings)
    settings.require_secrets()
    configure_logs(stream=sys.stderr, as_json=False, file=None)

    async def whole() -> TradeBook | None:
        async with serving_engine(settings, markets, ledger or settings.ledger_path) as engine:
            try:
                trade: TradeBook = await work(engine)
            except DryRunError as told:
                say(str(told))
                return None
            await at_rest(engine, trade, may_rest)
            return trade

    trade = run_interruptible(lambda interrupt: whole())
    if trade is None:
        return
    _tell(trade, as_json)
    open_states = (OrderState.UNKNOWN, OrderState.SENT, OrderState.DELAYED)
    unclear = any(row.state in open_states for row in trade.orders())
    raise typer.Exit(ExitStatus.FAILED if unclear else ExitStatus.OK)


@asynccontextmanager
async def serving_engine(settings: Any, markets: Sequence[MarketId], ledger: Path) -> AsyncIterator[Engine]:
    """A started engine that watches no links: it only serves a person (and finishes what was left half done)."""
    from dataclasses import replace

    from dutchbook.cli.run import engine_config, open_journal, venue_sides
    from dutchbook.cli.sides import check_region, identity
    from dutchbook.core.clock import SystemClock, SystemEntropy
    from dutchbook.core.link import Link, LinkKind, State
    from dutchbook.core.money import MICRO
    from dutchbook.engine.engine import Engine
    from dutchbook.venues.http import AioTransport

    wanted = [
        Link(
            id=f"by hand {market}",
            kind=LinkKind.SINGLE,
            event=market,
            states=(State("yes"), State("no")),
            payoffs={market: (Price(MICRO), Price(0))},
        )
        for market in markets
    ]
    clock, entropy = SystemClock(), SystemEntropy()
    transport = AioTransport(clock)
    try:
        if settings.sends_real_orders:
            await check_region(settings, transport)
        sides, observe_book = venue_sides(settings, transport, clock, entropy, ledger)
        journal = open_journal(ledger, identity(settings), power_safe=settings.power_safe)
        try:
            # an order that rests is to rest when this process is gone
            config = replace(engine_config(settings, wanted), dead_man=False)
            engine = Engine(config, sides, wanted, journal, clock, entropy, observe_book=observe_book)
            try:
                await engine.start()
                yield engine
            finally:
                await engine.stop("order by hand", patience_ns=0)
        finally:
            journal.close()
    finally:
        await transport.close()


async def _book(engine: Engine, market: MarketId) -> None:
    """Wait for the market's live book. Raises Skip when it does not come."""
    deadline = time.monotonic() + BOOK_S
    while not (market in engine.desk.books and engine.desk.books[market].live):
        if time.monotonic() > deadline:
            raise Skip(f"{market}: no live book within {BOOK_S:g} s; is the market open, and named as the venue does?")
        await asyncio.sleep(0.05)


async def at_rest(engine: Engine, trade: TradeBook, may_rest: bool) -> None:
    """Until the trade has come to its end, or its order rests where it may; at most a while: the next start goes on."""
    deadline = time.monotonic() + ANSWER_S
    while trade.working and time.monotonic() < deadline and engine.desk.failure is None:
        if may_rest and any(row.state is OrderState.RESTING for row in trade.orders()):
            return
        await asyncio.sleep(0.05)


def _tell(trade: TradeBook, as_json: bool) -> None:
    rows = [
        {
            "order": row.plan.id,
            "claim": str(leg.claim),
            "action": row.plan.action.value,
            "contracts": format_micros(row.plan.size, trim=True),
            "limit": format_micros(row.plan.limit, trim=True),
            "tif": row.plan.tif.value,
            "state": row.state.value,
            "filled": format_micros(row.filled, trim=True),
            "cash": money(row.cash),
            "fee": money(row.fee),
            "fills": len(row.fills),
            "venue_order_id": row.venue_order_id,
            "reason": row.reason,
        }
        for leg in trade.legs
        for row in leg.orders
    ]
    if as_json:
        say_json({"trade": trade.id, "phase": trade.phase.value, "result": trade.result, "orders": rows})
        return
    say(f"trade {trade.id} is {trade.result.replace('_', ' ')}: {trade.reason or 'no further news'}")
    for row in rows:
        say(
            f"  order {row['order']}: {row['action']} {row['contracts']} {row['claim']} at {row['limit']} ({row['tif']}) "
            f"is {row['state']}; filled {row['filled']} for {dollars(parse_micros(str(row['cash'])))} "
            f"and {dollars(parse_micros(str(row['fee'])))} in fees{'; ' + str(row['reason']) if row['reason'] else ''}"
        )


def _market(text: str) -> MarketId:
    venue, _, native = text.partition(":")
    if venue not in ("kalshi", "polymarket") or not native:
        raise SettingsError(f"market: {text!r} is not venue:id with venue kalshi or polymarket")
    return MarketId(text)


def _amount(text: str, name: str) -> Size:
    try:
        value = parse_micros(text, name)
    except ValueError as error:
        raise SettingsError(f"{error}; write it as a plain number, for example 10 or 2.50") from None
    if value <= 0:
        raise SettingsError(f"{name}: {text} must be above zero")
    return Size(value)


def _price(text: str) -> Price:
    value = _amount(text, "limit")
    if value >= 1_000_000:
        raise SettingsError(f"limit: {text} must be below 1 dollar a contract")
    return Price(value)


def _trade(ledger: Ledger, trade_id: str) -> TradeBook:
    trade = ledger.trades.get(trade_id)
    if trade is None:
        raise Skip(f"trade {trade_id}: not in this ledger; `dutchbook trades` lists what is")
    return trade
