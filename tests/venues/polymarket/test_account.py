"""The account: allowances, why a balance reads zero, the clock, and what is held."""

from __future__ import annotations

import pytest

from dutchbook.core.claim import Claim, Outcome, market_id
from dutchbook.core.clock import SECOND
from dutchbook.core.errors import CredentialsError, MalformedFrame
from dutchbook.core.order import TimeInForce
from dutchbook.core.transport import Response
from dutchbook.venues.polymarket import PolymarketKey, PolymarketTrading
from dutchbook.venues.polymarket.account import read_collateral
from venues.polymarket.desk import CountingEntropy
from venues.polymarket.floor import RAIN, YES, Desk, broken, spec


@pytest.fixture
async def desk():
    made = await Desk().open()
    yield made
    await made.transport.close()


async def test_a_funded_and_approved_wallet_has_nothing_to_explain(desk: Desk) -> None:
    collateral = await desk.trading.account.collateral()
    assert collateral.balance == 1_000_000_000 and collateral.unapproved() == []
    assert await desk.trading.account.explain() == []


async def test_an_empty_wallet_is_told_apart_from_a_wrong_one() -> None:
    desk = await Desk(cash="0").open()
    assert await desk.trading.account.explain() == ["the wallet holds no pUSD: deposit some"]


async def test_missing_approvals_are_named_one_by_one(desk: Desk) -> None:
    desk.exchange.accounts["ann"].allowance = 0
    found = await desk.trading.account.explain()
    assert [text.split(" may not")[0] for text in found] == [
        "the standard exchange",
        "the neg-risk exchange",
        "Exchange V3",
    ]


async def test_a_wrong_signature_type_is_explained_with_the_right_one() -> None:
    desk = Desk(signature_type=2)
    await desk.data.markets(["rain"])
    key = PolymarketKey(desk.fields["private_key"], desk.fields["funder"], 1)
    trading = PolymarketTrading(
        desk.transport, desk.trading.session.config, key, desk.registry, desk.clock, CountingEntropy()
    )
    await trading.connect()
    assert (await trading.balances()).total == 0
    (found,) = await trading.account.explain()
    assert "set the signature type to 2" in found and "$1,000.00" in found.replace("$1000.00", "$1,000.00")


async def test_zeros_under_every_type_name_the_wallet_and_the_key(desk: Desk) -> None:
    zeros = Response(200, b'{"balance":"0","allowances":{}}')
    trading, _ = broken(desk, lambda request: zeros if "/balance-allowance" in request.url else None)
    (found,) = await trading.account.explain()
    assert desk.key.funder in found and "every signature type" in found


@pytest.mark.parametrize(
    "body", [b'{"balance":"1.5"}', b'{"balance":"-1"}', b'{"balance":"1","allowances":{"0xa":"x"}}', b"{}"]
)
def test_an_allowance_that_is_no_integer_is_an_error_that_names_it(body: bytes) -> None:
    with pytest.raises(MalformedFrame, match=r"balance|0xa"):
        read_collateral(body)


async def test_the_venue_is_asked_to_read_the_chain_again(desk: Desk) -> None:
    trading, wire = broken(desk, lambda request: None)
    await trading.account.refresh()
    assert "/balance-allowance/update?" in wire.seen[0].url


@pytest.mark.parametrize(("off_s", "way"), [(8, "behind"), (-8, "ahead of")])
async def test_a_clock_more_than_five_seconds_off_is_refused_with_the_remedy(off_s: int, way: str) -> None:
    desk = Desk()
    answer = Response(200, str(desk.clock.now // SECOND + off_s).encode())
    trading, wire = broken(desk, lambda request: answer if request.url.endswith("/time") else None)
    with pytest.raises(CredentialsError, match=f"s {way} Polymarket's; set it"):
        await trading.connect()
    assert len(wire.seen) == 1, "no signature was made with a wrong clock"


@pytest.mark.parametrize("off_s", [5, -5, 0])
async def test_a_clock_within_five_seconds_is_good_enough(off_s: int) -> None:
    desk = Desk()
    answer = Response(200, str(desk.clock.now // SECOND + off_s).encode())
    trading, _ = broken(desk, lambda request: answer if request.url.endswith("/time") else None)
    await trading.connect()


async def test_positions_are_those_of_the_markets_that_trading_knows() -> None:
    desk = await Desk(spec(), spec("other")).open()
    await desk.data.markets(["other"])
    desk.exchange.endow("ann", "other", True, 7_000_000, desk.clock.now)
    desk.quote({}, {"0.5": "100"})
    await desk.place("10", "0.5")
    desk.pass_time(5 * SECOND)
    assert (await desk.trading.positions()).held == {YES: 10_000_000}


async def test_among_many_markets_only_the_tokens_that_may_be_held_are_read() -> None:
    names = ["rain", *(f"m-{number}" for number in range(30))]
    desk = Desk(*(spec(name) for name in names))
    desk.trading.know(await desk.data.markets(names))
    await desk.trading.connect()
    desk.exchange.endow("ann", "m-7", False, 3_000_000, desk.clock.now)
    desk.quote({}, {"0.5": "100"})
    trading, wire = broken(desk, lambda request: None)
    trading.know([desk.registry.market(market) for market in desk.registry])
    await trading.send(desk.prepare("10", "0.5"))
    wire.seen.clear()
    held = Claim(market_id("polymarket", "m-7"), Outcome.NO)
    assert (await trading.positions()).held == {held: 3_000_000}, "a match that is not settled is no position"
    assert len(wire.seen) == 3, "one list, and one read for each of the two tokens"
    desk.pass_time(5 * SECOND)
    assert (await trading.positions()).held == {held: 3_000_000, YES: 10_000_000}


async def test_an_order_from_a_wallet_that_is_not_the_signers_is_refused_by_name(desk: Desk) -> None:
    other = "0x" + "ab" * 20
    key = PolymarketKey(desk.fields["private_key"], other, 2, desk.key.credentials)
    trading = PolymarketTrading(
        desk.transport, desk.trading.session.config, key, desk.registry, desk.clock, CountingEntropy()
    )
    trading.know([desk.registry.market(RAIN)])
    intent = desk.prepare("10", "0.5", tif=TimeInForce.GTC).intent
    report = await trading.send(trading.prepare(intent, desk.clock.now + SECOND))
    assert report.code == "maker_not_allowed" and await desk.trading.open_orders() == []
