"""Replay: recordings through the real engine, on paper, in virtual time; the same decisions to the byte every time."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from dutchbook.cli.recorded import closes_ns, written_in_yes_terms
from dutchbook.cli.replay import command, replay
from dutchbook.core.clock import SECOND
from dutchbook.core.errors import SettingsError
from dutchbook.core.facts import EngineStopped, Filled
from dutchbook.core.money import MICRO, Cash
from dutchbook.ledger.journal import Journal

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("DUTCHBOOK_DATA", REPOSITORY.parent / "shared" / "data"))
recorded = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"recorded market data is not at {DATA}; set DUTCHBOOK_DATA to its folder"
)

P, K = "aec-x-ash-bri-2026-03-09", "KXX-26MAR09ASHBRI-ASH"
KEYS = {
    "frames",
    "books",
    "gaps",
    "resyncs",
    "negative_levels",
    "crossed_books",
    "frames_per_second",
    "funnel",
    "trades",
}
ENDS = {"locked", "rolled_back", "failed", "naked", "dry_run"}

NOON_NS = 1_772_884_800 * SECOND
"""2026-03-07 12:00 UTC, when the recordings of these tests begin."""

Quote = tuple[float, str, str, str]
"""Seconds, venue, bid and ask as `price size`."""


def quotes(folder: Path, rows: list[Quote], name: str = "quotes.csv") -> Path:
    """A best-quotes recording of two linked instruments, with its links beside it."""
    folder.mkdir(exist_ok=True)
    lines = ["local_ts,venue,kind,instrument,bid,bid_size,ask,ask_size"]
    for at, venue, bid, ask in rows:
        instrument = K if venue == "kalshi" else P
        minutes, seconds = divmod(at, 60)
        fields = [f"2026-03-07 12:{int(minutes):02}:{seconds:06.3f}", venue, "update", instrument]
        lines.append(
            ",".join([*fields, *(part for side in (bid, ask) for part in (side.split() if side else ("", "")))])
        )
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    (folder / "links.jsonl").write_text(f'{{"polymarket": "{P}", "kalshi": "{K}", "relation": "same"}}\n')
    return path


def crossing(begin: float = 10, end: float = 14, until: float = 30) -> list[Quote]:
    """Quotes five times a second; Kalshi pays ten cents more for the same bet from `begin` to `end`."""
    rows: list[Quote] = []
    for step in range(int(until * 5)):
        at = step / 5
        high = begin <= at < end
        rows.append((at, "polymarket_us", "0.390 500.000", "0.400 500.000"))
        rows.append(
            (at + 0.01, "kalshi", "0.50 300.0" if high else "0.40 300.0", "0.52 300.0" if high else "0.42 300.0")
        )
    return rows


class Window:
    """A recording of Kalshi frames, in the recorder's form."""

    def __init__(self, folder: Path, name: str = "KXGOLD-X", *, yes_terms: bool = False) -> None:
        self.path = folder / name / "frames.ndjson.gz"
        self.path.parent.mkdir(parents=True)
        self.yes_terms = yes_terms
        self.ticker = name
        self.seq = 0
        self.at_ms = 1_785_901_540_000
        self.lines: list[bytes] = []

    def _write(self, kind: str, message: dict[str, Any], seq: int | None) -> None:
        self.seq = self.seq + 1 if seq is None else seq
        self.at_ms += 250
        event = {"type": kind, "sid": 1, "seq": self.seq, "msg": {"market_ticker": self.ticker, **message}}
        self.lines.append(msgspec.json.encode({"recv_ms": self.at_ms, "event": event}))

    def snapshot(self, yes: dict[str, str], no: dict[str, str], seq: int | None = None) -> Window:
        sides = {"yes_dollars_fp": list(yes.items()), "no_dollars_fp": list(no.items())}
        self._write("orderbook_snapshot", {key: side for key, side in sides.items() if side}, seq)
        return self

    def delta(self, side: str, price: str, change: str, seq: int | None = None) -> Window:
        message = {"side": side, "price_dollars": price, "delta_fp": change, "ts_ms": self.at_ms}
        self._write("orderbook_delta", message, seq)
        return self

    def save(self) -> Path:
        self.path.write_bytes(gzip.compress(b"\n".join(self.lines) + b"\n"))
        return self.path


