"""Markets, fees, grids, results and REST books, as the venue writes them."""

from __future__ import annotations

import gzip
import json
from typing import Any

import msgspec
import pytest

from dutchbook.core.claim import Outcome, market_id
from dutchbook.core.errors import MalformedFrame, UnknownFee
from dutchbook.core.fees import Precision
from dutchbook.core.market import Market, MarketStatus
from dutchbook.core.money import MICRO
from dutchbook.venues.kalshi import catalogue
from venues.kalshi.bits import micro, recorded

ROW: dict[str, Any] = {
    "ticker": "KXHIGHNY-24JAN01-T60",
    "event_ticker": "KXHIGHNY-24JAN01",
    "market_type": "binary",
    "title": "High?",
    "yes_sub_title": "60 or above",
    "no_sub_title": "59 or below",
    "close_time": "2026-11-21T05:00:00Z",
    "status": "active",
    "result": "",
    "notional_value_dollars": "1.0000",
    "rules_primary": "First.",
    "rules_secondary": "Second.",
    "price_ranges": [
        {"start": "0.0000", "end": "0.1000", "step": "0.0010"},
        {"start": "0.1000", "end": "0.9000", "step": "0.0100"},
        {"start": "0.9000", "end": "1.0000", "step": "0.0010"},
    ],
    "exchange_index": 2,
    "a_new_field": [1],
}
EVENT: dict[str, Any] = {
    "event_ticker": "KXHIGHNY-24JAN01",
    "series_ticker": "KXHIGHNY",
    "title": "NY",
    "mutually_exclusive": True,
}
SERIES: dict[str, Any] = {"ticker": "KXHIGHNY", "fee_type": "quadratic", "fee_multiplier": 1}


def market(
    row: dict[str, Any] | None = None, event: dict[str, Any] | None = None, series: dict[str, Any] | None = None
) -> Market:
    return catalogue.market_of(
        catalogue.decode_market(json.dumps(ROW | (row or {})).encode()),
        catalogue.decode_event(json.dumps({"event": EVENT | (event or {})}).encode()),
        catalogue.decode_series(json.dumps({"series": SERIES | (series or {})}).encode()),
        Precision.DIRECT,
    )


def test_a_market_is_read_whole() -> None:
    found = market()
    assert found.id == "kalshi:KXHIGHNY-24JAN01-T60"
    assert (found.event, found.title, found.rules) == ("KXHIGHNY-24JAN01", "High?", "First.\n\nSecond.")
    assert found.outcomes == ("60 or above", "59 or below")
    assert (found.lot, found.min_size, found.pool, found.status) == (10_000, 10_000, "kalshi:2", MarketStatus.OPEN)
    assert found.closes_ns == 1_795_237_200_000_000_000
    assert found.mutually_exclusive


@pytest.mark.parametrize(
    ("price", "on_grid"),
    [("0.001", True), ("0.0005", False), ("0.105", False), ("0.11", True), ("0.905", True), ("0", False), ("1", False)],
)
def test_the_grid_is_read_from_the_price_ranges(price: str, on_grid: bool) -> None:
    assert market().grid.contains(micro(price)) is on_grid  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("word", "status"),
    [("initialized", "paused"), ("inactive", "paused"), ("closed", "closed"), ("determined", "determined"),
     ("disputed", "determined"), ("amended", "determined"), ("finalized", "final"), ("brand_new", "paused")],
)  # fmt: skip
def test_no_other_status_looks_open(word: str, status: str) -> None:
    assert market({"status": word}).status is MarketStatus(status)


@pytest.mark.parametrize(
    ("row", "event", "series", "shard"),
    [({}, {"exchange_index": 1}, {"exchange_index": 3}, 2), ({"exchange_index": None}, {"exchange_index": 1}, {}, 1),
     ({"exchange_index": None}, {}, {"exchange_index": 3}, 3), ({"exchange_index": None}, {}, {}, 0)],
)  # fmt: skip
def test_the_shard_comes_from_the_nearest_that_names_it(row: Any, event: Any, series: Any, shard: int) -> None:
    assert market(row, event, series).pool == f"kalshi:{shard}"


def test_an_event_override_beats_the_series_and_null_is_none() -> None:
    half = market(None, {"fee_type_override": None, "fee_multiplier_override": 0.5})
    assert half.fees.taker_rate * 2 == market().fees.taker_rate == 70_000_000_000
    makers = market(None, {"fee_type_override": "quadratic_with_maker_fees", "fee_multiplier_override": None})
    assert (market().fees.maker_rate, makers.fees.maker_rate) == (0, 17_500_000_000)
    assert market().fees.balance_quantum == Precision.DIRECT.value


def test_a_fee_waiver_counts_only_when_it_outlasts_the_market() -> None:
    early = market({"fee_waiver_expiration_time": "2026-11-21T04:59:59Z"})
    late = market({"fee_waiver_expiration_time": "2026-11-21T05:00:00Z"})
    assert (early.fees.taker_rate, late.fees.taker_rate) == (70_000_000_000, 0)


@pytest.mark.parametrize("series", [{"fee_type": "flat"}, {"fee_type": "new"}, {"fee_multiplier": -1}])
def test_an_unknown_fee_shape_is_refused(series: dict[str, Any]) -> None:
    with pytest.raises(UnknownFee, match="fee_"):
        market(None, None, series)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"price_ranges": None}, "price_ranges"),
        ({"price_ranges": [{"start": "0", "end": "1", "step": "0"}]}, "price_ranges"),
        ({"price_ranges": [{"start": "0.5", "end": "0.1", "step": "0.01"}]}, "price_ranges"),
        ({"price_ranges": [{"start": "0", "end": "1", "step": "0.03"}]}, "price_ranges"),
        ({"price_ranges": [{"start": "0", "end": "1.5", "step": "0.01"}]}, "price_ranges"),
        ({"close_time": None}, "close_time"),
        ({"close_time": "soon"}, "close_time"),
        ({"close_time": "2026-11-21T05:00:00"}, "close_time"),
        ({"ticker": None}, "ticker"),
        ({"market_type": "scalar"}, "market_type"),
        ({"notional_value_dollars": "100.0000"}, "notional_value_dollars"),
    ],
)
def test_an_unreadable_market_names_the_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedFrame, match=field):
        market(change)


