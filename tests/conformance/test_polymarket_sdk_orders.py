"""The official package trades on our simulator: every order type, batches, the four cancels, trades, heartbeats."""

from __future__ import annotations

import dataclasses
import time
from decimal import Decimal
from typing import Any

import pytest

from conformance.sdk import CUP, GAME, M, everything, floor, polymarket


async def resting(client: Any, token: str, price: str = "0.5", size: str = "10", **more: Any) -> Any:
    """Place a limit BUY."""
    order = await client.create_limit_order(asset_id=token, price=price, size=size, side="BUY", **more)
    return await client.post_order(order)


async def test_a_good_till_cancelled_order_rests_is_read_and_cancelled() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        condition, yes, _ = venue.exchange.tokens(GAME)
        placed = await resting(client, yes)
        assert placed.ok and placed.status == "live" and placed.trade_ids == ()
        assert (placed.making_amount, placed.taking_amount) == (0, 0)
        (open_order,) = await everything(client.list_open_orders())
        read = await client.get_order(order_id=placed.order_id)
        assert read == open_order
        assert (read.id, read.condition_id, read.asset_id, read.side) == (placed.order_id, condition, yes, "BUY")
        assert (read.price, read.original_size, read.size_matched) == (Decimal("0.5"), 10, 0)
        assert (read.order_type, read.expires_at) == ("GTC", None)
        gone = await client.cancel_order(order_id=placed.order_id)
        assert gone.canceled == (placed.order_id,) and gone.not_canceled == {}
        assert await everything(client.list_open_orders()) == []


async def test_a_good_till_date_order_shows_its_end_and_a_near_end_is_refused() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        _, yes, _ = venue.exchange.tokens(GAME)
        end = int(time.time()) + 300
        placed = await resting(client, yes, expiration=end)
        read = await client.get_order(order_id=placed.order_id)
        assert read.order_type == "GTD" and int(read.expires_at.timestamp()) == end
        order = await client.create_limit_order(asset_id=yes, price="0.5", size="10", side="BUY", expiration=end)
        with pytest.raises(polymarket.RequestRejectedError, match="invalid expiration"):
            await client.post_order(dataclasses.replace(order, expiration=int(time.time()) + 60))


async def test_a_post_only_order_rests_or_is_refused_where_it_would_cross() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        _, yes, _ = venue.exchange.tokens(GAME)
        assert (await resting(client, yes, "0.59", post_only=True)).status == "live"
        with pytest.raises(polymarket.RequestRejectedError, match="order crosses book"):
            await resting(client, yes, "0.6", post_only=True)


@pytest.mark.parametrize("order_type", ["FOK", "FAK"])
async def test_a_market_purchase_is_matched_and_settles(order_type: str) -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        _, yes, _ = venue.exchange.tokens(GAME)
        order = await client.create_market_order(
            asset_id=yes, side="BUY", amount="6", max_price="0.6", order_type=order_type
        )
        done = await client.post_order(order)
        assert done.ok and done.status == "matched"
        assert (done.making_amount, done.taking_amount) == (6, 10)
        assert len(done.trade_ids) == 1 and done.transactions_hashes == ()
        (transaction,) = await client.wait_for_order_fill_settlement(done)
        (trade,) = await everything(client.list_account_trades())
        assert (trade.id, trade.transaction_hash, trade.status) == (done.trade_ids[0], transaction, "CONFIRMED")
        assert (trade.taker_order_id, trade.trader_side) == (done.order_id, "TAKER")
        assert (trade.size, trade.price) == (10, Decimal("0.6"))
        assert sum(maker.matched_amount for maker in trade.maker_orders) == 10


async def test_a_share_sized_fill_or_kill_is_a_limit_order_of_another_type() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        _, yes, _ = venue.exchange.tokens(GAME)
        order = await client.create_limit_order(asset_id=yes, price="0.6", size="20", side="BUY")
        done = await client.post_order(dataclasses.replace(order, order_type="FOK"))
        assert (done.status, done.making_amount, done.taking_amount) == ("matched", 12, 20)


async def test_a_fill_or_kill_miss_comes_as_a_refusal_or_as_an_answer() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        _, yes, _ = venue.exchange.tokens(GAME)

        async def missed(order_type: str) -> Any:
            order = await client.create_market_order(
                asset_id=yes, side="BUY", amount="5", max_price="0.5", order_type=order_type
            )
            return await client.post_order(order)

        with pytest.raises(polymarket.RequestRejectedError, match="fully filled or killed"):
            await missed("FOK")
        with pytest.raises(polymarket.RequestRejectedError, match="no orders found to match with FAK"):
            await missed("FAK")
        venue.exchange.fok_kill_status = 200
        killed = await missed("FOK")
        assert not killed.ok and killed.code == "fok_not_filled"


