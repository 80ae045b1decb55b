"""Figures of a day: when a local day begins, what counts on which day, and that nothing counts twice."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.clock import DAY, HOUR, MINUTE, SECOND
from dutchbook.core.facts import AnyFact, FeeTrued, OrdersPlanned, TradeTurned
from dutchbook.core.money import RATE_ONE
from dutchbook.core.order import Action, OrderEvent
from dutchbook.core.trade import Phase, Turn
from dutchbook.engine.view import Figures
from dutchbook.ledger.journal import Identity, Journal
from dutchbook.ledger.projection import Ledger
from dutchbook.ledger.statistics import Statistics, local_day, statistics
from ledger.story import CENT, bought, fell_short, marked, moved, opening, paid, plan, resettled, sent

UTC_ZONE = ZoneInfo("UTC")
ZONES = [ZoneInfo(name) for name in ("UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Pacific/Apia")]
MONDAY = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()) * SECOND

Story = list[tuple[int, AnyFact]]


def at(text: str) -> int:
    """A UTC time in nanoseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def opened(trade: str, at_ns: int) -> Story:
    return [(at_ns, fact) for fact in (opening(trade), TradeTurned(trade, Turn.START), *sent(trade))]


def locked(trade: str, at_ns: int, fee: int = CENT) -> Story:
    """Ten of each leg for nine dollars and a fee: a dollar less the fee is sure."""
    fills = (bought(f"{trade}.0.1", f"{trade}1", 10, 40, fee=fee), bought(f"{trade}.1.1", f"{trade}2", 10, 50))
    return [*opened(trade, at_ns), *((at_ns, f) for f in (*fills, TradeTurned(trade, Turn.LOCK)))]


def settled(trade: str, at_ns: int, payout_cents: int = 1000) -> Story:
    facts = (paid(trade, 0, 100, payout_cents), paid(trade, 1, 100, 0), TradeTurned(trade, Turn.SETTLE))
    return [(at_ns, fact) for fact in facts]


def rolled_back(trade: str, at_ns: int, sold: int = 10) -> Story:
    """Ten of one leg bought at 40 cents and sold (all but dust) at 38."""
    order = f"{trade}.0.2"
    facts = (
        bought(f"{trade}.0.1", f"{trade}1", 10, 40),
        fell_short(trade),
        OrdersPlanned(trade, Turn.UNWIND, "unwind", (plan(order, Action.SELL, sold),)),
        moved(order, OrderEvent.SEND),
        bought(order, f"{trade}2", sold, 38),
        TradeTurned(trade, Turn.FLATTEN, "unwound"),
    )
    return [*opened(trade, at_ns), *((at_ns, fact) for fact in facts)]


def sold_early(trade: str, at_ns: int, sold: tuple[int, ...] = (0, 1)) -> Story:
    """Locked for nine dollars and a cent, and sold at 43 and 52 cents on the next day: those legs that found a buyer."""
    orders = [plan(f"{trade}.{leg}.2", Action.SELL) for leg in (0, 1)]
    facts: list[AnyFact] = [
        OrdersPlanned(trade, Turn.EXIT, "sells above cost", tuple(orders)),
        *(moved(order.id, OrderEvent.SEND) for order in orders),
        *(bought(f"{trade}.{leg}.2", f"{trade}s{leg}", 10, (43, 52)[leg]) for leg in sold),
    ]
    if len(sold) == 2:
        facts.append(TradeTurned(trade, Turn.FLATTEN, "sold"))
    return [*locked(trade, at_ns), *((at_ns + DAY, fact) for fact in facts)]


def handed_over(trade: str, at_ns: int) -> Story:
    return [*naked(trade, at_ns), (at_ns, TradeTurned(trade, Turn.HAND_OVER, "mine"))]


def failed(trade: str, at_ns: int) -> Story:
    return [*opened(trade, at_ns), (at_ns, TradeTurned(trade, Turn.MISS, "nothing filled"))]


def naked(trade: str, at_ns: int) -> Story:
    facts = (bought(f"{trade}.0.1", f"{trade}1", 10, 40), fell_short(trade), TradeTurned(trade, Turn.STRAND, "no bid"))
    return [*opened(trade, at_ns), *((at_ns, fact) for fact in facts)]


