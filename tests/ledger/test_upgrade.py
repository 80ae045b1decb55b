"""An upgrade with positions open: a ledger that an earlier version wrote is read, backed up and written on.

`schema_2.jsonl` is such a ledger as it lay on disk: never write it anew. A change that cannot read it needs a new schema number
and a way over, and its own such file beside this one.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any, get_args

import pytest

from dutchbook.cli.backup import copy
from dutchbook.cli.figures import NETTING
from dutchbook.core.errors import LedgerError
from dutchbook.core.facts import Alarmed, AnyFact, EngineStarted
from dutchbook.core.link_state import Standing
from dutchbook.core.order import OrderState
from dutchbook.core.trade import Phase
from dutchbook.ledger.journal import SCHEMA_VERSION, Identity, Journal
from dutchbook.ledger.projection import Ledger

KEPT = Path(__file__).with_name("schema_2.jsonl")
OWNER = Identity("paper", "intl", ("kalshi", "polymarket"), ("simulated",))


def written() -> list[dict[str, Any]]:
    return [json.loads(line) for line in KEPT.read_text().splitlines()]


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """The file as the earlier version left it, made without any code of ours."""
    about, *records = written()
    path = tmp_path / "dutchbook.db"
    with sqlite3.connect(path) as file:
        for statement in about["sql"]:
            file.execute(statement)
        file.execute(f"PRAGMA application_id={about['application']}")
        file.execute(f"PRAGMA user_version={about['schema']}")
        file.executemany("INSERT INTO meta VALUES (?, ?)", about["meta"].items())
        rows = [(row["seq"], row["at_ns"], row["body"].encode(), bytes.fromhex(row["hash"])) for row in records]
        file.executemany("INSERT INTO journal VALUES (?, ?, ?, ?)", rows)
    file.close()
    return path


def folded(path: Path) -> Ledger:
    return Ledger(NETTING).replay(Journal.read(path).records())


def check(ledger: Ledger) -> None:
    """What the earlier version knew, by figures that were added up by hand."""
    assert {name: trade.phase for name, trade in ledger.trades.items()} == {
        "aaaa1111": Phase.SETTLED,
        "bbbb2222": Phase.FLAT,
        "cccc3333": Phase.LOCKED,
        "dddd4444": Phase.FAILED,
        "eeee5555": Phase.EXECUTING,
        "ffff6666": Phase.HANDED_OVER,
        "gggg7777": Phase.FLAT,
    }
    assert ledger.cash == {"kalshi:0": 492_910_000, "polymarket:pusd": 484_625_000}
    assert ledger.trades["aaaa1111"].pnl == 675_000
    assert ledger.trades["bbbb2222"].pnl == -440_000
    assert ledger.trades["gggg7777"].pnl == -440_000
    assert ledger.trades["cccc3333"].locked_profit == 705_000
    assert [leg.held for leg in ledger.trades["ffff6666"].legs] == [9_000_000, 10_000_000]
    # what was under way when it ended is still under way: its fate is asked for, and nothing is sent anew
    known, lost = ledger.trades["eeee5555"].legs
    assert (known.held, known.orders[0].state) == (10_000_000, OrderState.DONE)
    assert (lost.held, lost.orders[0].state, len(lost.orders[0].absences)) == (0, OrderState.UNKNOWN, 1)
    assert ledger.kill_switch is not None and ledger.kill_switch.reason == "stopped by hand"
    (entry,) = ledger.links.entries.values()
    assert entry.standing is Standing.PROPOSED and "Clarified" in entry.proposal.members[1].rules


def test_a_ledger_of_an_earlier_version_with_open_positions_is_read_to_the_cent(earlier: Path) -> None:
    assert Journal.read(earlier).verify() == len(written()) - 1
    check(folded(earlier))


def test_it_is_backed_up_written_on_and_the_backup_brings_it_back(earlier: Path, tmp_path: Path) -> None:
    records, _ = copy(earlier, tmp_path / "before.db")
    journal = Journal.write(earlier, OWNER)
    journal.append([EngineStarted("99.0.0", "paper"), Alarmed("capital_starved", "news of this version")], 2 * 10**18)
    journal.close()
    assert Journal.read(earlier).verify() == records + 2
    check(folded(earlier))
    # going back: the backup is what it was, and may be written on too
    check(folded(tmp_path / "before.db"))
    again = Journal.write(tmp_path / "before.db", OWNER)
    assert again.seq == records
    again.close()


def test_every_kind_of_fact_is_in_the_kept_ledgers() -> None:
    kinds = {member.__struct_config__.tag for member in get_args(AnyFact)}
    kept = {json.loads(row["body"])["fact"] for row in written()[1:]}
    assert kinds - kept <= {"engine_stopped"}, "keep a ledger with the new kind of fact too"
    assert kept <= kinds, "a kind of fact that ledgers on disk have must stay readable"


@pytest.mark.parametrize(
    ("schema", "words"),
    [(SCHEMA_VERSION - 1, "older dutchbook.*reconcile --adopt"), (SCHEMA_VERSION + 1, "newer dutchbook.*upgrade")],
)
def test_another_schema_is_refused_by_everything_that_opens_a_ledger(earlier: Path, schema: int, words: str) -> None:
    with sqlite3.connect(earlier) as file:
        file.execute(f"PRAGMA user_version={schema}")
    file.close()
    before = earlier.read_bytes()
    for opening in (
        Journal.read,
        lambda path: Journal.write(path, OWNER),
        lambda path: copy(path, path.with_name("c.db")),
    ):
        with pytest.raises(LedgerError, match=words):
            opening(earlier)  # type: ignore[operator]
    assert earlier.read_bytes() == before and not earlier.with_name("c.db").exists()


def test_a_fact_that_this_version_does_not_know_is_refused_and_not_skipped(earlier: Path) -> None:
    journal = Journal.write(earlier, OWNER)
    journal.append([Alarmed("x", "y")], 2 * 10**18)
    seq = journal.seq
    journal.close()
    with sqlite3.connect(earlier) as file:
        file.execute("UPDATE journal SET body = replace(body, 'alarmed', 'invented') WHERE seq = ?", (seq,))
    file.close()
    with pytest.raises(LedgerError, match=rf"record {seq} cannot be read.*newer version"):
        folded(earlier)
