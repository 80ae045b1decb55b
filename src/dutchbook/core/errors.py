"""The error tree, by what the caller must do: retry, skip this, or stop trading.

Three policies and no more. A message names the thing that failed, then the fix; it never carries a secret.
"""

from __future__ import annotations


class DutchbookError(Exception):
    """Root of every error that dutchbook raises on purpose."""


class Retry(DutchbookError):
    """The same call may be made again later: nothing happened, or repeating it is harmless."""


class Skip(DutchbookError):
    """This item (order, market, frame) is refused; the next one may be fine."""


class Stop(DutchbookError):
    """Trading must not start or go on until a person has acted."""


class NotSent(Retry):
    """The request never left this machine (connection refused, name not found, deadline passed before writing)."""


class RateLimited(Retry):
    """The venue refused for its rate limit; `retry_after_ns` is zero when it did not say how long to wait."""

    def __init__(self, message: str, retry_after_ns: int = 0) -> None:
        super().__init__(message)
        self.retry_after_ns = retry_after_ns


class Unavailable(Retry):
    """The venue said that it is restarting, paused or in a mode that takes no such order: nothing was done."""


class Lost(DutchbookError):
    """The answer was lost after the request may have left: its outcome is UNKNOWN. Ask, never send anew."""


class MalformedFrame(Skip):
    """Bytes from a venue that do not have the promised shape; the message names the field."""


class Refused(Skip):
    """The venue refused this request for good; `code` is the venue's own word."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class InvalidOrder(Skip):
    """An order that the venue would refuse (grid, minimum, side), caught before sending."""


class UnknownFee(Skip):
    """A fee shape that this version does not know: the market is not traded."""


class DryRunError(Skip):
    """Raised by the one order path in dry-run mode, where a request would have left. Counted, never fatal."""


class ExecutionFailedError(Skip):
    """A trade could not be executed; carries the reason of the first failing leg."""


class SettingsError(Stop):
    """A setting is missing, unknown, malformed or contradicts another; the message names it and the fix."""


class CredentialsError(Stop):
    """A secret is missing, malformed or refused by the venue. Never echoes the secret."""


class LedgerError(Stop):
    """The ledger cannot be used: another mode or account, locked, foreign, full disk, broken chain."""


class ImpossibleEvent(Stop):
    """A state machine met an event that its table does not know: an alarm for a person, never ignored."""
