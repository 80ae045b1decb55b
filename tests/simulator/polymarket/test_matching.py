"""One book for both tokens: who pays what in every combination, improvement, fees, and the house."""

from __future__ import annotations

import pytest

from simulator.polymarket.trader import GAME, SECOND, M, Trader, World, micros, spec


def settled(world: World) -> None:
    world.pass_time(3 * SECOND)


def legs(trader: Trader) -> tuple[int, int]:
    held = trader.money["tokens"][GAME]
    return held["yes"], held["no"]


@pytest.mark.parametrize(
    ("maker", "taker", "sets"),
    [
        (("SELL", "yes", "0.6"), ("BUY", "yes", "0.6"), 0),
        (("BUY", "no", "0.4"), ("BUY", "yes", "0.6"), 10),
        (("BUY", "yes", "0.6"), ("SELL", "yes", "0.6"), 0),
        (("BUY", "yes", "0.6"), ("BUY", "no", "0.4"), 10),
        (("SELL", "no", "0.4"), ("SELL", "yes", "0.6"), -10),
        (("SELL", "yes", "0.6"), ("SELL", "no", "0.4"), -10),
        (("SELL", "no", "0.4"), ("BUY", "no", "0.4"), 0),
        (("BUY", "no", "0.4"), ("SELL", "no", "0.4"), 0),
    ],
)
def test_every_combination_of_legs_moves_the_right_cash_and_tokens(
    maker: tuple[str, str, str], taker: tuple[str, str, str], sets: int
) -> None:
    world = World()
    traders = world.trader("ann"), world.trader("bob")
    for trader, (side, leg, _) in zip(traders, (maker, taker), strict=True):
        if side == "SELL":
            trader.hold(leg, "10")
    before = [(t.money["cash"], legs(t)) for t in traders]
    locked = world.exchange.markets[GAME].collateral
    for trader, (side, leg, price) in zip(traders, (maker, taker), strict=True):
        trader.done(side, price, "10", leg=leg)
    settled(world)
    for trader, (side, leg, price), (cash, held) in zip(traders, (maker, taker), before, strict=True):
        sign = 1 if side == "BUY" else -1
        assert trader.money["cash"] == cash - sign * 10 * micros(price)
        moved = sign * 10 * M
        assert legs(trader) == (held[0] + (moved if leg == "yes" else 0), held[1] + (moved if leg == "no" else 0))
        assert trader.money["pending_cash"] == trader.money["held_cash"] == 0
    assert world.exchange.markets[GAME].collateral == locked + sets * M


def test_a_buy_of_no_rests_as_an_offer_of_yes() -> None:
    world = World()
    ann = world.trader()
    ann.done("BUY", "0.30", "10", leg="no")
    assert world.exchange.best(GAME) == (None, 700_000)
    _, yes, no = world.exchange.tokens(GAME)
    assert world.read(f"/book?token_id={yes}")["asks"] == [{"price": "0.7", "size": "10"}]
    assert world.read(f"/book?token_id={no}")["bids"] == [{"price": "0.3", "size": "10"}]


def test_an_improved_buy_is_refunded_by_default() -> None:
    world = World()
    ann = world.trader()
    world.quote([], [("0.40", "100")])
    posted = ann.done("BUY", "0.50", "10", order_type="FOK")
    assert (posted["makingAmount"], posted["takingAmount"]) == ("4", "10")
    settled(world)
    assert ann.money["cash"] == micros("996")


def test_an_improved_buy_may_instead_bring_more_shares() -> None:
    world = World()
    ann = world.trader()
    world.exchange.buy_improvement = "shares"
    world.quote([], [("0.40", "4"), ("0.42", "100")])
    posted = ann.done("BUY", "0.50", "10", order_type="FOK")
    assert (posted["makingAmount"], posted["takingAmount"]) == ("4.999984", "12.0952")
    settled(world)
    assert legs(ann) == (12_095_200, 0)


def test_extra_shares_never_make_a_fill_or_kill_fail() -> None:
    world = World()
    ann = world.trader()
    world.exchange.buy_improvement = "shares"
    world.quote([], [("0.40", "11")])
    assert ann.done("BUY", "0.50", "10", order_type="FOK")["takingAmount"] == "11"


def test_an_improved_sale_receives_the_better_price() -> None:
    world = World()
    ann = world.trader()
    ann.hold("yes", "10")
    world.quote([("0.60", "4"), ("0.55", "10")], [])
    posted = ann.done("SELL", "0.50", "10", order_type="FOK")
    assert (posted["makingAmount"], posted["takingAmount"]) == ("10", "5.7")


def test_the_taker_pays_the_fee_on_top_of_a_buy() -> None:
    world = World(spec(taker_rate="0.05"))
    ann = world.trader(cash="51.25")
    world.quote([], [("0.50", "100")])
    ann.done("BUY", "0.50", "100", order_type="FOK")
    settled(world)
    assert ann.money["cash"] == 0
    assert legs(ann) == (100 * M, 0)
    assert world.exchange.fees_collected == micros("1.25")


def test_a_buy_whose_fee_cannot_be_paid_is_refused() -> None:
    world = World(spec(taker_rate="0.05"))
    ann = world.trader(cash="51.24")
    world.quote([], [("0.50", "100")])
    assert "balance is not enough" in ann.refused("BUY", "0.50", "100", order_type="FOK")
    assert ann.done("BUY", "0.49", "100")["status"] == "live", "a maker needs no fee"


