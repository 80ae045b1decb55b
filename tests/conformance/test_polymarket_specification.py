"""Every answer and frame of the Polymarket simulator is what the venue's documents say, or differs for a stated reason.

The documents: OpenAPI of the CLOB, Gamma, the relayer and AsyncAPI of both sockets, all of May 2026. The tables below are the
whole list of differences, as in the test of Kalshi. The Data API's document describes v1, retired in October 2026.
"""

from __future__ import annotations

from functools import cache

import pytest

from conformance.polymarket_session import play
from conformance.specification import answer_of, needs_specs, specification
from conformance.tape import Answer, Tape

pytestmark = needs_specs

TEXT_PRICES = "prices are texts, which is all that the official package accepts"
NEWER_ANSWERS = {
    ("GET /midpoint", ".mid_price: missing"): "the field is called `mid`",
    ("GET /price", 'price: type "number"'): TEXT_PRICES,
    ("POST /prices", '{}.BUY: type "number"'): TEXT_PRICES,
    ("POST /prices", '{}.SELL: type "number"'): TEXT_PRICES,
    ("GET /clob-markets/{}", 'r: type "object"'): "a market without rewards has null here",
    ("POST /order", 'status: enum ["live", "matched", "delayed"]'): "a killed order answered with 200 has no status",
    ("POST /orders", '[].status: enum ["live", "matched", "delayed"]'): "a refused order of a batch has no status",
}
NEWER_FRAMES = {
    'OrderEvent: order_type: enum ["GTC", "GTD", "FOK"]': "FAK orders exist",
}
UNDOCUMENTED = {
    ("GET", "/api/geoblock", 200): "of the web site, not of the API",
    ("GET", "/ok", 200): "not in the document",
    ("GET", "/version", 200): "not in the document",
    ("POST", "/order", 425): "restarts are announced in the guides only",
    ("GET", "/v2/positions", 200): "the Data API's v2 is newer than its document",
    ("GET", "/v2/resolutions", 200): "the Data API's v2 is newer than its document",
}
SOCKETS = ("2026-05/polymarket.asyncapi.json", "2026-05/polymarket-user.asyncapi.json")


@cache
def session() -> Tape:
    return play()


def name_of(answer: Answer) -> str:
    parts = answer.path.split("/")
    known = {"clob-markets", "markets-by-token"}
    return f"{answer.method} /{parts[1]}/{{}}" if parts[1] in known else f"{answer.method} {answer.path}"


def test_every_answer_is_the_documents_or_differs_for_a_stated_reason() -> None:
    found: set[tuple[str, str]] = set()
    unnamed: set[tuple[str, str, int]] = set()
    for answer in session().answers:
        known = answer_of("polymarket", answer.method, answer.path, answer.status)
        if known is None:
            unnamed.add((answer.method, answer.path, answer.status))
        elif known[1] is not None:
            found |= {(name_of(answer), line) for line in known[0].differences(known[1], answer.body)}
    assert found == NEWER_ANSWERS.keys()
    assert unnamed == UNDOCUMENTED.keys()


def test_every_frame_is_the_documents_or_differs_for_a_stated_reason() -> None:
    found: set[str] = set()
    for _, frame in session().frames:
        if isinstance(frame, str):
            assert frame in ("PONG", "INVALID OPERATION")
            continue
        known = [
            (document, name)
            for document in map(specification, SOCKETS)
            for name in document.payloads_of(frame["event_type"], "event_type")
        ]
        assert len(known) == 1, frame["event_type"]
        ((document, name),) = known
        found |= {f"{name}: {line}" for line in document.differences({"$ref": f"#/components/schemas/{name}"}, frame)}
    assert found == NEWER_FRAMES.keys()


def test_the_session_shows_every_kind_of_frame() -> None:
    kinds = {frame["event_type"] for _, frame in session().frames if isinstance(frame, dict)}
    market = {"book", "price_change", "last_trade_price", "tick_size_change", "best_bid_ask", "new_market"}
    assert kinds == market | {"market_resolved", "order", "trade"}


@pytest.mark.parametrize(("change", "line"), [({"bids": None}, "bids: type"), ({"hash": 7}, "hash: type")])
def test_a_wrong_type_would_be_found(change: dict[str, object], line: str) -> None:
    answer = next(each for each in session().answers if each.path == "/book" and each.status == 200)
    known = answer_of("polymarket", answer.method, answer.path, answer.status)
    assert known is not None and known[1] is not None
    assert list(known[0].differences(known[1], answer.body)) == []
    (found,) = known[0].differences(known[1], answer.body | change)
    assert found.startswith(line)
