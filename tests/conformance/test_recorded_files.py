"""Every recorded file is read by a decoder of ours, or refused with the name of what is wrong: the two tables are complete.

Where a file holds several rows, each has the one outcome that is named, or one of those that are.
"""

from __future__ import annotations

import pytest

from conformance.recorded import KALSHI, POLYMARKET, READ, outcomes_of, rows_of
from conformance.specification import DATA

SAMPLES, CASSETTES = DATA / "wire_samples", DATA / "rest_cassettes"
pytestmark = pytest.mark.skipif(
    not SAMPLES.exists(), reason=f"recorded samples not found at {SAMPLES} (DUTCHBOOK_DATA)"
)

NO_KIND = "`event_type`"
"""Frames of a format without kinds, or of another service's socket."""
SAMPLE_TABLE: dict[str, tuple[str, str]] = {
    "both/kalshi_ticker.jsonl": ("kalshi tape", READ),
    "both/kalshi_trade.jsonl": ("kalshi tape", "`created_time`"),
    "both/polymarket_book.jsonl": ("market socket", READ),
    "both/polymarket_trade.jsonl": ("market socket", READ),
    "polymarket/book.json": ("book", READ),
    "polymarket/clob_fee_rate_response_nonzero.json": ("clob market", "`t`"),
    "polymarket/clob_fee_rate_response_zero.json": ("clob market", "`t`"),
    "polymarket/clob_market_closed_binary_accepting_true.json": ("clob market", "`t`"),
    "polymarket/data_api_positions_response.json": ("held position", "`token_id`"),
    "polymarket/data_api_trades_response.json": ("trade", "`id`"),
    "polymarket/event.json": ("gamma market", "`outcomes`"),
    "polymarket/events_list.json": ("gamma market", "`slug`"),
    "polymarket/gamma_market.json": ("gamma market", "fees are enabled and no schedule is stated"),
    "polymarket/gamma_market_closed_binary_accepting_false.json": ("gamma market", READ),
    "polymarket/gamma_market_closed_binary_accepting_true.json": ("gamma market", READ),
    "polymarket/gamma_market_closed_nonbinary_legacy.json": (
        "gamma market",
        "orderPriceMinTickSize or orderMinSize is missing",
    ),
    "polymarket/gamma_market_sports_market_money_line.json": ("gamma market", READ),
    "polymarket/gamma_tags.json": ("gamma market", "`conditionId`"),
    "polymarket/http_balance_allowance_collateral.json": ("balance", READ),
    "polymarket/http_balance_allowance_no_allowance.json": ("balance", "is not a six-decimal integer"),
    "polymarket/http_batch_cancel_response.json": ("cancelled", READ),
    "polymarket/http_open_order.json": ("order", READ),
    "polymarket/http_open_order_sell_fok.json": ("order", READ),
    "polymarket/http_open_orders_page.json": ("order page", READ),
    "polymarket/http_order_response_error_500.json": ("posted, 500", "unknown: Internal server error"),
    "polymarket/http_order_response_failed.json": ("posted", READ),
    "polymarket/http_order_response_ok.json": ("posted", "unknown: status None"),
    "polymarket/http_signed_order.json": ("order", "`id`"),
    "polymarket/http_trades_page.json": ("trade page", READ),
    "polymarket/market.json": ("clob market", "`t`"),
    "polymarket/markets_list.json": ("gamma market", "`outcomes`"),
    "polymarket/order_placement.json": ("user socket", READ),
    "polymarket/rtds_crypto_prices_subscribe.json": ("market socket", NO_KIND),
    "polymarket/rtds_crypto_prices_update.json": ("market socket", NO_KIND),
    "polymarket/rtds_equity_prices_update.json": ("market socket", NO_KIND),
    "polymarket/search_response.json": ("gamma market", READ),
    "polymarket/tick_size_change.json": ("market socket", READ),
    "polymarket/trades.json": ("trade", READ),
    "polymarket/user_trade2.json": ("user socket", READ),
    "polymarket/user_trade3.json": ("user socket", READ),
    "polymarket/ws_book_snapshot.json": ("market socket", NO_KIND),
    "polymarket/ws_last_trade.json": ("market socket", NO_KIND),
    "polymarket/ws_market_best_bid_ask_msg.json": ("market socket", READ),
    "polymarket/ws_market_last_trade_msg.json": ("market socket", READ),
    "polymarket/ws_market_new_market_msg.json": ("market socket", READ),
    "polymarket/ws_market_price_change_msg.json": ("market socket", READ),
    "polymarket/ws_market_resolved_msg.json": ("market socket", READ),
    "polymarket/ws_quotes.json": ("market socket", NO_KIND),
    "polymarket/ws_tick_size_change.json": ("market socket", NO_KIND),
    "polymarket/ws_user_order_fok_killed.json": ("user socket", READ),
    "polymarket/ws_user_order_matched.json": ("user socket", READ),
    "polymarket/ws_user_order_msg.json": ("user socket", READ),
    "polymarket/ws_user_order_placement.json": ("user socket", READ),
    "polymarket/ws_user_order_update.json": ("user socket", READ),
    "polymarket/ws_user_order_venue_cancel.json": ("user socket", READ),
    "polymarket/ws_user_trade_msg.json": ("user socket", READ),
    "small/kalshi_markets.json": ("kalshi market", READ),
    "small/kalshi_orderbook_real_sample.json": ("kalshi book", READ),
    "small/kalshi_orderbook_two_sided.json": ("kalshi book", READ),
    "small/limitless_markets.json": ("gamma market", "`question`"),
    "small/market.json": ("gamma market", READ),
    "small/polymarket_markets.json": ("gamma market", READ),
    "small/polymarket_reward_metadata.json": ("gamma market", "`slug`"),
}