# -- best quotes -------------------------------------------------------------------------------------------------------


def test_a_crossing_that_lasts_is_locked_and_the_books_agree(tmp_path: Path) -> None:
    figures = replay([quotes(tmp_path, crossing())])
    assert figures.keys() >= KEYS
    assert figures["funnel"] == {"books": 300, "crossings": 1, "net_positive": 1, "approved": 1, "traded": 1}
    assert figures["trades"] == {"locked": 1, "rolled_back": 0, "failed": 0, "naked": 0, "dry_run": 0}
    (one,) = figures["recordings"]
    assert (one["finished"], one["ledger_matches_venues"], one["mismatches"]) == (True, True, [])
    assert Decimal(figures["locked_profit"]) > 3


def test_both_venues_charge_what_their_schedules_say(tmp_path: Path) -> None:
    ledger = tmp_path / "kept.db"
    replay([quotes(tmp_path, crossing())], ledger_path=ledger)
    journal = Journal.read(ledger)
    fills = [record.fact for record in journal.records() if isinstance(record.fact, Filled)]
    journal.close()
    assert {fill.cash * MICRO // fill.size for fill in fills} == {400_000, 500_000}
    for fill in fills:
        spread = Decimal("0.0695") * Decimal("0.24") if fill.cash * MICRO == fill.size * 400_000 else Decimal("0.0175")
        exact = spread * fill.size
        # Kalshi rounds a member's balance to the cent, Polymarket the fee to $0.00001; both against us
        assert exact <= fill.fee < exact + 10_000


def test_a_crossing_shorter_than_the_way_to_the_venue_is_missed_not_filled(tmp_path: Path) -> None:
    rows = [
        *crossing(begin=99),
        (30.0, "polymarket_us", "0.390 500.000", "0.400 500.000"),
        (30.01, "kalshi", "0.50 300.0", "0.52 300.0"),
        (30.03, "kalshi", "0.40 300.0", "0.42 300.0"),
        (30.04, "polymarket_us", "0.440 500.000", "0.450 500.000"),
        (40.0, "kalshi", "0.40 300.0", "0.42 300.0"),
    ]
    figures = replay([quotes(tmp_path, rows)])
    assert figures["funnel"]["traded"] == 1
    assert figures["trades"]["locked"] == 0
    assert figures["trades"]["failed"] == 1
    assert figures["recordings"][0]["ledger_matches_venues"] is True


def test_one_leg_that_is_gone_rolls_the_other_back_at_its_real_loss(tmp_path: Path) -> None:
    rows = [
        *crossing(begin=99),
        (30.0, "polymarket_us", "0.390 500.000", "0.400 500.000"),
        (30.01, "kalshi", "0.50 300.0", "0.52 300.0"),
        (30.03, "kalshi", "0.38 300.0", "0.42 300.0"),
    ]
    rows += [row for at in range(31, 50) for row in ((float(at), "polymarket_us", "0.390 500.0", "0.400 500.0"),)]
    figures = replay([quotes(tmp_path, rows)])
    assert figures["trades"]["rolled_back"] == 1
    assert Decimal(figures["pnl"]) == Decimal(figures["rollback_losses"]) < 0
    assert figures["recordings"][0]["ledger_matches_venues"] is True


def test_fees_eat_a_crossing_and_the_funnel_says_so(tmp_path: Path) -> None:
    rows = [
        row
        for at in range(20)
        for row in (
            (float(at), "polymarket_us", "0.480 500.000", "0.490 500.000"),
            (at + 0.1, "kalshi", "0.51 300.0", "0.53 300.0"),
        )
    ]
    figures = replay([quotes(tmp_path, rows)])
    assert (figures["funnel"]["crossings"], figures["funnel"]["net_positive"]) == (1, 0)
    assert figures["reasons"] == {"fees": 1}


def test_a_quote_too_old_to_trade_on_is_not_traded_on(tmp_path: Path) -> None:
    rows: list[Quote] = [(0.0, "polymarket_us", "0.390 500.000", "0.400 500.000")]
    rows += [(at, "kalshi", "0.40 300.0", "0.42 300.0") for at in (1.0, 30.0, 59.0)]
    rows += [(61.0, "kalshi", "0.50 300.0", "0.52 300.0")]
    figures = replay([quotes(tmp_path, rows)])
    assert figures["reasons"] == {"stale": 1}
    assert figures["trades"]["locked"] == 0


def test_a_pause_of_the_recorder_is_jumped_over_and_breaks_nothing(tmp_path: Path) -> None:
    late = [(at + 3000, venue, bid, ask) for at, venue, bid, ask in crossing()]
    figures = replay([quotes(tmp_path, [*crossing(), *late])])
    assert figures["frames"] == 600
    assert figures["gaps"] == 0
    assert figures["funnel"]["crossings"] == 2
    # the first position is still open: one on an event
    assert figures["trades"]["locked"] == 1
    assert figures["reasons"] == {"event_open": 1}


def test_a_trade_decided_just_before_a_pause_ends_before_it(tmp_path: Path) -> None:
    rows = [*crossing(begin=29.8, end=99), (3000.0, "kalshi", "0.50 300.0", "0.52 300.0")]
    ledger = tmp_path / "kept.db"
    assert replay([quotes(tmp_path, rows)], ledger_path=ledger)["trades"]["locked"] == 1
    journal = Journal.read(ledger)
    times = [record.at_ns for record in journal.records() if isinstance(record.fact, Filled)]
    journal.close()
    assert len(times) == 2
    assert max(times) - NOON_NS < 31 * SECOND


@pytest.mark.parametrize("last", [29.82, 29.95])
def test_a_trade_decided_on_the_last_frames_is_brought_to_its_end(tmp_path: Path, last: float) -> None:
    rows = [*crossing(begin=29.8, end=99), (last, "kalshi", "0.50 300.0", "0.52 300.0")]
    figures = replay([quotes(tmp_path, rows)])
    assert figures["trades"]["locked"] == 1
    (one,) = figures["recordings"]
    assert (one["finished"], one["ledger_matches_venues"]) == (True, True)


def test_a_quiet_venue_is_not_a_dead_feed(tmp_path: Path) -> None:
    rows = [*crossing(begin=99, until=1), (9.0, "kalshi", "0.50 300.0", "0.52 300.0")]
    assert replay([quotes(tmp_path, rows)])["trades"]["locked"] == 1


def test_the_bet_is_bounded(tmp_path: Path) -> None:
    path = quotes(tmp_path, crossing())
    profits = [Decimal(replay([path], max_bet=Cash(dollars * MICRO))["locked_profit"]) for dollars in (10, 100)]
    assert 0 < profits[0] < profits[1]


def test_dry_run_decides_and_places_nothing(tmp_path: Path) -> None:
    figures = replay([quotes(tmp_path, crossing())], dry_run=True)
    assert figures["mode"] == "dry-run"
    assert figures["trades"]["dry_run"] >= 1
    assert figures["trades"]["locked"] == 0
    assert Decimal(figures["fees"]) == 0


def test_crossed_quotes_are_counted_and_never_traded(tmp_path: Path) -> None:
    rows = crossing(begin=99, until=10)
    rows += [(10.0, "kalshi", "0.60 300.0", "0.55 300.0"), (10.2, "kalshi", "0.60 300.0", "0.55 300.0")]
    rows += [(10.3, "polymarket_us", "0.390 500.0", "0.400 500.0")]
    figures = replay([quotes(tmp_path, rows)])
    assert figures["crossed_books"] == 2
    assert figures["funnel"]["crossings"] == 0
    assert figures["recordings"][0]["data_alarms"] == {"data": 2}


def test_rows_of_instruments_without_a_link_are_frames_but_not_books(tmp_path: Path) -> None:
    path = quotes(tmp_path, crossing(begin=99, until=2))
    path.write_text(path.read_text() + "2026-03-07 12:00:05,kalshi,update,KXOTHER,0.4,1,0.5,1\n")
    figures = replay([path])
    assert (figures["frames"], figures["books"]) == (21, 20)


# -- the same decisions ------------------------------------------------------------------------------------------------


def test_two_runs_decide_the_same_to_the_byte(tmp_path: Path) -> None:
    path = quotes(tmp_path, crossing())
    first, second = (replay([path])["recordings"][0]["decisions"] for _ in range(2))
    assert first == second
    assert replay([path], seed=2)["recordings"][0]["decisions"] != first


def test_the_order_of_hashes_in_a_process_changes_no_decision(tmp_path: Path) -> None:
    path = quotes(tmp_path, crossing())
    script = (
        "import sys; from pathlib import Path; from dutchbook.cli.logs import configure_logs;"
        "from dutchbook.cli.replay import replay; configure_logs(stream=None);"
        f"print(replay([Path({str(path)!r})])['recordings'][0]['decisions'])"
    )
    found = set()
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1


def test_a_kept_ledger_is_whole_and_is_not_written_on_again(tmp_path: Path) -> None:
    path, ledger = quotes(tmp_path, crossing()), tmp_path / "kept.db"
    figures = replay([path], ledger_path=ledger)
    journal = Journal.read(ledger)
    records = list(journal.records())
    assert journal.verify() == len(records)
    assert journal.head == figures["recordings"][0]["decisions"]
    assert isinstance(records[-1].fact, EngineStopped)
    journal.close()
    with pytest.raises(SettingsError, match=r"kept\.db"):
        replay([path], ledger_path=ledger)


# -- Kalshi windows ----------------------------------------------------------------------------------------------------


def test_a_window_without_links_has_books_and_no_crossings(tmp_path: Path) -> None:
    window = Window(tmp_path).snapshot({"0.4000": "10.00"}, {"0.5000": "10.00"})
    window.delta("yes", "0.4100", "5.00").delta("no", "0.5100", "2.50").delta("yes", "0.4100", "-5.00")
    figures = replay([window.save()])
    assert (figures["frames"], figures["books"]) == (4, 4)
    assert figures["funnel"] == {"books": 4, "crossings": 0, "net_positive": 0, "approved": 0, "traded": 0}
    assert (figures["gaps"], figures["negative_levels"], figures["crossed_books"]) == (0, 0, 0)


def test_a_number_that_goes_back_is_a_gap_and_the_snapshot_behind_it_a_resync(tmp_path: Path) -> None:
    window = Window(tmp_path).snapshot({"0.4000": "10.00"}, {"0.5000": "10.00"}, seq=1000)
    window.delta("yes", "0.4100", "5.00", seq=1007)
    window.snapshot({"0.3000": "10.00"}, {"0.5000": "10.00"}, seq=1)
    window.delta("yes", "0.3000", "-10.00")
    figures = replay([window.save()])
    assert (figures["gaps"], figures["resyncs"], figures["negative_levels"]) == (1, 1, 0)


def test_deltas_between_a_gap_and_its_snapshot_touch_no_book(tmp_path: Path) -> None:
    window = Window(tmp_path).snapshot({"0.4000": "10.00"}, {"0.5000": "10.00"}, seq=1000)
    window.delta("yes", "0.4100", "5.00", seq=1).delta("yes", "0.4100", "5.00")
    window.snapshot({"0.3000": "10.00"}, {"0.5000": "10.00"}).delta("yes", "0.3000", "1.00")
    figures = replay([window.save()])
    assert (figures["gaps"], figures["resyncs"], figures["books"]) == (1, 1, 3)


def test_a_level_that_would_go_below_zero_is_counted_and_never_stored(tmp_path: Path) -> None:
    window = Window(tmp_path).snapshot({"0.4000": "10.00"}, {"0.5000": "10.00"})
    window.delta("yes", "0.4000", "-10.01").delta("yes", "0.4000", "3.00")
    figures = replay([window.save()])
    assert (figures["negative_levels"], figures["gaps"]) == (1, 0)
    assert figures["books"] == 1


def test_a_delta_that_crosses_the_book_is_counted_frame_by_frame(tmp_path: Path) -> None:
    window = Window(tmp_path).snapshot({"0.4000": "10.00"}, {"0.5000": "10.00"})
    window.delta("yes", "0.5500", "1.00").delta("yes", "0.3000", "1.00").delta("yes", "0.5500", "-1.00")
    figures = replay([window.save()])
    assert figures["crossed_books"] == 2


@pytest.mark.parametrize("yes_terms", [False, True])
def test_the_no_side_is_read_in_the_terms_that_it_was_written_in(tmp_path: Path, yes_terms: bool) -> None:
    """One book, asks at 0.52 and 0.53, written either way: read the wrong way it would be crossed."""
    asks = {"0.5200": "10.00", "0.5300": "4.00"} if yes_terms else {"0.4800": "10.00", "0.4700": "4.00"}
    window = Window(tmp_path).snapshot({"0.5000": "10.00"}, asks)
    window.delta("no", "0.5100" if yes_terms else "0.4900", "3.00")
    figures = replay([window.save()])
    assert (figures["crossed_books"], figures["books"]) == (0, 2)
    assert figures["recordings"][0]["troubles"] == 0


def test_the_terms_of_a_snapshot_are_told_by_the_reading_that_is_not_crossed() -> None:
    def side(*prices: str) -> list[tuple[Decimal, Decimal]]:
        return [(Decimal(price), Decimal(1)) for price in prices]

    assert written_in_yes_terms(side("0.50"), side("0.48", "0.47")) is False
    assert written_in_yes_terms(side("0.50"), side("0.52", "0.53")) is True
    assert written_in_yes_terms(side("0.10"), side("0.30")) is False
    assert written_in_yes_terms(side(), side("0.30")) is None


def test_a_folder_stands_for_its_recordings_each_with_fresh_state(tmp_path: Path) -> None:
    for name in ("KXA-1", "KXB-2"):
        Window(tmp_path / "all", name).snapshot({"0.4000": "10.00"}, {}).delta("yes", "0.4000", "1.00").save()
    quotes(tmp_path / "all", crossing())
    figures = replay([tmp_path / "all"])
    assert {one["recording"] for one in figures["recordings"]} == {"KXA-1", "KXB-2", "quotes.csv"}
    assert figures["frames"] == sum(one["frames"] for one in figures["recordings"]) == 304
    assert figures["trades"]["locked"] == 1
    assert sum(figures["funnel"].values()) == sum(sum(one["funnel"].values()) for one in figures["recordings"])


# -- errors ------------------------------------------------------------------------------------------------------------


def test_a_missing_recording_is_named() -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.csv"):
        replay([Path("nowhere.csv")])


def test_quotes_without_links_say_which_file_was_looked_for(tmp_path: Path) -> None:
    path = quotes(tmp_path, crossing())
    (tmp_path / "links.jsonl").unlink()
    with pytest.raises(SettingsError, match=r"links\.jsonl.*--links"):
        replay([path])


def test_a_row_of_an_unknown_venue_is_named(tmp_path: Path) -> None:
    path = quotes(tmp_path, [*crossing(until=1), (2.0, "manifold", "0.4 1", "0.5 1")])
    with pytest.raises(SettingsError, match="manifold"):
        replay([path])


def test_a_window_without_a_snapshot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no order book snapshot"):
        replay([Window(tmp_path).delta("yes", "0.4000", "1.00").save()])


def test_a_broken_line_names_file_and_line_before_anything_is_played(tmp_path: Path) -> None:
    window = Window(tmp_path).snapshot({"0.4000": "10.00"}, {})
    window.lines.append(b'{"recv_ms": ')
    with pytest.raises(SettingsError, match=r"frames\.ndjson\.gz, line 2"):
        replay([window.save()])


def test_the_closing_day_is_read_from_the_name() -> None:
    day = 86_400 * SECOND
    assert closes_ns(P) == closes_ns(K) == 1_773_014_400 * SECOND + 2 * day
    assert closes_ns("KXCPI") is None
    assert closes_ns("x-2026-99-99") is None


# -- the command -------------------------------------------------------------------------------------------------------


def run(*arguments: str) -> Any:
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, list(arguments))


