"""Whatever happens, no cent and no token appears or disappears, and nothing is spent twice."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.polymarket.trader import GAME, MS, SECOND, M, Trader, World, spec

DEPOSIT = 100 * M
action = st.one_of(
    st.tuples(
        st.just("post"),
        st.sampled_from(["ann", "bob"]),
        st.sampled_from(["BUY", "SELL"]),
        st.sampled_from(["yes", "no"]),
        st.integers(90, 110),
        st.integers(1, 20),
        st.sampled_from(["GTC", "GTC", "FOK", "FAK"]),
    ),
    st.tuples(
        st.just("dollars"), st.sampled_from(["ann", "bob"]), st.sampled_from(["yes", "no"]), st.integers(90, 199)
    ),
    st.tuples(st.just("quote"), st.integers(95, 105), st.integers(1, 50)),
    st.tuples(st.just("take"), st.booleans(), st.integers(1, 50)),
    st.tuples(st.just("cancel"), st.sampled_from(["ann", "bob"])),
    st.tuples(st.just("wait"), st.sampled_from([100 * MS, 400 * MS, 3 * SECOND])),
    st.tuples(st.just("fail")),
)
TICK = 5_000


def price(steps: int) -> str:
    return f"0.{steps * 5:03d}"


def act(world: World, traders: dict[str, Trader], step: tuple[Any, ...]) -> None:
    kind, *rest = step
    if kind == "post":
        name, side, leg, steps, size, order_type = rest
        traders[name].post(side, price(steps), str(size * 2), leg=leg, order_type=order_type)
    elif kind == "dollars":
        name, leg, steps = rest
        shares = 5 * M * M // (steps * TICK) // 100 * 100
        traders[name].post("BUY", leg=leg, order_type="FAK", amounts=(5 * M, shares))
    elif kind == "quote":
        middle, size = rest
        ladder = [(middle * TICK - TICK, size * 333_333)], [(middle * TICK + TICK, size * 777_777)]
        world.exchange.quote(GAME, "mm", *ladder, world.now)
    elif kind == "take":
        buy, size = rest
        world.exchange.take(GAME, "flow", buy, 995_000 if buy else 5_000, size * 111_111, world.now)
    elif kind == "cancel":
        traders[rest[0]].call("DELETE", "/cancel-all")
    elif kind == "wait":
        world.pass_time(rest[0])
    else:
        world.exchange.fail_next_trades = 1


def check(world: World, *, resolved: bool = False) -> None:
    exchange = world.exchange
    market = exchange.markets[GAME]
    names = list(exchange.accounts)
    books = [exchange.statement(name) for name in names]
    cash = sum(book["cash"] for book in books)
    assert cash + market.collateral + exchange.fees_collected + exchange.dust == 2 * DEPOSIT
    if not resolved:
        yes = sum(book["tokens"][GAME]["yes"] for book in books)
        no = sum(book["tokens"][GAME]["no"] for book in books)
        assert yes == no == market.collateral
    for name in ("ann", "bob"):
        account = exchange.accounts[name]
        # Each match may round its fee up by half a unit beyond what was set aside.
        assert account.spendable >= -5 * (1 + len(exchange.trades_of(account)))
        assert all(account.sellable(token) >= 0 for token in market.tokens)
        assert account.held_cash >= 0
        assert account.held_cash == sum(order.held for order in exchange.open_orders(account) if order.buy)


@given(
    steps=st.lists(action, min_size=8, max_size=25),
    improvement=st.sampled_from(["refund", "shares"]),
    delay=st.sampled_from([0, SECOND]),
    value=st.sampled_from([0, M, M // 2, 333_333]),
)
@settings(max_examples=200, deadline=None)
def test_cash_and_tokens_are_conserved_through_everything(
    steps: list[tuple[Any, ...]], improvement: Any, delay: int, value: int
) -> None:
    world = World(spec(tick=TICK, taker_rate="0.05", min_size=M, taker_delay_ns=delay))
    world.exchange.buy_improvement = improvement
    traders = {name: world.trader(name, "100") for name in ("ann", "bob")}
    for trader in traders.values():
        trader.hold("yes", "30")
        trader.hold("no", "30")
    for step in steps:
        act(world, traders, step)
        check(world)
    world.exchange.settle(GAME, value, world.now)
    check(world, resolved=True)
    world.pass_time(10 * SECOND)
    check(world, resolved=True)
    for name in world.exchange.accounts:
        book = world.exchange.statement(name)
        assert book["tokens"][GAME] == book["pending_tokens"][GAME] == {"yes": 0, "no": 0}
        assert book["pending_cash"] == book["held_cash"] == 0
    assert 0 <= world.exchange.markets[GAME].collateral < 100, "only rounding is left behind"


def test_the_same_seed_and_the_same_calls_give_the_same_bytes() -> None:
    def run(seed: int) -> tuple[Any, ...]:
        world = World(seed=seed)
        ann = world.trader()
        user = ann.user_socket()
        world.quote([("0.49", "10")], [("0.50", "10")])
        reply = ann.post("BUY", "0.50", "10", order_type="FOK").body
        world.now += 3 * SECOND
        return reply, tuple(user.raw()), ann.fields

    assert run(1) == run(1)
    assert run(1) != run(2)
