"""The error taxonomy: three body shapes, gateway pages, and which branch of the tree an answer belongs to."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.errors import CredentialsError, RateLimited, Refused, Retry, Unavailable
from dutchbook.core.transport import Response
from dutchbook.venues.kalshi.errors import failure, venue_error
from venues.kalshi.bits import answer, recorded


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"error": {"code": "not_found", "message": "not found", "service": "q"}}, "not_found", "not found"),
        ({"error": {"code": "c", "message": "m", "details": "d"}}, "c", "m: d"),
        ({"code": "c", "message": "m", "details": None}, "c", "m"),
        ({"error": "too many requests"}, "", "too many requests"),
        (b"<html>\n <h1>Bad   Gateway</h1></html>", "", "<html> <h1>Bad Gateway</h1></html>"),
        (b"", "", "empty body"),
        (b"null", "", "null"),
        ([1, 2], "", "[1,2]"),
        ({"error": {"code": 7}}, "", '{"error":{"code":7}}'),
    ],
)
def test_every_error_body_gives_its_code_and_words(body: object, code: str, words: str) -> None:
    error = venue_error(answer(body, 400))
    assert (error.code, error.words) == (code, words)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (404, Refused),
        (301, Refused),
        (401, CredentialsError),
        (403, CredentialsError),
        (429, RateLimited),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
def test_a_failed_read_is_an_error_of_the_tree(status: int, kind: type[Exception]) -> None:
    error = failure(answer({"error": {"code": "c", "message": "words"}}, status), "balance")
    assert type(error) is kind
    assert "balance" in str(error) and "words" in str(error)
    assert isinstance(error, Retry) is (status == 429 or status >= 500)


def test_a_refusal_without_a_code_carries_its_status() -> None:
    error = failure(answer(b"<html>", 418), "orders")
    assert isinstance(error, Refused) and error.code == "418"


@given(st.binary(max_size=300), st.integers(300, 599))
def test_no_error_body_can_raise(body: bytes, status: int) -> None:
    assert venue_error(Response(status, body)).words
    assert str(failure(Response(status, body), "x"))


def _recorded_failures() -> list[Response]:
    """Kalshi's failures in the recordings; their short bodies are plain single-quoted YAML."""
    found: list[Response] = []
    for path in sorted(recorded("rest_cassettes").glob("*.yaml")):
        for exchange in path.read_text().split("- request:")[1:]:
            host = re.search(r"uri: https://([^/]+)", exchange)
            status = re.search(r"status:\s+code: (\d+)", exchange)
            body = re.search(r"string: '((?:[^']|'')*)'", exchange)
            if host and status and body and "kalshi" in host[1] and int(status[1]) >= 400:
                found.append(Response(int(status[1]), " ".join(body[1].split()).encode()))
    return found


def test_recorded_error_bodies_give_their_codes() -> None:
    codes: dict[int, set[str]] = {}
    for response in _recorded_failures():
        codes.setdefault(response.status, set()).add(venue_error(response).code)
    assert codes[404] == {"not_found"}
    assert {"bad_request", "invalid_order"} <= codes[400]
    assert "service_unavailable" in codes[503]