def test_the_command_prints_one_json_object(tmp_path: Path) -> None:
    done = run(str(quotes(tmp_path, crossing())), "--json", "--max-bet", "20")
    figures = msgspec.json.decode(done.stdout)
    assert done.exit_code == 0
    assert figures.keys() >= KEYS
    assert figures["trades"].keys() == ENDS
    assert all(isinstance(figures[key], int) for key in KEYS - {"funnel", "trades"})


def test_the_command_reports_to_a_person(tmp_path: Path) -> None:
    done = run(str(quotes(tmp_path, crossing())))
    assert done.exit_code == 0
    assert "1 locked" in done.stdout
    assert "Polymarket US" in " ".join(done.stdout.split())


def test_the_command_takes_links_from_another_place(tmp_path: Path) -> None:
    path = quotes(tmp_path, crossing())
    elsewhere = tmp_path / "mine.jsonl"
    (tmp_path / "links.jsonl").rename(elsewhere)
    assert run(str(path), "--links", str(elsewhere), "--json").exit_code == 0


@pytest.mark.parametrize("bet", ["nothing", "0", "-5"])
def test_a_bet_that_is_no_amount_is_refused(tmp_path: Path, bet: str) -> None:
    done = run(str(quotes(tmp_path, crossing())), "--max-bet", bet)
    assert isinstance(done.exception, SettingsError)
    assert "--max-bet" in str(done.exception)


