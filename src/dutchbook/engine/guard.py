"""The last look at orders before they are written: the same order again within seconds is a runaway (breaker table of risk).

Every order passes here, whoever wants it: entries, hedges, unwinds, orders by hand. It remembers what was admitted, and at a
start reads it from the ledger. It refuses and says why; throwing the switch is the desk's part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from dutchbook.core.claim import Claim
from dutchbook.core.money import format_micros
from dutchbook.core.opportunity import Rejection
from dutchbook.core.order import Action, Intent
from dutchbook.core.position import TradeBook
from dutchbook.ledger.projection import Ledger
from dutchbook.risk.checks import seconds

NEXT_TRIES: Final = 3
"""How many equal orders one trade may send within the time, each after the one before has ended: slices of an unwind."""


class _Content(NamedTuple):
    """What makes two orders the same."""

    claim: Claim
    action: Action
    size: int
    limit: int


class _Admitted(NamedTuple):
    at_ns: int
    trade: str
    order: str


class Guard:
    """Knows the orders of the last seconds. `window_ns` is how long after a plan its order may still be written."""

    def __init__(self, ledger: Ledger, repeat_ns: int, window_ns: int) -> None:
        self._ledger = ledger
        self._repeat_ns = repeat_ns
        self._recent: dict[_Content, list[_Admitted]] = {}
        latest = next(ledger.newest(), None)
        for trade in ledger.newest(since_ns=latest.touched_ns - repeat_ns) if latest is not None else ():
            self._remember(trade, window_ns)

    def _remember(self, trade: TradeBook, window_ns: int) -> None:
        for leg in trade.legs:
            for row in leg.orders:
                plan = row.plan
                claim = leg.claim.opposite if plan.opposite else leg.claim
                admitted = _Admitted(plan.send_by_ns - window_ns, trade.id, plan.id)
                self._recent.setdefault(_Content(claim, plan.action, plan.size, plan.limit), []).append(admitted)

    def admit(self, intents: Sequence[Intent], wall_ns: int) -> Rejection | None:
        """None when all may be written, and then they are remembered; otherwise why none may."""
        wanted: dict[_Content, _Admitted] = {}
        for intent in intents:
            content = _Content(intent.claim, intent.action, intent.size, intent.limit)
            recent = [each for each in self._recent.get(content, ()) if abs(wall_ns - each.at_ns) < self._repeat_ns]
            self._recent[content] = recent
            refused = content in wanted or (recent and not self._next_try(intent, recent))
            if refused:
                since = seconds(wall_ns - recent[-1].at_ns) if recent else "at once"
                return Rejection("runaway", f"runaway: {_words(content)} again ({since} after the same order)")
            wanted[content] = _Admitted(wall_ns, intent.trade, intent.id)
        if len(self._recent) > 1_000:
            self._forget(wall_ns)
        for content, admitted in wanted.items():
            self._recent.setdefault(content, []).append(admitted)
        return None

    def _next_try(self, intent: Intent, recent: Sequence[_Admitted]) -> bool:
        """Whether this is a trade's own next try, all earlier ones having ended with every fill known."""
        trade = self._ledger.trades.get(intent.trade)
        if trade is None or len(recent) >= NEXT_TRIES or any(each.trade != intent.trade for each in recent):
            return False
        earlier = {each.order for each in recent}
        return all(row.ended and row.accounted for row in trade.orders() if row.plan.id in earlier)

    def _forget(self, wall_ns: int) -> None:
        self._recent = {
            content: recent
            for content, recent in self._recent.items()
            if any(abs(wall_ns - each.at_ns) < self._repeat_ns for each in recent)
        }


def _words(content: _Content) -> str:
    size, limit = format_micros(content.size, trim=True), format_micros(content.limit, trim=True)
    return f"{content.action.value} {size} {content.claim} at {limit}"
