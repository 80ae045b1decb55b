"""`dutchbook order` against real simulators: the first thing one does with ten dollars."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.console import Ended, Venues, dutchbook, simulators


@pytest.fixture(scope="module")
def venues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venues]:
    with simulators(tmp_path_factory.mktemp("venues")) as opened:
        yield opened


def order(venues: Venues, *words: str, ledger: str = "hand.db", **env: str) -> Ended:
    return dutchbook("order", *words, "--ledger", ledger, "--json", cwd=venues.folder, env=venues.settings(**env))


def market(venues: Venues, venue: str) -> str:
    told = next(each for each in venues.told["venues"] if each["venue"] == venue)
    return f"{venue}:{told['markets'][0]['id']}"


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_a_purchase_by_hand_fills_and_shows_its_cost(venues: Venues, venue: str) -> None:
    ended = order(venues, "buy", market(venues, venue), "yes", "5", "0.95", ledger=f"{venue}.db")
    assert ended.status == 0, ended.err
    (row,) = ended.json["orders"]
    assert (ended.json["phase"], row["state"], row["filled"]) == ("locked", "done", "5.00")
    assert 0 < float(row["cash"]) <= 5 * 0.95
    shown = order(venues, "show", row["order"], ledger=f"{venue}.db")
    assert shown.json == ended.json


def test_what_was_bought_by_hand_can_be_sold_by_hand_and_no_more_than_that(venues: Venues) -> None:
    bought = order(venues, "buy", market(venues, "kalshi"), "no", "6", "0.95")
    trade = bought.json["trade"]
    too_much = order(venues, "sell", trade, "7", "0.01")
    assert too_much.status == 1 and "can sell 6.00 contracts now, not 7.00" in too_much.out
    sold = order(venues, "sell", trade, "6", "0.01")
    assert sold.status == 0, sold.err
    assert sold.json["phase"] == "flat"
    assert [(row["action"], row["filled"]) for row in sold.json["orders"]] == [("buy", "6.00"), ("sell", "6.00")]


def test_m33_a_resting_order_stays_in_the_book_after_the_command_and_can_be_cancelled_by_the_next(
    venues: Venues,
) -> None:
    rests = order(venues, "buy", market(venues, "kalshi"), "yes", "80", "0.02", "--tif", "gtc", ledger="rest.db")
    assert rests.status == 0, rests.err
    (row,) = rests.json["orders"]
    assert (row["state"], row["filled"]) == ("resting", "0.00")
    ended = order(venues, "cancel", row["order"], ledger="rest.db")
    assert ended.status == 0, ended.err
    assert (ended.json["phase"], ended.json["orders"][0]["state"]) == ("failed", "done")
    again = order(venues, "cancel", row["order"], ledger="rest.db")
    assert again.status == 1 and "only a resting order can be cancelled" in again.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("buy", "{market}", "yes", "5000", "0.50"), "exposure"),
        (("buy", "{market}", "yes", "5", "1.50"), "must be below 1 dollar"),
        (("buy", "{market}", "yes", "five", "0.50"), "not a plain decimal number"),
        (("buy", "{market}", "yes", "5", "0.505"), "price"),
        (("buy", "nasdaq:AAPL", "yes", "5", "0.50"), "is not venue:id"),
        (("buy", "{market}", "yes", "5", "0.50", "--tif", "gtd"), "needs its life"),
        (("sell", "deadbeef", "5", "0.50"), "not in this ledger"),
        (("cancel", "deadbeef.0.1"), "not in this ledger"),
    ],
)
def test_an_order_that_cannot_be_is_refused_with_its_reason(venues: Venues, words: tuple[str, ...], told: str) -> None:
    ended = order(venues, *(word.format(market=market(venues, "kalshi")) for word in words), ledger="refused.db")
    assert ended.status != 0
    assert told in ended.out


def test_without_the_second_key_nothing_is_sent_by_hand_either(venues: Venues) -> None:
    ended = order(
        venues, "buy", market(venues, "kalshi"), "yes", "5", "0.95", ledger="key.db", EXECUTOR_ENABLED="false"
    )
    assert ended.status == 1 and "EXECUTOR_ENABLED" in ended.out


def test_in_dry_run_an_order_by_hand_is_decided_and_nothing_leaves(venues: Venues) -> None:
    ended = order(
        venues, "buy", market(venues, "kalshi"), "yes", "5", "0.95", ledger="dry.db", DUTCHBOOK_MODE="dry-run"
    )
    assert ended.status == 0, ended.err
    assert "dry run, nothing is sent" in ended.out


def test_show_of_an_unknown_ledger_says_so(tmp_path: Path) -> None:
    ended = dutchbook("order", "show", "deadbeef", "--ledger", "none.db", cwd=tmp_path)
    assert ended.status == 5 and "none.db" in ended.err
