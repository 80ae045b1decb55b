"""`dutchbook trade`: one trade in full, and repairs of it with an engine running and without (M47)."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import ledgers
from cli.console import PATIENCE_S, Ended, Venues, dutchbook, line_with, simulators, started
from dutchbook.core.facts import AnyFact, Commanded, LotsMarked, OrderMoved, TradeTurned
from dutchbook.core.order import OrderEvent
from dutchbook.core.trade import Phase, Turn
from dutchbook.ledger.journal import Journal
from dutchbook.ledger.projection import Ledger

BOOK = "book.db"
WHY = ("--reason", "sold on the web")


def naked() -> list[AnyFact]:
    """Ten at Kalshi, nothing at Polymarket, and no way out."""
    return [
        *ledgers.sent("eeee5555"),
        *ledgers.filled("eeee5555", 0, 4_000_000, 170_000),
        OrderMoved("eeee5555", "eeee5555.1.1", OrderEvent.REJECT, reason="fok not filled"),
        TradeTurned("eeee5555", Turn.FALL_SHORT, "one leg is missing"),
        TradeTurned("eeee5555", Turn.STRAND, "no executable price on a leg"),
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ledgers.write(tmp_path / BOOK)
    journal = Journal.write(tmp_path / BOOK, ledgers.OWNER)
    journal.append(naked(), ledgers.DAY_TWO + 1)
    journal.close()
    return tmp_path


def trade(folder: Path, *words: str) -> Ended:
    return dutchbook("trade", *words, "--ledger", BOOK, "--json", cwd=folder)


def facts(folder: Path, ledger: str = BOOK) -> list[AnyFact]:
    journal = Journal.read(folder / ledger)
    found = [record.fact for record in journal.records()]
    journal.verify()
    journal.close()
    return found


def test_m47_show_tells_every_leg_order_fill_and_fact_with_its_time(folder: Path) -> None:
    told = trade(folder, "show", "cccc3333").json
    assert (told["result"], told["rounds"], told["link"]) == ("locked", 1, "rain")
    kalshi, polymarket = told["legs"]
    assert (kalshi["held"], kalshi["sellable"], kalshi["pool"]) == ("10.000000", "10.000000", "kalshi:0")
    (order,) = polymarket["orders"]
    assert (order["order"], order["state"]) == ("cccc3333.1.1", "done")
    assert (order["identity"], order["venue_order_id"]) == ("cccc3333-identity-1", "venue-cccc3333.1.1")
    (fill,) = order["fills"]
    assert (fill["fill"], fill["contracts"], fill["cash"], fill["fee"], fill["final"]) == (
        "cccc3333.1.1-fill", "10.000000", "5.000000", "0.125000", True,
    )  # fmt: skip
    first, *_, last = told["timeline"]
    assert (first["fact"], first["at"]) == ("trade_opened", "2026-11-21T03:00:01.000Z")
    assert (last["fact"], last["turn"]) == ("trade_turned", "lock")


def test_m47_show_tells_what_each_outcome_brings_for_the_contracts_held_now(folder: Path) -> None:
    states = trade(folder, "show", "cccc3333").json["states"]
    rows = [(each["state"], each["core"], each["payout"], each["result"]) for each in states]
    assert rows == [
        ("yes", True, "10.000000", "0.705000"),
        ("no", True, "10.000000", "0.705000"),
        ("diverged: kalshi:KXRAIN yes, polymarket:rain no", False, "20.000000", "10.705000"),
        ("diverged: kalshi:KXRAIN no, polymarket:rain yes", False, "0.000000", "-9.295000"),
    ]
    one_leg = trade(folder, "show", "eeee5555").json["states"]
    assert [(each["state"], each["result"]) for each in one_leg[:2]] == [("yes", "5.830000"), ("no", "-4.170000")]
    assert trade(folder, "show", "bbbb2222").json["states"] == [], "nothing is held"
    paid = trade(folder, "show", "aaaa1111").json
    assert (paid["states"], paid["legs"][0]["payout"]["cash"]) == ([], "10.000000")


def test_m47_show_takes_the_states_of_a_link_from_the_links_file(folder: Path) -> None:
    members = [
        {"venue": "kalshi", "id": "KXRAIN", "pays": [1, 0, "0.5"]},
        {"venue": "polymarket", "id": "rain", "pays": [1, 0, "0.5"]},
    ]
    row = {"id": "rain", "kind": "yes_no", "event": "rain", "states": ["wet", "dry", "void"], "members": members}
    (folder / "links.jsonl").write_text(json.dumps({**row, "tail_states": ["void"]}) + "\n")
    states = trade(folder, "show", "cccc3333").json["states"]
    assert [(each["state"], each["core"], each["payout"]) for each in states[:3]] == [
        ("wet", True, "10.000000"), ("dry", True, "10.000000"), ("void", False, "10.000000"),
    ]  # fmt: skip


def test_m47_show_in_text_names_orders_marks_and_outcomes(folder: Path) -> None:
    assert trade(folder, "hand-over", "eeee5555", "--reason", "mine").status == 0
    assert trade(folder, "mark", "eeee5555", "--leg", "0", "--contracts", "-4", "--cash", "1.5", *WHY).status == 0
    text = dutchbook("trade", "show", "eeee5555", "--ledger", BOOK, cwd=folder).out
    assert "order eeee5555.1.1: buy 10 at 0.50 fok is rejected" in text
    assert "identity eeee5555-identity-0, venue's id venue-eeee5555.0.1" in text
    assert "mark by operator: -4 contracts, 1.50 cash: sold on the web" in text
    assert "leg 0: kalshi:KXRAIN yes, holds 6" in text
    assert "lots marked" in text and "if it ended now" in text


def test_m47_without_an_engine_marks_and_handing_over_are_booked_by_the_same_rules(folder: Path) -> None:
    over = trade(folder, "hand-over", "eeee5555", "--reason", "I take it")
    assert over.status == 0, over.out
    assert (over.json["engine"], over.json["done"]) == (False, True)
    assert facts(folder)[-2:] == [
        Commanded("trade_hand_over", '{"trade":"eeee5555","reason":"I take it"}', "operator"),
        TradeTurned("eeee5555", Turn.HAND_OVER, "I take it"),
    ]
    part = trade(folder, "mark", "eeee5555", "--leg", "0", "--contracts", "-4", "--cash", "+1.50", *WHY)
    assert part.status == 0 and "is handed over" in part.json["text"]
    rest = trade(folder, "mark", "eeee5555", "--leg", "0", "--contracts", "-6", "--cash", "2.4", *WHY)
    assert rest.status == 0
    assert "booked on leg 0 of trade eeee5555: -6.00 contracts, $2.400000" in rest.json["text"]
    assert "is rolled back" in rest.json["text"]
    assert facts(folder)[-2:] == [
        LotsMarked("eeee5555", 0, -6_000_000, 2_400_000, "sold on the web", "operator"),
        TradeTurned("eeee5555", Turn.FLATTEN, "sold on the web"),
    ]
    journal = Journal.read(folder / BOOK)
    ended = Ledger(frozenset({"kalshi"})).replay(journal.records()).trades["eeee5555"]
    journal.close()
    assert (ended.phase, ended.pnl) == (Phase.FLAT, 3_900_000 - 4_170_000)


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("show", "deadbeef"), 2, "none of this id"),
        (("mark", "deadbeef", "--leg", "0", "--contracts", "1", *WHY), 1, "not in this ledger"),
        (("mark", "eeee5555", "--leg", "0", "--contracts", "-11", "--cash", "1", *WHY), 1, "11.00 cannot go out"),
        (("mark", "eeee5555", "--leg", "7", "--contracts", "1", *WHY), 1, "has legs 0 to 1, not 7"),
        (("mark", "aaaa1111", "--leg", "0", "--contracts", "-1", *WHY), 1, "only an ended, naked or handed-over"),
        (("mark", "eeee5555", "--leg", "0", *WHY), 1, "both are zero"),
        (("mark", "eeee5555", "--leg", "0", "--contracts", "1"), 2, "--reason"),
        (("mark", "eeee5555", "--leg", "0", "--contracts", "1", "--reason", " "), 2, "--reason"),
        (("mark", "eeee5555", "--leg", "0", "--contracts", "one", *WHY), 1, "--contracts: 'one'"),
        (("hand-over", "aaaa1111", "--reason", "x"), 1, "only a naked or locked trade can be handed over"),
        (("complete", "deadbeef", "--reason", "x"), 1, "not in this ledger"),
        (("unwind", "cccc3333"), 2, "--reason"),
    ],
)
def test_m47_a_repair_that_cannot_be_says_what_is_wrong_and_changes_nothing(
    folder: Path, words: tuple[str, ...], status: int, told: str
) -> None:
    before = facts(folder)
    ended = trade(folder, *words)
    assert ended.status == status, ended.out
    assert told in ended.out
    assert facts(folder) == before


def test_m47_an_order_of_unknown_fate_is_ended_by_a_persons_word_and_only_such_a_one(folder: Path) -> None:
    journal = Journal.write(folder / BOOK, ledgers.OWNER)
    lost = OrderMoved("ffff6666", "ffff6666.1.1", OrderEvent.LOSE, reason="no answer")
    journal.append(
        [*ledgers.sent("ffff6666"), *ledgers.filled("ffff6666", 0, 4_000_000, 170_000), lost], ledgers.DAY_TWO + 2
    )
    journal.close()
    known = trade(folder, "void", "ffff6666.0.1", "--reason", "gone")
    assert known.status == 1 and "only one whose fate is not known" in known.out
    assert trade(folder, "void", "ffff6666.7.1", "--reason", "gone").status == 1
    ended = trade(folder, "void", "ffff6666.1.1", "--reason", "their page lists no such order")
    assert ended.status == 0, ended.out
    assert "order ffff6666.1.1 is void; no engine runs" in ended.json["text"]
    assert facts(folder)[-1] == OrderMoved(
        "ffff6666", "ffff6666.1.1", OrderEvent.VOID, reason="by hand: their page lists no such order"
    )


def test_m47_an_order_of_unknown_fate_is_ended_with_a_fill_that_the_venues_page_shows(folder: Path) -> None:
    journal = Journal.write(folder / BOOK, ledgers.OWNER)
    lost = OrderMoved("ffff6666", "ffff6666.1.1", OrderEvent.LOSE, reason="no answer")
    journal.append(
        [*ledgers.sent("ffff6666"), *ledgers.filled("ffff6666", 0, 4_000_000, 170_000), lost], ledgers.DAY_TWO + 2
    )
    journal.close()
    filled = ("fill", "ffff6666.1.1", "--contracts", "10", "--fee", "0.125", "--reason", "on their page")
    dear = trade(folder, *filled, "--cash", "5.10")
    assert dear.status == 1 and "--cash" in dear.out
    ended = trade(folder, *filled, "--cash", "4.90")
    assert ended.status == 0, ended.out
    assert "order ffff6666.1.1 has ended; no engine runs" in ended.json["text"]
    shown = trade(folder, "show", "ffff6666").json
    (order,) = shown["legs"][1]["orders"]
    assert (order["state"], order["filled"], order["cash"], order["fee"]) == (
        "done",
        "10.000000",
        "4.900000",
        "0.125000",
    )
    assert order["fills"][0]["by"] == "operator"


def test_m47_a_repair_of_a_ledger_that_is_not_there_makes_none(tmp_path: Path) -> None:
    for verb in (("show", "a"), ("unwind", "a", "--reason", "x"), ("hand-over", "a", "--reason", "x")):
        ended = dutchbook("trade", *verb, "--ledger", "none.db", cwd=tmp_path)
        assert ended.status == 5 and "none.db" in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def venues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venues]:
    with simulators(tmp_path_factory.mktemp("venues")) as opened:
        yield opened


def insist(venues: Venues, *words: str) -> Ended:
    """A command repeated until it is done: the world moves, and fill-or-kill may find a book that has just moved away."""
    for _ in range(10):
        ended = dutchbook(*words, cwd=venues.folder, env=venues.settings())
        if ended.status == 0:
            return ended
    raise AssertionError(f"never done: {ended.out}{ended.err}")


def buy(venues: Venues, ledger: str) -> str:
    told = next(each for each in venues.told["venues"] if each["venue"] == "kalshi")
    market = f"kalshi:{told['markets'][0]['id']}"
    bought = insist(venues, "order", "buy", market, "yes", "5", "0.99", "--ledger", ledger, "--json")
    return str(bought.json["trade"])


def test_m47_unwind_without_an_engine_connects_and_sells(venues: Venues) -> None:
    bought = buy(venues, "alone.db")
    words = ("trade", "unwind", bought, "--reason", "enough", "--ledger", "alone.db", "--json")
    ended = insist(venues, *words)
    assert ended.json["engine"] is False
    assert f"trade {bought} is exited" in ended.json["text"]
    shown = dutchbook("trade", "show", bought, "--ledger", "alone.db", "--json", cwd=venues.folder).json
    filled = [(row["action"], row["filled"]) for row in shown["legs"][0]["orders"] if row["filled"] != "0.000000"]
    assert filled == [("buy", "5.000000"), ("sell", "5.000000")]
    again = dutchbook(*words, cwd=venues.folder, env=venues.settings())
    assert again.status == 1 and "not unequal" in again.out


def test_m47_a_running_engine_is_asked_and_a_trade_can_be_looked_at_meanwhile(venues: Venues) -> None:
    bought = buy(venues, "run.db")
    words = ("run", "--links", "sim.json", "--ledger", "run.db")
    with started(*words, cwd=venues.folder, env=venues.settings()) as process:
        line_with(process, "running")
        shown = dutchbook("trade", "show", bought, "--ledger", "run.db", "--json", cwd=venues.folder)
        assert shown.status == 0 and shown.json["result"] == "locked"
        repair = ("trade", "unwind", bought, "--reason", "enough", "--ledger", "run.db", "--json")
        sold = insist(venues, *repair)
        assert sold.json["engine"] is True and "is exited" in sold.json["text"]
        over = dutchbook(
            "trade", "hand-over", bought, "--reason", "x", "--ledger", "run.db", "--json", cwd=venues.folder
        )
        assert over.status == 1 and "only a naked or locked trade" in over.json["text"]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert Commanded("trade_unwind", f'{{"trade":"{bought}","reason":"enough"}}', "operator") in facts(
        venues.folder, "run.db"
    )