def dry(trade: str, at_ns: int) -> Story:
    return [(at_ns, fact) for fact in (opening(trade), TradeTurned(trade, Turn.DRY_RUN))]


def fold(*stories: Story) -> Ledger:
    ledger = Ledger()
    for story in stories:
        for at_ns, fact in story:
            ledger.apply(fact, at_ns)
    return ledger


def figures(*stories: Story, zone: ZoneInfo = UTC_ZONE, day: date | None = None) -> Statistics:
    return statistics(fold(*stories).trades.values(), zone, day)


# -- days -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "last_of_the_day", "day"),
    [
        ("UTC", "2026-03-01T23:59:59", date(2026, 3, 1)),
        ("Asia/Kolkata", "2026-03-01T18:29:59", date(2026, 3, 1)),
        ("America/New_York", "2026-03-08T04:59:59", date(2026, 3, 7)),
        # clocks go forward on the 8th: that day has 23 hours
        ("America/New_York", "2026-03-09T03:59:59", date(2026, 3, 8)),
        # and back on 1 November: 25 hours
        ("America/New_York", "2026-11-01T03:59:59", date(2026, 10, 31)),
        ("America/New_York", "2026-11-02T04:59:59", date(2026, 11, 1)),
        ("Pacific/Auckland", "2026-04-05T11:59:59", date(2026, 4, 5)),
        # midnight itself is skipped where clocks go forward at 24:00
        ("America/Santiago", "2026-09-06T03:59:59", date(2026, 9, 5)),
    ],
)
def test_a_day_ends_at_local_midnight(zone: str, last_of_the_day: str, day: date) -> None:
    last_ns = at(last_of_the_day) + SECOND - 1
    assert local_day(last_ns, ZoneInfo(zone)) == day
    assert local_day(last_ns + 1, ZoneInfo(zone)) == day + timedelta(days=1)


@given(st.integers(0, 4_102_444_800 * SECOND), st.integers(0, DAY), st.sampled_from(ZONES))
def test_days_never_go_back(at_ns: int, later_ns: int, zone: ZoneInfo) -> None:
    assert local_day(at_ns, zone) <= local_day(at_ns + later_ns, zone)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
def test_the_days_count_begins_anew_at_local_midnight(zone: str) -> None:
    place = ZoneInfo(zone)
    midnight = int(datetime(2026, 3, 9, tzinfo=place).timestamp()) * SECOND
    stories = [failed("a", midnight - 1), failed("b", midnight), failed("c", midnight + 22 * HOUR)]
    counts = {day: figures(*stories, zone=place, day=date(2026, 3, day)).trades for day in (8, 9, 10)}
    assert counts == {8: 1, 9: 2, 10: 0}


# -- what counts when -------------------------------------------------------------------------------------------------


def test_a_trade_counts_on_the_day_it_was_opened_and_pays_on_the_day_it_settled() -> None:
    story = [locked("a", MONDAY), settled("a", MONDAY + 3 * DAY)]
    monday, thursday = (figures(*story, day=date(2026, 3, n)) for n in (2, 5))
    assert (monday.trades, monday.successful, monday.realised, monday.fees) == (1, 1, 0, CENT)
    assert (thursday.trades, thursday.successful, thursday.realised, thursday.settled) == (0, 0, 99 * CENT, 1)


def test_a_locked_trade_has_a_sure_profit_and_has_realised_nothing() -> None:
    now = figures(locked("a", MONDAY))
    assert (now.locked_profit, now.realised, now.settled) == (99 * CENT, 0, 0)


def test_a_settled_trade_is_no_longer_locked_profit() -> None:
    after = figures(locked("a", MONDAY), settled("a", MONDAY + DAY))
    assert (after.locked_profit, after.realised) == (0, 99 * CENT)


def test_a_roll_back_is_realised_on_its_own_day_as_its_real_loss() -> None:
    after = figures(rolled_back("a", MONDAY), day=date(2026, 3, 2))
    assert (after.trades, after.rolled_back, after.successful) == (1, 1, 0)
    assert after.realised == after.rollback_losses == -20 * CENT
    assert (after.settled, after.win_rate) == (0, 0)