def test_a_missing_promised_field_is_named() -> None:
    with pytest.raises(MalformedFrame, match="KXHIGHNY-24JAN01-T60: Object missing required field `status`"):
        catalogue.decode_market(json.dumps({key: ROW[key] for key in ROW if key != "status"}).encode())


def test_an_occurrence_at_or_after_the_close_is_no_start() -> None:
    assert market({"occurrence_datetime": "2026-11-21T05:00:00Z"}).starts_ns is None
    assert market({"occurrence_datetime": "2026-11-21T04:00:00Z"}).starts_ns == 1_795_233_600_000_000_000


def resolution(**change: Any) -> tuple[int, bool] | None:
    found = catalogue.resolution_of(catalogue.decode_market(json.dumps(ROW | change).encode()))
    return None if found is None else (found.yes_value, found.final)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, None),
        ({"status": "closed", "result": ""}, None),
        ({"status": "determined", "result": ""}, None),
        ({"status": "determined", "result": "yes"}, (MICRO, False)),
        ({"status": "disputed", "result": "no", "settlement_value_dollars": "0.0000"}, (0, False)),
        ({"status": "finalized", "result": "no"}, (0, True)),
        ({"status": "finalized", "result": "scalar", "settlement_value_dollars": "0.2550"}, (255_000, True)),
    ],
)
def test_only_a_finalized_result_is_final(change: dict[str, Any], expected: tuple[int, bool] | None) -> None:
    assert resolution(**change) == expected


@pytest.mark.parametrize(
    "change",
    [{"result": "scalar"}, {"result": "void"}, {"result": "yes", "settlement_value_dollars": "0.2500"},
     {"result": "scalar", "settlement_value_dollars": "1.5"}],
)  # fmt: skip
def test_a_result_without_a_clear_amount_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedFrame, match=r"KXHIGHNY|settlement_value"):
        resolution(status="finalized", **change)


def test_a_rest_book_is_two_lists_of_bids_with_the_best_last() -> None:
    body = (
        b'{"orderbook_fp":{"yes_dollars":[["0.0100","200.00"],["0.4200","13.00"]],"no_dollars":[["0.5600","17.00"]]}}'
    )
    book = catalogue.decode_book(market_id("kalshi", "T"), body, 5)
    assert book.bids == ((420_000, 13_000_000), (10_000, 200_000_000))
    assert book.asks == ((440_000, 17_000_000),)
    assert book.as_of_ns == 5


@pytest.mark.parametrize("sides", [{}, {"yes_dollars": None, "no_dollars": []}])
def test_a_side_may_be_null_absent_or_empty(sides: object) -> None:
    book = catalogue.decode_book(market_id("kalshi", "T"), msgspec.json.encode({"orderbook_fp": sides}), 0)
    assert (book.bids, book.asks) == ((), ())


@pytest.mark.parametrize(
    "body", [b'{"orderbook":{"yes":[[1,2]]}}', b'{"orderbook_fp":{"yes_dollars":[["1.2","1"]]}}',
             b'{"orderbook_fp":{"no_dollars":[["0.5","-1"]]}}']
)  # fmt: skip
def test_a_book_in_an_older_format_or_with_impossible_levels_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedFrame, match=r"orderbook_fp|yes_dollars|no_dollars"):
        catalogue.decode_book(market_id("kalshi", "T"), body, 0)


def test_recorded_rest_books_are_not_crossed() -> None:
    for path in sorted(recorded("wire_samples", "small").glob("kalshi_orderbook*.json")):
        sample = json.loads(path.read_text())
        book = catalogue.decode_book(market_id("kalshi", sample["ticker"]), json.dumps(sample["response"]).encode(), 0)
        assert book.bids or book.asks
        if book.bids and book.asks:
            assert book.bids[0][0] < book.asks[0][0]


def test_recorded_settled_events_give_the_recorded_result() -> None:
    for path in sorted(recorded("kalshi_ws", "metadata").glob("*.json")):
        answer = json.loads(path.read_text())["response"]
        event = catalogue.decode_event(json.dumps(answer).encode())
        series = catalogue.decode_series(json.dumps({"series": SERIES | {"ticker": event.series_ticker}}).encode())
        for each in answer["markets"]:
            row = catalogue.decode_market(json.dumps(each).encode())
            found = catalogue.market_of(row, event, series, Precision.NON_DIRECT)
            assert found.status is MarketStatus.FINAL
            assert found.grid.contains(micro("0.53"))  # type: ignore[arg-type]
            result = catalogue.resolution_of(row)
            assert result is not None and result.final
            assert result.yes_value == (MICRO if each["result"] == "yes" else 0)
            assert Outcome(each["result"])


@pytest.mark.parametrize(
    "parts",
    [("wire_samples", "small", "kalshi_markets.json"), ("catalogue_misc", "kalshi_markets_page_2026-03-07.json.gz")],
)
def test_recorded_market_pages_are_read_or_name_the_field(parts: tuple[str, ...]) -> None:
    path = recorded(*parts)
    body = json.loads(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_text())
    rows = body if isinstance(body, list) else body["markets"]
    assert rows
    for each in rows:
        assert catalogue.decode_market(json.dumps(each).encode()).ticker == each["ticker"]