# -- recorded data -----------------------------------------------------------------------------------------------------


@recorded
def test_a_recorded_window_with_a_real_reconnect() -> None:
    figures = replay([DATA / "kalshi_ws" / "KXGOLD15M-26AUG102030-30"])
    assert figures["frames"] == 34_334
    assert (figures["gaps"], figures["resyncs"]) == (1, 1)
    assert (figures["negative_levels"], figures["crossed_books"]) == (0, 0)
    assert figures["funnel"]["crossings"] == 0


@recorded
def test_a_window_split_over_midnight_is_one_recording() -> None:
    figures = replay([DATA / "kalshi_ws" / "KXGOLD15M-26AUG102000-00"])
    assert (len(figures["recordings"]), figures["frames"], figures["gaps"]) == (1, 47_658, 0)
    assert (figures["negative_levels"], figures["crossed_books"]) == (0, 0)


@recorded
def test_recorded_quotes_of_both_venues_show_crossings_and_none_survives_fees() -> None:
    figures = replay([DATA / "cross_venue_bbo"])
    (one,) = figures["recordings"]
    assert figures["frames"] == 95_137
    # counted by hand-written brute force over the same rows: best prices only, crossed books left out
    assert one["updates_crossing"] == 2_495
    assert figures["crossed_books"] == one["data_alarms"]["data"] == 4_337
    assert figures["funnel"]["crossings"] == 22
    assert figures["funnel"]["net_positive"] == 0
    assert figures["reasons"] == {"fees": 22}
