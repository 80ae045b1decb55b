"""The checks on us: stop switch, cash, return, the day, the event, the bet (M16 to M22, M26). Each is one question.

A check returns None or the Rejection whose text has the words and the numbers an operator needs. It never changes anything.
"""

from __future__ import annotations

from dutchbook.core.clock import SECOND
from dutchbook.core.money import RATE_ONE, Cash, Rate, format_dollars, format_micros
from dutchbook.core.opportunity import Rejection
from dutchbook.risk.candidate import Candidate
from dutchbook.risk.limits import PARK_GAP, RiskLimits
from dutchbook.risk.view import Pool, RiskView


def percent(rate: Rate) -> str:
    """A rate for a screen, floored to four decimals of a percent."""
    return f"{format_micros(rate * 1_000_000 // RATE_ONE * 100, trim=True)} %"


def seconds(duration_ns: int) -> str:
    """A duration for a screen, floored to milliseconds."""
    sign = "-" if duration_ns < 0 else ""
    whole, rest = divmod(abs(duration_ns), SECOND)
    return f"{sign}{whole}.{rest // 1_000_000:03d} s"


def kill_switch(candidate: Candidate | None, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M16. A switch that cannot be read counts as thrown."""
    switch = view.kill_switch
    if switch is None:
        return Rejection("kill_switch", "kill switch: its state is unknown")
    if switch.on:
        return Rejection("kill_switch", f"kill switch is on: {switch.reason or 'no reason given'}")
    return None


def naked(candidate: Candidate | None, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """The circuit breakers of M16: no new entries while one holds, nor while a leg is unhedged (market structure, 6.5)."""
    if view.breaker is not None:
        return view.breaker
    if view.naked_trades > 0:
        return Rejection("naked", f"kill switch for entries: {view.naked_trades} naked trade(s) still to be closed")
    return None


def free_cash(pool: Pool, view: RiskView) -> Cash | None:
    """What a pool can spend: its balance less what orders in flight may take; None when the venue did not state it."""
    balances = view.balances.get(pool[0])
    if balances is None or pool[1] not in balances.available:
        return None
    return Cash(balances.available[pool[1]] - view.reserved.get(pool, 0))


def balance(candidate: Candidate, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M17, for each pool that would pay."""
    for pool in candidate.pools:
        venue, name = pool
        free = free_cash(pool, view)
        if free is None:
            return Rejection("balance", f"{venue} balance of {name} is unknown")
        age = view.monotonic_ns - view.balances[venue].received_ns
        if not 0 <= age <= limits.balance_max_age_ns:
            limit = seconds(limits.balance_max_age_ns)
            return Rejection("balance", f"{venue} balance of {name} is stale: {seconds(age)} old, at most {limit}")
        if free < limits.min_platform_balance:
            least = format_dollars(limits.min_platform_balance)
            return Rejection("balance", f"{venue} balance of {name} is {format_dollars(free)}, at least {least} needed")
    return None


def roi_low(candidate: Candidate, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M18, with the smallest profit in dollars."""
    if candidate.roi_low < limits.min_roi:
        return Rejection("roi_low", f"roi {percent(candidate.roi_low)} is below {percent(limits.min_roi)}")
    if candidate.profit < limits.min_profit:
        least = format_dollars(limits.min_profit, 4)
        return Rejection("roi_low", f"roi: profit {format_dollars(candidate.profit, 4)} is below {least}")
    return None


def signal_edge(edge: Rate, limits: RiskLimits) -> Rejection | None:
    """M18 for a directional trade: its edge after fees, over 1e-12."""
    if edge < limits.min_edge:
        return Rejection("edge_low", f"edge {percent(edge)} is below {percent(limits.min_edge)}")
    return None


def roi_high(candidate: Candidate, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M19 and M13: too good to be true."""
    markets = candidate.markets
    if len(set(markets)) < len(markets):
        return Rejection(
            "roi_high", f"suspicious: two legs in one market ({', '.join(markets)}) is a data-quality alarm"
        )
    if candidate.roi_high > limits.max_roi:
        text = f"suspicious: roi {percent(candidate.roi_high)} is above {percent(limits.max_roi)}"
        if not candidate.opportunity.bundle.link.approved:
            text += "; so large a gap on an unapproved link is evidence against the link"
        return Rejection("roi_high", text)
    return None


def unapproved_link(candidate: Candidate, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M10: only a person makes a link tradable. Also refuses a leg that the link does not know."""
    link = candidate.opportunity.bundle.link
    strangers = [market for market in candidate.markets if market not in link.payoffs]
    if strangers or not candidate.legs:
        return Rejection("unapproved_link", f"link {link.id} is not about {', '.join(strangers) or 'any leg'}")
    if link.approved:
        return None
    text = f"link {link.id} is not approved by a person"
    gap = Rate(candidate.edge * 1_000_000)
    if gap > PARK_GAP:
        text += f"; a gap of {format_dollars(candidate.edge, 4)} a bundle is evidence against the link"
    return Rejection("unapproved_link", text)


def daily_trades(candidate: Candidate, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M20. An unknown count is a rejection."""
    if view.daily is None:
        return Rejection("daily_trades", "daily trade count is unknown")
    if view.daily.trades >= limits.max_daily_trades:
        return Rejection(
            "daily_trades", f"daily trade limit: {view.daily.trades} of {limits.max_daily_trades} are made"
        )
    return None


def loss_breaker(view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M21: whether today's loss has reached its limit. Call it after each trade and each mark; an answer trips the kill
    switch. An unknown day is not a loss: the gate refuses it by itself.
    """
    if view.daily is None or view.daily.loss < limits.max_daily_loss:
        return None
    loss, most = format_dollars(view.daily.loss), format_dollars(limits.max_daily_loss)
    return Rejection("daily_loss", f"daily loss {loss} has reached the limit of {most}")


def daily_loss(candidate: Candidate, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M21 as a check of the gate."""
    return loss_breaker(view, limits)


def event_open(candidate: Candidate, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M22: one position per event."""
    count = view.open_positions.get(candidate.event, 0)
    if count > 0:
        return Rejection("event_open", f"open position on the same event {candidate.event}: {count}")
    return None


def event_exposure(candidate: Candidate, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M22: cash at risk on the event, this trade at its worst cost included."""
    total = Cash(view.exposure.get(candidate.event, 0) + candidate.worst_cost)
    if total > limits.max_event_exposure:
        most = format_dollars(limits.max_event_exposure)
        return Rejection(
            "event_exposure", f"exposure on {candidate.event} would be {format_dollars(total)}, at most {most}"
        )
    return None


def cooldown(candidate: Candidate, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """The same event is not tried again at once: a failed trade must not be repeated on every tick."""
    last = view.last_attempt_ns.get(candidate.event)
    if last is not None and view.monotonic_ns - last < limits.cooldown_ns:
        since, least = seconds(view.monotonic_ns - last), seconds(limits.cooldown_ns)
        return Rejection("cooldown", f"cooldown: {candidate.event} was tried {since} ago, wait {least}")
    return None


def bet_size(pools: tuple[Pool, ...], view: RiskView, limits: RiskLimits) -> Cash:
    """M26: the most that a bundle paid from these pools may cost, fees included.

    Never above MAX_BET nor above the smallest pool's free cash, and zero when that is less than MIN_BET or unknown.
    """
    found = [free_cash(pool, view) for pool in pools]
    known = [free for free in found if free is not None]
    if not known or len(known) < len(found):
        return Cash(0)
    budget = min(limits.max_bet, *known)
    return Cash(budget if budget >= max(limits.min_bet, 1) else 0)


def bet(candidate: Candidate, view: RiskView, limits: RiskLimits) -> Rejection | None:
    """M26 as a check of the gate: the plan's worst cost against `bet_size`."""
    budget, worst = bet_size(candidate.pools, view, limits), candidate.worst_cost
    if budget == 0:
        least = format_dollars(limits.min_bet)
        return Rejection("bet_size", f"bet size is 0: the smaller balance cannot pay the smallest bet of {least}")
    if worst > budget:
        return Rejection("bet_size", f"bet size: worst cost {format_dollars(worst)} is above {format_dollars(budget)}")
    if worst < limits.min_bet:
        return Rejection(
            "bet_size", f"bet size: worst cost {format_dollars(worst)} is below {format_dollars(limits.min_bet)}"
        )
    return None
