"""Markets, fees and results as the venue's catalogue states them."""

from __future__ import annotations

import json

import msgspec
import pytest

from dutchbook.core.account import Resolution
from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import MalformedFrame, UnknownFee
from dutchbook.core.fees import FREE, polymarket_fees
from dutchbook.core.market import Market, MarketStatus, TickGrid
from dutchbook.core.money import MICRO, Cash, Price, parse_rate
from dutchbook.venues.polymarket.catalogue import (
    ClobMarket,
    GammaMarket,
    ResolutionRow,
    data_resolution,
    gamma_resolution,
    read_market,
)
from dutchbook.venues.polymarket.tokens import MarketTokens, SportsFacts
from venues.polymarket.desk import MARKET, NO_TOKEN, SLUG, YES_TOKEN

V2_IDS = [
    "815936903326676622163643583088180723230762743286976155920815331834571255552",
    "815936903326676622163643583088180723230762743286976155920815331834571255553",
]


def gamma(**changes: object) -> GammaMarket:
    row = {
        "slug": SLUG,
        "conditionId": "0xc0ffee",
        "question": "Will it rain?",
        "description": "Yes if it rains.",
        "outcomes": '["Yes", "No"]',
        "outcomePrices": '["0.4", "0.6"]',
        "clobTokenIds": json.dumps([YES_TOKEN, NO_TOKEN]),
        "active": True,
        "closed": False,
        "acceptingOrders": True,
        "enableOrderBook": True,
        "endDate": "2026-12-01T00:00:00Z",
        "gameStartTime": "2026-11-30 15:10:00+00",
        "secondsDelay": 0,
        "orderPriceMinTickSize": 0.01,
        "orderMinSize": 5,
        "feesEnabled": True,
        "feeSchedule": {"exponent": 1, "rate": 0.04, "takerOnly": True, "rebateRate": 0.25},
        "events": [{"slug": "weather"}],
    }
    return msgspec.json.decode(json.dumps(row | changes), type=GammaMarket)


def clob(**changes: object) -> ClobMarket:
    row = {"c": "0xc0ffee", "t": [{"t": YES_TOKEN, "o": "Yes"}, {"t": NO_TOKEN, "o": "No"}], "mts": 0.001, "mos": 15}
    return msgspec.json.decode(json.dumps(row | {"fd": {"r": 0.05, "e": 1, "to": True}} | changes), type=ClobMarket)


def market(row: GammaMarket, rules: ClobMarket | None = None) -> Market:
    return read_market(row, rules, Cash(1_000_000))[0]


def test_a_listed_market_is_read_from_gamma() -> None:
    made, tokens = read_market(gamma(), None, Cash(1_000_000))
    assert made.id == MARKET and made.native == SLUG and made.event == "weather"
    assert made.title == "Will it rain?" and made.rules == "Yes if it rains." and made.outcomes == ("Yes", "No")
    assert made.grid == TickGrid.uniform(Price(10_000)) and made.min_size == 5 * MICRO and made.lot == 10_000
    assert made.take_lot == MICRO and made.buy_cash_step == 10_000 and made.sell_cash_step == 100
    assert made.fees == polymarket_fees(parse_rate("0.04"))
    assert made.status is MarketStatus.OPEN and made.pool == "polymarket:pusd" and made.min_cash == 1_000_000
    assert made.closes_ns == 1796083200 * SECOND and made.starts_ns == 1796051400 * SECOND
    assert tokens == MarketTokens("0xc0ffee", YES_TOKEN, NO_TOKEN, False)


def test_what_the_matching_engine_says_wins_over_the_catalogue() -> None:
    made, tokens = read_market(gamma(secondsDelay=0), clob(sd=3, gst="2026-11-29T00:00:00Z", nr=True), Cash(1_000_000))
    assert made.grid == TickGrid.uniform(Price(1_000)) and made.min_size == 15 * MICRO
    assert made.fees == polymarket_fees(parse_rate("0.05"))
    assert made.taker_delay_ns == 3 * SECOND and made.starts_ns == 1795910400 * SECOND
    assert tokens.neg_risk


