"""Twelve plain faults around one order, and what becomes of it: the official Polymarket package as a typical bot uses it, and us.

Everyone buys ten contracts, fill-or-kill at 0.60, from the Polymarket simulator over real HTTP on loopback; a proxy between
spoils the first order that is posted. The package is used in three ways: `once` (take an exception for a failure), `again` (call
it once more after an exception, as bots do: the second call signs a new order), `same` (post the same signed order once more).
What each believes at the end stands beside what the venue's own books say.

Issue 273 of Polymarket/py-clob-client shows `again` in the wild: "exception = retry", and all orders were matched.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.util
import json
import logging
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from aiohttp import web

from dutchbook.cli.compose import polymarket_pair
from dutchbook.cli.demo.trial import demo_config
from dutchbook.core.claim import Claim, Outcome, market_id
from dutchbook.core.clock import MILLISECOND, SECOND, Clock, Entropy, SystemClock, SystemEntropy
from dutchbook.core.errors import DutchbookError
from dutchbook.core.link import Link, LinkKind, State
from dutchbook.core.money import MICRO, Cash, Price, Size, format_micros
from dutchbook.core.order import OrderState, TimeInForce
from dutchbook.engine.engine import Engine, VenueSide
from dutchbook.ledger.journal import Identity, Journal
from dutchbook.simulator.exchange import MarketSpec
from dutchbook.simulator.polymarket import PolymarketExchange
from dutchbook.simulator.server import serve
from dutchbook.venues.http import AioTransport
from dutchbook.venues.polymarket import ApiCredentials, PolymarketConfig, PolymarketKey

SLUG = "nba-phx-mia"
CONTRACTS = 10
LIMIT = 600_000
CASH = 1_000 * MICRO
PATIENCE_S = 40.0
"""How long our engine is given to find out what became of the order; it is asked for nothing before."""
LOOK_S = 0.02
HELD_BACK_S = 11.0
"""How late a late answer is: the package gives up after ten seconds, ours after two."""
ABSENCE_MARGIN_NS = 2 * SECOND
"""Ours waits this long past an order's deadline before "not found" is evidence (a minute live; the simulator's reads lag
nothing)."""


# --- the faults -----------------------------------------------------------------------------------------------------

Forward = Callable[[], Awaitable[web.Response]]
Deed = Callable[[web.BaseRequest, Forward], Awaitable[web.StreamResponse]]


def _abort(request: web.BaseRequest) -> web.StreamResponse:
    """The connection breaks here."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _lost_after(request: web.BaseRequest, forward: Forward) -> web.StreamResponse:
    await forward()
    return _abort(request)


async def _lost_before(request: web.BaseRequest, forward: Forward) -> web.StreamResponse:
    return _abort(request)


async def _late(request: web.BaseRequest, forward: Forward) -> web.StreamResponse:
    answer = await forward()
    await asyncio.sleep(HELD_BACK_S)
    return answer


async def _twice(request: web.BaseRequest, forward: Forward) -> web.StreamResponse:
    answer = await forward()
    await forward()
    return answer


def _instead(status: int, body: bytes, kind: str = "application/json", *, after: bool = False, **headers: str) -> Deed:
    async def deed(request: web.BaseRequest, forward: Forward) -> web.StreamResponse:
        if after:
            await forward()
        return web.Response(status=status, body=body, headers={"content-type": kind, **headers})

    return deed


