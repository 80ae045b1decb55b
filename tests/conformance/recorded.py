"""Our decoders, by a short name each, as readers of recorded bytes: what they make of it is `read` or their complaint.

A complaint is an error of our own tree or what a stream says in `StreamTrouble`; anything else that is raised is a defect
and leaves through the test.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import yaml

from dutchbook.core.claim import market_id
from dutchbook.core.errors import DutchbookError
from dutchbook.core.events import StreamTrouble
from dutchbook.core.money import Cash
from dutchbook.core.order import ReportStatus
from dutchbook.core.transport import Response
from dutchbook.venues.kalshi import catalogue as kalshi
from dutchbook.venues.kalshi import portfolio, reference, schedule, wire
from dutchbook.venues.kalshi.errors import failure, write_failure
from dutchbook.venues.kalshi.fields import decoded
from dutchbook.venues.kalshi.tape import KalshiTape
from dutchbook.venues.polymarket import bulk, catalogue, data, reads
from dutchbook.venues.polymarket.config import ApiCredentials
from dutchbook.venues.polymarket.stream import PolymarketBookStream
from dutchbook.venues.polymarket.tokens import MarketTokens, TokenRegistry
from dutchbook.venues.polymarket.user_stream import PolymarketUserStream
from dutchbook.venues.polymarket.wire import read_post_answer
from venues.kalshi.bits import CONFIG, KEY
from venues.polymarket.desk import MARKET, NO_TOKEN, a_market, an_intent

READ = "read"
Reader = Callable[[bytes], str]


def complaint(work: Callable[[], object]) -> str:
    """`read`, or what our error says."""
    try:
        work()
    except DutchbookError as error:
        return str(error)
    return READ


def _stream(events: Iterable[object]) -> str:
    return next((event.reason for event in events if isinstance(event, StreamTrouble)), READ)


# --- Polymarket ---


def _market_socket(raw: bytes) -> str:
    """One frame, on a socket that follows the market it names."""
    frame = json.loads(raw)
    rows = frame.get("price_changes") or [frame]
    token = frame.get("asset_id") or rows[0].get("asset_id") or (frame.get("assets_ids") or ["1"])[0]
    tokens = MarketTokens(str(frame.get("market", "0x0")), token, NO_TOKEN, neg_risk=False)
    stream = PolymarketBookStream("wss://x", {MARKET: tokens})
    stream.opened()
    return _stream(stream.receive(raw, 1))


def _user_socket(raw: bytes) -> str:
    frame = json.loads(raw)
    registry = TokenRegistry()
    registry.add(a_market(), MarketTokens("0xc", frame["asset_id"], NO_TOKEN, neg_risk=False))
    credentials = ApiCredentials(frame.get("owner", "k"), "AAAA", "p")
    return _stream(PolymarketUserStream("wss://x", credentials, "0x0", registry).receive(raw, 1))


def _gamma(raw: bytes) -> str:
    return complaint(
        lambda: catalogue.read_market(reads.decode(raw, catalogue.GammaMarket, "Gamma market"), None, Cash(0))
    )


def _posted(raw: bytes, status: int = 200) -> str:
    """An answer to an order: its fate is stated, or it is unknown and says why."""
    report = read_post_answer(status, raw, "0x1", an_intent())
    return READ if report.status is not ReportStatus.UNKNOWN else f"unknown: {report.reason}"


def _order_page(raw: bytes) -> str:
    page = reads.decode(raw, reads.Page, "orders")
    return complaint(lambda: [reads.order_report(reads.decode(row, reads.OpenOrder, "order")) for row in page.data])


def _trade_page(raw: bytes) -> str:
    page = reads.decode(raw, reads.Page, "trades")
    return complaint(lambda: [reads.decode(row, reads.Trade, "trade") for row in page.data])


POLYMARKET: dict[str, Reader] = {
    "market socket": _market_socket,
    "user socket": _user_socket,
    "gamma market": _gamma,
    "clob market": lambda raw: complaint(lambda: reads.decode(raw, catalogue.ClobMarket, "CLOB market")),
    "book": lambda raw: complaint(lambda: reads.decode(raw, data._RestBook, "book")),
    "order page": _order_page,
    "trade page": _trade_page,
    "order": lambda raw: complaint(lambda: reads.order_report(reads.decode(raw, reads.OpenOrder, "order"))),
    "trade": lambda raw: complaint(lambda: reads.decode(raw, reads.Trade, "trade")),
    "balance": lambda raw: complaint(lambda: reads.read_balance(raw, "balance")),
    "cancelled": lambda raw: complaint(lambda: bulk.read_cancels(raw)),
    "posted": _posted,
    "posted, 500": lambda raw: _posted(raw, 500),
    "held position": lambda raw: complaint(lambda: reads.decode(raw, reads.HeldPosition, "position")),
}

# --- Kalshi ---


def _kalshi_socket(raw: bytes) -> str:
    ticker = json.loads(raw)["msg"]["market_ticker"]
    tape = KalshiTape(CONFIG, KEY, [ticker])
    tape.opened()
    return _stream(tape.receive(raw, 1))


def _kalshi_rows(decoder: msgspec.json.Decoder[Any], what: str) -> Reader:
    return lambda raw: complaint(lambda: decoded(decoder, raw, what))


def _kalshi_markets(raw: bytes) -> str:
    """A page of markets: read when every row is; else the complaints of its rows, each once."""
    page = decoded(kalshi.MARKETS, raw, "markets")
    words = Counter(complaint(lambda row=row: kalshi.decode_market(bytes(row))) for row in page.markets)  # type: ignore[misc]
    return "; ".join(sorted({word.split(": ", 1)[-1] for word in words}))


KALSHI: dict[str, Reader] = {
    "tape": _kalshi_socket,
    "market": lambda raw: complaint(lambda: kalshi.decode_market(raw)),
    "book": lambda raw: complaint(lambda: kalshi.decode_book(market_id("kalshi", "X"), raw, 1)),
    "GET /exchange/status": lambda raw: complaint(lambda: schedule.decode_modes(raw)),
    "GET /portfolio/balance": lambda raw: complaint(lambda: portfolio.decode_balances(raw, 1)),
    "GET /portfolio/fills": _kalshi_rows(portfolio.FILLS, "fills"),
    "GET /portfolio/positions": _kalshi_rows(portfolio.POSITIONS, "positions"),
    "GET /portfolio/orders": _kalshi_rows(wire.ORDERS, "orders"),
    "GET /markets": _kalshi_markets,
    "GET /markets/trades": _kalshi_rows(reference._TRADES, "trades"),
    "GET /events": _kalshi_rows(kalshi.EVENTS, "events"),
}


# --- VCR cassettes ---


def outcomes_of(cassette: Path) -> list[str]:
    """What we make of every answer in a cassette, in order."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [_outcome(each) for each in yaml.load(cassette.read_text(), loader)["interactions"]]


