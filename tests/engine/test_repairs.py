"""A person's repairs of single trades, commanded from another process: complete, unwind, hand over, mark (M47)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dutchbook.core.clock import SECOND
from dutchbook.core.facts import Commanded, LotsMarked
from dutchbook.core.money import Cash
from dutchbook.core.trade import Phase
from dutchbook.ledger.inbox import Answer
from engine.parts import CONFIG, DOLLAR
from engine.rig import Process, Rig, cross, play, uncross, with_limits
from engine.scenes import command, lock
from engine.test_naked import stranded

WHY = "the news is out"


async def refused(rig: Rig, verb: str, **arguments: str) -> str:
    """A command that must not be done, and that must leave the ledger as it was but for the command itself."""
    process = rig.process
    assert process is not None
    before = [(trade.id, trade.phase, trade.pnl, trade.touched_ns) for trade in process.trades]
    answer = await command(rig, verb, **arguments)
    assert not answer.done
    assert [(trade.id, trade.phase, trade.pnl, trade.touched_ns) for trade in process.trades] == before
    return answer.text


def commanded(process: Process) -> list[Commanded]:
    return [command for _, command in process.engine.desk.ledger.commands]


def test_m47_a_naked_trade_is_completed_when_a_person_wants_it_though_unwinding_is_cheaper(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await stranded(rig)
        trade = process.trade
        answer = await command(rig, "trade_complete", trade=trade.id, reason=WHY)
        assert answer.done and "it is being worked on" in answer.text
        # one leg can be sold 2 cents lower, and the other be bought 12 cents too dear
        rig.quote("kalshi", [(40, 100)], [(42, 100)])
        rig.quote("polymarket", [(30, 100)], [(54, 100)])
        await rig.until(lambda: not trade.working, 10)
        assert trade.phase is Phase.LOCKED
        assert {leg.held for leg in trade.legs} == {10 * DOLLAR}
        assert commanded(process)[0].arguments.endswith(f'"reason":"{WHY}"}}')
        await rig.idle()
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_m47_a_naked_trade_is_unwound_when_a_person_wants_it_though_completing_is_cheaper(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await stranded(rig)
        trade = process.trade
        await command(rig, "trade_unwind", trade=trade.id, reason=WHY)
        rig.quote("kalshi", [(30, 100)], [(42, 100)])
        rig.quote("polymarket", [(52, 100)], [(54, 100)])
        await rig.until(lambda: not trade.working, 10)
        assert (trade.phase, trade.result) == (Phase.FLAT, "rolled_back")
        await rig.idle()
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_m47_a_locked_trade_is_sold_whole_by_hand_and_the_reason_is_kept(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        trade = await lock(rig, process)
        await rig.until(lambda: all(leg.sellable == leg.held for leg in trade.legs))
        answer = await command(rig, "trade_unwind", trade=trade.id, reason=WHY)
        assert answer.done and f"trade {trade.id} is exited" in answer.text and "result so far -$" in answer.text
        assert (trade.phase, trade.exited) == (Phase.FLAT, True)
        assert any(WHY in str(record.fact) for record in process.journal.records())
        await rig.idle()
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_m47_a_locked_trade_that_the_books_do_not_take_whole_is_left_as_it_is(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        trade = await lock(rig, process)
        rig.quote("kalshi", [], [(42, 100)])
        await rig.wait(1)
        text = await refused(rig, "trade_unwind", trade=trade.id, reason=WHY)
        assert "do not take every leg whole" in text
        assert "not unequal" in await refused(rig, "trade_complete", trade=trade.id, reason=WHY)

    play(tmp_path, story)


def test_m47_a_sale_by_hand_that_finds_no_bids_is_tried_again_while_the_person_waits(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        trade = await lock(rig, process)
        await rig.until(lambda: all(leg.sellable == leg.held for leg in trade.legs))
        rig.quote("kalshi", [], [(42, 100)])
        await rig.wait(1)
        rig.after(2 * SECOND, lambda: rig.quote("kalshi", [(40, 100)], [(42, 100)]))
        answer = await command(rig, "trade_unwind", trade=trade.id, reason=WHY)
        assert answer.done and f"trade {trade.id} is exited" in answer.text
        await rig.idle()
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_m47_a_trade_handed_over_is_left_alone_and_ends_with_the_marks_of_what_the_person_did(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await stranded(rig)
        trade = process.trade
        answer = await command(rig, "trade_hand_over", trade=trade.id, reason=WHY)
        assert answer.done and f"dutchbook trade mark {trade.id}" in answer.text
        assert trade.phase is Phase.HANDED_OVER
        sent = len(rig.network.orders)
        rig.quote("kalshi", [(36, 100)], [(42, 100)])
        await rig.wait(5)
        assert (trade.phase, len(rig.network.orders)) == (Phase.HANDED_OVER, sent)
        words = {"trade": trade.id, "leg": "0", "contracts": "-10", "cash": "+3.50", "reason": "sold on the web"}
        answer = await command(rig, "trade_mark", **words)
        assert answer.done
        assert answer.text.startswith(f"booked on leg 0 of trade {trade.id}: -10.00 contracts, $3.500000")
        assert trade.phase is Phase.FLAT
        assert trade.legs[0].marks == [
            LotsMarked(trade.id, 0, -10 * DOLLAR, 3_500_000, "sold on the web", "operator"),
        ]

    play(tmp_path, story)


def test_m47_a_handed_over_trade_can_be_given_back_to_the_engine(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await stranded(rig)
        trade = process.trade
        await command(rig, "trade_hand_over", trade=trade.id, reason=WHY)
        rig.quote("kalshi", [(36, 100)], [(42, 100)])
        answer = await command(rig, "trade_unwind", trade=trade.id, reason="you do it")
        assert answer.done and "rolled back" in answer.text
        await rig.idle()
        assert await rig.mismatches() == []

    play(tmp_path, story)


def test_m47_words_that_make_no_sense_are_refused_with_their_field_and_change_nothing(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        trade = await lock(rig, process)
        mark = {"trade": trade.id, "leg": "0", "contracts": "-1", "cash": "0.40", "reason": WHY}

        async def told(**changes: str) -> str:
            return await refused(rig, "trade_mark", **{**mark, **changes})

        assert "deadbeef: not in this ledger" in await told(trade="deadbeef")
        assert "--reason" in await told(reason="  ")
        assert "has legs 0 to 1, not 2" in await told(leg="2")
        assert "--leg: '-1'" in await told(leg="-1")
        assert "leg 0 holds 10.00 contracts; 11.00 cannot go out" in await told(contracts="-11")
        assert "--contracts: 'ten' is not a plain decimal number" in await told(contracts="ten")
        assert "--cash" in await told(cash="1e3")
        assert "both are zero" in await told(contracts="0", cash="0")
        assert "one of the two signs is wrong" in await told(contracts="1", cash="0.40")
        assert "more than the $1.00 that a contract can be worth" in await told(contracts="-1", cash="1.01")
        for verb in ("trade_complete", "trade_unwind", "trade_hand_over"):
            assert "not in this ledger" in await refused(rig, verb, reason=WHY)
            assert "--reason" in await refused(rig, verb, trade=trade.id) or verb == "trade_hand_over"
        assert process.engine.desk.failure is None

    play(tmp_path, story)


def test_m47_a_mark_on_a_locked_trade_has_the_engine_make_the_other_leg_equal(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        trade = await lock(rig, process)
        await rig.until(lambda: all(leg.sellable == leg.held for leg in trade.legs))
        words = {"trade": trade.id, "leg": "0", "contracts": "-10", "cash": "4", "reason": "sold on the web"}
        answer = await command(rig, "trade_mark", **words)
        assert answer.done
        await rig.until(lambda: not trade.working, 20)
        assert len({leg.held for leg in trade.legs}) == 1

    play(tmp_path, story)


def test_m47_without_the_second_key_nothing_is_bought_or_sold_by_hand(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        trade = await lock(rig, process)
        await rig.die()
        rig.config = replace(CONFIG, sending=False)
        await rig.start()
        for verb in ("trade_complete", "trade_unwind"):
            assert "EXECUTOR_ENABLED" in await refused(rig, verb, trade=trade.id, reason=WHY)

    play(tmp_path, story)


@pytest.mark.parametrize("cash_each", [1000])
def test_m37a_the_engine_alarms_once_while_a_venue_starves_and_publishes_where_the_capital_is(
    tmp_path: Path, cash_each: int
) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        await lock(rig, process)
        await rig.wait(10)
        gauge = process.journal.gauge("capital")
        assert isinstance(gauge, dict)
        assert set(gauge["pools"]) == {"kalshi:0", "polymarket:pusd"}
        for pool in gauge["pools"].values():
            assert pool["free"] + pool["reserved"] == pool["cash"]
            assert pool["locked"] > 0
        assert set(gauge["until"]) == {"kalshi:KXRAIN-Y", "polymarket:rain"}
        assert "capital_starved" not in process.alarms
        # from now on a bundle may cost more than Kalshi has, and Polymarket has it to spare
        rig.quote("kalshi", [(38, 3000)], [(42, 3000)])

    play(tmp_path, story)


def test_m37a_a_starving_venue_is_alarmed_once_with_the_transfer_that_mends_it(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        cross(rig, 20)
        await rig.until(lambda: any(trade.phase is Phase.LOCKED for trade in process.trades))
        uncross(rig)
        # 8.40 and a fee have left Kalshi, 9.60 and a fee Polymarket: only the first is above the limit then
        await rig.wait(60)
        found = [alarm for alarm in process.engine.desk.ledger.alarms if alarm.code == "capital_starved"]
        assert len(found) == 1, "once while it lasts"
        assert "the largest bundle needs $990.50" in found[0].text
        assert "withdraw $" in found[0].text and "and deposit it at" in found[0].text

    play(tmp_path, story, config=with_limits(max_bet=Cash(50 * DOLLAR), min_platform_balance=Cash(990_500_000)))


def test_m47_a_repair_is_in_the_journal_before_it_is_done(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await stranded(rig)
        await command(rig, "trade_hand_over", trade=process.trade.id, reason=WHY)
        facts = [type(record.fact).__name__ for record in process.journal.records()]
        assert facts[-2:] == ["Commanded", "TradeTurned"]
        unknown = await command(rig, "trade_sell", trade=process.trade.id, reason=WHY)
        assert isinstance(unknown, Answer) and not unknown.done

    play(tmp_path, story)


def test_m47_a_locked_trade_that_a_person_sold_by_hand_is_handed_over_and_marked_leg_by_leg(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        process = await rig.start()
        trade = await lock(rig, process)
        sent = len(rig.network.orders)
        await command(rig, "trade_hand_over", trade=trade.id, reason="sold on the web")
        for leg in ("1", "0"):
            assert trade.phase is Phase.HANDED_OVER
            words = {"trade": trade.id, "leg": leg, "contracts": "-10", "cash": "5", "reason": "sold on the web"}
            assert (await command(rig, "trade_mark", **words)).done
            await rig.wait(3)
        assert trade.phase is Phase.FLAT
        assert len(rig.network.orders) == sent, "nothing is bought back between the two marks"

    play(tmp_path, story)


def test_m47_a_trade_in_a_persons_hands_is_over_when_the_venue_takes_back_all_that_is_left(tmp_path: Path) -> None:
    """The match at Polymarket fails on chain after the person has sold the other leg."""

    async def story(rig: Rig) -> None:
        rig.polymarket.fail_next_trades = 1
        process = await rig.start()
        cross(rig)
        await rig.until(lambda: bool(process.trades) and process.trade.phase is Phase.LOCKED)
        trade = process.trade
        await command(rig, "trade_hand_over", trade=trade.id, reason=WHY)
        words = {"trade": trade.id, "leg": "0", "contracts": "-10", "cash": "4", "reason": "sold on the web"}
        assert (await command(rig, "trade_mark", **words)).done
        assert trade.phase is Phase.HANDED_OVER
        await rig.until(lambda: trade.phase is Phase.FLAT, 60)
        assert trade.reason == "nothing of it is held any more"
        assert process.alarms.count("handed_over") == 1
        # it is still the person's: what they buy again is not met by an order of ours
        sent = len(rig.network.orders)
        words = {"trade": trade.id, "leg": "0", "contracts": "10", "cash": "-4", "reason": "bought back on the web"}
        assert (await command(rig, "trade_mark", **words)).done
        await rig.wait(10)
        assert (trade.phase, len(rig.network.orders)) == (Phase.HANDED_OVER, sent)

    play(tmp_path, story)
