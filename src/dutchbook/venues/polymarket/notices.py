"""What the venue's answers say about itself: restarting, post-only, cancel-only, or closed to this account or region.

The venue announces these only in answers to orders, so the trading side writes here and the data side's `mode` reads.
Decides nothing and sends nothing.
"""

from __future__ import annotations

from typing import Final

from dutchbook.core.clock import SECOND, Clock
from dutchbook.core.errors import Refused
from dutchbook.core.venue import VenueMode

DEFAULT_PAUSE_NS: Final = 30 * SECOND
"""How long a restriction is believed that came without a time; the next refused order renews it."""
AFTER_RESTART_NS: Final = 120 * SECOND
"""The venue's post-only time after a restart (restart notices: about two minutes)."""

MODES: Final = {
    "restarting": VenueMode.RESTARTING,
    "post_only_mode": VenueMode.POST_ONLY,
    "cancel_only": VenueMode.CANCEL_ONLY,
    "trading_disabled": VenueMode.PAUSED,
}
"""What the venue takes, by the code of what it said (`wire`)."""
_BARS: Final = {
    "region": "Polymarket takes no orders from this machine's region; there is no way around it. Paper works everywhere",
    "closed_only": "this Polymarket account may only close positions; ask the venue's support why",
    "banned": "this Polymarket account's address is banned; ask the venue's support why",
}


class Notices:
    """The newest word of the venue. Restrictions end by their own time; a bar stays until the process ends."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[VenueMode, int] = {}
        self._bar = ""

    def heard(self, code: str, retry_after_ns: int = 0) -> None:
        """An answer meant `code` (the names of `wire`); other codes change nothing."""
        if code in _BARS:
            self._bar = code
        mode = MODES.get(code)
        if mode is None:
            return
        now = self._clock.monotonic()
        if not retry_after_ns and self._until.get(mode, now) > now:
            return
        self._until[mode] = now + (retry_after_ns or DEFAULT_PAUSE_NS)
        if mode is VenueMode.RESTARTING:
            # a taker sent into the post-only time would be refused while its other leg fills
            self._until[VenueMode.POST_ONLY] = self._until[mode] + AFTER_RESTART_NS
        elif mode is VenueMode.POST_ONLY:
            self._until.pop(VenueMode.RESTARTING, None)

    def traded(self) -> None:
        """A taker's order was accepted: no restriction is in force."""
        self._until.clear()

    def mode(self) -> VenueMode:
        """TRADING, or the severest restriction still in force. Raises Refused, saying why, when we are barred."""
        if self._bar:
            raise Refused(_BARS[self._bar], code=self._bar)
        now = self._clock.monotonic()
        for mode in (VenueMode.PAUSED, VenueMode.RESTARTING, VenueMode.CANCEL_ONLY, VenueMode.POST_ONLY):
            if self._until.get(mode, now) > now:
                return mode
        return VenueMode.TRADING
