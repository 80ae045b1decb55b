"""Orders of the official package and of our adapter are the same bytes: amounts, hashes, signatures, bodies.

Three witnesses: the package builds and signs, the adapter repeats it from the same inputs, the simulator names the hash.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from conformance.sdk import CUP, GAME, M, environment, floor, spec
from dutchbook.core.claim import Claim, Outcome, market_id
from dutchbook.core.money import Price, Size, parse_micros
from dutchbook.core.order import Action, Intent, TimeInForce
from dutchbook.venues.polymarket.config import PolymarketKey
from dutchbook.venues.polymarket.signing import OrderSigner, SignedOrder, exchange_of
from dutchbook.venues.polymarket.wire import order_amounts, order_body

posting: Any = pytest.importorskip("polymarket._internal.actions.orders.post")
ACTIONS = {"BUY": Action.BUY, "SELL": Action.SELL}
PRICES = {
    100_000: ["0.1", "0.5", "0.9"],
    10_000: ["0.01", "0.29", "0.58", "0.99"],
    5_000: ["0.005", "0.555", "0.995"],
    2_500: ["0.0025", "0.5525", "0.9975"],
    1_000: ["0.001", "0.557", "0.999"],
    100: ["0.0001", "0.5557", "0.9999"],
}
SIZES = ["5", "7.77", "0.29", "1.15", "4.35", "123456.78"]


def signed_by_us(order: Any, key: PolymarketKey, neg_risk: bool) -> SignedOrder:
    """The adapter's signature over the inputs of an order that the package has made."""
    return OrderSigner(key, 137).sign(
        exchange_of(int(order.token_id), neg_risk),
        salt=order.salt,
        token=int(order.token_id),
        maker_amount=order.maker_amount,
        taker_amount=order.taker_amount,
        action=ACTIONS[order.side],
        timestamp_ms=order.timestamp,
    )


def a_key(fields: dict[str, str]) -> PolymarketKey:
    kind = int(fields["signature_type"])
    return PolymarketKey(fields["private_key"], fields["funder"] if kind else "", kind)


@pytest.mark.parametrize("signature_type", [0, 1, 2, 3])
async def test_every_kind_of_wallet_signs_the_same_bytes_and_trades(signature_type: int) -> None:
    async with floor() as venue:
        fields = venue.account("ann", signature_type)
        client, key = await venue.client(fields), a_key(fields)
        assert str(client.wallet) == fields["funder"]
        assert client.wallet_type == ("EOA", "POLY_PROXY", "GNOSIS_SAFE", "DEPOSIT_WALLET")[signature_type]
        for market, neg_risk in ((GAME, False), (CUP, True)):
            _, yes, _ = venue.exchange.tokens(market)
            order = await client.create_limit_order(asset_id=yes, price="0.5", size="10", side="BUY")
            ours = signed_by_us(order, key, neg_risk)
            assert (order.maker, order.signer) == (key.funder, key.order_signer)
            assert order.signature == ours.signature
            placed = await client.post_order(order)
            assert placed.order_id == ours.id
            taken = await client.create_market_order(
                asset_id=yes, side="BUY", amount="6", max_price="0.6", order_type="FAK"
            )
            assert taken.signature == signed_by_us(taken, key, neg_risk).signature
            assert (await client.post_order(taken)).status == "matched"


@pytest.mark.parametrize("tick", sorted(PRICES))
async def test_limit_amounts_are_the_same_on_every_tick(tick: int) -> None:
    async with floor(spec(GAME, tick=tick)) as venue:
        client = await venue.client(venue.account("ann"))
        _, yes, _ = venue.exchange.tokens(GAME)
        for price in PRICES[tick]:
            for size in SIZES:
                for side, action in ACTIONS.items():
                    order = await client.create_limit_order(asset_id=yes, price=price, size=size, side=side)
                    ours = order_amounts(action, Price(parse_micros(price)), Size(parse_micros(size)))
                    assert (order.maker_amount, order.taker_amount) == ours


@pytest.mark.parametrize(
    ("tif", "word", "post_only"),
    [
        (TimeInForce.GTC, "GTC", False),
        (TimeInForce.GTC, "GTC", True),
        (TimeInForce.FOK, "FOK", False),
        (TimeInForce.IOC, "FAK", False),
    ],
)
async def test_the_body_of_a_posted_order_is_the_same_message(tif: TimeInForce, word: str, post_only: bool) -> None:
    async with floor() as venue:
        fields = venue.account("ann")
        client, key = await venue.client(fields), a_key(fields)
        _, yes, _ = venue.exchange.tokens(GAME)
        order = await client.create_limit_order(asset_id=yes, price="0.5", size="10", side="BUY", post_only=post_only)
        order = replace(order, order_type=word)
        intent = Intent(
            id="o-1",
            trade="t-1",
            leg=0,
            claim=Claim(market_id("polymarket", GAME), Outcome.YES),
            action=Action.BUY,
            size=Size(10 * M),
            limit=Price(500_000),
            tif=tif,
            post_only=post_only,
        )
        ours = order_body(
            intent,
            key,
            fields["api_key"],
            signed_by_us(order, key, False),
            salt=order.salt,
            token=yes,
            maker_amount=5 * M,
            taker_amount=10 * M,
            timestamp_ms=order.timestamp,
        )
        path, theirs = posting.build_post_order_request(order, owner_api_key=fields["api_key"])
        assert path == "/order"
        assert msgspec.json.decode(ours) == theirs


def test_the_contracts_that_we_sign_for_are_the_packages() -> None:
    config = environment.PRODUCTION_CONFIG
    known = {str(value).lower() for value in vars_of(config) if isinstance(value, str) and value.startswith("0x")}
    for token, neg_risk in ((1 << 255, False), (1 << 255, True), (1 << 248, False)):
        assert exchange_of(token, neg_risk).value[0].lower() in known


def vars_of(config: Any) -> list[Any]:
    """All values of a configuration, nested ones too."""
    found: list[Any] = []
    for name in config.__dataclass_fields__:
        value = getattr(config, name)
        found += vars_of(value) if hasattr(value, "__dataclass_fields__") else [value]
    return found
