"""Every answer and frame of the Kalshi simulator is what the venue's own documents say, or differs for a stated reason.

The documents: OpenAPI of May 2026, AsyncAPI of August 2026. The tables below are the whole list of differences: one that
does not occur any more fails the tests as one that is not listed does. `docs/conformance.md` explains them.
"""

from __future__ import annotations

import re
from functools import cache

import pytest

from conformance.kalshi_session import PROBES, play
from conformance.specification import Specification, answer_of, needs_specs, specification
from conformance.tape import Answer, Tape

pytestmark = needs_specs

NO_DIRECTION = "the legacy `side` and `action` are to be treated as absent (removed after the document)"
NEWER_ANSWERS = {
    "Fill.side: missing": NO_DIRECTION,
    "Fill.action: missing": NO_DIRECTION,
    "Order.side: missing": NO_DIRECTION,
    "Order.action: missing": NO_DIRECTION,
    "Market.liquidity_dollars: missing": "removed after May 2026",
    "Market.fractional_trading_enabled: missing": "every market trades in hundredths of a contract by now",
}
NEWER_FRAMES = {
    "fillPayload: msg.side: missing": NO_DIRECTION,
    "fillPayload: msg.action: missing": NO_DIRECTION,
    "fillPayload: msg.purchased_side: missing": NO_DIRECTION,
    "userOrderPayload: msg.side: missing": NO_DIRECTION,
    "userOrderPayload: msg.is_yes: missing": NO_DIRECTION,
    'userOrderPayload: msg.expiration_time: type "string"': "the simulator writes null for an order without an end",
}
TRANSFERS = "/portfolio/intra_exchange_instance_transfer"
UNDOCUMENTED = {
    ("POST", TRANSFERS, 200): "cash moves between shards, which are newer than the document",
    ("GET", f"{TRANSFERS}s", 200): "cash moves between shards, which are newer than the document",
    ("GET", f"{TRANSFERS}s/{{}}", 200): "cash moves between shards, which are newer than the document",
    ("POST", "/portfolio/orders", 410): "V1 writes were removed after May 2026",
    ("DELETE", "/portfolio/events/orders", 204): "cancel-all is newer than the document",
    ("GET", "/portfolio/intra_exchange_instance_transfers", 200): "the history of transfers is newer than the document",
    ("POST", "/portfolio/events/orders", 404): "an unfunded or wrong shard answers market_not_found or user_not_found",
}


@cache
def session() -> Tape:
    return play()


@cache
def openapi() -> Specification:
    return specification("2026-05/kalshi.openapi.yaml")


@cache
def asyncapi() -> Specification:
    return specification("kalshi_2026-08/asyncapi.yaml")


def path_of(answer: Answer) -> str:
    return answer.path.removeprefix("/trade-api/v2")


def served(answer: Answer) -> bool:
    """Whether this is more than the 404 of a read that the simulator does not have."""
    return answer.status != 404 or path_of(answer) not in {probe.split("?")[0] for probe in PROBES}


def test_every_answer_is_the_documents_or_differs_for_a_stated_reason() -> None:
    found: dict[str, str] = {}
    unnamed: set[tuple[str, str, int]] = set()
    for answer in filter(served, session().answers):
        path = path_of(answer)
        known = answer_of("kalshi", answer.method, path, answer.status)
        if known is None:
            unnamed.add((answer.method, re.sub("transfers/.+", "transfers/{}", path), answer.status))
        elif known[1] is not None:
            found |= dict.fromkeys(known[0].differences(known[1], answer.body), f"{answer.method} {path}")
    assert found.keys() == NEWER_ANSWERS.keys(), found
    assert unnamed == UNDOCUMENTED.keys()


def test_every_frame_is_the_documents_or_differs_for_a_stated_reason() -> None:
    found: set[str] = set()
    for _, frame in session().frames:
        names = asyncapi().payloads_of(frame["type"], "type")
        if frame["type"] == "ok":
            # one word for two messages: the list of subscriptions is an array
            names = ["listSubscriptionsResponsePayload" if isinstance(frame["msg"], list) else "okResponsePayload"]
        assert len(names) == 1, frame["type"]
        schema = {"$ref": f"#/components/schemas/{names[0]}"}
        found |= {f"{names[0]}: {line}" for line in asyncapi().differences(schema, frame)}
    assert found == NEWER_FRAMES.keys()


def test_the_session_shows_every_kind_of_frame_that_the_simulator_offers() -> None:
    assert {frame["type"] for _, frame in session().frames} >= {
        "subscribed",
        "unsubscribed",
        "ok",
        "error",
        "orderbook_snapshot",
        "orderbook_delta",
        "ticker",
        "trade",
        "fill",
        "user_order",
        "market_position",
        "market_lifecycle_v2",
    }


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"order_id": None}, "order_id: type"),
        ({"fill_count": 1}, "fill_count: type"),
    ],
)
def test_a_wrong_type_would_be_found(change: dict[str, object], line: str) -> None:
    answer = next(each for each in session().answers if each.method == "POST" and each.status == 201)
    schema = openapi().answer_schema("POST", "/portfolio/events/orders", 201)
    assert schema is not None and list(openapi().differences(schema, answer.body)) == []
    (found,) = openapi().differences(schema, answer.body | change)
    assert found.startswith(line)
    missing = {key: value for key, value in answer.body.items() if key not in change}
    assert [each.split(": ")[1] for each in openapi().differences(schema, missing)] == ["missing"]