def test_a_roll_back_with_dust_shows_its_loss_at_once_and_is_counted_once() -> None:
    """The daily loss limit must not wait for a hundredth of a contract to be paid."""
    loss, payout = (9 * 38 - 400) * CENT, 100 * CENT
    rolled = rolled_back("a", MONDAY, sold=9)
    assert figures(rolled, day=date(2026, 3, 2)).realised == loss
    dust = [(MONDAY + 2 * DAY, fact) for fact in (paid("a", 0, 100, 100), TradeTurned("a", Turn.SETTLE))]
    whole = figures(rolled, dust)
    assert (whole.rolled_back, whole.successful, whole.settled) == (1, 0, 0)
    assert whole.realised == whole.rollback_losses == loss + payout
    assert {n: figures(rolled, dust, day=date(2026, 3, n)).realised for n in (2, 3, 4)} == {
        2: loss + payout,
        3: 0,
        4: 0,
    }


def test_a_locked_trade_that_was_reopened_and_rolled_back_is_not_a_success() -> None:
    unwound = [
        TradeTurned("a", Turn.REOPEN, "a fill failed"),
        OrdersPlanned("a", Turn.UNWIND, "unwind", (plan("a.0.2", Action.SELL), plan("a.1.2", Action.SELL))),
        *(moved(f"a.{leg}.2", OrderEvent.SEND) for leg in (0, 1)),
        bought("a.0.2", "s1", 10, 40),
        bought("a.1.2", "s2", 10, 50),
        TradeTurned("a", Turn.FLATTEN),
    ]
    after = figures(locked("a", MONDAY), [(MONDAY + HOUR, fact) for fact in unwound])
    assert (after.trades, after.successful, after.rolled_back, after.realised) == (1, 0, 1, -CENT)


def test_a_naked_trade_that_its_market_paid_is_not_a_success_whatever_it_won() -> None:
    end = [(MONDAY + DAY, fact) for fact in (paid("a", 0, 100, 1000), TradeTurned("a", Turn.SETTLE))]
    after = figures(naked("a", MONDAY), end)
    assert (after.successful, after.naked, after.rolled_back) == (0, 1, 0)
    assert (after.realised, after.settled) == (600 * CENT, 1)


def test_an_early_exit_is_a_success_and_realised_on_the_day_it_was_sold() -> None:
    story = sold_early("a", MONDAY)
    monday, tuesday, whole = figures(story, day=date(2026, 3, 2)), figures(story, day=date(2026, 3, 3)), figures(story)
    assert (monday.successful, monday.realised) == (1, 0)
    assert (tuesday.realised, tuesday.settled, tuesday.rollback_losses) == (49 * CENT, 1, 0)
    assert (whole.successful, whole.rolled_back, whole.locked_profit, whole.win_rate) == (1, 0, 0, RATE_ONE)


def test_an_exit_that_was_never_finished_is_a_naked_trade_and_realised_when_its_market_pays() -> None:
    """Leg 0 was sold, leg 1 found no buyer until its market paid nothing: the loss must reach the day's figures."""
    end = (fell_short("a"), TradeTurned("a", Turn.STRAND), paid("a", 1, 100, 0), TradeTurned("a", Turn.SETTLE))
    story = [*sold_early("a", MONDAY, sold=(0,)), *((MONDAY + 2 * DAY, fact) for fact in end)]
    whole, wednesday = figures(story), figures(story, day=date(2026, 3, 4))
    assert (whole.naked, whole.successful, whole.rolled_back) == (1, 0, 0)
    assert whole.realised == wednesday.realised == (430 - 901) * CENT


def test_a_trade_that_a_person_took_over_was_naked_and_what_he_made_of_it_counts_when_it_is_over() -> None:
    assert figures(handed_over("a", MONDAY)).naked == 1
    end = (marked("a", 0, -10, 450), TradeTurned("a", Turn.FLATTEN, "sold by hand"))
    after = figures(handed_over("a", MONDAY), [(MONDAY + DAY, fact) for fact in end])
    assert (after.naked, after.rolled_back, after.realised) == (0, 1, 50 * CENT)


