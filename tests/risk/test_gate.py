"""The gate against M16 to M26: each check alone, their order, and that nothing approved ever breaks a limit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dutchbook.core.book import Book
from dutchbook.core.claim import Claim, Outcome
from dutchbook.core.clock import DAY, MILLISECOND, MINUTE, SECOND
from dutchbook.core.market import MarketStatus
from dutchbook.core.money import MICRO, RATE_ONE, Cash, Price, Rate, Size
from dutchbook.core.opportunity import Opportunity, Rejection
from dutchbook.risk.approved import Approved
from dutchbook.risk.checks import bet_size, loss_breaker, signal_edge
from dutchbook.risk.gate import ORDER, TRIPS_KILL_SWITCH, RiskGate
from dutchbook.risk.limits import RiskLimits
from dutchbook.risk.view import DailyCounters, KillSwitch, RiskView, VenueMode, Window
from risk.scene import (
    EVENT,
    KALSHI,
    LIMITS,
    LINK,
    MARKETS,
    NOW,
    POLY,
    WALL,
    balances,
    book,
    books,
    dollars,
    opportunity,
    view,
)

STARTED = {key: replace(value, starts_ns=WALL - SECOND) for key, value in MARKETS.items()}


def refused(what: Opportunity, seen: RiskView, limits: RiskLimits = LIMITS) -> Rejection:
    answer = RiskGate(limits).check(what, seen)
    assert isinstance(answer, Rejection), "it was approved"
    return answer


def passed(what: Opportunity, seen: RiskView, limits: RiskLimits = LIMITS) -> Approved:
    answer = RiskGate(limits).check(what, seen)
    assert isinstance(answer, Approved), answer
    return answer


def test_a_sound_bundle_is_approved_with_the_legs_the_executor_sends() -> None:
    approved = passed(opportunity(), view())
    assert [(leg.claim, leg.size, leg.limit) for leg in approved.legs] == [
        (Claim(KALSHI, Outcome.YES), 2 * MICRO, 400_000),
        (Claim(POLY, Outcome.NO), 2 * MICRO, 500_000),
    ]
    assert approved.worst_cost == dollars("1.86")
    assert approved.approved_at_ns == WALL
    assert approved.expires_ns == WALL + SECOND
    assert not approved.expired(WALL + SECOND)
    assert approved.expired(WALL + SECOND + 1)


def test_an_approval_ends_when_its_books_would_be_stale() -> None:
    soon = {key: replace(value, closes_ns=WALL + 2 * MINUTE, starts_ns=None) for key, value in MARKETS.items()}
    approved = passed(opportunity(), view(markets=soon, books=books(age_ns=30 * MILLISECOND)))
    assert WALL < approved.expires_ns < WALL + 210 * MILLISECOND


one_market = opportunity()._replace(
    legs=tuple(leg._replace(claim=leg.claim._replace(market=KALSHI)) for leg in opportunity().legs)
)
TOO_GOOD = opportunity()._replace(roi=Rate(RATE_ONE * 51 // 100))
UNAPPROVED = replace(LINK, approved=False)

CASES: list[tuple[str, Opportunity, dict[str, Any], str, list[str]]] = [
    (
        "switch on",
        opportunity(),
        {"kill_switch": KillSwitch(True, "by hand")},
        "kill_switch",
        ["kill switch", "by hand"],
    ),
    ("switch unread", opportunity(), {"kill_switch": None}, "kill_switch", ["kill switch", "unknown"]),
    ("naked leg", opportunity(), {"naked_trades": 1}, "naked", ["kill switch", "1 naked"]),
    ("poor kalshi", opportunity(), {"balances": balances("0.99")}, "balance", ["kalshi balance", "$0.99", "$1.00"]),
    ("poor poly", opportunity(), {"balances": balances("9", "0.5")}, "balance", ["polymarket balance", "$0.50"]),
    ("no balances", opportunity(), {"balances": {}}, "balance", ["kalshi balance", "unknown"]),
    (
        "old balance",
        opportunity(),
        {"balances": balances(age_ns=MINUTE + 1)},
        "balance",
        ["kalshi balance", "stale", "60.000 s"],
    ),
    (
        "cash in flight",
        opportunity(),
        {"balances": balances("5"), "reserved": {("kalshi", "shard-0"): dollars("4.5")}},
        "balance",
        ["kalshi balance", "$0.50"],
    ),
    ("low roi", opportunity()._replace(roi=Rate(RATE_ONE // 101)), {}, "roi_low", ["roi", "1.00 %"]),
    ("two legs in one market", one_market, {}, "roi_high", ["suspicious", "data-quality"]),
    ("high roi", TOO_GOOD, {}, "roi_high", ["suspicious", "51.00 %", "50.00 %"]),
    (
        "high roi on an unapproved link",
        TOO_GOOD._replace(bundle=replace(TOO_GOOD.bundle, link=UNAPPROVED)),
        {},
        "roi_high",
        ["suspicious", "evidence against the link"],
    ),
    ("unapproved", opportunity(link=UNAPPROVED), {}, "unapproved_link", ["link-1", "not approved", "evidence against"]),
    (
        "too many trades",
        opportunity(),
        {"daily": DailyCounters(50, Cash(0))},
        "daily_trades",
        ["daily trade", "50 of 50"],
    ),
    ("day unknown", opportunity(), {"daily": None}, "daily_trades", ["daily trade", "unknown"]),
    (
        "lost enough",
        opportunity(),
        {"daily": DailyCounters(3, Cash(-dollars("3")), Cash(-dollars("2")))},
        "daily_loss",
        ["daily loss", "$5.00"],
    ),
    ("position open", opportunity(), {"open_positions": {EVENT: 1}}, "event_open", ["open position", EVENT]),
    (
        "exposed",
        opportunity(),
        {"exposure": {EVENT: dollars("98.15")}},
        "event_exposure",
        ["exposure", "$100.01", "$100.00"],
    ),
    ("just tried", opportunity(), {"last_attempt_ns": {EVENT: NOW - SECOND}}, "cooldown", ["1.000 s", "5.000 s"]),
    (
        "live, low confidence",
        opportunity(link=replace(LINK, high_confidence=False)),
        {"markets": STARTED},
        "live",
        ["live", "confidence"],
    ),
    ("live, old", opportunity(), {"markets": STARTED, "books": books(age_ns=301 * MILLISECOND)}, "live", ["0.301 s"]),
    (
        "live, one-sided",
        opportunity(),
        {"markets": STARTED, "books": books() | {KALSHI: book(KALSHI, [], [(40, 50)])}},
        "live",
        ["live", "executable bid and ask"],
    ),
    ("venue paused", opportunity(), {"modes": {"kalshi": VenueMode.PAUSED}}, "closing", ["pause", "kalshi"]),
    ("mode unknown", opportunity(), {"modes": {}}, "closing", ["pause", "unknown"]),
    (
        "pause ahead",
        opportunity(),
        {"windows": {"kalshi": (Window(WALL + 30 * SECOND, WALL + MINUTE, "Thursday pause"),)}},
        "closing",
        ["Thursday pause", "30.000 s"],
    ),
    ("market unknown", opportunity(), {"markets": {}}, "closing", ["closing", "unknown"]),
    (
        "close ahead",
        opportunity(),
        {"markets": MARKETS | {POLY: replace(MARKETS[POLY], closes_ns=WALL + MINUTE)}},
        "closing",
        ["closing", "60.000 s"],
    ),
    (
        "start ahead",
        opportunity(),
        {"markets": MARKETS | {POLY: replace(MARKETS[POLY], starts_ns=WALL + SECOND)}},
        "closing",
        ["closing", "starts in 1.000 s"],
    ),
    (
        "market paused",
        opportunity(),
        {"markets": MARKETS | {POLY: replace(MARKETS[POLY], status=MarketStatus.PAUSED)}},
        "closing",
        ["pause"],
    ),
    ("broken lot", opportunity(2 * MICRO + 5_000), {}, "size", ["size", "2.005", "lots of 0.01"]),
    (
        "too little cash for the venue",
        opportunity(),
        {"markets": MARKETS | {POLY: replace(MARKETS[POLY], min_cash=dollars("1.01"))}},
        "size",
        ["size", "$1.00", "$1.01"],
    ),
    ("off the grid", opportunity(kalshi_limit=405_000), {}, "price", ["price", "0.405"]),
    ("limit of one", opportunity(poly_limit=MICRO), {}, "price", ["price", "1.00"]),
    ("clock unknown", opportunity(), {"clock_offsets_ns": {"kalshi": 0}}, "stale", ["clock", "polymarket"]),
    (
        "clock off",
        opportunity(),
        {"clock_offsets_ns": {"kalshi": -251 * MILLISECOND, "polymarket": 0}},
        "stale",
        ["-251 ms", "250 ms"],
    ),
    (
        "feed silent",
        opportunity(),
        {"heard_ns": {"kalshi": NOW, "polymarket": NOW - 5 * SECOND - 1}},
        "stale",
        ["feed of polymarket", "5.000 s"],
    ),
    ("no book", opportunity(), {"books": {KALSHI: books()[KALSHI]}}, "stale", ["stale", "not live"]),
    ("gap", opportunity(), {"books": books() | {POLY: Book(POLY)}}, "stale", ["stale", "not live"]),
    (
        "crossed",
        opportunity(),
        {"books": books() | {POLY: book(POLY, [(52, 9)], [(51, 9)])}},
        "stale",
        ["stale", "crossed"],
    ),
    ("old quotes", opportunity(), {"books": books(age_ns=30 * SECOND + 1)}, "stale", ["30.000 s"]),
    (
        "skewed quotes",
        opportunity(),
        {"books": books() | {POLY: books(age_ns=16 * SECOND)[POLY]}},
        "stale",
        ["16.000 s apart", "15.000 s"],
    ),
    (
        "depth gone",
        opportunity(),
        {"books": books() | {KALSHI: book(KALSHI, [(39, 5)], [(40, 1), (41, 50)])}},
        "slippage",
        ["slippage", "depth", "1.00 of 2.00"],
    ),
    (
        "price gone",
        opportunity(kalshi_limit=440_000),
        {"books": books() | {KALSHI: book(KALSHI, [(39, 5)], [(44, 50)])}},
        "slippage",
        ["slippage", "$0.08", "half"],
    ),
    ("too dear", opportunity(3 * MICRO), {}, "bet_size", ["bet size", "$2.00"]),
    ("too small", opportunity(MICRO), {}, "bet_size", ["bet size", "below $1.00"]),
    (
        "smaller balance",
        opportunity(),
        {"balances": balances("50", "1.85")},
        "bet_size",
        ["bet size", "$1.86", "$1.85"],
    ),
]


@pytest.mark.parametrize(("what", "seen", "code", "words"), [pytest.param(*c[1:], id=c[0]) for c in CASES])
def test_each_check_refuses_with_its_code_and_its_words(
    what: Opportunity, seen: dict[str, Any], code: str, words: list[str]
) -> None:
    rejection = refused(what, view(**seen))
    assert rejection.code == code, rejection
    assert not [word for word in words if word not in rejection.text], rejection.text


def test_the_codes_of_the_cases_come_in_the_order_of_the_table() -> None:
    codes = list(dict.fromkeys(case[3] for case in CASES))
    assert codes == [
        "kill_switch",
        "naked",
        "balance",
        "roi_low",
        "roi_high",
        "unapproved_link",
        "daily_trades",
        "daily_loss",
        "event_open",
        "event_exposure",
        "cooldown",
        "live",
        "closing",
        "size",
        "price",
        "stale",
        "slippage",
        "bet_size",
    ]
    assert len(codes) == len(ORDER)


def test_the_first_failure_is_the_reason_for_every_pair_of_views_that_fail() -> None:
    codes = list(dict.fromkeys(case[3] for case in CASES))
    views = [(seen, code) for _, what, seen, code, _ in CASES if seen and what == opportunity()]
    assert len(views) > 20
    for early, early_code in views:
        for late, late_code in views:
            if codes.index(early_code) < codes.index(late_code) and not set(early) & set(late):
                assert refused(opportunity(), view(**late, **early)).code == early_code


def test_a_small_profit_is_refused_even_when_its_roi_is_fine() -> None:
    rejection = refused(opportunity(), view(), replace(LIMITS, min_profit=dollars("0.15")))
    assert (rejection.code, "profit $0.1400" in rejection.text) == ("roi_low", True)


def test_more_contracts_than_one_order_may_have_are_refused() -> None:
    limits = replace(LIMITS, max_order_contracts=Size(2 * MICRO - 10_000))
    rejection = refused(opportunity(), view(), limits)
    assert rejection.code == "size"
    assert "1.99 contracts" in rejection.text


def test_the_gate_computes_the_roi_itself_and_does_not_trust_the_scanner() -> None:
    dear = books() | {POLY: book(POLY, [(40, 50)], [(41, 50)])}
    honest = opportunity(poly_limit=600_000, at=dear)
    flattered = honest._replace(roi=Rate(RATE_ONE // 10), profit=dollars("0.2"))
    rejection = refused(flattered, view(books=dear), replace(LIMITS, min_profit=Cash(-MICRO)))
    assert (rejection.code, "roi -" in rejection.text) == ("roi_low", True)


def test_a_worst_cost_that_leaves_out_the_fee_is_corrected() -> None:
    bare = opportunity()
    bare = bare._replace(legs=tuple(leg._replace(worst=Cash(0)) for leg in bare.legs))
    assert passed(bare, view()).worst_cost == dollars("1.86")


def test_a_claim_that_the_link_does_not_know_is_refused() -> None:
    stray = opportunity(link=replace(LINK, payoffs={KALSHI: LINK.payoffs[KALSHI]}))
    assert refused(stray, view(), replace(LIMITS, min_roi=Rate(-(10**15)), min_profit=Cash(-(10**9)))).code == (
        "unapproved_link"
    )


def test_a_live_event_with_everything_in_order_may_be_traded() -> None:
    approved = passed(opportunity(), view(markets=STARTED, books=books(age_ns=290 * MILLISECOND)))
    assert approved.expires_ns == WALL + 10 * MILLISECOND


def test_a_pause_behind_us_and_a_pause_far_ahead_do_not_matter() -> None:
    windows = {"kalshi": (Window(WALL - 2, WALL - 1, "past"), Window(WALL + DAY, WALL + DAY + 1, "tomorrow"))}
    passed(opportunity(), view(windows=windows))
    running = {"kalshi": (Window(WALL - 1, WALL + 1, "running"),)}
    assert refused(opportunity(), view(windows=running)).code == "closing"


def test_the_taker_delay_counts_towards_the_close() -> None:
    close = WALL + MINUTE + 2 * SECOND
    slow = MARKETS | {POLY: replace(MARKETS[POLY], closes_ns=close, taker_delay_ns=3 * SECOND)}
    fast = MARKETS | {POLY: replace(MARKETS[POLY], closes_ns=close)}
    assert refused(opportunity(), view(markets=slow)).code == "closing"
    passed(opportunity(), view(markets=fast))


def test_a_quiet_book_that_was_proved_current_is_not_stale() -> None:
    old = view(books=books(age_ns=MINUTE))
    assert refused(opportunity(), old).code == "stale"
    passed(opportunity(), replace(old, confirmed_ns={KALSHI: NOW, POLY: NOW}))


def test_a_no_price_is_checked_on_the_grid_in_yes_terms() -> None:
    """A NO limit of 0.50 is a YES price of 0.50; on a grid that starts at 0.505 neither exists."""
    from dutchbook.core.market import TickGrid, TickRange

    grid = TickGrid((TickRange(Price(400_000), Price(450_000), Price(10_000)),))
    markets = MARKETS | {POLY: replace(MARKETS[POLY], grid=grid)}
    assert refused(opportunity(), view(markets=markets)).code == "price"
    shown = books() | {POLY: book(POLY, [(45, 50)], [(46, 50)])}
    cheap = opportunity(poly_limit=550_000, at=shown)
    passed(cheap, view(markets=markets, books=shown))


def test_negative_slippage_is_fine() -> None:
    better = books() | {KALSHI: book(KALSHI, [(29, 5)], [(30, 50)])}
    passed(opportunity(), view(books=better))


def test_slippage_of_exactly_half_the_edge_is_let_through() -> None:
    """The expected profit is 14 cents on two bundles: 3.5 cents a contract more is exactly half."""
    grid = replace(MARKETS[KALSHI], grid=MARKETS[KALSHI].grid.uniform(Price(1_000)))
    markets = MARKETS | {KALSHI: grid}
    for ask, code in ((435_000, None), (436_000, "slippage")):
        moved = Book(KALSHI)
        moved.snapshot([(390_000, MICRO)], [(ask, 50 * MICRO)])
        moved.received_ns = NOW
        answer = RiskGate(LIMITS).check(
            opportunity(kalshi_limit=440_000), view(markets=markets, books=books() | {KALSHI: moved})
        )
        assert (answer.code if isinstance(answer, Rejection) else None) == code


def test_the_loss_breaker_trips_at_the_limit_and_not_before() -> None:
    assert loss_breaker(view(daily=DailyCounters(1, Cash(-4_999_999))), LIMITS) is None
    tripped = loss_breaker(view(daily=DailyCounters(1, Cash(-5_000_000))), LIMITS)
    assert tripped is not None
    assert tripped.code in TRIPS_KILL_SWITCH
    assert loss_breaker(view(daily=None), LIMITS) is None


def test_a_paper_gain_on_a_naked_leg_does_not_hide_a_realised_loss() -> None:
    day = DailyCounters(1, Cash(-5_000_000), naked=Cash(9_000_000))
    assert day.loss == 5_000_000
    assert loss_breaker(view(daily=day), LIMITS) is not None


def test_a_signal_needs_the_smallest_edge() -> None:
    assert signal_edge(LIMITS.min_edge, LIMITS) is None
    rejection = signal_edge(Rate(LIMITS.min_edge - 1), LIMITS)
    assert rejection is not None
    assert "edge 1.9999 % is below 2.00 %" in rejection.text


POOLS = (("kalshi", "shard-0"), ("polymarket", "wallet"))
cents = st.integers(0, 1_000).map(lambda c: Cash(c * 10_000))


def cash_view(kalshi: Cash, poly: Cash, reserved: Cash) -> RiskView:
    held = balances()
    return view(
        balances={
            "kalshi": replace(held["kalshi"], available={"shard-0": kalshi}),
            "polymarket": replace(held["polymarket"], available={"wallet": poly}),
        },
        reserved={("kalshi", "shard-0"): reserved},
    )


@given(cents, cents, cents, cents, cents)
def test_a_bet_is_never_above_max_bet_or_the_smaller_balance_and_is_zero_when_unaffordable(
    kalshi: Cash, poly: Cash, reserved: Cash, least: Cash, most: Cash
) -> None:
    limits = replace(LIMITS, min_bet=min(least, most), max_bet=max(least, most))
    size = bet_size(POOLS, cash_view(kalshi, poly, reserved), limits)
    smaller = min(kalshi - reserved, poly)
    if size:
        assert limits.min_bet <= size <= min(limits.max_bet, smaller)
    else:
        assert smaller < limits.min_bet or min(limits.max_bet, smaller) <= 0


def test_a_bet_from_a_pool_that_nobody_knows_is_zero() -> None:
    assert bet_size((*POOLS, ("kalshi", "shard-1")), view(), LIMITS) == 0
    assert bet_size((), view(), LIMITS) == 0


@settings(max_examples=300, deadline=None)
@given(
    size=st.integers(90, 240).map(lambda n: n * 10_000),
    kalshi_limit=st.sampled_from([390, 400, 400, 410, 420, 430, 440, 445]).map(lambda n: n * 1_000),
    poly_limit=st.integers(49, 53).map(lambda n: n * 10_000),
    asks=st.lists(st.tuples(st.integers(40, 45), st.integers(1, 4)), min_size=1, max_size=3, unique_by=lambda x: x[0]),
    cash=st.tuples(
        *(st.integers(low, high).map(lambda c: Cash(c * 10_000)) for low, high in ((170, 600), (170, 600), (0, 80)))
    ),
    lost=st.integers(0, 520).map(lambda c: Cash(c * 10_000)),
    trades=st.integers(0, 51),
    exposure=st.integers(0, 700).map(lambda c: Cash(c * 10_000)),
    age_ms=st.integers(0, 400),
    max_bet=st.integers(100, 400).map(lambda c: Cash(c * 10_000)),
    started=st.booleans(),
)
def test_nothing_approved_ever_breaks_a_limit(
    size: int,
    kalshi_limit: int,
    poly_limit: int,
    asks: list[tuple[int, int]],
    cash: tuple[Cash, Cash, Cash],
    lost: Cash,
    trades: int,
    exposure: Cash,
    age_ms: int,
    max_bet: Cash,
    started: bool,
) -> None:
    limits = replace(
        LIMITS,
        max_bet=Cash(max(max_bet, LIMITS.min_bet)),
        max_event_exposure=dollars("8"),
        max_order_contracts=Size(7 * MICRO),
    )
    seen = replace(
        cash_view(*cash),
        daily=DailyCounters(trades, Cash(-lost)),
        exposure={EVENT: exposure},
        markets=STARTED if started else MARKETS,
        books=books(age_ns=age_ms * MILLISECOND) | {KALSHI: book(KALSHI, [(39, 9)], asks)},
    )
    wanted = opportunity(size, kalshi_limit=kalshi_limit, poly_limit=poly_limit)
    answer = RiskGate(limits).check(wanted, seen)
    if isinstance(answer, Rejection):
        assert answer.text
        return
    kalshi, poly, reserved = cash
    worst = sum(leg.worst for leg in answer.legs)
    assert limits.min_bet <= worst <= min(limits.max_bet, kalshi - reserved, poly)
    assert min(kalshi - reserved, poly) >= limits.min_platform_balance
    assert trades < limits.max_daily_trades
    assert lost < limits.max_daily_loss
    assert exposure + worst <= limits.max_event_exposure
    assert size <= limits.max_order_contracts
    assert size - wanted.cost >= limits.min_profit
    assert (size - wanted.cost) * 100 >= wanted.cost
    assert kalshi_limit % 10_000 == 0
    assert sum(n * MICRO for ask, n in asks if ask * 10_000 <= kalshi_limit) >= size
    assert not started or age_ms <= 300


@settings(max_examples=60, deadline=None)
@given(size=st.integers(120, 210).map(lambda n: n * 10_000), max_bet=st.integers(100, 250).map(lambda c: c * 10_000))
def test_what_fits_every_limit_is_approved(size: int, max_bet: int) -> None:
    """The other half of the property: the gate does not refuse everything."""
    wanted = opportunity(size)
    answer = RiskGate(replace(LIMITS, max_bet=Cash(max_bet))).check(wanted, view())
    assert isinstance(answer, Approved) == (wanted.worst_cost <= max_bet)