async def _torn(request: web.BaseRequest, forward: Forward) -> web.StreamResponse:
    answer = await forward()
    body = answer.body
    assert isinstance(body, bytes)
    return web.Response(status=answer.status, body=body[: len(body) // 2], headers={"content-type": "application/json"})


@dataclass(frozen=True)
class Fault:
    """What the network does to the first order, or what the venue is told to do."""

    name: str
    deed: Deed | None = None
    prepare: Callable[[PolymarketExchange], None] = lambda exchange: None


def _delay_then_miss(exchange: PolymarketExchange) -> None:
    exchange.planned_delays.append((SECOND, True))


def _fail_settlement(exchange: PolymarketExchange) -> None:
    exchange.fail_next_trades += 1


ERROR = b'{"error":"internal server error"}'
PAGE = b"<!DOCTYPE html><html><head><title>503</title></head><body>maintenance</body></html>"
NONE = Fault("no fault")
FAULTS = (
    Fault("answer lost after acceptance", _lost_after),
    Fault("request lost", _lost_before),
    Fault("answer late", _late),
    Fault("delivered twice", _twice),
    Fault("500 after acceptance", _instead(500, ERROR, after=True)),
    Fault("500 instead", _instead(500, ERROR)),
    Fault("425 instead", _instead(425, b'{"error":"service restarting"}')),
    Fault("429 instead", _instead(429, b'{"error":"too many requests"}', **{"retry-after": "1"})),
    Fault("503 with a page of HTML", _instead(503, PAGE, "text/html")),
    Fault("torn JSON after acceptance", _torn),
    Fault("delayed, then not matched", prepare=_delay_then_miss),
    Fault("matched, then FAILED on chain", prepare=_fail_settlement),
)


# --- the venue and the proxy ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Venue:
    """What the comparison must know of a simulator. Amounts are millionths."""

    open: Callable[[], tuple[Any, dict[str, str]]]
    """A fresh exchange with the market quoted, and the fields of the account `bot`."""
    orders_path: str
    accepted: Callable[[dict[str, Any]], str]
    """The id of the order that an answer accepted, or nothing."""
    shares: Callable[[Any], int]
    """Contracts of YES that the account owns or is about to, by the venue's books."""
    cash: Callable[[Any], int]


@dataclass
class Floor:
    """One simulator, one account, and a proxy that spoils the first order posted."""

    venue: Venue
    exchange: Any
    fields: dict[str, str]
    rest_url: str
    ws_url: str
    posts: int = 0
    orders: set[str] = field(default_factory=set)
    """The orders that the venue accepted, whatever its client was told."""


@asynccontextmanager
async def floor(venue: Venue, fault: Fault) -> AsyncIterator[Floor]:
    exchange, fields = venue.open()
    fault.prepare(exchange)
    async with serve(exchange) as server, aiohttp.ClientSession(auto_decompress=False) as session:
        made = Floor(venue, exchange, fields, "", server.ws_url)

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            body = await request.read()
            order = request.method == "POST" and request.path == venue.orders_path

            async def forward() -> web.Response:
                headers = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "content-length")}
                async with session.request(
                    request.method, server.rest_url + request.raw_path, headers=headers, data=body
                ) as reply:
                    content = await reply.read()
                    if order and reply.status < 300 and (accepted := venue.accepted(json.loads(content))):
                        made.orders.add(accepted)
                    kept = {k: v for k, v in reply.headers.items() if k.lower() in ("content-type", "retry-after")}
                    return web.Response(status=reply.status, body=content, headers=kept)

            if order:
                made.posts += 1
                if made.posts == 1 and fault.deed is not None:
                    return await fault.deed(request, forward)
            return await forward()

        runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.rest_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield made
        finally:
            await runner.cleanup()


def _open_polymarket() -> tuple[PolymarketExchange, dict[str, str]]:
    exchange, now = PolymarketExchange(11), time.time_ns()
    exchange.mined_lag_ns = exchange.confirmed_lag_ns = 100 * MILLISECOND
    exchange.list_market(
        MarketSpec(
            id=SLUG, event="Suns vs. Heat", title="Suns vs. Heat", rules="Resolves to the winner of the game.", tick=10_000,
            taker_rate="0", opens_ns=now - SECOND, closes_ns=now + 86_400 * SECOND,
        ),
        now,
    )  # fmt: skip
    exchange.quote(SLUG, "house", [(400_000, 1_000 * MICRO)], [(LIMIT, 1_000 * MICRO)], now)
    return exchange, dict(exchange.add_account("bot", {0: CASH}, now, 0, "").fields)


def _polymarket_shares(exchange: PolymarketExchange) -> int:
    books = exchange.statement("bot")
    return int(books["tokens"][SLUG]["yes"] + books["pending_tokens"][SLUG]["yes"])


def _polymarket_cash(exchange: PolymarketExchange) -> int:
    books = exchange.statement("bot")
    return int(books["cash"] + books["pending_cash"])


POLYMARKET = Venue(
    _open_polymarket,
    "/order",
    lambda answer: str(answer["orderID"]) if answer.get("success") else "",
    _polymarket_shares,
    _polymarket_cash,
)


# --- who trades -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Belief:
    """What the trader says at the end: contracts it thinks it bought (None: it says that it does not know)."""

    contracts: int | None
    words: str


Trader = Callable[[Floor], Awaitable[Belief]]


