"""Both legs or none: what a trade does when everything answers, and what it has earned when the markets have paid."""

from __future__ import annotations

from pathlib import Path

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.trade import Phase
from engine.parts import CASH, DOLLAR, LATENCY_NS, NARROW
from engine.rig import Rig, calm, cross, play, uncross


def test_both_legs_fill_and_the_trade_is_locked_with_what_the_venues_reported(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        trade = process.trade
        assert trade.phase is Phase.LOCKED
        assert [leg.held for leg in trade.legs] == [10 * DOLLAR, 10 * DOLLAR]
        # 10 x 0.42 and 10 x 0.48; fees 0.07 x 10 x 0.42 x 0.58 (up to 0.0001) and 0.05 x 10 x 0.48 x 0.52
        assert trade.spent == 9_000_000
        assert trade.fees == 170_600 + 124_800
        assert trade.locked_profit == 704_600
        await rig.idle()
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_what_was_locked_is_what_the_venues_pay_in_either_state(tmp_path: Path) -> None:
    for yes_value in (DOLLAR, 0):
        folder = tmp_path / str(yes_value)

        async def story(rig: Rig, yes_value: int = yes_value) -> None:
            process = await rig.start()
            cross(rig)
            await rig.until(lambda: bool(process.trades) and not process.trade.working)
            await rig.idle()
            rig.settle(yes_value)
            await rig.until(lambda: process.trade.phase is Phase.SETTLED)
            assert process.trade.pnl == 704_600
            assert await rig.mismatches() == []
            assert rig.wealth() == 2 * CASH + process.trade.pnl
            assert process.alarms == []

        play(folder, story)


def test_the_first_orders_leave_together_and_fill_or_kill(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)

    rig = play(tmp_path, story)
    assert [(order.venue, order.tif) for order in rig.network.orders] == [("kalshi", "fok"), ("polymarket", "fok")]
    assert len({order.at_ns for order in rig.network.orders}) == 1


def test_no_is_bought_as_no_and_both_legs_have_equal_contracts(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        # the other direction: NO at Kalshi (1 - 0.60) and YES at Polymarket for 0.50
        rig.quote("kalshi", [(60, 10)], [(64, 100)])
        rig.quote("polymarket", [(45, 100)], [(50, 10)])
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        claims = {str(leg.claim): leg.held for leg in process.trade.legs}
        assert claims == {"kalshi:KXRAIN-Y/no": 10 * DOLLAR, "polymarket:rain/yes": 10 * DOLLAR}
        await rig.idle()
        assert await rig.mismatches() == []

    rig = play(tmp_path, story, config=NARROW)
    by_venue = {order.venue: order for order in rig.network.orders}
    assert by_venue["kalshi"].action == "ask"
    assert by_venue["kalshi"].content["price"] == "0.6000"
    assert by_venue["polymarket"].action == "buy"


def test_nothing_fills_and_the_event_is_left_alone_for_its_cooldown(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()

        def flicker() -> None:
            """The offers are gone while the orders are on their way, and come back."""
            cross(rig)
            rig.after(LATENCY_NS + 5 * MILLISECOND, vanish)
            rig.after(LATENCY_NS + 60 * MILLISECOND, restore)

        def vanish() -> None:
            uncross(rig)
            rig.quote("kalshi", [(38, 100)])

        def restore() -> None:
            calm(rig)
            cross(rig)

        flicker()
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        assert process.trade.phase is Phase.FAILED
        assert process.trade.pnl == 0
        first = process.trade.opened_ns
        await rig.wait(1.5)
        assert len(process.trades) == 1, "the event was tried again within its cooldown"
        rig.quote("polymarket", [(52, 9)], maker="stray")
        await rig.wait(1)
        rig.quote("polymarket", [(52, 10)], maker="stray")
        await rig.until(lambda: len(process.trades) == 2 and not process.trades[1].working)
        assert process.trades[1].opened_ns - first >= 2 * SECOND
        await rig.idle()
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_a_second_look_at_a_filled_bundle_does_not_buy_it_again(tmp_path: Path) -> None:
    """The whole-success memory of others: one open position an event, whatever the books say."""

    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig, 50)
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        for size in (40, 30, 20):
            await rig.wait(3)
            cross(rig, size)
        await rig.wait(3)
        assert len(process.trades) == 1

    rig = play(tmp_path, story)
    assert len(rig.network.orders) == 2


class TestTakerDelay:
    """A leg under a taker delay goes first and alone; the other is sized to what it really filled."""

    DELAY_NS = 500 * MILLISECOND

    def test_the_delayed_leg_goes_alone_and_the_hedge_follows_its_fill(self, tmp_path: Path) -> None:
        async def story(rig: Rig) -> None:
            process = await rig.start()
            cross(rig)
            await rig.wait(0.3)
            assert [order.venue for order in rig.network.orders] == ["polymarket"]
            assert not any(leg.held for leg in process.trade.legs), "delayed is not a fill"
            await rig.until(lambda: not process.trade.working)
            assert process.trade.phase is Phase.LOCKED
            await rig.idle()
            assert await rig.mismatches() == []

        rig = play(tmp_path, story, delay_ns=self.DELAY_NS)
        first, second = rig.network.orders
        assert (first.venue, first.tif) == ("polymarket", "ioc")
        assert (second.venue, second.content["count"]) == ("kalshi", "10.00")
        assert second.at_ns - first.at_ns > self.DELAY_NS

    def test_the_hedge_is_sized_to_a_partial_fill(self, tmp_path: Path) -> None:
        async def story(rig: Rig) -> None:
            process = await rig.start()
            cross(rig)
            rig.after(200 * MILLISECOND, lambda: cross(rig, 6))
            await rig.until(lambda: bool(process.trades) and not process.trade.working)
            assert process.trade.phase is Phase.LOCKED
            assert [leg.held for leg in process.trade.legs] == [6 * DOLLAR, 6 * DOLLAR]
            await rig.idle()
            assert await rig.mismatches() == []

        rig = play(tmp_path, story, delay_ns=self.DELAY_NS)
        assert [order.content["count"] for order in rig.network.orders if order.venue == "kalshi"] == ["6.00"]

    def test_a_delayed_leg_that_finds_nothing_fails_the_trade_with_nothing_sent_to_the_other_venue(
        self, tmp_path: Path
    ) -> None:
        async def story(rig: Rig) -> None:
            process = await rig.start()
            cross(rig)
            rig.after(200 * MILLISECOND, lambda: uncross(rig))
            await rig.until(lambda: bool(process.trades) and not process.trade.working)
            assert process.trade.phase is Phase.FAILED
            await rig.idle()
            assert await rig.mismatches() == []

        rig = play(tmp_path, story, delay_ns=self.DELAY_NS)
        assert [order.venue for order in rig.network.orders] == ["polymarket"]


def test_a_leg_that_fills_more_than_asked_is_exposure_and_its_surplus_is_sold(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.polymarket.buy_improvement = "shares"
        process = await rig.start()
        cross(rig)
        # a better buyer comes while the order is on its way: 4.80 buy 10.2127 of NO at 47
        rig.after(LATENCY_NS + 10 * MILLISECOND, lambda: rig.quote("polymarket", [(53, 100)], maker="late"))
        await rig.until(lambda: bool(process.trades) and not process.trade.working)
        trade = process.trade
        asked, improved = trade.legs
        assert (asked.bought, improved.bought) == (10 * DOLLAR, 10_212_700)
        assert trade.phase is Phase.LOCKED
        assert improved.held < 10 * DOLLAR + DOLLAR // 100, "the surplus was kept"
        await rig.idle()
        assert await rig.mismatches() == []

    play(tmp_path, story, config=NARROW)
