"""Recorded messages of the venue, some of older formats: each is read, or refused with the field's name."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import msgspec
import pytest

from dutchbook.core.errors import MalformedFrame, UnknownFee
from dutchbook.core.events import BookGap, FillSeen, MarketChanged, MarketResolved, OrderSeen, StreamTrouble
from dutchbook.core.market import MarketStatus
from dutchbook.core.money import Cash
from dutchbook.core.order import ReportStatus
from dutchbook.venues.polymarket.catalogue import ClobMarket, GammaMarket, gamma_resolution, read_market
from dutchbook.venues.polymarket.config import ApiCredentials
from dutchbook.venues.polymarket.reads import OpenOrder, Page, Trade, book_hash, decode, order_report, read_balance
from dutchbook.venues.polymarket.stream import PolymarketBookStream
from dutchbook.venues.polymarket.tokens import MarketTokens, TokenRegistry
from dutchbook.venues.polymarket.user_stream import PolymarketUserStream
from dutchbook.venues.polymarket.wire import read_post_answer
from venues.polymarket.desk import DATA, MARKET, NO_DATA, NO_TOKEN, YES_TOKEN, a_market, a_registry, an_intent

SAMPLES = DATA / "wire_samples" / "polymarket"
pytestmark = pytest.mark.skipif(not SAMPLES.exists(), reason=NO_DATA)
OLD_TOKEN = "21742633143463906290569050155826241533067272736897614950488156847949938836455"


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def market_frame(name: str, **more: str) -> list:
    message = json.loads(sample(name)) | more
    tokens = MarketTokens(message["market"], YES_TOKEN, NO_TOKEN, neg_risk=False)
    stream = PolymarketBookStream("wss://x", {MARKET: tokens})
    stream.opened()
    return list(stream.receive(json.dumps(message).encode(), 1))


def test_a_book_of_the_socket_is_read_once_its_kind_is_said() -> None:
    (book,) = market_frame("ws_book_snapshot.json", event_type="book")
    assert book.live and book.bids.best() == 500_000 and book.asks.best() == 510_000


@pytest.mark.parametrize(
    "name", ["ws_book_snapshot.json", "ws_quotes.json", "ws_last_trade.json", "ws_tick_size_change.json"]
)
def test_a_frame_of_the_format_without_kinds_is_refused_by_name(name: str) -> None:
    trouble, gap = market_frame(name)
    assert isinstance(trouble, StreamTrouble) and "event_type" in trouble.reason
    assert isinstance(gap, BookGap)


def test_the_other_recorded_frames_of_the_market_socket() -> None:
    assert market_frame("ws_market_price_change_msg.json") == []  # no snapshot yet: kept for it
    assert market_frame("ws_quotes.json", event_type="price_change") == []
    assert market_frame("ws_market_last_trade_msg.json") == []
    assert market_frame("ws_market_best_bid_ask_msg.json") == []
    assert market_frame("ws_market_new_market_msg.json") == []
    assert market_frame("ws_tick_size_change.json", event_type="tick_size_change") == [
        MarketChanged(MARKET, "tick 0.1 -> 0.01")
    ]


def test_a_recorded_result_names_its_winner() -> None:
    message = json.loads(sample("ws_market_resolved_msg.json"))
    tokens = MarketTokens(message["market"], *message["assets_ids"], neg_risk=False)
    (event,) = PolymarketBookStream("wss://x", {MARKET: tokens}).receive(json.dumps(message).encode(), 1)
    assert isinstance(event, MarketResolved) and event.resolution.yes_value == 1_000_000


@pytest.mark.parametrize(
    ("name", "status", "filled"),
    [
        ("ws_user_order_msg.json", ReportStatus.RESTING, 0),
        ("ws_user_order_placement.json", ReportStatus.RESTING, 0),
        ("ws_user_order_update.json", ReportStatus.RESTING, 25_000_000),
        ("ws_user_order_matched.json", ReportStatus.DONE, 100_000_000),
        ("ws_user_order_venue_cancel.json", ReportStatus.DONE, 0),
        ("ws_user_order_fok_killed.json", ReportStatus.DONE, 0),
        ("order_placement.json", ReportStatus.RESTING, 0),
    ],
)
def test_recorded_order_news(name: str, status: ReportStatus, filled: int) -> None:
    credentials = ApiCredentials("k", "AAAA", "p")
    stream = PolymarketUserStream("wss://x", credentials, "0x0", a_registry())
    (event,) = stream.receive(sample(name), 1)
    assert isinstance(event, OrderSeen)
    assert (event.report.status, event.report.filled) == (status, filled)


@pytest.mark.parametrize(
    ("name", "owner", "token", "size", "cash"),
    [
        ("ws_user_trade_msg.json", "00000000-0000-0000-0000-000000000001", YES_TOKEN, 25_000_000, 12_500_000),
        ("user_trade2.json", "3e2c94ca-8124-c4c1-c7ea-be1ea21b71fe", OLD_TOKEN, 5_000_000, 2_600_000),
        # as maker: our own order's price, 0.513, not the trade's 0.49
        ("user_trade3.json", "a93a3d32-74fa-dd2b-4b67-98bfa6fc5cb5", OLD_TOKEN, 5_000_000, 2_565_000),
    ],
)
def test_recorded_trade_news(name: str, owner: str, token: str, size: int, cash: int) -> None:
    registry = TokenRegistry()
    registry.add(a_market(), MarketTokens("0xc", token, NO_TOKEN, neg_risk=False))
    (event,) = PolymarketUserStream("wss://x", ApiCredentials(owner, "AAAA", "p"), "0x0", registry).receive(
        sample(name), 1
    )
    assert isinstance(event, FillSeen)
    assert (event.fill.size, event.fill.cash) == (size, cash)


def test_recorded_answers_to_orders() -> None:
    def answer(status: int, name: str) -> tuple[ReportStatus, str]:
        report = read_post_answer(status, sample(name), "0x1", an_intent())
        assert report.filled == 0
        return report.status, report.code

    assert answer(200, "http_order_response_failed.json") == (ReportStatus.REJECTED, "not_enough_balance")
    # an older format without a status
    assert answer(200, "http_order_response_ok.json") == (ReportStatus.UNKNOWN, "no_status")
    assert answer(500, "http_order_response_error_500.json") == (ReportStatus.UNKNOWN, "500")


def test_recorded_reads() -> None:
    page = decode(sample("http_open_orders_page.json"), Page, "orders")
    reports = [order_report(decode(row, OpenOrder, "order")) for row in page.data]
    assert [report.filled for report in reports] == [0, 50_000_000]
    assert all(report.status is ReportStatus.RESTING for report in reports)
    found = order_report(decode(sample("http_open_order_sell_fok.json"), OpenOrder, "order"))
    assert (found.status, found.filled) == (ReportStatus.DONE, 50_000_000)
    trades = decode(sample("http_trades_page.json"), Page, "trades")
    assert [decode(row, Trade, "trade").status for row in trades.data] == ["MINED"] and trades.next is None
    assert read_balance(sample("http_balance_allowance_collateral.json"), "balance") == 1_000_000_000
    with pytest.raises(MalformedFrame, match="balance"):
        read_balance(sample("http_balance_allowance_no_allowance.json"), "balance")


def test_recorded_markets() -> None:
    updown = msgspec.json.decode(sample("gamma_market.json"), type=GammaMarket)
    # fees are on and Gamma does not say which: the CLOB must
    with pytest.raises(UnknownFee, match="no schedule"):
        read_market(updown, None, Cash(0))
    tokens = json.loads(str(updown.clobTokenIds))
    rules = {"t": [{"t": tokens[0], "o": "Up"}, {"t": tokens[1], "o": "Down"}], "mts": 0.01, "fd": {"r": 0.07}}
    market, ids = read_market(updown, msgspec.json.decode(json.dumps(rules), type=ClobMarket), Cash(0))
    assert market.outcomes == ("Up", "Down") and market.event == "btc-updown-5m-1773307200"
    assert ids.yes.startswith("10423989803") and market.min_size == 5_000_000
    row = msgspec.json.decode(sample("gamma_market_sports_market_money_line.json"), type=GammaMarket)
    match, _ = read_market(row, None, Cash(0))
    assert match.outcomes == ("FaZe", "illwill") and match.status is MarketStatus.FINAL
    assert match.taker_delay_ns == 3_000_000_000 and match.fees.taker_rate == 30_000_000_000
    assert match.starts_ns == 1775401800 * 10**9
    result = gamma_resolution(row, match.id)
    assert result is not None and result.yes_value == 1_000_000


def catalogue_rows() -> list[bytes]:
    rows = [*SAMPLES.glob("gamma_market*.json"), SAMPLES / "markets_list.json", *SAMPLES.glob("event*.json")]
    rows += sorted((DATA / "settlement_btc5m").glob("BTC-5m*")) + sorted((DATA / "catalogue_misc").glob("gamma*"))
    rows += sorted((DATA / "catalogue_nba_2026-01").glob("poly*"))
    found: list[bytes] = []

    def collect(value: object) -> None:
        if isinstance(value, list):
            for item in value:
                collect(item)
        elif isinstance(value, dict):
            if "conditionId" in value and "question" in value:
                found.append(json.dumps(value).encode())
            else:
                for item in value.values():
                    collect(item)

    for path in rows:
        for text in texts(path):
            try:
                collect(json.loads(text))
            except ValueError:
                continue
    return found


def texts(path: Path) -> list[str]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = raw.decode("utf-8", "replace")
    return text.splitlines() if "jsonl" in path.name or "ndjson" in path.name else [text]


def test_every_recorded_market_is_read_or_refused_by_name() -> None:
    read, refused = 0, 0
    for raw in catalogue_rows():
        try:
            read_market(decode(raw, GammaMarket, "Gamma market"), None, Cash(0))
            read += 1
        except (MalformedFrame, UnknownFee) as error:
            assert "Gamma market" in str(error) or "not traded" in str(error)
            refused += 1
    assert read > 0
    assert read > refused


def test_recorded_books_carry_the_hash_that_we_compute() -> None:
    """The frames leave out two fields that a REST book has; all of these markets have the usual values."""
    lines = (DATA / "wire_samples" / "both" / "polymarket_book.jsonl").read_text().splitlines()
    books = [json.loads(line) | {"min_order_size": "5", "neg_risk": False} for line in lines]
    assert len(books) == 10
    for book in books:
        assert book_hash(json.dumps(book).encode()) == book["hash"]
