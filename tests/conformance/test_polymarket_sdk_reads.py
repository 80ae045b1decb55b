"""The official package finds its way on our simulator: keys, catalogue, books, balances, positions, results."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from conformance.sdk import CUP, GAME, M, everything, floor, polymarket


async def test_an_existing_key_is_derived_and_a_new_nonce_creates_another() -> None:
    async with floor() as venue:
        ann = venue.account("ann")
        derived = await venue.client(ann)
        assert str(derived.credentials.key) == ann["api_key"]
        created = await venue.client(ann, nonce=7)
        assert str(created.credentials.key) != ann["api_key"]
        assert {ann["api_key"], str(created.credentials.key)} == set(await created.fetch_api_keys())
        assert await created.get_closed_only_mode() is False


async def test_a_deleted_key_is_refused_from_then_on() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"), nonce=3)
        await client.delete_api_key()
        with pytest.raises(polymarket.RequestRejectedError, match="Unauthorized/Invalid api key"):
            await everything(client.list_open_orders())


async def test_given_credentials_are_used_as_they_are() -> None:
    async with floor() as venue:
        ann = venue.account("ann")
        credentials = polymarket.ApiKeyCreds(
            key=ann["api_key"], secret=ann["api_secret"], passphrase=ann["api_passphrase"]
        )
        client = await venue.client(ann, credentials=credentials)
        assert await client.fetch_api_keys() == (ann["api_key"],)


async def test_the_catalogue_lists_markets_and_events_of_both_protocols() -> None:
    async with floor() as venue:
        client = polymarket.AsyncPublicClient(environment=venue.environment)
        markets = {row.slug: row for row in await everything(client.list_markets(version=("v1", "v2"), closed=False))}
        assert set(markets) == {GAME, CUP}
        game = markets[GAME]
        condition, yes, no = venue.exchange.tokens(GAME)
        assert (game.condition_id, game.outcomes.yes.token_id, game.outcomes.no.token_id) == (condition, yes, no)
        assert game.state.accepting_orders and not game.state.closed and game.description
        assert (game.trading.minimum_tick_size, game.trading.minimum_order_size) == (Decimal("0.01"), 5)
        assert Decimal(str(game.trading.fee_schedule.rate)) == Decimal("0.05")
        assert markets[CUP].state.neg_risk
        events = await everything(client.list_events())
        assert {event.title for event in events} == {"Suns vs. Heat", "The Cup"}
        assert (await client.get_market(slug=GAME)).id == game.id == (await client.get_market(id=game.id)).id
        assert (await client.get_event(slug="suns-vs-heat")).markets[0].slug == GAME
        await client.close()


async def test_pages_of_the_catalogue_are_followed_to_the_end() -> None:
    async with floor() as venue:
        client = polymarket.AsyncPublicClient(environment=venue.environment)
        sizes = [len(page.items) async for page in client.list_markets(page_size=1)]
        assert sizes == [1, 1]
        await client.close()


async def test_books_and_prices_of_both_tokens_agree() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        _, yes, no = venue.exchange.tokens(GAME)
        book = await client.get_order_book(asset_id=yes)
        assert (book.bids[-1].price, book.asks[-1].price) == (Decimal("0.4"), Decimal("0.6"))
        assert {each.asset_id for each in await client.get_order_books(asset_ids=[yes, no])} == {yes, no}
        assert await client.get_price(asset_id=yes, side="BUY") == Decimal("0.6")
        assert await client.get_price(asset_id=no, side="SELL") == Decimal("0.4")
        asked = [polymarket.PriceRequest(asset_id=token, side="BUY") for token in (yes, no)]
        assert await client.get_prices(requests=asked) == {yes: {"BUY": Decimal("0.6")}, no: {"BUY": Decimal("0.6")}}
        assert await client.get_midpoint(asset_id=yes) == Decimal("0.5")
        assert await client.get_midpoints(asset_ids=[yes, no]) == {yes: Decimal("0.5"), no: Decimal("0.5")}
        assert await client.get_spread(asset_id=yes) == Decimal("0.2")
        assert await client.get_spreads(asset_ids=[no]) == {no: Decimal("0.2")}
        assert await client.estimate_market_price(asset_id=yes, side="BUY", amount=10) == Decimal("0.6")


async def test_the_last_trade_is_nothing_before_the_first_and_then_seen_from_each_token() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        _, yes, no = venue.exchange.tokens(GAME)
        assert await client.get_last_trade_price(asset_id=yes) is None
        assert await client.get_last_trade_prices(asset_ids=[yes, no]) == ()
        venue.exchange.take(GAME, "somebody", True, 600_000, 5 * M, time.time_ns())
        mine = await client.get_last_trade_price(asset_id=yes)
        assert (mine.price, mine.side) == (Decimal("0.6"), "BUY")
        both = {row.asset_id: (row.price, row.side) for row in await client.get_last_trade_prices(asset_ids=[yes, no])}
        assert both == {yes: (Decimal("0.6"), "BUY"), no: (Decimal("0.4"), "SELL")}


async def test_balances_and_positions_follow_a_purchase_and_its_result() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        condition, yes, _ = venue.exchange.tokens(CUP)
        before = await client.get_balance_allowance(asset_type="COLLATERAL")
        assert before.balance == 1_000 * M and all(before.allowances.values())
        order = await client.create_market_order(
            asset_id=yes, side="BUY", amount="6", max_price="0.6", order_type="FOK"
        )
        assert (await client.post_order(order)).status == "matched"
        assert (await client.get_balance_allowance(asset_type="CONDITIONAL", asset_id=yes)).balance == 10 * M
        assert (await client.get_balance_allowance(asset_type="COLLATERAL")).balance == 994 * M
        (held,) = await everything(client.list_positions())
        assert (held.asset_id, held.current_size, held.avg_price) == (yes, 10, Decimal("0.6"))
        # six dollars paid for shares that stand at the middle of the book, 0.50
        assert (held.entry_cost_usdc, held.current_value, held.unrealized_pnl) == (6, 5, -1)
        (posed,) = await client.get_resolutions(condition_ids=[condition])
        assert posed.status == "posed" and posed.payouts is None
        venue.exchange.auto_redeem = False
        venue.exchange.settle(CUP, M, time.time_ns())
        (resolved,) = await client.get_resolutions(condition_ids=[condition])
        assert resolved.status == "resolved" and resolved.payouts == (1, 0)
        (won,) = await everything(client.list_positions())
        assert won.redeemable and won.current_value == 10