def _package(floor_: Floor) -> Any:
    from polymarket._internal.environment import PRODUCTION_CONFIG, create_environment

    http, ws = floor_.rest_url, floor_.ws_url
    urls = {
        each.name: ws + "/ws/user" if "user" in each.name else ws + "/ws/market" if "_ws_" in each.name else http
        for each in dataclasses.fields(PRODUCTION_CONFIG)
        if each.name.endswith("_url")
    }
    return create_environment(name="bench", config=replace(PRODUCTION_CONFIG, **urls))


def package(way: str) -> Trader:
    """The official package used in one of three ways."""

    async def trade(floor_: Floor) -> Belief:
        from polymarket import AsyncSecureClient, TransactionFailedError

        token = floor_.exchange.tokens(SLUG)[1]
        client = await AsyncSecureClient.create(
            private_key=floor_.fields["private_key"], wallet=floor_.fields["funder"], environment=_package(floor_)
        )

        async def signed() -> Any:
            amount = str(CONTRACTS * LIMIT // MICRO)
            return await client.create_market_order(
                asset_id=token, side="BUY", amount=amount, max_price="0.6", order_type="FOK"
            )

        try:
            order = await signed()
            try:
                done = await client.post_order(order)
            except Exception as first:
                if way == "once":
                    return Belief(0, f"failed: {type(first).__name__}")
                try:
                    done = await client.post_order(order if way == "same" else await signed())
                except Exception as second:
                    return Belief(0, f"failed: {type(first).__name__}, then {type(second).__name__}")
            if not done.ok:
                return Belief(0, f"failed: {done.code}")
            if done.status != "matched":
                # no end yet; the package has no call that follows it to one
                return Belief(None, f"accepted: {done.status}")
            try:
                await client.wait_for_order_fill_settlement(done)
            except TransactionFailedError:
                return Belief(0, "failed: TransactionFailedError")
            return Belief(round(done.taking_amount * MICRO), "filled")
        finally:
            await client.close()

    return trade


async def ours(floor_: Floor) -> Belief:
    """The engine on Polymarket alone."""
    clock, entropy = SystemClock(), SystemEntropy()
    transport = AioTransport(clock)
    account, http, ws = floor_.fields, floor_.rest_url, floor_.ws_url
    config = PolymarketConfig(
        clob_url=http, gamma_url=http, data_url=http, market_ws_url=ws + "/ws/market", user_ws_url=ws + "/ws/user",
        absence_margin_ns=ABSENCE_MARGIN_NS, order_timeout_ns=2 * SECOND,
    )  # fmt: skip
    key = PolymarketKey(
        account["private_key"],
        credentials=ApiCredentials(account["api_key"], account["api_secret"], account["api_passphrase"]),
    )
    data, trading = polymarket_pair(config, key, transport, transport, clock, entropy)
    try:
        return await by_hand("polymarket", SLUG, VenueSide(data, trading, transport, transport), clock, entropy)
    finally:
        await transport.close()


async def by_hand(name: str, native: str, side: VenueSide, clock: Clock, entropy: Entropy) -> Belief:
    """The engine with its journal on one venue: one purchase by hand, then whatever it does about it."""
    market = market_id(name, native)
    link = Link(
        id="by hand", kind=LinkKind.SINGLE, event=native, states=(State("yes"), State("no")),
        payoffs={market: (Price(MICRO), Price(0))},
    )  # fmt: skip
    config = demo_config()
    config = replace(config, limits=replace(config.limits, max_bet=Cash(100 * MICRO)))
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal.write(Path(folder) / "ledger.db", Identity("live", "peers", (name,), ("bot",)))
        engine = Engine(config, {name: side}, [link], journal, clock, entropy)
        try:
            await engine.start()
            await _until(lambda: market in engine.desk.books and engine.desk.books[market].live)
            claim = Claim(market, Outcome.YES)
            made = engine.by_hand.buy(claim, Size(CONTRACTS * MICRO), Price(LIMIT), TimeInForce.FOK)

            def settled() -> bool:
                rows = list(made.orders())
                final = all(fill.final for row in rows for fill in row.fills.values())
                return not made.working and final and all(row.ended and row.accounted for row in rows)

            await _until(settled)
            unknown = any(row.state is OrderState.UNKNOWN for row in made.orders())
            states = ", ".join(row.state.value for row in made.orders())
            return Belief(None if unknown else made.legs[0].held, f"{made.phase.value}; order {states}")
        finally:
            await engine.stop("over", patience_ns=0)
            journal.close()


async def _until(condition: Callable[[], bool]) -> None:
    """Until something is so, at most `PATIENCE_S`; whoever asks looks again."""
    for _ in range(round(PATIENCE_S / LOOK_S)):
        if condition():
            return
        await asyncio.sleep(LOOK_S)


# --- the comparison -------------------------------------------------------------------------------------------------


async def play(venue: Venue, name: str, trader: Trader, fault: Fault) -> dict[str, Any]:
    """One trader through one fault: what it believes and what the venue's books say a moment after."""
    async with floor(venue, fault) as place:
        before = venue.cash(place.exchange)
        began = time.monotonic()
        try:
            belief = await trader(place)
        except DutchbookError as error:
            belief = Belief(0, f"refused: {error}")
        took = time.monotonic() - began
        # what is on its way settles with the next request
        async with aiohttp.ClientSession() as session:
            for _ in range(3):
                await asyncio.sleep(0.15)
                async with session.get(place.rest_url + "/time") as reply:
                    await reply.read()
        held = venue.shares(place.exchange)
        return {
            "fault": fault.name,
            "trader": name,
            "believes": "unknown" if belief.contracts is None else format_micros(belief.contracts, trim=True),
            "words": belief.words,
            "holds": format_micros(held, trim=True),
            "spent": format_micros(before - venue.cash(place.exchange)),
            "posts": place.posts,
            "orders_accepted": len(place.orders),
            "duplicates": max(0, len(place.orders) - 1),
            "false_end": belief.contracts is not None and belief.contracts != held,
            "seconds": round(took, 1),
        }


async def compare(venue: Venue, traders: Mapping[str, Trader], faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """Every trader through every fault, and through none."""
    return [await play(venue, name, trader, fault) for fault in (NONE, *faults) for name, trader in traders.items()]


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows with totals a trader; `ok` says that ours was never wrong, never bought twice and found out every time.

    What the network delivered twice and the venue took twice is counted as a duplicate of whoever sent it once, but is no
    fault of ours: it must then be in the books.
    """
    faulty = [row for row in rows if row["fault"] != NONE.name]
    totals = {
        name: {
            "duplicates": sum(row["duplicates"] for row in faulty if row["trader"] == name),
            "false_ends": sum(row["false_end"] for row in faulty if row["trader"] == name),
            "unknown": sum(row["believes"] == "unknown" for row in faulty if row["trader"] == name),
        }
        for name in dict.fromkeys(row["trader"] for row in rows)
    }
    mine = totals["dutchbook"]
    sent_twice = any(row["posts"] > 1 and row["duplicates"] for row in faulty if row["trader"] == "dutchbook")
    ok = not sent_twice and not mine["false_ends"] and not mine["unknown"]
    return {"rows": rows, "totals": totals, "ok": ok}


def run() -> dict[str, Any]:
    """Ours and the official Polymarket package (where installed) through every fault."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    traders: dict[str, Trader] = {"dutchbook": ours}
    if importlib.util.find_spec("polymarket") is not None:
        traders |= {f"package, {way}": package(way) for way in ("once", "again", "same")}
    return summary(asyncio.run(compare(POLYMARKET, traders, FAULTS)))


def table(figures: dict[str, Any]) -> list[str]:
    """The comparison as a Markdown table: what is believed / what is held, orders accepted; wrong ends in bold."""
    names = list(figures["totals"])
    lines = ["| fault | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for fault in dict.fromkeys(row["fault"] for row in figures["rows"]):
        cells = []
        for row in (row for row in figures["rows"] if row["fault"] == fault):
            cell = f"says {row['believes']}, holds {row['holds']}" + (" (bought twice)" if row["duplicates"] else "")
            cells.append(f"**{cell}**" if row["false_end"] or row["duplicates"] else cell)
        lines.append(f"| {fault} | " + " | ".join(cells) + " |")
    for key in ("duplicates", "false_ends", "unknown"):
        lines.append(f"| {key.replace('_', ' ')} | " + " | ".join(str(figures["totals"][n][key]) for n in names) + " |")
    return lines


if __name__ == "__main__":
    # run as a script, polymarket.py beside this file would be taken for the official package
    sys.path.pop(0)
    found = run()
    print(json.dumps(found, indent=2) if "--json" in sys.argv else "\n".join(table(found)))