NO_SHARDS = "`balance_breakdown`"
"""A balance of November 2025, before the shards: the sum over them is not what can be spent."""
NO_TEXTS = "`count_fp`"
"""Counts were whole numbers until March 2026."""
NO_BOOK = "`orderbook_fp`"
NO_TOKENS = "clobTokenIds are not two token ids"
DOWN = "Lost: "
"""A write answered with 503: nobody knows what was done."""
CASSETTE_TABLE: dict[str, tuple[str, ...]] = {
    "TestAdvancedParameters.test_buy_max_cost_and_sell_position_floor.yaml": (DOWN, "sell_position_floor must be 0"),
    "TestAdvancedParameters.test_combined_advanced_parameters.yaml": (NO_SHARDS, DOWN),
    "TestAdvancedParameters.test_good_til_time_with_expiration.yaml": (NO_SHARDS, DOWN),
    "TestAdvancedParameters.test_post_only_parameter.yaml": (NO_SHARDS, DOWN) * 2,
    "TestAdvancedParameters.test_self_trade_prevention_types.yaml": (DOWN,) * 3,
    "TestAdvancedParameters.test_time_in_force_parameter.yaml": (NO_SHARDS, DOWN) * 3,
    "TestGammaClientErrorHandling.test_invalid_market_id.yaml": ("HTTP 422, id is invalid",),
    "TestGammaClientMarketData.test_client_from_env.yaml": (NO_TOKENS,),
    "TestGammaClientMarketData.test_get_event_by_id.yaml": ("HTTP 503, upstream connect error",),
    "TestGammaClientMarketData.test_get_market_by_id.yaml": (NO_TOKENS,) * 2,
    "TestGammaClientMarketData.test_get_orderbook.yaml": (NO_TOKENS,),
    "TestGammaClientMarketData.test_market_helper_properties.yaml": (NO_TOKENS,),
    "TestGammaClientMarketData.test_search_markets.yaml": (f"{NO_TOKENS}; {READ}",),
    "TestGammaClientPagination.test_search_markets_respects_limit.yaml": (f"{NO_TOKENS}; {READ}",),
    "TestKalshiClientIntegration.test_client_context_manager.yaml": (READ,),
    "TestKalshiClientIntegration.test_get_balance.yaml": (NO_SHARDS,),
    "TestKalshiClientIntegration.test_get_market_by_ticker.yaml": (READ,),
    "TestKalshiClientIntegration.test_search_markets_returns_results.yaml": (READ,),
    "TestKalshiClientIntegration.test_search_with_status_filter.yaml": (READ,),
    "TestMCPResources.test_read_balance_resource.yaml": (NO_SHARDS,),
    "TestMCPResources.test_read_status_resource.yaml": (READ,),
    "TestMCPToolErrorHandling.test_search_markets_invalid_status.yaml": ("400 bad_request",),
    "TestMCPToolsIntegration.test_kalshi_get_balance.yaml": (NO_SHARDS,),
    "TestMCPToolsIntegration.test_kalshi_get_exchange_status.yaml": (READ,),
    "TestMCPToolsIntegration.test_kalshi_search_markets_default.yaml": (READ,),
    "TestMCPToolsIntegration.test_kalshi_search_markets_with_limit.yaml": (READ,),
    "TestMCPToolsViaProtocol.test_kalshi_get_exchange_status.yaml": (READ,),
    "TestMarketDiscoveryTools.test_get_event.yaml": (READ, "404 not_found"),
    "TestMarketDiscoveryTools.test_get_orderbook.yaml": (NO_BOOK,),
    "TestMarketDiscoveryTools.test_get_trades.yaml": (NO_TEXTS,),
    "TestOrderExecutionTools.test_cancel_order_workflow.yaml": (NO_SHARDS, READ, "404 not_found"),
    "TestOrderExecutionTools.test_create_market_order.yaml": (READ,),
    "TestOrderExecutionTools.test_decrease_order.yaml": ("404 not_found",),
    "TestOrderbookParsing.test_orderbook_handles_null_gracefully.yaml": (READ, NO_BOOK),
    "TestOrderbookParsing.test_orderbook_parses_flat_array_structure.yaml": (READ, *(NO_BOOK,) * 9),
    "TestPagination.test_get_events_pagination.yaml": (READ, READ),
    "TestPagination.test_get_fills_pagination.yaml": (NO_TEXTS,),
    "TestPagination.test_get_trades_pagination.yaml": (NO_TEXTS, NO_TEXTS),
    "TestPagination.test_search_markets_pagination_with_query.yaml": (READ,),
    "TestPortfolioTools.test_get_fills.yaml": (NO_TEXTS,),
    "TestPortfolioTools.test_get_orders_with_ticker_filter.yaml": (READ,),
    "TestPortfolioTools.test_get_positions.yaml": ("`position_fp`",),
}


