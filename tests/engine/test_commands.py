"""A person's commands to a running engine: stop, start, cancel, flatten (M16, M45, M46)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import Skip
from dutchbook.core.facts import Commanded, KillSwitchSet
from dutchbook.core.money import Cash
from dutchbook.core.trade import Phase
from dutchbook.ledger.inbox import Answer, Inbox
from engine.parts import CENT, DOLLAR
from engine.rig import Rig, cross, play, with_limits
from engine.scenes import at_rest_at_the_venues, command, lock, lose, rest_everywhere


def test_m45_a_stop_from_another_process_throws_the_switch_and_is_in_the_journal_before_it_acts(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        answer = await command(rig, "stop", reason="going to lunch")
        assert answer == Answer(True, "stopped: no new entries")
        switch = process.engine.desk.ledger.kill_switch
        assert switch == KillSwitchSet(True, "going to lunch", "operator")
        facts = [record.fact for record in process.journal.records()]
        taken = facts.index(Commanded("stop", '{"reason":"going to lunch"}', "operator"))
        assert taken < facts.index(switch)
        cross(rig)
        await rig.wait(3)
        assert process.trades == []
        assert set(process.engine.desk.funnel.snapshot()["reasons"]) == {"kill_switch"}

    assert play(tmp_path, story).network.orders == []


def test_m45_start_takes_the_switch_back_and_trading_goes_on(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        await command(rig, "stop")
        cross(rig)
        await rig.wait(1)
        answer = await command(rig, "start")
        assert answer.done
        assert "stopped by a person" in answer.text
        cross(rig, 11)
        await rig.until(lambda: len(process.trades) == 1 and not process.trade.working)
        again = await command(rig, "start")
        assert again == Answer(True, "the kill switch was not thrown; nothing has changed")

    play(tmp_path, story)


def test_m45_a_second_stop_keeps_the_first_reason(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        process.engine.desk.trip("reject rate: kalshi")
        answer = await command(rig, "stop", reason="me too")
        assert answer.text == "stopped: no new entries; was stopped already: reject rate: kalshi"
        switch = process.engine.desk.ledger.kill_switch
        assert switch is not None
        assert switch.reason == "reject rate: kalshi"

    play(tmp_path, story)


def test_m45_a_stop_lets_what_is_under_way_go_to_its_end(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades))
        answer = await process.engine.commands.do("stop", {}, "operator")
        assert answer.text == "stopped: no new entries; 1 under way go on to their end"
        await rig.until(lambda: not process.trade.working)
        assert process.trade.phase is Phase.LOCKED

    play(tmp_path, story)


def test_m16_stop_and_cancel_takes_every_resting_order_out_of_both_venues(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        trades = await rest_everywhere(rig, process)
        assert await at_rest_at_the_venues(process) == 2
        answer = await command(rig, "stop", then="cancel")
        assert answer.done
        assert "2 of 2 resting orders cancelled" in answer.text
        assert await at_rest_at_the_venues(process) == 0
        await rig.until(lambda: all(trade.phase is Phase.FAILED for trade in trades))

    play(tmp_path, story)


def test_m16_a_plain_stop_leaves_resting_orders_where_they_are(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        await rest_everywhere(rig, process)
        await command(rig, "stop")
        await rig.wait(5)
        assert await at_rest_at_the_venues(process) == 2

    play(tmp_path, story)


def test_m16_stop_and_flatten_sells_what_is_held(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        trade = await lock(rig, process)
        await rig.until(lambda: all(leg.sellable == leg.held for leg in trade.legs))
        rig.quote("kalshi", [(46, 100)], [(50, 100)])
        rig.quote("polymarket", [(40, 100)], [(46, 100)])
        await rig.wait(1)
        answer = await command(rig, "stop", then="flatten")
        assert answer.done
        assert "1 of 1 positions sold" in answer.text
        await rig.idle()
        assert (trade.phase, trade.result) == (Phase.FLAT, "exited")
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_m16_flatten_does_not_give_a_bundle_away_to_stub_bids_and_sells_it_once_the_books_are_back(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        trade = await lock(rig, process)
        await rig.until(lambda: all(leg.sellable == leg.held for leg in trade.legs))
        rig.quote("kalshi", [(1, 100)], [(60, 100)])
        await rig.wait(1)
        answer = await command(rig, "stop", then="flatten")
        assert "0 of 1 positions sold" in answer.text
        assert "for what surely pays $10.00" in answer.text
        assert trade.phase is Phase.LOCKED
        rig.quote("kalshi", [(46, 100)], [(50, 100)])
        await rig.until(lambda: trade.phase is Phase.FLAT, 30)

    play(tmp_path, story)


def test_m16_what_a_stop_asked_for_stands_across_a_restart(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        trade = await lock(rig, process)
        rig.quote("kalshi", [], [(60, 100)])
        await rig.wait(1)
        assert "0 of 1 positions sold" in (await command(rig, "stop", then="flatten")).text
        await rig.die()
        process = await rig.start(books=False)
        rig.quote("kalshi", [(46, 100)], [(50, 100)])
        trade = process.trades[0]
        await rig.until(lambda: trade.phase is Phase.FLAT, 30)

    play(tmp_path, story)


def test_m16_a_start_ends_what_a_stop_asked_for(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        trade = await lock(rig, process)
        rig.quote("kalshi", [], [(60, 100)])
        await rig.wait(1)
        await command(rig, "stop", then="flatten")
        await command(rig, "start")
        rig.quote("kalshi", [(46, 100)], [(50, 100)])
        await rig.wait(10)
        assert trade.phase is Phase.LOCKED
        await rig.die()
        process = await rig.start()
        await rig.wait(10)
        assert process.trades[0].phase is Phase.LOCKED

    play(tmp_path, story)


def test_m16_a_later_trip_does_not_revive_what_an_earlier_stop_asked_for(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        trade = await lock(rig, process)
        rig.quote("kalshi", [], [(60, 100)])
        await rig.wait(1)
        await command(rig, "stop", then="flatten")
        await command(rig, "start")
        process.engine.desk.trip("reject rate: kalshi")
        await rig.die()
        process = await rig.start(books=False)
        rig.quote("kalshi", [(46, 100)], [(50, 100)])
        await rig.wait(10)
        trade = process.trades[0]
        assert trade.phase is Phase.LOCKED

    play(tmp_path, story)


def test_m46_a_command_that_waited_too_long_is_refused_and_never_done(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        await rig.die()
        with Inbox.of_sender(rig.folder / "ledger.db") as sender:
            old = sender.send("stop", {}, "operator", rig.clock.wall() - 31 * SECOND)
            process = await rig.start()
            await rig.until(lambda: sender.answer(old) is not None, 5)
            answer = sender.answer(old)
        assert answer is not None
        assert not answer.done
        assert "older than 30 s" in answer.text
        assert process.engine.desk.ledger.kill_switch is None
        assert process.engine.desk.ledger.commands == []

    play(tmp_path, story)


def test_m46_a_command_that_an_engine_died_on_is_not_done_twice(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        await rig.die()
        with Inbox.of_sender(rig.folder / "ledger.db") as sender:
            number = sender.send("stop", {}, "operator", rig.clock.wall())
            assert sender.take(number, rig.clock.wall()), "by the engine that died"
            process = await rig.start()
            await rig.until(lambda: sender.answer(number) is not None, 5)
            answer = sender.answer(number)
        assert answer is not None
        assert not answer.done
        assert "ask again" in answer.text
        assert process.engine.desk.ledger.kill_switch is None

    play(tmp_path, story)


def test_m46_other_parts_register_their_verbs_and_a_defect_in_one_harms_nothing_else(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()

        async def compare(arguments: Mapping[str, str]) -> str:
            return f"{arguments['by']}: {arguments['venue']} agrees"

        async def refuse(arguments: Mapping[str, str]) -> str:
            raise Skip("not now")

        async def broken(arguments: Mapping[str, str]) -> str:
            raise ValueError("a defect")

        commands = process.engine.commands
        for verb, work in (("compare", compare), ("refuse", refuse), ("broken", broken)):
            commands.register(verb, work)
        assert await command(rig, "compare", venue="kalshi") == Answer(True, "operator: kalshi agrees")
        assert await command(rig, "refuse") == Answer(False, "not now")
        told = await command(rig, "broken")
        assert not told.done
        assert "ValueError: a defect" in told.text
        assert process.alarms == ["defect"]
        unknown = await command(rig, "sell_everything")
        assert not unknown.done
        assert all(verb in unknown.text for verb in ("broken", "compare", "refuse", "start", "stop"))
        assert process.engine.desk.failure is None

    play(tmp_path, story)


def test_m45_after_a_loss_limit_stop_start_asks_for_confirmation_once_the_loss_is_below_its_limit(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        await lose(rig, process)
        same_day = await command(rig, "start", confirm="yes")
        assert not same_day.done
        assert "until the day is over" in same_day.text
        await rig.die()
        rig.config = with_limits(max_daily_loss=Cash(50 * DOLLAR))
        process = await rig.start()
        unconfirmed = await command(rig, "start")
        assert not unconfirmed.done
        assert "--confirm" in unconfirmed.text
        assert process.engine.desk.ledger.kill_switch is not None
        assert (await command(rig, "start", confirm="yes")).done
        assert process.engine.desk.ledger.kill_switch is None

    play(tmp_path, story, config=with_limits(max_daily_loss=Cash(50 * CENT)))