def test_the_short_taker_delay_of_up_down_markets_is_taken_at_its_longest() -> None:
    assert market(gamma(), clob(itode=True)).taker_delay_ns == 250 * MILLISECOND
    assert market(gamma(), clob(itode=True, sd=1)).taker_delay_ns == SECOND
    assert market(gamma(secondsDelay=1)).taker_delay_ns == SECOND


def test_a_tick_finer_than_a_float_shows_is_exact() -> None:
    assert market(gamma(), clob(mts=0.0025)).grid == TickGrid.uniform(Price(2_500))
    assert market(gamma(orderPriceMinTickSize=0.0001)).grid == TickGrid.uniform(Price(100))


def test_fees_count_only_when_enabled_and_are_free_when_absent() -> None:
    assert market(gamma(feesEnabled=False), clob()).fees == FREE
    assert market(gamma(feesEnabled=None, feeSchedule=None)).fees == FREE
    assert market(gamma(feesEnabled=None, feeSchedule=None), clob(fd=None)).fees == FREE
    assert market(gamma(feeSchedule=None), clob()).fees == polymarket_fees(parse_rate("0.05"))
    assert market(gamma(), clob(fd=None)).fees == polymarket_fees(parse_rate("0.04"))
    assert market(gamma(), clob(fd={"r": 0, "e": 1})).fees == FREE


@pytest.mark.parametrize(
    "fd", [{"r": 0.05, "e": 1.5}, {"r": 0.05, "e": 0}, {"r": -0.05}, {"r": 1.5}, {"r": 0.05, "to": False}]
)
def test_an_unknown_fee_shape_is_not_traded(fd: dict) -> None:
    with pytest.raises(UnknownFee, match=SLUG):
        market(gamma(), clob(fd=fd))


def test_fees_enabled_without_a_schedule_are_not_taken_for_free() -> None:
    with pytest.raises(UnknownFee, match="no schedule"):
        market(gamma(feeSchedule=None))


def test_position_ids_are_traded_where_there_are_both() -> None:
    row = gamma(version="v2", positionIds=V2_IDS)
    tokens = read_market(row, None, Cash(0))[1]
    assert (tokens.yes, tokens.no) == tuple(V2_IDS)
    assert tokens.asset_type == "CONDITIONAL-V2" and tokens.exchange.name == "V3"
    as_text = read_market(gamma(positionIds=json.dumps(V2_IDS)), None, Cash(0))[1]
    assert as_text.yes == V2_IDS[0]
    assert read_market(gamma(version="v1", positionIds=V2_IDS), None, Cash(0))[1].yes == YES_TOKEN


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, MarketStatus.OPEN),
        ({"acceptingOrders": False}, MarketStatus.PAUSED),
        ({"enableOrderBook": False}, MarketStatus.PAUSED),
        ({"active": False}, MarketStatus.PAUSED),
        ({"archived": True}, MarketStatus.CLOSED),
        ({"closed": True}, MarketStatus.CLOSED),
        ({"closed": True, "umaResolutionStatus": "proposed"}, MarketStatus.DETERMINED),
        ({"closed": True, "umaResolutionStatus": "disputed"}, MarketStatus.DETERMINED),
        ({"closed": True, "umaResolutionStatus": "resolved"}, MarketStatus.FINAL),
        ({"closed": True, "resolutionStatus": "resolved"}, MarketStatus.FINAL),
        ({"umaResolutionStatus": "proposed"}, MarketStatus.OPEN),
    ],
)
def test_where_a_market_is_in_its_life(changes: dict, status: MarketStatus) -> None:
    assert market(gamma(**changes)).status is status


def test_a_closed_market_stays_closed_though_the_clob_accepts() -> None:
    assert market(gamma(closed=True), clob(ao=True)).status is MarketStatus.CLOSED
    assert market(gamma(), clob(ao=False)).status is MarketStatus.PAUSED


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"outcomes": '["A","B","C"]'}, "outcomes"),
        ({"outcomes": "Yes,No"}, "outcomes"),
        ({"clobTokenIds": None}, "clobTokenIds"),
        ({"clobTokenIds": '["1"]'}, "clobTokenIds"),
        ({"clobTokenIds": '["1","0xab"]'}, "clobTokenIds"),
        ({"version": "v2"}, "positionIds"),
        ({"endDate": None}, "endDate"),
        ({"endDate": "soon"}, "endDate"),
        ({"orderMinSize": None}, "orderMinSize"),
        ({"orderPriceMinTickSize": None}, "orderPriceMinTickSize"),
        ({"orderPriceMinTickSize": 0.03}, "tick"),
    ],
)
def test_a_market_that_cannot_be_read_names_the_field(changes: dict, field: str) -> None:
    with pytest.raises(MalformedFrame, match=field):
        market(gamma(**changes))