def matches(outcome: str, expected: str) -> bool:
    """`read` is said exactly; a complaint contains what is expected of it."""
    return outcome == expected if expected == READ else outcome != READ and expected in outcome


def test_no_recorded_file_is_left_out() -> None:
    samples = {str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*") if path.is_file()}
    assert samples == SAMPLE_TABLE.keys()
    assert {path.name for path in CASSETTES.iterdir()} == CASSETTE_TABLE.keys()


@pytest.mark.parametrize("name", sorted(SAMPLE_TABLE))
def test_a_sample_is_read_or_refused_by_name(name: str) -> None:
    reader, expected = SAMPLE_TABLE[name]
    read = KALSHI[reader.removeprefix("kalshi ")] if reader.startswith("kalshi ") else POLYMARKET[reader]
    rows = rows_of(SAMPLES / name)
    assert rows
    for row in rows:
        assert matches(read(row), expected), read(row)


@pytest.mark.parametrize("name", sorted(CASSETTE_TABLE))
def test_an_exchange_on_a_cassette_is_read_or_refused_by_name(name: str) -> None:
    outcomes, expected = outcomes_of(CASSETTES / name), CASSETTE_TABLE[name]
    assert len(outcomes) == len(expected)
    for outcome, each in zip(outcomes, expected, strict=True):
        assert matches(outcome, each), outcome
