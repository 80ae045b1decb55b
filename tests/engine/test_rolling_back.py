"""One leg filled, the other not: the cheaper of completing and unwinding, with the real loss (M29)."""

from __future__ import annotations

from pathlib import Path

import pytest

from dutchbook.core.clock import MILLISECOND
from dutchbook.core.order import Action
from dutchbook.core.trade import Phase
from dutchbook.torture.network import Fault, answer_with, orders_to
from engine.parts import CASH, CENT, DOLLAR, LATENCY_NS, NARROW
from engine.rig import Process, Rig, cross, play, uncross
from engine.scenes import command

BETWEEN_NS = LATENCY_NS + 5 * MILLISECOND
"""After the crossing was seen, before the orders arrive."""


async def missed(rig: Rig, bid: int, bids: list[tuple[int, int]] | None = None) -> Process:
    """The Polymarket buyer at 52 leaves before our order arrives; what stays is `bid` (and `bids`)."""
    process = await rig.start()
    cross(rig)

    def leave() -> None:
        uncross(rig)
        rig.quote("polymarket", bids or [(bid, 100)], [(54, 100)])

    rig.after(BETWEEN_NS, leave)
    await rig.until(lambda: bool(process.trades) and not process.trade.working)
    return process


def test_when_unwinding_is_cheaper_the_filled_leg_is_sold_and_the_real_loss_is_booked(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        # completing would cost NO at 70: 4.3706 + 7.1050 - 10 = 1.48 lost; selling YES at 38 loses 0.74
        process = await missed(rig, 30)
        trade = process.trade
        assert trade.phase is Phase.FLAT
        assert [leg.held for leg in trade.legs] == [0, 0]
        # bought 10 at 0.42, sold 10 at 0.38, fees 0.1706 and 0.07 x 10 x 0.38 x 0.62 = 0.16492 (up to 0.0001)
        assert trade.pnl == -400_000 - 170_600 - 165_000
        await rig.idle()
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + trade.pnl

    rig = play(tmp_path, story)
    assert [(order.venue, order.action, order.tif) for order in rig.network.orders] == [
        ("kalshi", "bid", "fok"),
        ("polymarket", "buy", "fok"),
        ("kalshi", "ask", "ioc"),
    ]


def test_what_a_person_has_sold_meanwhile_is_not_sold_again_and_the_account_never_goes_short(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)

        def leave() -> None:
            uncross(rig)
            rig.quote("polymarket", [(30, 100)], [(54, 100)])

        def sell_by_hand() -> None:
            sold = rig.kalshi.trade_by_hand("trader", "KXRAIN-Y", False, 38 * CENT, 10 * DOLLAR, rig.clock.wall())
            assert sold == 10 * DOLLAR

        rig.after(BETWEEN_NS, leave)
        rig.after(BETWEEN_NS + LATENCY_NS, sell_by_hand)
        await rig.until(lambda: bool(process.trades))
        await rig.wait(30)
        assert rig.kalshi.statement("trader")["positions"].get("KXRAIN-Y", 0) == 0
        # what the ledger still shows is told, and a person's mark ends it
        assert process.trade.phase is Phase.NAKED
        assert "reconcile_position" in process.alarms
        words = {"trade": process.trade.id, "leg": "0", "contracts": "-10", "cash": "3.80", "reason": "sold by hand"}
        assert (await command(rig, "trade_mark", **words)).done
        assert process.trade.phase is Phase.FLAT

    play(tmp_path, story)


def test_when_completing_still_earns_the_missing_leg_is_bought(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await missed(rig, 50)
        trade = process.trade
        assert trade.phase is Phase.LOCKED
        assert trade.locked_profit > 0
        await rig.idle()
        assert await rig.mismatches() == []

    rig = play(tmp_path, story, config=NARROW)
    assert [(order.venue, order.action) for order in rig.network.orders][2:] == [("polymarket", "buy")]


def test_a_limit_at_the_marginal_hurdle_fills_at_once_what_would_have_been_a_second_round(tmp_path: Path) -> None:
    """Kalshi fills at its makers' prices, so its limit reaches up to the hurdle: an ask that rises by two cents is taken."""

    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        rig.after(BETWEEN_NS, lambda: rig.quote("kalshi", [(38, 100)], [(44, 100)]))
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        assert process.trade.phase is Phase.LOCKED
        assert process.trade.locked_profit > 0

    assert len(play(tmp_path, story).network.orders) == 2


def test_when_completing_loses_less_than_unwinding_it_is_completed_at_a_loss(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        # NO at 60: 4.3706 + 6.12 - 10 = 0.49 lost; selling YES at 38 loses 0.74
        process = await missed(rig, 40)
        trade = process.trade
        assert trade.phase is Phase.LOCKED
        assert -500_000 < trade.locked_profit < -480_000
        rig.settle()
        await rig.idle()
        await rig.until(lambda: process.trade.phase is Phase.SETTLED)
        assert rig.wealth() == 2 * CASH + process.trade.pnl

    play(tmp_path, story)


def test_the_leg_that_is_held_is_sold_and_never_the_other(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await missed(rig, 30)
        sold = [leg.claim for leg in process.trade.legs for row in leg.orders if row.plan.action is Action.SELL]
        assert [str(claim) for claim in sold] == ["kalshi:KXRAIN-Y/yes"]

    play(tmp_path, story)


def test_the_other_leg_missing_sells_settled_tokens_only(tmp_path: Path) -> None:
    """Kalshi's offer vanishes: the Polymarket tokens are sold, but not before they are MINED."""

    async def story(rig: Rig) -> None:
        rig.polymarket.mined_lag_ns = 700 * MILLISECOND
        process = await rig.start()
        cross(rig)
        rig.after(BETWEEN_NS, lambda: rig.quote("kalshi", [(38, 100)], [(80, 100)]))
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        assert process.trade.phase is Phase.FLAT
        assert process.trade.pnl < 0
        await rig.idle()
        assert await rig.mismatches() == []

    rig = play(tmp_path, story)
    bought, sold = (order for order in rig.network.orders if order.venue == "polymarket")
    assert (bought.action, sold.action) == ("buy", "sell")
    assert sold.at_ns - bought.at_ns > 700 * MILLISECOND


def test_an_unwind_without_depth_for_all_goes_on_in_slices(tmp_path: Path) -> None:
    """Fill-or-kill first; when it misses, what is there is taken, round after round."""

    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)

        def leave() -> None:
            uncross(rig)
            rig.quote("polymarket", [(30, 100)], [(54, 100)])

        rig.after(BETWEEN_NS, leave)
        # when the sale is on its way, most of the bid is gone
        rig.after(BETWEEN_NS + 60 * MILLISECOND, lambda: rig.quote("kalshi", [(38, 4), (36, 3)], [(42, 100)]))
        rig.after(400 * MILLISECOND, lambda: rig.quote("kalshi", [(35, 50)], [(42, 100)]))
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        assert process.trade.phase is Phase.FLAT
        await rig.idle()
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + process.trade.pnl

    play(tmp_path, story)


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_a_rejected_leg_is_never_answered_by_buying_the_other_again(tmp_path: Path, venue: str) -> None:
    """Leg 2 rejected, leg 1 re-bought on every price event: somebody's loss, not ours."""

    async def story(rig: Rig) -> None:
        refusal = b'{"error":"not enough balance / allowance: the balance is not enough"}'
        if venue == "kalshi":
            refusal = b'{"error":{"code":"insufficient_balance","message":"insufficient balance"}}'
        rig.network.faults.append(Fault(orders_to(venue), answer_with(400, refusal), times=99))
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        for size in (9, 8, 7):
            cross(rig, size)
            await rig.wait(0.2)
        assert process.trade.phase is Phase.FLAT
        await rig.idle()
        assert await rig.mismatches() == []
        assert rig.wealth() == 2 * CASH + process.trade.pnl

    rig = play(tmp_path, story)
    other = [order.action for order in rig.network.orders if order.venue != venue]
    assert other in (["bid", "ask"], ["buy", "sell"])


def test_a_leg_that_keeps_being_refused_is_not_asked_for_without_end(tmp_path: Path) -> None:
    """What the venue has refused twice is left for the other way out, while there is one."""

    async def story(rig: Rig) -> None:
        rig.network.faults.append(
            Fault(orders_to("polymarket"), answer_with(400, b'{"error":"invalid signature"}'), times=99)
        )
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working, 10)
        assert process.trade.phase is Phase.FLAT

    rig = play(tmp_path, story)
    assert sum(order.venue == "polymarket" for order in rig.network.orders) <= 3


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, b'{"error":"Too Many Requests"}'),
        (425, b'{"error":"matching engine is restarting"}'),
        (503, b'{"error":"Trading is currently disabled. Check polymarket.com for updates"}'),
    ],
)
def test_a_refusal_for_now_is_no_fill_and_the_trade_ends_whole(tmp_path: Path, status: int, body: bytes) -> None:
    async def story(rig: Rig) -> None:
        rig.network.faults.append(Fault(orders_to("polymarket"), answer_with(status, body)))
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        # the buyer at 52 is still there, so the next try completes
        assert process.trade.phase is Phase.LOCKED
        await rig.idle()
        assert await rig.mismatches() == []

    play(tmp_path, story)


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
@pytest.mark.parametrize("delivered", [False, True])
def test_a_500_says_nothing_about_the_order_and_is_resolved_by_asking(
    tmp_path: Path, venue: str, delivered: bool
) -> None:
    async def story(rig: Rig) -> None:
        rig.network.faults.append(
            Fault(orders_to(venue), answer_with(500, b"<html>bad gateway</html>", after_delivery=delivered))
        )
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working, 120)
        assert process.trade.phase in (Phase.LOCKED, Phase.FLAT)
        assert (process.trade.rounds == 1) is delivered
        await rig.idle()
        assert await rig.mismatches() == []

    rig = play(tmp_path, story)
    assert len({order.identity for order in rig.network.orders}) == len(rig.network.orders)


def test_m29_a_surplus_below_every_minimum_stays_as_dust_and_is_counted(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.polymarket.buy_improvement = "shares"
        process = await rig.start()
        cross(rig)
        # a bid a cent better for a single contract: its cent buys 0.0208 shares more, of which 0.0008 cannot be sold
        rig.after(BETWEEN_NS, lambda: rig.quote("polymarket", [(53, 1)], maker="late"))
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        trade = process.trade
        held = sorted(leg.held for leg in trade.legs)
        assert trade.phase is Phase.LOCKED
        assert held[0] == 10 * DOLLAR
        assert 0 < held[1] - held[0] < DOLLAR // 100
        assert "dust" in trade.reason
        await rig.idle()
        assert trade.phase is Phase.LOCKED, "dust must not be worked on again"
        assert await rig.mismatches() == []
        rig.settle(0)
        await rig.until(lambda: trade.phase is Phase.SETTLED)
        assert rig.wealth() == 2 * CASH + trade.pnl

    play(tmp_path, story, config=NARROW)