async def test_a_fill_and_kill_order_takes_what_there_is() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        _, yes, _ = venue.exchange.tokens(GAME)
        venue.quote(GAME, [], [(600_000, 4 * M)])
        order = await client.create_market_order(
            asset_id=yes, side="BUY", amount="6", max_price="0.6", order_type="FAK"
        )
        done = await client.post_order(order)
        assert (done.making_amount, done.taking_amount) == (Decimal("2.4"), 4)
        assert await everything(client.list_open_orders()) == []


async def test_what_was_bought_can_be_sold() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        _, _, no = venue.exchange.tokens(CUP)
        bought = await client.create_market_order(
            asset_id=no, side="BUY", amount="6", max_price="0.6", order_type="FOK"
        )
        assert (await client.post_order(bought)).ok
        sold = await client.create_market_order(
            asset_id=no, side="SELL", shares="10", min_price="0.4", order_type="FAK"
        )
        done = await client.post_order(sold)
        assert (done.status, done.making_amount, done.taking_amount) == ("matched", 10, 4)
        assert (await client.get_balance_allowance(asset_type="CONDITIONAL", asset_id=no)).balance == 0


async def test_more_than_the_balance_is_refused_in_the_venues_words() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        _, yes, _ = venue.exchange.tokens(GAME)
        with pytest.raises(polymarket.RequestRejectedError, match="not enough balance / allowance"):
            await resting(client, yes, "0.5", "5000")


async def test_the_same_bytes_posted_again_are_a_duplicate() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        _, yes, _ = venue.exchange.tokens(GAME)
        order = await client.create_limit_order(asset_id=yes, price="0.5", size="10", side="BUY")
        placed = await client.post_order(order)
        with pytest.raises(polymarket.RequestRejectedError, match=rf"{placed.order_id} is invalid\. Duplicated\."):
            await client.post_order(order)
        assert len(await everything(client.list_open_orders())) == 1


async def test_each_order_of_a_batch_has_its_own_answer() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        _, yes, _ = venue.exchange.tokens(GAME)
        sizes = ("10", "5000", "20")
        orders = [await client.create_limit_order(asset_id=yes, price="0.5", size=size, side="BUY") for size in sizes]
        first, poor, last = await client.post_orders(orders)
        assert first.status == last.status == "live"
        assert not poor.ok and poor.code == "not_enough_balance"
        assert {order.id for order in await everything(client.list_open_orders())} == {first.order_id, last.order_id}


async def test_cancels_by_list_by_market_and_of_everything() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        condition, yes, no = venue.exchange.tokens(GAME)
        cup = venue.exchange.tokens(CUP)[1]
        # at 0.45 the two tokens' purchases do not meet: together they would pay less than a dollar
        placed = [await resting(client, token, "0.45") for token in (yes, yes, no, cup)]
        one, two, other, elsewhere = [each.order_id for each in placed]
        unknown = "0x" + "00" * 32
        listed = await client.cancel_orders(order_ids=[one, unknown])
        assert listed.canceled == (one,) and set(listed.not_canceled) == {unknown}
        assert (await client.cancel_market_orders(market=condition, asset_id=yes)).canceled == (two,)
        assert set((await client.cancel_all()).canceled) == {other, elsewhere}
        assert await everything(client.list_open_orders()) == []


async def test_trades_are_paged_to_the_end() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        _, yes, _ = venue.exchange.tokens(CUP)
        made = []
        for _ in range(8):
            orders = [
                dataclasses.replace(
                    await client.create_limit_order(asset_id=yes, price="0.6", size="5", side="BUY"), order_type="FOK"
                )
                for _ in range(15)
            ]
            made += [each.trade_ids[0] for each in await client.post_orders(orders)]
        pages = [page async for page in client.list_account_trades()]
        assert len(pages) > 1
        assert [trade.id for page in pages for trade in page.items] == made[::-1]


async def test_heartbeats_are_chained_and_a_stale_one_names_the_expected() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        first = await client.send_order_heartbeat()
        second = await client.send_order_heartbeat(heartbeat_id=first.heartbeat_id)
        assert second.heartbeat_id != first.heartbeat_id
        with pytest.raises(polymarket.OrderHeartbeatMismatchError) as stale:
            await client.send_order_heartbeat(heartbeat_id=first.heartbeat_id)
        assert second.heartbeat_id in (str(stale.value), getattr(stale.value, "heartbeat_id", ""))


async def test_a_restart_is_announced_and_then_only_makers_are_let_in() -> None:
    async with floor() as venue:
        client = await venue.client(venue.account("ann"))
        _, yes, _ = venue.exchange.tokens(GAME)
        venue.exchange.mode = "restarting"
        with pytest.raises(polymarket.RequestRejectedError) as restarting:
            await resting(client, yes)
        assert restarting.value.status == 425
        venue.exchange.mode = "post_only"
        with pytest.raises(polymarket.RequestRejectedError) as refused:
            await resting(client, yes)
        assert refused.value.status == 503
        assert (await resting(client, yes, post_only=True)).ok
