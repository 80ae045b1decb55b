"""The capital of a ledger: free, reserved and locked add up to what was put in and what was earned, whatever happens (M37a)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.clock import DAY
from dutchbook.core.facts import AnyFact, CashMoved, LotsMarked, TradeTurned
from dutchbook.core.money import MICRO
from dutchbook.core.order import OrderEvent
from dutchbook.core.trade import Turn
from dutchbook.ledger.projection import Ledger
from dutchbook.risk.capital import PoolCapital, pools_of
from ledger.story import CENT, K_NO, K_YES, KALSHI, P_NO, POLY, bought, ledger, moved, opening, paid, sent

OPENING: list[AnyFact] = [
    CashMoved("kalshi", "kalshi:0", "opening", 500 * MICRO),
    CashMoved("polymarket", "polymarket:wallet", "opening", 300 * MICRO),
]


def pools(folded: Ledger) -> dict[str, PoolCapital]:
    until = {KALSHI: DAY, POLY: 2 * DAY}
    return {each.pool: each for each in pools_of(folded.cash, folded.open.values(), until, folded.paired)}


def test_m37a_what_is_bought_is_locked_until_its_market_pays_and_what_is_out_is_reserved() -> None:
    folded = ledger(*OPENING, opening(), *sent("t"), bought("t.0.1", "a", 10, 40, fee=17 * CENT))
    kalshi, polymarket = pools(folded).values()
    assert (kalshi.cash, kalshi.reserved, kalshi.locked) == (495_830_000, 0, 4_170_000)
    assert [(each.market, each.cash, each.until_ns) for each in kalshi.bound] == [(KALSHI, 4_170_000, DAY)]
    assert (polymarket.cash, polymarket.reserved, polymarket.free) == (300 * MICRO, 4 * MICRO, 296 * MICRO)
    assert polymarket.bound == ()


def test_m37a_what_is_paid_is_free_again() -> None:
    folded = ledger(
        *OPENING, opening(), *sent("t"), bought("t.0.1", "a"), moved("t.0.1", OrderEvent.FINISH, 10),
        bought("t.1.1", "b", 10, 50), moved("t.1.1", OrderEvent.FINISH, 10), TradeTurned("t", Turn.START),
        TradeTurned("t", Turn.LOCK), paid("t", 0, 100, 1000),
    )  # fmt: skip
    kalshi, polymarket = pools(folded).values()
    assert (kalshi.cash, kalshi.locked) == (506 * MICRO, 0)
    assert (polymarket.cash, polymarket.locked, polymarket.bound[0].until_ns) == (295 * MICRO, 5 * MICRO, 2 * DAY)


def test_m37a_contracts_that_a_venue_has_netted_bind_no_cash() -> None:
    folded = ledger(
        *OPENING, opening("t", (K_YES, P_NO)), *sent("t"), bought("t.0.1", "a", 10, 40),
        opening("u", (K_NO, P_NO)), *sent("u"), bought("u.0.1", "b", 10, 55),
    )  # fmt: skip
    kalshi = pools(folded)["kalshi:0"]
    assert kalshi.cash == (500 - 4 - 5.5 + 10) * MICRO
    assert kalshi.locked == -500_000, "ten dollars came back for what had cost 9.50"
    assert kalshi.total == 500 * MICRO


FILLS = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 9), st.integers(1, 99), st.integers(0, CENT)), max_size=8)


@given(fills=FILLS, marks=st.lists(st.tuples(st.integers(0, 1), st.integers(1, 5), st.integers(0, 5)), max_size=3))
def test_m37a_free_reserved_and_locked_add_up_to_what_was_put_in(
    fills: list[tuple[int, int, int, int]], marks: list[tuple[int, int, int]]
) -> None:
    facts: list[AnyFact] = [*OPENING, opening(size=100), *sent("t")]
    for number, (leg, size, cents, fee) in enumerate(fills):
        facts.append(bought(f"t.{leg}.1", f"fill {number}", size, cents, fee))
    facts += [LotsMarked("t", leg, size * MICRO, -cost * MICRO, "by hand", "me") for leg, size, cost in marks]
    folded = ledger(*facts)
    for each, put_in in zip(pools(folded).values(), (500, 300), strict=True):
        assert each.free + each.reserved + each.locked == each.total == put_in * MICRO
        assert each.free + each.reserved == folded.cash[each.pool]
        assert each.reserved == folded.reserved(each.pool)
