"""A report of a day or a week: the same figures as text, page, CSV and JSON."""

from __future__ import annotations

import csv
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cli import ledgers
from cli.console import dutchbook
from dutchbook.cli.output import ExitStatus
from dutchbook.cli.report.text import GAIN, LOSS, WIDTH, bars
from dutchbook.core.money import parse_micros
from dutchbook.ledger.journal import Journal

WEEK = ("report", "--ledger", "l.db", "--week", "2026-W47")


def test_a_week_adds_its_days_up(tmp_path: Path) -> None:
    ledgers.write(tmp_path / "l.db")
    told = dutchbook(*WEEK, "--json", cwd=tmp_path).json
    assert (told["from"], told["to"], told["period"]) == ("2026-11-16", "2026-11-22", "2026-W47")
    days = {row["day"]: row["realised"] for row in told["days"]}
    assert days["2026-11-20"] == "-0.440000" and days["2026-11-21"] == "0.705000" and len(days) == 7
    total = told["total"]
    assert (total["realised"], total["rollback_losses"], total["fees"]) == ("0.265000", "-0.440000", "0.930000")
    assert (total["trades"], total["successful"], total["settled"]) == (4, 2, 1)
    assert told["curve"][-1]["total"] == total["realised"]
    assert sum(parse_micros(kind["realised"]) for kind in told["kinds"]) == parse_micros(total["realised"])
    assert told["alarms"] == {"cash_difference": 1}


@pytest.mark.parametrize("day", ["2026-11-20", "2026-11-21", "2026-11-22"])
def test_a_day_says_what_pnl_says(day: str, tmp_path: Path) -> None:
    ledgers.write(tmp_path / "l.db")
    told = dutchbook("report", "--ledger", "l.db", "--day", day, "--json", cwd=tmp_path).json
    pnl = dutchbook("pnl", "--ledger", "l.db", "--day", day, "--json", cwd=tmp_path).json
    assert told["total"] == pnl["total"]
    assert sum(parse_micros(bar["realised"]) for bar in told["bars"]) == parse_micros(told["total"]["realised"])


def test_the_text_has_bars_and_the_csv_the_trades(tmp_path: Path) -> None:
    ledgers.write(tmp_path / "l.db")
    ended = dutchbook(*WEEK, "--csv", "trades.csv", cwd=tmp_path)
    assert ended.status == 0 and f"Sat 21 Nov  0.705  {GAIN * WIDTH}" in ended.out
    rows = list(csv.DictReader((tmp_path / "trades.csv").open()))
    assert [row["pnl"] for row in rows] == ["0.705000", "-0.440000", "0.705000", "0.000000"]
    assert [row["result"] for row in rows] == ["settled", "rolled_back", "locked", "failed"]
    assert rows[0]["legs"] == "kalshi:KXRAIN/yes polymarket:rain/no"


def test_bars_are_to_scale_and_what_is_not_nothing_shows() -> None:
    drawn = bars(
        [{"name": "a", "realised": "8"}, {"name": "b", "realised": "-4"}, {"name": "c", "realised": "0.000001"}]
    )
    assert drawn[0].count(GAIN) == WIDTH and drawn[1].count(LOSS) == WIDTH // 2 and drawn[2].count(GAIN) == 1


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert not [name for name, _ in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_has_its_plots_inside_and_nothing_of_the_ledger_becomes_markup(tmp_path: Path) -> None:
    ledger = tmp_path / "<b>l.db"
    ledgers.write(ledger)
    words = ("report", "--ledger", str(ledger), "--week", "2026-11-18", "--html", "week.html")
    assert dutchbook(*words, cwd=tmp_path).status == 0
    document = (tmp_path / "week.html").read_text()
    tags = _Tags()
    tags.feed(document)
    assert not tags.open and tags.seen.count("svg") == 2 and tags.seen.count("rect") == 7
    assert {"script", "link", "b"}.isdisjoint(tags.seen)
    assert "0.265" in tags.text and "rain-tomorrow" in tags.text and "<b>l.db" in tags.text
    again = dutchbook(*words, cwd=tmp_path)
    assert again.status == ExitStatus.USAGE and "not overwritten" in again.err


def test_an_empty_ledger_is_a_report_too(tmp_path: Path) -> None:
    Journal.write(tmp_path / "l.db", ledgers.OWNER).close()
    ended = dutchbook("report", "--ledger", "l.db", "--html", "day.html", cwd=tmp_path)
    assert ended.status == 0 and "nothing happened in this time" in ended.out
    assert "No trade was opened" in (tmp_path / "day.html").read_text()


@pytest.mark.parametrize("words", [("--day", "x"), ("--week", "2026-W60"), ("--day", "today", "--week", "this")])
def test_a_wrong_period_is_a_usage_error(words: tuple[str, ...], tmp_path: Path) -> None:
    ended = dutchbook("report", "--ledger", "l.db", *words, cwd=tmp_path)
    assert ended.status == ExitStatus.USAGE