def test_tokens_that_two_services_call_differently_are_refused() -> None:
    swapped = [{"t": YES_TOKEN, "o": "No"}, {"t": NO_TOKEN, "o": "Yes"}]
    for tokens in (swapped, [{"t": YES_TOKEN}, {"t": "7"}], [{"t": YES_TOKEN}]):
        with pytest.raises(MalformedFrame, match="tokens"):
            market(gamma(), clob(t=tokens))
    assert market(gamma(), clob(t=[{"t": NO_TOKEN}, {"t": YES_TOKEN}]))


@pytest.mark.parametrize(
    ("prices", "value"),
    [(["1", "0"], MICRO), (["0", "1"], 0), (["0.5", "0.5"], MICRO // 2), (["0.50", "0.50"], 500_000)],
)
def test_a_resolved_market_pays_what_its_prices_say(prices: list[str], value: int) -> None:
    row = gamma(closed=True, umaResolutionStatus="resolved", outcomePrices=json.dumps(prices))
    assert gamma_resolution(row, MARKET) == Resolution(MARKET, Price(value), final=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"outcomePrices": '["0.9995","0.0005"]', "closed": True, "umaResolutionStatus": "resolved"},
        {"outcomePrices": '["1","0"]', "closed": True, "umaResolutionStatus": "proposed"},
        {"outcomePrices": '["1","0"]', "closed": True},
        {"outcomePrices": '["1","0"]', "umaResolutionStatus": "resolved"},
        {"outcomePrices": None, "closed": True, "umaResolutionStatus": "resolved"},
        {"outcomePrices": '["NaN","0"]', "closed": True, "umaResolutionStatus": "resolved"},
        {"outcomePrices": '["1","1"]', "closed": True, "umaResolutionStatus": "resolved"},
    ],
)
def test_last_quotes_and_proposals_are_not_results(changes: dict) -> None:
    assert gamma_resolution(gamma(**changes), MARKET) is None


@pytest.mark.parametrize(
    ("status", "payouts", "value"),
    [
        ("resolved", [1000000, 0], MICRO),
        ("resolved", ["0", "1000000"], 0),
        ("resolved", [500000, 500000], MICRO // 2),
        ("resolved", ["0", "1"], 0),
        ("resolved", ["0.5", "0.5"], MICRO // 2),
        ("proposed", [1000000, 0], None),
        ("resolved", [], None),
        ("resolved", None, None),
        ("resolved", [1000000, 1000000], None),
        ("resolved", [700000, 300000], 700_000),
        ("resolved", [700000, 300001], None),
        ("resolved", [1200000, -200000], None),
    ],
)
def test_the_second_source_of_results(status: str, payouts: list | None, value: int | None) -> None:
    row = msgspec.convert({"status": status, "payouts": payouts}, ResolutionRow)
    expected = None if value is None else Resolution(MARKET, Price(value), final=True)
    assert data_resolution([row], MARKET) == expected


def test_a_sports_market_says_which_game_which_kind_and_which_line() -> None:
    event = {"slug": "phx-mia", "homeTeamName": "Heat", "awayTeamName": "Suns", "gameId": 77, "seriesSlug": "nba-2027"}
    row = gamma(sportsMarketType="totals", line=221.5, events=[event])
    _, tokens = read_market(row, None, Cash(MICRO))
    assert tokens.sports == SportsFacts("77", "totals", "221.5", "Heat", "Suns", "nba-2027")


def test_a_market_that_is_no_sport_names_no_game() -> None:
    for row in (gamma(), gamma(events=None)):
        assert read_market(row, None, Cash(MICRO))[1].sports is None
