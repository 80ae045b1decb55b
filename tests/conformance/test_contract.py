"""The simulators keep the contract that is committed here; this check needs nothing that is not in the repository."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import pytest

from conformance import kalshi_session, polymarket_session
from conformance.contract import Contract, load
from conformance.specification import answer_of, needs_specs
from conformance.tape import Answer, Tape
from dutchbook.simulator.kalshi import rest as kalshi_rest
from dutchbook.simulator.polymarket import rest as polymarket_rest

BASES = {"kalshi": "/trade-api/v2", "polymarket": ""}
SESSIONS: dict[str, Callable[[], Tape]] = {"kalshi": kalshi_session.play, "polymarket": polymarket_session.play}
PROBED = frozenset(probe.split("?")[0] for probe in kalshi_session.PROBES)
KINDS = {"kalshi": "type", "polymarket": "event_type"}
NOT_CALLED: dict[str, set[str]] = {
    # nothing is archived as long as the session lasts
    "kalshi": {"GET /historical/markets/{}", "GET /historical/markets/{}/candlesticks"},
    "polymarket": set(),
}
"""Routes that the session leaves out."""
venues = pytest.mark.parametrize("venue", sorted(BASES))


@cache
def contract(venue: str) -> Contract:
    return load(f"contract_{venue}.toml")


@cache
def session(venue: str) -> Tape:
    return SESSIONS[venue]()


def accepted(venue: str) -> list[Answer]:
    """Answers with a body that grant what was asked."""
    return [each for each in session(venue).answers if each.status < 300 and each.body is not None]


@venues
def test_a_table_uses_no_word_that_it_does_not_define(venue: str) -> None:
    assert contract(venue).undefined() == set()


@venues
def test_every_answer_keeps_the_contract(venue: str) -> None:
    for answer in accepted(venue):
        entry = contract(venue).entry_of(answer, BASES[venue])
        if entry is None:
            # a read that the simulator has gained since: the venue's documents speak for it, if they are here
            assert answer.path.removeprefix(BASES[venue]) in PROBED, f"{answer.method} {answer.path} has no contract"
            continue
        assert list(contract(venue).breaches(contract(venue).answers[entry], answer.body)) == [], entry


@venues
def test_every_entry_is_called_by_the_session(venue: str) -> None:
    called = {contract(venue).entry_of(answer, BASES[venue]) for answer in accepted(venue)}
    assert contract(venue).answers.keys() <= called


def routes(venue: str) -> list[str]:
    """What a simulator serves, as its own table of routes has it; parameters as `{}`."""
    if venue == "kalshi":
        served = [("GET", path) for path, _ in kalshi_rest._PUBLIC]
        served += [(method, path) for method, path, _, _ in kalshi_rest._PRIVATE]
    else:
        served = [(method, path + "{}" if path.endswith("/") else path) for method, path in polymarket_rest.ROUTES]
    return [f"{method} {re.sub(r'{[a-z]+}', '{}', path)}" for method, path in served]


@venues
def test_every_route_of_the_simulator_is_granted_once_in_the_session(venue: str) -> None:
    asked = {
        f"{each.method} {each.path.removeprefix(BASES[venue])}" for each in session(venue).answers if each.status < 300
    }
    silent = {
        route
        for route in routes(venue)
        if not any(re.fullmatch(re.escape(route).replace(r"\{\}", "[^/]+"), each) for each in asked)
    }
    assert silent == NOT_CALLED[venue]


@venues
def test_every_frame_keeps_the_contract_and_every_kind_is_seen(venue: str) -> None:
    seen = set()
    for _, frame in session(venue).frames:
        if isinstance(frame, str):
            continue
        kind = frame[KINDS[venue]]
        seen.add(kind)
        assert list(contract(venue).breaches(contract(venue).frames[kind], frame)) == [], kind
    assert seen == contract(venue).frames.keys()


def test_a_missing_field_a_wrong_kind_and_a_wrong_item_are_breaches() -> None:
    table = contract("polymarket")
    good = {"canceled": ["0x1"], "not_canceled": {"0x2": "gone"}}
    assert list(table.breaches("Cancelled", good)) == []
    assert list(table.breaches("Cancelled", good | {"news": 1})) == []
    assert list(table.breaches("Cancelled", {"canceled": []})) == ["not_canceled: missing"]
    assert list(table.breaches("Cancelled", good | {"canceled": [7]})) == ["canceled[]: 7 is not text"]
    assert list(table.breaches("Cancelled", good | {"not_canceled": []})) == ["not_canceled: not a table"]
    assert list(table.breaches("whole|Time", True)) == ["body: True is not whole"]
    assert list(table.breaches("whole|Time", {"time": 1})) == []


LATER = {
    "kalshi": {
        # the shards came after May 2026
        "exchange_index",
        "exchange_index_statuses",
        "intra_exchange_transfers_active",
        "balance_breakdown",
        # direction without the legacy `side` and `action`
        "book_side",
        "outcome_side",
        "taker_book_side",
        "taker_outcome_side",
        "is_block_trade",
        "market_positions_last_updated_ts",
        "subaccount",
        "ts_ms",
        "balance_dollars",
        "categories",
        "fee_multiplier_override",
        "fee_type_override",
        "grants",
        "settlement_bounds_type",
        "settlement_floor_dollars",
        "settlement_sources",
    },
    "polymarket": {
        "mid",
        # the server's time may also come as a table
        "time",
        # of a market's parameters at the CLOB
        "c",
        "nr",
        "ao",
        "sd",
        "cbos",
        # of Gamma's rows
        "feeType",
        "negRisk",
        "negRiskAugmented",
        "positionIds",
        "version",
    },
}
"""The fields of the contract that the venues' documents of May 2026 do not have; what is inside them is later too."""


@needs_specs
@venues
def test_the_contract_has_the_documents_field_names_but_for_later_ones(venue: str) -> None:
    later: set[str] = set()
    table = contract(venue)
    for entry, kind in table.answers.items():
        method, path = entry.replace("{}", "0").split(" ")
        known = None
        for status in (200, 201):
            known = known or answer_of(venue, method, path, status)
        if known is None:
            assert entry in UNKNOWN, entry
            continue
        document, schema = known
        missing = [field for field in table.fields(kind) if not document.knows(schema, field)]
        # only what is topmost: inside a later field everything is later
        topmost = [
            field for field in missing if not any(re.match(re.escape(each) + r"[.\[{]", field) for each in missing)
        ]
        later |= {field.rsplit(".", 1)[-1] for field in topmost}
    assert later == LATER[venue]


TRANSFERS = "/portfolio/intra_exchange_instance_transfer"
UNKNOWN = {
    "GET /ok",
    "GET /version",
    "GET /api/geoblock",
    "GET /v2/positions",
    "GET /v2/resolutions",
    f"POST {TRANSFERS}",
    f"GET {TRANSFERS}s",
    f"GET {TRANSFERS}s/{{}}",
}
"""Entries without a document."""
