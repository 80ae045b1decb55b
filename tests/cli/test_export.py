"""The exported rows are the whole account: they add up to the ledger's cash and contracts, whatever happened."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from cli import ledgers
from cli.console import dutchbook
from dutchbook.cli.cash_book import Entry, Kind, balances, entries
from dutchbook.cli.export import as_csv
from dutchbook.cli.figures import NETTING
from dutchbook.cli.output import ExitStatus
from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.facts import (
    AnyFact,
    CashMoved,
    FeeTrued,
    Filled,
    FillReversed,
    FillSettled,
    LegPlan,
    LegResettled,
    LegSettled,
    LotsMarked,
    OrderMoved,
    OrderPlan,
    SetsMerged,
    TradeOpened,
    TradeTurned,
)
from dutchbook.core.fees import Liquidity
from dutchbook.core.money import parse_micros
from dutchbook.core.order import Action, OrderEvent, TimeInForce
from dutchbook.core.trade import Turn
from dutchbook.ledger.journal import Record
from dutchbook.ledger.projection import Ledger

DOLLAR, TEN, AT = ledgers.DOLLAR, ledgers.TEN, ledgers.DAY_ONE
MARKET = MarketId("kalshi:KXRAIN")


def records(facts: Sequence[AnyFact]) -> list[Record]:
    return [Record(seq, AT + seq, fact) for seq, fact in enumerate(facts, 1)]


def rows_of(facts: Sequence[AnyFact]) -> list[Entry]:
    """The rows, once it is sure that they add up."""
    journal = records(facts)
    rows = entries(journal, NETTING)
    ledger = Ledger(NETTING).replay(journal)
    totals = balances(rows)
    assert {pool: totals.get(pool, 0) for pool in ledger.cash} == ledger.cash
    held: dict[Claim, int] = {}
    for row in rows:
        if row.contracts:
            claim = Claim(MarketId(row.market), Outcome(row.outcome))
            held[claim] = held.get(claim, 0) + row.contracts
    known = {Claim(MarketId(row.market), outcome) for row in rows if row.market for outcome in Outcome}
    assert {claim: size for claim, size in held.items() if size} == {
        claim: ledger.held(claim) for claim in known if ledger.held(claim)
    }
    return rows


def bought(trade: str, outcome: Outcome, *orders: OrderPlan, price: int = 400_000) -> list[AnyFact]:
    """Ten contracts of a claim of one Kalshi market, as a trade of one leg."""
    leg = LegPlan(MARKET, outcome, "kalshi:0", TEN, price, 10 * price, 0, 10 * price)
    plan = OrderPlan(f"{trade}.1", 0, Action.BUY, TEN, price, TimeInForce.FOK, f"{trade}-1", 0, 10 * price)
    opened = TradeOpened(trade, "", "single", "rain", DOLLAR, TEN, 0, 0, (leg,), (plan, *orders))
    return [
        opened,
        TradeTurned(trade, Turn.START),
        OrderMoved(trade, plan.id, OrderEvent.SEND),
        Filled(trade, plan.id, f"{trade}-fill", TEN, 10 * price, 30_000, Liquidity.TAKER, AT - 5),
        OrderMoved(trade, plan.id, OrderEvent.FINISH, TEN, f"venue-{trade}"),
    ]


def test_a_purchase_is_cash_and_fee_out_and_contracts_in_at_the_venues_time() -> None:
    (row,) = rows_of(bought("a", Outcome.YES))
    assert (row.kind, row.contracts, row.amount, row.fee, row.cash_change) == (
        Kind.BUY,
        TEN,
        -4 * DOLLAR,
        30_000,
        -4_030_000,
    )
    assert row.at_ns == AT - 5 and row.venue_order == "venue-a"


def test_a_fill_that_is_told_twice_is_one_row() -> None:
    facts = bought("a", Outcome.YES)
    assert len(rows_of([*facts, facts[3]])) == 1


def test_what_a_venue_pays_for_closing_yes_against_no_is_a_row_of_its_own() -> None:
    rows = rows_of([*bought("a", Outcome.YES), *bought("b", Outcome.NO, price=500_000)])
    assert [(row.kind, row.cash_change) for row in rows] == [
        (Kind.BUY, -4_030_000),
        (Kind.BUY, -5_030_000),
        (Kind.NETTING, 10 * DOLLAR),
    ]
    paid = [LegSettled("a", 0, DOLLAR, TEN), LegSettled("b", 0, DOLLAR, 0)]
    settled = rows_of([*bought("a", Outcome.YES), *bought("b", Outcome.NO, price=500_000), *paid])
    assert sum(row.cash_change for row in settled) == 940_000


def test_a_corrected_payout_is_what_it_changes() -> None:
    facts = [*bought("a", Outcome.YES), LegSettled("a", 0, DOLLAR, TEN, 10_000), LegResettled("a", 0, 0, 0, 0)]
    rows = rows_of(facts)
    assert [(row.kind, row.amount, row.fee, row.contracts) for row in rows[1:]] == [
        (Kind.PAYOUT, TEN, 10_000, -TEN),
        (Kind.CORRECTION, -TEN, -10_000, 0),
    ]


def test_a_reversed_fill_takes_its_own_row_back() -> None:
    rows = rows_of([*bought("a", Outcome.YES), FillReversed("a", "a.1", "a-fill", "the transaction failed")])
    assert rows[1].kind is Kind.REVERSAL and rows[1].note == "the transaction failed"
    assert (rows[0].cash_change + rows[1].cash_change, rows[0].contracts + rows[1].contracts) == (0, 0)


def test_sets_marks_trued_fees_and_cash_all_add_up() -> None:
    market = MarketId("polymarket:rain")
    leg = LegPlan(market, Outcome.YES, "polymarket:pusd", TEN, 400_000, 4 * DOLLAR, 0, 4 * DOLLAR)
    buy, pair = (
        OrderPlan(
            f"p.{number}", 0, Action.BUY, TEN, 400_000, TimeInForce.FOK, f"p-{number}", 0, 0, opposite=number == 2
        )
        for number in (1, 2)
    )
    facts: list[AnyFact] = [
        CashMoved("polymarket", "polymarket:pusd", "opening", 100 * DOLLAR),
        TradeOpened("p", "", "single", "rain", DOLLAR, TEN, 0, 0, (leg,), (buy, pair)),
        TradeTurned("p", Turn.START),
        OrderMoved("p", "p.1", OrderEvent.SEND),
        OrderMoved("p", "p.2", OrderEvent.SEND),
        Filled("p", "p.1", "f1", TEN, 4 * DOLLAR, 0, Liquidity.TAKER, 0, final=False, sellable=False),
        Filled("p", "p.2", "f2", 6 * DOLLAR, 3 * DOLLAR, 0, Liquidity.TAKER, 0),
        OrderMoved("p", "p.1", OrderEvent.FINISH, TEN),
        OrderMoved("p", "p.2", OrderEvent.FINISH, 6 * DOLLAR),
        SetsMerged("p", 0, 4 * DOLLAR),
        LotsMarked("p", 0, -DOLLAR, 390_001, "=sold by hand", "ann"),
        FeeTrued("p", "polymarket", "polymarket:pusd", 17),
        LegSettled("p", 0, DOLLAR, 3 * DOLLAR),
    ]
    rows = rows_of(facts)
    assert [row.kind for row in rows] == [
        Kind.CASH,
        Kind.BUY,
        Kind.BUY,
        Kind.MERGE,
        Kind.MERGE,
        Kind.MARK,
        Kind.FEE,
        Kind.PAYOUT,
        Kind.PAYOUT,
    ]
    # two sets that were never merged are paid a dollar each beside the three contracts that stood alone
    assert rows[7].amount == 5 * DOLLAR
    assert rows[1].provisional and not rows[2].provisional
    later = rows_of([*facts, FillSettled("p", "p.1", "f1", True)])
    assert not later[1].provisional


def test_the_file_of_a_whole_ledger_adds_up_to_its_balances(tmp_path: Path) -> None:
    ledgers.write(tmp_path / "l.db")
    ended = dutchbook("export", "--ledger", "l.db", "--csv", "all.csv", cwd=tmp_path)
    assert ended.status == 0 and ended.out == ""
    rows = list(csv.DictReader((tmp_path / "all.csv").open()))
    status = dutchbook("status", "--ledger", "l.db", "--json", cwd=tmp_path).json
    for pool, cash in status["cash"].items():
        total = sum(parse_micros(row["cash_change"]) for row in rows if row["pool"] == pool)
        assert total == parse_micros(cash)
    assert {row["mode"] for row in rows} == {"paper"}
    again = dutchbook("export", "--ledger", "l.db", "--csv", "all.csv", cwd=tmp_path)
    assert again.status == ExitStatus.USAGE and "not overwritten" in again.err


def test_days_are_chosen_in_the_configured_zone_both_ends_included(tmp_path: Path) -> None:
    ledgers.write(tmp_path / "l.db")
    words = ("export", "--ledger", "l.db", "--from", "2026-11-21", "--to", "2026-11-21", "--json")
    in_utc = dutchbook(*words, cwd=tmp_path).json
    assert {row["day"] for row in in_utc["rows"]} == {"2026-11-21"} and len(in_utc["rows"]) == 4
    assert in_utc["balances"] == {"kalshi:0": "501.220000", "polymarket:pusd": "489.750000"}
    in_tokyo = dutchbook(*words, cwd=tmp_path, env={"DUTCHBOOK_TIMEZONE": "Asia/Tokyo"}).json
    # 23:00 UTC is the next day there
    assert len(in_tokyo["rows"]) == 10


@pytest.mark.parametrize(
    "words",
    [("--from", "yesteryear"), ("--from", "2026-11-21", "--to", "2026-11-20"), ("--json", "--csv", "x.csv")],
)
def test_a_wrong_period_is_a_usage_error(words: tuple[str, ...], tmp_path: Path) -> None:
    ledgers.write(tmp_path / "l.db")
    ended = dutchbook("export", "--ledger", "l.db", *words, cwd=tmp_path)
    assert ended.status == ExitStatus.USAGE


def test_a_note_cannot_become_a_formula_and_an_amount_stays_a_number() -> None:
    text = as_csv(
        ("amount", "note"), [{"amount": "-4.000000", "note": "=HYPERLINK(1)"}, {"amount": "1", "note": "-1+1"}]
    )
    assert list(csv.reader(io.StringIO(text)))[1:] == [["-4.000000", "'=HYPERLINK(1)"], ["1", "'-1+1"]]
