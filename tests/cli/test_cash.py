"""`dutchbook cash name`: unexplained cash gets its name from a person, and no cent moves (M37)."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import ledgers
from cli.console import Ended, dutchbook
from dutchbook.core.facts import CashMoved
from dutchbook.ledger.journal import Journal
from dutchbook.ledger.projection import Ledger

POOL = "kalshi:0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    journal = Journal.write(tmp_path / "book.db", ledgers.OWNER)
    journal.append([CashMoved("kalshi", POOL, "opening", 100_000_000)], 1)
    journal.append([CashMoved("kalshi", POOL, "unexplained", 5_250_000)], 2)
    journal.close()
    return tmp_path


def name(folder: Path, amount: str, kind: str, reason: str = "their statement says so", pool: str = POOL) -> Ended:
    words = ("name", pool, amount, "--as", kind, "--reason", reason, "--ledger", "book.db", "--json")
    return dutchbook("cash", *words, cwd=folder)


def book(folder: Path) -> Ledger:
    journal = Journal.read(folder / "book.db")
    try:
        return Ledger().replay(journal.records())
    finally:
        journal.close()


def test_m37_unexplained_cash_is_named_part_by_part_and_the_pool_stays_as_it_was(folder: Path) -> None:
    deposited = name(folder, "+5", "deposit")
    assert deposited.status == 0, deposited.out + deposited.err
    assert "$0.250000 of kalshi:0 are unexplained" in deposited.json["text"]
    assert name(folder, "0.25", "interest").status == 0
    after = book(folder)
    assert after.cash == {POOL: 105_250_000}
    sums: dict[str, int] = {}
    for _, moved in after.cash_events:
        sums[moved.kind] = sums.get(moved.kind, 0) + moved.amount
    assert sums == {"opening": 100_000_000, "unexplained": 0, "deposit": 5_000_000, "interest": 250_000}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("5.26", "deposit"), "are not among them"),
        (("-1", "withdrawal"), "are not among them"),
        (("1", "withdrawal"), "cannot be a withdrawal"),
        (("1", "gift"), "none of deposit"),
        (("a", "deposit"), "amount"),
        (("1", "deposit", " "), "--reason"),
        (("1", "deposit", "why", "kalshi:9"), "not in this ledger"),
    ],
)
def test_m37_a_name_that_cannot_be_is_refused_and_changes_nothing(
    folder: Path, words: tuple[str, ...], why: str
) -> None:
    before = book(folder).facts
    refused = name(folder, *words)
    assert refused.status == 1 and why in refused.json["text"]
    assert book(folder).facts == before
