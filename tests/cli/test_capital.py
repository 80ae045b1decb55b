"""`dutchbook capital`: where the money is, until when it is locked, and the transfer that mends a bad split (M37a)."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import ledgers
from cli.console import dutchbook
from dutchbook.core.clock import DAY
from dutchbook.core.facts import CashMoved
from dutchbook.ledger.journal import Identity, Journal

BOOK = "book.db"


def publish(path: Path, **changes: object) -> None:
    """What the last engine published: Kalshi pays tomorrow, Polymarket it did not know."""
    journal = Journal.write(path, ledgers.OWNER)
    gauge = {
        "at_ns": ledgers.DAY_TWO,
        "need": 50_000_000,
        "share": 10**11,
        "used": ["kalshi:0", "polymarket:pusd"],
        "until": {ledgers.KALSHI: ledgers.DAY_TWO + DAY},
        "pools": {},
    }
    journal.set_gauge("capital", {**gauge, **changes})
    journal.close()


def test_m37a_capital_tells_each_pool_and_until_when_its_cash_is_locked(tmp_path: Path) -> None:
    ledgers.write(tmp_path / BOOK)
    publish(tmp_path / BOOK)
    told = dutchbook("capital", "--ledger", BOOK, "--json", cwd=tmp_path).json
    kalshi, polymarket = told["pools"]
    figures = ("cash", "reserved", "free", "locked", "total")
    assert [kalshi[name] for name in figures] == ["501.220000", "0.000000", "501.220000", "4.170000", "505.390000"]
    assert kalshi["locked_until"] == [
        {"market": "kalshi:KXRAIN", "cash": "4.170000", "until": "2026-11-22T03:00:00.000Z"}
    ]
    assert [(each["cash"], each["until"]) for each in polymarket["locked_until"]] == [("5.125000", None)]
    # 1000 put in, 0.705 earned, 0.44 lost
    assert (told["total"], told["starving"]) == ("1000.265000", [])
    text = dutchbook("capital", "--ledger", BOOK, cwd=tmp_path).out
    assert "2026-11-22" in text and "not known" in text and "no venue starves" in text


@pytest.mark.parametrize("published", [True, False])
def test_m37a_a_starving_venue_is_told_with_the_transfer(tmp_path: Path, published: bool) -> None:
    ledgers.write(tmp_path / BOOK)
    journal = Journal.write(tmp_path / BOOK, ledgers.OWNER)
    journal.append([CashMoved("kalshi", "kalshi:0", "withdrawal", -500_000_000)], ledgers.DAY_TWO)
    journal.close()
    if published:
        publish(tmp_path / BOOK)
    ended = dutchbook("capital", "--ledger", BOOK, "--json", cwd=tmp_path, env={"EXECUTOR_MAX_BET": "50"})
    assert ended.status == 0, ended.err
    (hungry,) = ended.json["starving"]
    assert hungry["pool"] == "kalshi:0"
    assert "$1.22 free, the largest bundle needs $50.00" in hungry["text"]
    (move,) = hungry["transfers"]
    assert (move["from"], move["to"], move["amount"]) == ("polymarket:pusd", "kalshi:0", "48.780000")
    assert hungry["mend"] == ["withdraw $48.78 from polymarket:pusd and deposit it at kalshi:0"]


def test_m37a_only_a_live_ledger_is_told_a_command_that_moves_real_money(tmp_path: Path) -> None:
    for mode, step in (("live", "dutchbook wallet transfer 49.00 2 0 --yes"), ("paper", "move $49.00")):
        journal = Journal.write(tmp_path / f"{mode}.db", Identity(mode, "intl", ("kalshi",), ("x",)))
        cash = {"kalshi:0": 1_000_000, "kalshi:2": 300_000_000}
        journal.append([CashMoved("kalshi", pool, "opening", amount) for pool, amount in cash.items()], 1)
        journal.close()
        env = {"EXECUTOR_MAX_BET": "50"}
        ended = dutchbook("capital", "--ledger", f"{mode}.db", cwd=tmp_path, env=env)
        assert "STARVES  kalshi:0" in ended.out and step in ended.out


def test_m37a_a_ledger_without_an_account_says_so(tmp_path: Path) -> None:
    Journal.write(tmp_path / BOOK, ledgers.OWNER).close()
    assert "knows no account yet" in dutchbook("capital", "--ledger", BOOK, cwd=tmp_path).out
