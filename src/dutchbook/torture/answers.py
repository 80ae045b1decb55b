"""What somebody between us and a venue answers: error bodies as the venues word them, pages, spoiled JSON.

Makes bytes; sends nothing. Bodies: the venues' documentation and recorded answers.
"""

from __future__ import annotations

import random
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from dutchbook.core.transport import Response

_encoder = msgspec.json.Encoder(decimal_format="number")
_JSON: Final = {"content-type": "application/json"}
HTML: Final = (
    b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
)

_BODIES: Final[dict[tuple[str, int], object]] = {
    ("kalshi", 401): {
        "error": {
            "code": "authentication_error",
            "message": "authentication error",
            "details": "INCORRECT_API_KEY_SIGNATURE",
        }
    },
    ("kalshi", 409): {
        "error": {"code": "order_already_exists", "message": "Order with this client_order_id already exists"}
    },
    ("kalshi", 429): {"error": "too many requests"},
    ("kalshi", 500): {"error": {"code": "internal_server_error", "message": "internal server error"}},
    ("kalshi", 503): {"error": {"code": "service_unavailable", "message": "service unavailable"}},
    ("polymarket", 401): {"error": "Unauthorized/Invalid api key"},
    ("polymarket", 409): {"error": "conflict"},
    ("polymarket", 425): {"error": "matching engine is restarting"},
    ("polymarket", 429): {"error": "Too Many Requests", "retry_after_seconds": 1},
    ("polymarket", 500): {"error": "could not insert order"},
    ("polymarket", 503): {"error": "service unavailable"},
}


def error(venue: str, status: int) -> Response:
    """A venue's answer with an error status; Kalshi's 429 names no time, Polymarket's does. KeyError for others."""
    headers = dict(_JSON)
    body = _BODIES[venue, status]
    if isinstance(body, dict) and "retry_after_seconds" in body:
        headers["retry-after"] = str(body["retry_after_seconds"])
    return Response(status, msgspec.json.encode(body), headers)


def page(status: int) -> Response:
    """A gateway's page."""
    return Response(status, HTML, {"content-type": "text/html"})


def torn(answer: Response, share: float) -> Response:
    """The answer with only a share of its body (0 leaves nothing); the status and the headers arrived before."""
    return Response(answer.status, answer.body[: int(len(answer.body) * share)], answer.headers)


_OTHER_SHAPES: Final = (b"{}", b"[]", b"null", b'"ok"', b"0", b'{"data":null}', b'{"error":null}', b"[[]]")


def reshaped(answer: Response, draw: random.Random) -> Response:
    """The answer as valid JSON that is not as promised: another shape, a field gone, or a number for a text.

    No row of a list is ever taken away: that would be a lie about the account and not a wrong shape. A body that is no
    JSON becomes one of another shape.
    """
    try:
        body = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        body = None
    fields = list(_fields(body))
    way = draw.randrange(3)
    if way == 0 or not fields:
        raw = draw.choice([shape for shape in _OTHER_SHAPES if shape != answer.body])
    else:
        owner, name = draw.choice(fields)
        if way == 1:
            del owner[name]
        else:
            owner[name] = _of_another_type(owner[name])
        raw = _encoder.encode(body)
    return Response(answer.status, raw, answer.headers)


def _fields(value: Any) -> list[tuple[dict[str, Any], str]]:
    """Every (object, field name) in a JSON value, in the order of the text."""
    found: list[tuple[dict[str, Any], str]] = []
    if isinstance(value, dict):
        for name, inner in value.items():
            found.append((value, name))
            found += _fields(inner)
    elif isinstance(value, list):
        for inner in value:
            found += _fields(inner)
    return found


def _of_another_type(value: Any) -> Any:
    if isinstance(value, str):
        try:
            number = Decimal(value)
        except InvalidOperation:
            return 0
        return number if number.is_finite() else 0
    return "?" if isinstance(value, int | float) else 0
