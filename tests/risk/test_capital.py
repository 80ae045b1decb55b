"""Where the capital is, and the transfer that mends a split that starves a venue (M37a)."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.money import MICRO, RATE_ONE, Cash, Rate
from dutchbook.risk.capital import CapitalRule, PoolCapital, Starving, mending, starving

NEED = CapitalRule(Cash(50 * MICRO), Rate(RATE_ONE // 10))


def pool(name: str, dollars: int, reserved: int = 0, *, used: bool = True) -> PoolCapital:
    return PoolCapital(name, Cash(dollars * MICRO), Cash(reserved * MICRO), used=used)


def after(pools: list[PoolCapital], found: tuple[Starving, ...]) -> list[PoolCapital]:
    """The pools when every named transfer has been carried out."""
    cash = {each.pool: each.cash for each in pools}
    for hungry in found:
        for move in hungry.transfers:
            assert cash[move.source] >= move.amount > 0
            cash[move.source] = Cash(cash[move.source] - move.amount)
            cash[move.destination] = Cash(cash[move.destination] + move.amount)
    return [replace(each, cash=cash[each.pool]) for each in pools]


def test_m37a_an_even_split_starves_nobody() -> None:
    assert starving([pool("kalshi:0", 500), pool("kalshi:2", 500), pool("polymarket:pusd", 900)], NEED) == ()


def test_m37a_a_shard_is_filled_from_its_sibling_by_a_transfer_that_can_be_typed() -> None:
    (found,) = starving([pool("kalshi:0", 20), pool("kalshi:2", 400), pool("polymarket:pusd", 900)], NEED)
    assert found.pool == "kalshi:0"
    assert found.text == "kalshi:0 has $20.00 free, the largest bundle needs $50.00"
    assert mending(found, live=True) == ["dutchbook wallet transfer 30.00 2 0 --yes"]
    assert mending(found, live=False) == ["move $30.00 from kalshi:2 to kalshi:0"]


def test_m37a_between_venues_it_is_a_withdrawal_and_a_deposit() -> None:
    (found,) = starving([pool("kalshi:0", 900), pool("polymarket:pusd", 20)], NEED)
    assert "less than 10 % of all free cash" in found.text
    # a tenth of 920 is 92: what pays one bundle would be short again after it
    assert mending(found, live=True) == ["withdraw $72.00 from kalshi:0 and deposit it at polymarket:pusd"]


def test_m37a_cash_that_is_reserved_for_open_orders_is_not_free() -> None:
    (found,) = starving([pool("kalshi:0", 100, reserved=80), pool("polymarket:pusd", 120)], NEED)
    assert found.pool == "kalshi:0"
    assert [move.amount for move in found.transfers] == [30 * MICRO]


def test_m37a_what_no_pool_can_spare_is_a_deposit() -> None:
    found = starving([pool("kalshi:0", 30), pool("polymarket:pusd", 60)], NEED)
    (hungry,) = found
    assert [move.amount for move in hungry.transfers] == [10 * MICRO]
    assert hungry.deposit == 10 * MICRO
    assert mending(hungry, live=True)[-1] == "deposit $10.00 at kalshi:0: no other pool can spare it"


def test_m37a_a_pool_that_no_link_uses_neither_starves_nor_gives() -> None:
    pools = [pool("kalshi:0", 20), pool("kalshi:1", 900, used=False), pool("polymarket:pusd", 55)]
    (found,) = starving(pools, NEED)
    assert {move.source for move in found.transfers} <= {"polymarket:pusd"}
    assert starving([pool("kalshi:0", 100), pool("kalshi:1", 0, used=False), pool("polymarket:pusd", 100)], NEED) == ()


def test_m37a_one_venue_alone_has_no_share_to_keep() -> None:
    assert starving([pool("kalshi:0", 60)], NEED) == ()


NAMES = ("kalshi:0", "kalshi:2", "kalshi:5", "polymarket:pusd", "third:main")
SPLITS = st.dictionaries(
    st.sampled_from(NAMES),
    st.tuples(st.integers(-5 * MICRO, 2_000 * MICRO), st.integers(0, 100 * MICRO)),
    min_size=1,
)


@given(split=SPLITS, need=st.integers(1, 200 * MICRO), share=st.integers(0, RATE_ONE // 2))
def test_m37a_the_named_transfers_mend_it_and_starve_nobody_else(
    split: dict[str, tuple[int, int]], need: int, share: int
) -> None:
    pools = [
        PoolCapital(name, Cash(max(cash, 0)), Cash(min(held, max(cash, 0)))) for name, (cash, held) in split.items()
    ]
    rule = CapitalRule(Cash(need), Rate(share))
    found = starving(pools, rule)
    mended = {each.pool: each for each in after(pools, found)}
    assert sum(each.free for each in mended.values()) == sum(each.free for each in pools)
    hungry = {each.pool: each for each in found}
    for name, each in mended.items():
        if name not in hungry:
            before = next(p for p in pools if p.pool == name)
            assert each.free >= need or each.free == before.free >= need, "a giver keeps what it needs"
        else:
            assert each.free + hungry[name].deposit >= need
            assert hungry[name].deposit == max(0, need - each.free)
    # what is left over is less than the cents that amounts are rounded to, or needs a deposit
    for left in starving(list(mended.values()), rule):
        assert left.deposit or sum(move.amount for move in left.transfers) <= len(NAMES) * 10_000


def test_m37a_what_is_reserved_is_still_on_the_account() -> None:
    each = pool("kalshi:0", 100, reserved=30)
    assert (each.free, each.reserved, each.total) == (70 * MICRO, 30 * MICRO, 100 * MICRO)