def _outcome(interaction: dict[str, Any]) -> str:
    asked, answered = interaction["request"], interaction["response"]
    url = urlsplit(asked["uri"])
    status, body = int(answered["status"]["code"]), answered["body"]["string"].encode()
    response = Response(status, body, {})
    if "polymarket" in url.netloc:
        if status != 200:
            return complaint(lambda: reads.check_answer(response, "catalogue"))
        rows = json.loads(body)
        words = {
            POLYMARKET["gamma market"](msgspec.json.encode(row)) for row in (rows if isinstance(rows, list) else [rows])
        }
        return "; ".join(sorted(words))
    path = url.path.removeprefix("/trade-api/v2")
    if status >= 300:
        # after a write that was not answered properly nobody knows what was done
        told = failure if asked["method"] == "GET" else write_failure
        error = told(response, f"{asked['method']} {path}")
        return f"{type(error).__name__}: {error}"
    parts = path.strip("/").split("/")
    if parts[0] == "markets" and parts[-1] == "orderbook":
        return KALSHI["book"](body)
    if parts[0] == "markets" and len(parts) == 2 and parts[1] != "trades":
        return KALSHI["market"](msgspec.json.encode(json.loads(body)["market"]))
    return KALSHI[f"{asked['method']} {path}"](body)


# --- sample files ---


def rows_of(sample: Path) -> list[bytes]:
    """The single answers, frames or rows in a sample file, whatever it wraps them in."""
    text = sample.read_text()
    found: Any = [json.loads(line) for line in text.splitlines()] if sample.suffix == ".jsonl" else json.loads(text)
    if isinstance(found, dict):
        # a market also names its events; a search result has nothing else
        found = [found] if "conditionId" in found else found.get("events", [found])
    rows: list[Any] = found
    if all("markets" in row for row in rows) and sample.name != "polymarket_reward_metadata.json":
        rows = [market for row in rows for market in row["markets"]]
    return [json.dumps(row.get("response", row)).encode() for row in rows]