def test_the_fee_of_a_sale_comes_out_of_its_proceeds() -> None:
    world = World(spec(taker_rate="0.05"))
    ann = world.trader(cash="1000")
    ann.hold("no", "100")
    before = ann.money["cash"]
    world.quote([], [("0.50", "100")])
    posted = ann.done("SELL", "0.50", "100", leg="no", order_type="FOK")
    assert posted["takingAmount"] == "50", "the reply shows the notional"
    settled(world)
    assert ann.money["cash"] - before == micros("48.75")
    assert ann.money["pending_cash"] == 0


def test_makers_pay_nothing() -> None:
    world = World(spec(taker_rate="0.07"))
    ann = world.trader()
    ann.done("BUY", "0.50", "100")
    assert world.exchange.take(GAME, "flow", False, 500_000, 100 * M, world.now) == 100 * M
    settled(world)
    assert ann.money["cash"] == micros("950")
    assert world.exchange.fees_collected == 0


def test_one_order_through_two_levels_makes_two_trades_with_exact_prices() -> None:
    world = World()
    ann = world.trader()
    world.quote([], [("0.40", "3")], maker="a")
    world.quote([], [("0.40", "2"), ("0.50", "100")], maker="b")
    posted = ann.done("BUY", "0.50", "10", order_type="FOK")
    rows = {row["id"]: row for row in ann.read("/data/trades")["data"]}
    first, second = (rows[trade] for trade in posted["tradeIDs"])
    assert (first["price"], first["size"]) == ("0.4", "5")
    assert [maker["matched_amount"] for maker in first["maker_orders"]] == ["3", "2"]
    assert (second["price"], second["size"]) == ("0.5", "5")
    assert first["trader_side"] == "TAKER"
    assert first["maker_orders"][0]["outcome"] == "No", "the house mints against a buyer"
    assert first["maker_orders"][0]["price"] == "0.6"


def test_a_maker_finds_its_fill_inside_maker_orders() -> None:
    world = World()
    ann, bob = world.trader("ann"), world.trader("bob")
    order_id = ann.done("BUY", "0.40", "10", leg="no")["orderID"]
    bob.done("BUY", "0.60", "7", order_type="FOK")
    (row,) = ann.read("/data/trades")["data"]
    assert (row["trader_side"], row["side"], row["price"], row["outcome"]) == ("MAKER", "BUY", "0.6", "Yes")
    (mine,) = row["maker_orders"]
    assert (mine["order_id"], mine["matched_amount"], mine["price"]) == (order_id, "7", "0.4")
    assert (mine["outcome"], mine["side"], mine["owner"]) == ("No", "BUY", ann.fields["api_key"])
    assert ann.read(f"/data/order/{order_id}")["size_matched"] == "7"


def test_house_quotes_keep_their_priority_when_nothing_changes() -> None:
    world = World()
    ann = world.trader()
    world.quote([("0.40", "10")], [], maker="early")
    ann.done("BUY", "0.40", "10")
    world.quote([("0.40", "10"), ("0.39", "10")], [], maker="early")
    world.exchange.take(GAME, "flow", False, 400_000, 10 * M, world.now)
    assert ann.read("/data/trades")["data"] == [], "the earlier quote was hit first"
    world.quote([("0.40", "10")], [], maker="early")
    world.exchange.take(GAME, "flow", False, 400_000, 10 * M, world.now)
    assert len(ann.read("/data/trades")["data"]) == 1, "a replenished quote queues behind"


def test_a_crossing_quote_trades_before_it_rests() -> None:
    world = World()
    ann = world.trader()
    ann.done("BUY", "0.50", "10")
    world.quote([], [("0.45", "15")])
    assert world.exchange.best(GAME) == (None, 450_000)
    settled(world)
    assert legs(ann) == (10 * M, 0)
    assert ann.money["cash"] == micros("995"), "the resting order sets the price"


def test_quotes_that_cross_themselves_never_leave_a_crossed_book() -> None:
    world = World()
    world.quote([("0.55", "10")], [("0.50", "4")])
    assert world.exchange.best(GAME) == (550_000, None)
    _, yes, _ = world.exchange.tokens(GAME)
    assert world.read(f"/book?token_id={yes}")["bids"] == [{"price": "0.55", "size": "6"}]


def test_a_partly_filled_order_holds_only_what_is_left() -> None:
    world = World()
    ann = world.trader()
    ann.done("BUY", "0.40", "10")
    world.exchange.take(GAME, "flow", False, 400_000, 4 * M, world.now)
    assert ann.money["held_cash"] == micros("2.4")
    assert ann.money["pending_cash"] == -micros("1.6")
    world.exchange.take(GAME, "flow", False, 400_000, 6 * M, world.now)
    assert ann.money["held_cash"] == 0
    settled(world)
    assert (ann.money["cash"], ann.money["pending_cash"]) == (micros("996"), 0)


def test_named_outcomes_are_legs_in_order() -> None:
    world = World(spec(outcomes=("Suns", "Heat")))
    ann = world.trader()
    ann.done("BUY", "0.40", "10")
    ann.done("BUY", "0.40", "10", leg="no")
    assert [row["outcome"] for row in ann.read("/data/orders")["data"]] == ["Suns", "Heat"]
