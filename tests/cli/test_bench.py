"""The benchmarks of the ledger on small sizes: that they do what they say, and that the command tells it."""

from __future__ import annotations

from pathlib import Path

from cli.console import dutchbook


def test_the_journal_is_measured_beside_a_table_and_a_file_for_both_durabilities(tmp_path: Path) -> None:
    told = dutchbook("bench", "journal", "--appends", "200", "--folder", ".", "--json", cwd=tmp_path).json
    for durability in ("process", "power"):
        assert told[f"{durability}_appends"] == 200
        # an intent is four facts, and one append in six is one
        assert told[f"{durability}_records"] > 250
        for writer in ("journal", "sqlite", "file"):
            assert 0 < told[f"{durability}_{writer}_median_us"] <= told[f"{durability}_{writer}_p99_us"]
    assert told["power_journal_median_us"] > told["process_journal_median_us"]
    assert list(tmp_path.iterdir()) == []


def test_a_restart_is_measured_with_past_and_open_trades_and_ends_ready(tmp_path: Path) -> None:
    ended = dutchbook("bench", "restart", "--past", "30", "--open", "3", "--json", cwd=tmp_path)
    told = ended.json
    assert (ended.status, told["ok"], told["failure"]) == (0, True, None)
    assert (told["past_trades"], told["open_trades"]) == (30, 3)
    assert told["records"] > 30 * 14
    assert 0 < told["ready_s"] < 2
