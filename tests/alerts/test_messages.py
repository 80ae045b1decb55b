"""M45: each message tells what happened with exact amounts, and a message is a pure function of facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from dutchbook.alerts.events import Teller
from dutchbook.alerts.message import Kind, Message
from dutchbook.core.clock import DAY
from dutchbook.core.facts import (
    Alarmed,
    AnyFact,
    CashMoved,
    EngineStarted,
    EngineStopped,
    KillSwitchSet,
    OrderMoved,
    OrdersPlanned,
    OutcomesDiverged,
    TradeTurned,
)
from dutchbook.core.money import MICRO
from dutchbook.core.order import Action, OrderEvent
from dutchbook.core.trade import Phase, Turn
from dutchbook.ledger.projection import Ledger
from ledger.story import bought, fell_short, moved, opening, paid, plan, resettled, reversed_fill, sent

UTC = ZoneInfo("UTC")
TELLER = Teller("[PAPER]", UTC, lambda switch: switch.reason.startswith("daily loss"))


@dataclass
class Tape:
    """A ledger, and what was told of it."""

    ledger: Ledger = field(default_factory=lambda: Ledger(frozenset({"kalshi"})))
    told: list[Message] = field(default_factory=list)
    seq: int = 0

    def play(self, *facts: AnyFact, at_ns: int = DAY) -> Message | None:
        """Take facts in order; the message of the last."""
        message = None
        for fact in facts:
            trade = self.ledger.trades.get(getattr(fact, "trade", ""))
            before: Phase | None = trade.phase if trade is not None else None
            self.ledger.apply(fact, at_ns)
            self.seq += 1
            message = TELLER.tell(fact, self.seq, at_ns, before, self.ledger)
            if message is not None:
                self.told.append(message)
        return message


def funded() -> Tape:
    tape = Tape()
    tape.play(
        CashMoved("kalshi", "kalshi:0", "opening", 100 * MICRO),
        CashMoved("polymarket", "polymarket:wallet", "opening", 100 * MICRO),
    )
    return tape


def locked(tape: Tape, trade: str = "t", event: str = "rain") -> Message:
    message = tape.play(
        opening(trade, event=event),
        TradeTurned(trade, Turn.START),
        *sent(trade),
        bought(f"{trade}.0.1", "f", cents=47, fee=70_000),
        bought(f"{trade}.1.1", "g", cents=51, fee=12_345),
        TradeTurned(trade, Turn.LOCK),
    )
    assert message is not None
    return message


def test_m45_executed_tells_each_leg_total_guaranteed_payout_profit_roi_and_both_balances() -> None:
    message = locked(funded())
    assert message.kind is Kind.EXECUTED
    for line in (
        "✅ <b>Executed: rain</b> [PAPER]",
        "<b>Kalshi YES</b> RAIN",
        "  10 × $0.47 = $4.70, fee $0.07",
        "<b>Polymarket NO</b> 0xrain",
        "  10 × $0.51 = $5.10, fee $0.012345",
        "Total $9.882345 (fees $0.082345)",
        "Guaranteed payout $10.00",
        "Profit <b>+$0.117655</b> · ROI 1.19 %",
        "Balances: Kalshi $95.23 · Polymarket $94.887655 · together $190.117655",
    ):
        assert line in message.text.split("\n"), line
    assert message.amount == 117_655


def test_m45_several_fills_at_several_prices_have_an_exact_cost_and_an_average_marked_as_rounded() -> None:
    tape = funded()
    message = tape.play(
        opening(),
        TradeTurned("t", Turn.START),
        *sent("t"),
        bought("t.0.1", "f", size=3, cents=47),
        bought("t.0.1", "f2", size=7, cents=48),
        bought("t.1.1", "g", cents=51),
        TradeTurned("t", Turn.LOCK),
    )
    assert message is not None
    assert "10 × $0.477 = $4.77" in message.text
    thirds = funded()
    message = thirds.play(
        opening(size=3),
        TradeTurned("t", Turn.START),
        *sent("t"),
        bought("t.0.1", "f", size=1, cents=47),
        bought("t.0.1", "f2", size=2, cents=48),
        bought("t.1.1", "g", size=3, cents=51),
        TradeTurned("t", Turn.LOCK),
    )
    assert message is not None
    assert "3 × ≈$0.4767 = $1.43" in message.text


def short(tape: Tape) -> Message | None:
    """One leg fills, the other is refused."""
    return tape.play(
        opening(),
        TradeTurned("t", Turn.START),
        *sent("t"),
        bought("t.0.1", "f", cents=47, fee=70_000),
        OrderMoved("t", "t.1.1", OrderEvent.REJECT, reason="not enough <balance> & more"),
        fell_short(),
    )


def test_m45_rolled_back_tells_the_filled_leg_the_failed_leg_with_its_reason_the_unwind_price_and_the_loss() -> None:
    tape = funded()
    short(tape)
    message = tape.play(
        OrdersPlanned("t", Turn.UNWIND, "sell", (plan("t.0.2", Action.SELL),)),
        moved("t.0.2", OrderEvent.SEND),
        bought("t.0.2", "s", cents=45, fee=70_000),
        TradeTurned("t", Turn.FLATTEN),
    )
    assert message is not None
    assert message.kind is Kind.ROLLED_BACK
    for line in (
        "  10 × $0.47 = $4.70, fee $0.07",
        "  sold again 10 × $0.45 = $4.50, fee $0.07",
        "  not filled: not enough &lt;balance&gt; &amp; more",
        "Loss <b>-$0.34</b> (paid $4.70, fees $0.14)",
        "Balances: Kalshi $99.66 · Polymarket $100.00 · together $199.66",
    ):
        assert line in message.text.split("\n"), line
    assert message.amount == -340_000


def test_m45_partial_and_naked_name_what_is_not_hedged_and_naked_is_told_once_an_episode() -> None:
    tape = funded()
    message = short(tape)
    assert message is not None
    assert message.kind is Kind.PARTIAL
    assert "Not hedged: <b>Kalshi YES</b> RAIN 10" in message.text
    assert "Cash out so far $4.77 (fees $0.07)" in message.text
    message = tape.play(TradeTurned("t", Turn.STRAND, "nobody buys"))
    assert message is not None
    assert message.kind is Kind.NAKED
    assert "Why: nobody buys" in message.text
    assert tape.play(Alarmed("naked", "trade t is naked", "t")) is None
    assert tape.play(TradeTurned("t", Turn.STRAND, "still nobody")) is None
    message = tape.play(TradeTurned("t", Turn.HAND_OVER, "mine"))
    assert message is not None
    assert message.kind is Kind.HANDED_OVER


def test_m45_failed_tells_each_leg_s_reason() -> None:
    tape = funded()
    message = tape.play(
        opening(),
        TradeTurned("t", Turn.START),
        *sent("t"),
        OrderMoved("t", "t.0.1", OrderEvent.REJECT, code="insufficient_resting_volume"),
        OrderMoved("t", "t.1.1", OrderEvent.REJECT, reason="no match"),
        TradeTurned("t", Turn.MISS, "nothing filled"),
    )
    assert message is not None
    assert message.kind is Kind.FAILED
    assert "not filled: insufficient_resting_volume" in message.text
    assert "not filled: no match" in message.text
    assert "Balances: Kalshi $" in message.text


def test_m45_settlement_tells_each_payout_and_the_result_and_a_correction_is_told() -> None:
    tape = funded()
    locked(tape)
    message = tape.play(paid("t", 0, 100, 1_000), paid("t", 1, 100, 0), TradeTurned("t", Turn.SETTLE))
    assert message is not None
    assert message.kind is Kind.SETTLED
    assert "  YES won: paid $10.00" in message.text
    assert "  YES won: paid $0.00" in message.text
    assert "Result <b>+$0.117655</b>" in message.text
    message = tape.play(resettled("t", 1, 0, 1_000))
    assert message is not None
    assert message.kind is Kind.CORRECTED
    assert "The trade now brings $10.117655" in message.text


def test_m45_the_kill_switch_tells_the_reason_trades_and_profit_today_and_how_to_resume() -> None:
    tape = funded()
    locked(tape)
    message = tape.play(KillSwitchSet(True, "daily loss $5.00 <reached>", "engine"))
    assert message is not None
    assert message.kind is Kind.KILL_SWITCH
    assert "Why: <b>daily loss $5.00 &lt;reached&gt;</b>" in message.text
    assert "Today: 1 trades, 1 successful, 0 rolled back, 0 failed" in message.text
    assert "P&amp;L today $0.00 realised, +$0.117655 locked, fees $0.082345" in message.text
    assert "To resume: look at the reason, then /start" in message.text
    assert "It will ask you to confirm" in message.text
    assert tape.play(Alarmed("kill_switch", "daily loss $5.00 <reached>")) is None
    message = tape.play(KillSwitchSet(False, "taken back by operator", "operator"))
    assert message is not None
    assert message.kind is Kind.RESUMED


def test_m45_an_alarm_of_the_kill_switch_that_nothing_else_tells_is_told() -> None:
    tape = funded()
    message = tape.play(Alarmed("kill_switch", "the clock is off: no entries until it is right"))
    assert message is not None
    assert "the clock is off" in message.text


def test_m45_divergence_reconciliation_reversal_start_and_stop_are_told() -> None:
    tape = funded()
    locked(tape)
    told = [
        tape.play(OutcomesDiverged("t", "rain", "YES at one venue, NO at the other")),
        tape.play(Alarmed("divergence", "YES at one venue, NO at the other", "t")),
        tape.play(Alarmed("reconcile_unknown_position", "10 of X are at Kalshi. What ends it: --adopt")),
        tape.play(Alarmed("cash_difference", "$1 more than expected")),
        tape.play(reversed_fill("t.0.1", "f")),
        tape.play(Alarmed("breaker", "rejections")),
        tape.play(EngineStarted("0.1.0", "paper")),
        tape.play(EngineStopped("time is up")),
    ]
    kinds = [message.kind if message is not None else None for message in told]
    assert kinds == [
        Kind.DIVERGENCE,
        None,
        Kind.RECONCILIATION,
        Kind.RECONCILIATION,
        Kind.REVERSED,
        Kind.ALARM,
        Kind.STARTED,
        Kind.STOPPED,
    ]
    texts = [message.text for message in told if message is not None]
    assert "YES at one venue, NO at the other" in texts[0]
    assert "unknown position" in texts[1]
    assert "it failed on chain" in texts[3]
    assert "Open positions: 1" in texts[5]
    assert "time is up" in texts[6]


def test_a_dry_run_trade_is_told_as_decided_only() -> None:
    message = funded().play(opening(), TradeTurned("t", Turn.DRY_RUN, "dry run"))
    assert message is not None
    assert message.kind is Kind.DRY_RUN
    assert "10 × $0.40 = $4.00" in message.text


def test_a_script_in_an_event_s_name_is_shown_and_never_a_tag() -> None:
    message = locked(funded(), event="<script>alert(1)</script>")
    assert "<script>" not in message.text
    assert "&lt;script&gt;" in message.text


def test_the_same_facts_make_the_same_messages() -> None:
    one, other = funded(), funded()
    for tape in (one, other):
        locked(tape)
        short_of = tape.play(KillSwitchSet(True, "x", "operator"))
        assert short_of is not None
    assert one.told == other.told