def test_a_corrected_payout_counts_on_the_day_of_the_settlement() -> None:
    reversal = [(MONDAY + 3 * DAY, resettled("a", 0, 0, 0))]
    story = [locked("a", MONDAY), settled("a", MONDAY + DAY), reversal]
    assert figures(*story).realised == figures(*story, day=date(2026, 3, 3)).realised == -901 * CENT
    assert figures(*story).win_rate == 0


def test_m36_the_win_rate_is_over_settled_trades_only() -> None:
    stories = [locked("a", MONDAY), settled("a", MONDAY), locked("b", MONDAY), settled("b", MONDAY, 900)]
    after = figures(*stories, failed("c", MONDAY), rolled_back("d", MONDAY), locked("e", MONDAY))
    assert after.settled == 2
    assert after.win_rate == RATE_ONE // 2


def test_dry_runs_are_counted_apart_and_realise_nothing() -> None:
    after = figures(dry("a", MONDAY), failed("b", MONDAY))
    assert (after.dry_run, after.trades, after.realised) == (1, 1, 0)


def test_a_corrected_fee_counts_with_its_trade() -> None:
    story = [*locked("a", MONDAY), (MONDAY + MINUTE, FeeTrued("a", "kalshi", "kalshi:0", 7))]
    assert figures(story).fees == CENT + 7
    assert figures(story).locked_profit == 99 * CENT - 7


STORIES = {
    "locked": locked,
    "settled": lambda trade, at_ns: [*locked(trade, at_ns), *settled(trade, at_ns + 2 * DAY)],
    "rolled back": rolled_back,
    "rolled back with dust": lambda trade, at_ns: rolled_back(trade, at_ns, sold=9),
    "failed": failed,
    "naked": naked,
    "sold early": sold_early,
    "handed over": handed_over,
    "dry": dry,
}
some_trades = st.lists(st.tuples(st.sampled_from(sorted(STORIES)), st.integers(0, 6 * DAY)), max_size=8)


@given(some_trades, st.sampled_from(ZONES))
def test_m36_the_days_add_up_to_the_whole_and_every_trade_is_one_thing(
    kinds: list[tuple[str, int]], zone: ZoneInfo
) -> None:
    ledger = fold(*(STORIES[kind](f"t{n}", MONDAY + late) for n, (kind, late) in enumerate(kinds)))
    trades = list(ledger.trades.values())
    whole = statistics(trades, zone)
    days = [statistics(trades, zone, date(2026, 3, 1) + timedelta(days=n)) for n in range(14)]
    for name in Statistics.__slots__:
        if name != "win_rate":
            assert sum(getattr(day, name) for day in days) == getattr(whole, name), name
    assert whole.trades == whole.successful + whole.rolled_back + whole.failed + whole.naked
    ended = [trade.pnl for trade in trades if trade.phase in (Phase.SETTLED, Phase.FLAT)]
    assert whole.realised == sum(ended)


def test_m36_the_days_figures_survive_a_restart(tmp_path: Path) -> None:
    stories = [locked("a", MONDAY), rolled_back("b", MONDAY + HOUR), failed("c", MONDAY - DAY), settled("a", MONDAY)]
    identity = Identity("paper", "intl", (), ())
    journal = Journal.write(tmp_path / "ledger.db", identity)
    for story in stories:
        for at_ns, fact in story:
            journal.append([fact], at_ns)
    journal.close()
    again = Journal.write(tmp_path / "ledger.db", identity)
    after = Ledger().replay(again.records())
    again.close()
    today = statistics(after.trades.values(), UTC_ZONE, date(2026, 3, 2))
    assert today == figures(*stories, day=date(2026, 3, 2))
    assert (today.trades, today.realised) == (2, (99 - 20) * CENT)


def test_a_clock_that_was_set_back_hides_nothing_of_the_day() -> None:
    """One trade is touched while the clock stands a day back; the loss of before still counts for today."""
    story = [*rolled_back("a", MONDAY), *opened("b", MONDAY - DAY)]
    ledger = Ledger()
    for at_ns, fact in story:
        ledger.apply(fact, at_ns)
    figures = Figures.of(ledger, UTC_ZONE, MONDAY + HOUR)
    assert figures.realised_today == ledger.trades["a"].pnl < 0
    assert [trade.id for trade in ledger.newest(since_ns=MONDAY + 1)] == []
