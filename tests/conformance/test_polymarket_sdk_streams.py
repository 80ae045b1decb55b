"""The official package listens to our simulator: books and their changes, its own orders and fills, results."""

from __future__ import annotations

import time
from decimal import Decimal

from conformance.sdk import CUP, GAME, M, floor, news, spec, streams


async def test_the_market_stream_shows_books_changes_trades_ticks_and_the_result() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        condition, yes, no = venue.exchange.tokens(GAME)
        handle = await client.subscribe(streams.MarketSpec(asset_ids=[yes, no], custom_feature_enabled=True))
        # the package asks for its tokens in no particular order
        waiting = {yes, no}
        books = await news(handle, lambda event: waiting.discard(event.payload.asset_id) or not waiting)
        assert [book.type for book in books] == ["book", "book"]
        assert all(book.payload.bids[-1].price == Decimal("0.4") for book in books)
        venue.quote(GAME, [(410_000, 1_000 * M)], [(600_000, 1_000 * M)])
        *_, change = await news(handle, lambda event: event.type == "price_change")
        levels = {(row.asset_id, row.side, row.price): row.size for row in change.payload.price_changes}
        assert levels[yes, "BUY", Decimal("0.41")] == 1_000 == levels[no, "SELL", Decimal("0.59")]
        assert levels[yes, "BUY", Decimal("0.4")] == 0
        *_, best = await news(handle, lambda event: event.type == "best_bid_ask" and event.payload.asset_id == no)
        assert (best.payload.best_bid, best.payload.best_ask) == (Decimal("0.4"), Decimal("0.59"))
        venue.exchange.take(GAME, "somebody", True, 600_000, 5 * M, time.time_ns())
        venue.server.flush()
        *_, trade = await news(handle, lambda event: event.type == "last_trade_price")
        assert (trade.payload.price, trade.payload.size, trade.payload.side) == (Decimal("0.6"), 5, "BUY")
        venue.exchange.change_tick(GAME, 1_000, time.time_ns())
        venue.server.flush()
        *_, tick = await news(handle, lambda event: event.type == "tick_size_change")
        assert (tick.payload.old_tick_size, tick.payload.new_tick_size) == (Decimal("0.01"), Decimal("0.001"))
        venue.exchange.list_market(spec("a-new-one"), time.time_ns())
        venue.server.flush()
        *_, listed = await news(handle, lambda event: event.type == "new_market")
        assert listed.payload.slug == "a-new-one"
        venue.exchange.settle(GAME, M, time.time_ns())
        venue.server.flush()
        *_, result = await news(handle, lambda event: event.type == "market_resolved")
        assert (result.payload.condition_id, result.payload.winning_asset_id) == (condition, yes)
        assert handle.dropped == 0


async def test_the_user_stream_shows_ones_own_orders_and_fills() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        _, yes, _ = venue.exchange.tokens(GAME)
        handle = await client.subscribe(streams.UserSpec())
        order = await client.create_limit_order(asset_id=yes, price="0.5", size="10", side="BUY")
        placed = await client.post_order(order)
        *_, placement = await news(handle, lambda event: event.type == "order")
        assert (placement.payload.order_event_type, placement.payload.id) == ("PLACEMENT", placed.order_id)
        assert placement.payload.status == "LIVE"
        await client.cancel_order(order_id=placed.order_id)
        *_, gone = await news(handle, lambda event: event.type == "order")
        assert (gone.payload.order_event_type, gone.payload.id) == ("CANCELLATION", placed.order_id)
        taken = await client.create_market_order(
            asset_id=yes, side="BUY", amount="6", max_price="0.6", order_type="FOK"
        )
        done = await client.post_order(taken)
        fills = await news(handle, lambda event: event.type == "trade" and event.payload.status == "CONFIRMED")
        trades = [event.payload for event in fills if event.type == "trade"]
        assert [trade.status for trade in trades] == ["MATCHED", "MINED", "CONFIRMED"]
        assert {(trade.id, trade.taker_order_id) for trade in trades} == {(done.trade_ids[0], done.order_id)}
        assert trades[-1].transaction_hash and trades[-1].trader_side == "TAKER"
        assert handle.dropped == 0


async def test_a_makers_fill_is_inside_the_trade_of_another() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        _, yes, _ = venue.exchange.tokens(CUP)
        handle = await client.subscribe(streams.UserSpec())
        order = await client.create_limit_order(asset_id=yes, price="0.5", size="10", side="BUY")
        placed = await client.post_order(order)
        venue.exchange.take(CUP, "somebody", False, 500_000, 4 * M, time.time_ns())
        venue.server.flush()
        *_, trade = await news(handle, lambda event: event.type == "trade")
        assert trade.payload.trader_side == "MAKER"
        mine = [maker for maker in trade.payload.maker_orders if maker.order_id == placed.order_id]
        assert [(maker.matched_amount, maker.price) for maker in mine] == [(4, Decimal("0.5"))]
        read = await client.get_order(order_id=placed.order_id)
        assert (read.size_matched, read.original_size) == (4, 10)


async def test_each_account_hears_its_own_news_only() -> None:
    async with floor() as venue:
        _, yes, _ = venue.exchange.tokens(GAME)
        handles, placed = [], []
        clients = [await venue.client(venue.account(name)) for name in ("ann", "bob")]
        for client in clients:
            handles.append(await client.subscribe(streams.UserSpec()))
        for client in clients:
            order = await client.create_limit_order(asset_id=yes, price="0.5", size="10", side="BUY")
            placed.append((await client.post_order(order)).order_id)
        # ann's order came first; the first thing that bob's stream says is about bob's own
        first = [(await news(handle, lambda event: True))[0].payload.id for handle in handles]
        assert first == placed
