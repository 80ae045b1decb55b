"""What a trade's driver is given by the engine: the world to decide on, the venues, and the one way to record a fact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from dutchbook.core.claim import MarketId
from dutchbook.core.clock import Clock
from dutchbook.core.facts import AnyFact
from dutchbook.core.market import Market
from dutchbook.core.opportunity import Rejection
from dutchbook.core.order import Intent
from dutchbook.core.position import TradeBook
from dutchbook.core.venue import Trading
from dutchbook.execution.decide import Policy, Scene

HELD_BACK: Final = "executor_disabled"
"""The code of a refusal for want of the second key (M2)."""


class Services(Protocol):
    """What the engine gives to its drivers."""

    clock: Clock
    policy: Policy
    send_window_ns: int

    def scene(self) -> Scene:
        """What deciding sees of the world now."""

    @property
    def markets(self) -> Mapping[MarketId, Market]: ...

    @property
    def trading(self) -> Mapping[str, Trading]: ...

    def record(self, *facts: AnyFact) -> None:
        """Apply and journal facts; raises ImpossibleEvent or LedgerError, and then nothing may be sent."""

    def note(self, trade: TradeBook, event: str, **details: object) -> None:
        """One log line about a trade."""

    def track(self, identity: str, trade: str, order: str) -> None:
        """From now on stream messages with this identity belong to this order."""

    def admit(self, intents: Sequence[Intent]) -> Rejection | None:
        """The last look before orders are written; why none of them may be, or None."""

    def sendable(self, intents: Sequence[Intent]) -> tuple[Intent, ...]:
        """Those that may leave now; where a venue names no orders, one order at a time is in flight per market."""
