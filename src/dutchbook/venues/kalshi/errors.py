"""Kalshi's three error bodies and the branch of the error tree that each answer to a read belongs to.

Bodies: {"error":{"code","message","details"}}, {"code","message","details"} and {"error":"text"}; anything else (a
gateway's HTML page) is quoted shortly. Source: Kalshi API documentation and recorded answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from dutchbook.core.errors import CredentialsError, DutchbookError, Lost, RateLimited, Refused, Unavailable
from dutchbook.core.transport import Response
from dutchbook.venues.kalshi.fields import UNREADABLE

RATE_LIMITED: Final = "rate_limited"
_QUOTED: Final = 160


@dataclass(frozen=True, slots=True)
class VenueError:
    """The venue's own word (`code`, may be empty) and words for one failure."""

    code: str
    words: str

    def mentions(self, word: str) -> bool:
        """Whether code or words carry a name of the venue's, in either of its spellings."""
        wanted = word.replace("_", " ").casefold()
        return wanted in f"{self.code} {self.words}".replace("_", " ").casefold()


def venue_error(response: Response) -> VenueError:
    """The failure in a body of any of the known shapes. Never raises."""
    try:
        body: Any = msgspec.json.decode(response.body)
    except UNREADABLE:
        body = None
    if isinstance(body, dict):
        inner = body.get("error")
        if isinstance(inner, str) and "code" not in body:
            code = RATE_LIMITED if response.status == 429 else ""
            return VenueError(code, inner)
        fields = inner if isinstance(inner, dict) else body
        code = _text(fields.get("code"))
        words = ": ".join(text for text in (_text(fields.get("message")), _text(fields.get("details"))) if text)
        if code or words:
            return VenueError(code, words or code)
    quoted = " ".join(response.body[:_QUOTED].decode("utf-8", "replace").split())
    return VenueError(RATE_LIMITED if response.status == 429 else "", quoted or "empty body")


def item_error(error: object) -> VenueError:
    """The failure of one item of a batch: `{"code","message","details"}` or a plain text."""
    if not isinstance(error, dict):
        return VenueError("", str(error))
    words = ": ".join(text for text in (_text(error.get("message")), _text(error.get("details"))) if text)
    return VenueError(_text(error.get("code")), words)


def failure(response: Response, what: str) -> DutchbookError:
    """The error to raise for an answer to a read or a cancel that is not a success."""
    error = venue_error(response)
    text = f"kalshi {what}: {response.status} {error.code} {error.words}".replace("  ", " ")
    match response.status:
        case 429:
            return RateLimited(text)
        case 401 | 403:
            return CredentialsError(f"{text}; {key_advice(error)}")
        case status if status >= 500:
            return Unavailable(text)
        case _:
            return Refused(text, code=error.code or str(response.status))


def write_failure(response: Response, what: str) -> DutchbookError:
    """The error to raise for an answer to a write that is not a success: after a 5xx nobody knows what was done."""
    if response.status >= 500 or response.status == 408:
        error = venue_error(response)
        return Lost(f"kalshi {what}: {response.status} {error.code} {error.words}".replace("  ", " "))
    return failure(response, what)


def key_advice(error: VenueError) -> str:
    """What to do about a refused key."""
    if error.mentions("timestamp"):
        return "set this machine's clock: the signature's time is not the venue's"
    return "check KALSHI_API_KEY_ID, its scopes and that key and host belong together"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
