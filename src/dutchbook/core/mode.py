"""What happens to an order. The pipeline is the same in all three modes."""

from __future__ import annotations

from enum import Enum


class Mode(Enum):
    """Decided and recorded only; filled by a simulated exchange; sent to the venue."""

    DRY_RUN = "dry-run"
    PAPER = "paper"
    LIVE = "live"

    @property
    def tag(self) -> str:
        """As log lines show it: `[PAPER]`."""
        return f"[{self.value.upper()}]"
