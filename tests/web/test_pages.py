"""What the pages tell: readable when empty, when the engine is down, and whatever a market calls itself (M46)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cli.ledgers import locked, write
from dutchbook.core.clock import SECOND
from dutchbook.core.facts import Alarmed, EngineStarted, OrderMoved, TradeOpened, TradeTurned
from dutchbook.core.money import Cash
from dutchbook.core.order import OrderEvent
from dutchbook.core.trade import Turn
from dutchbook.ledger.journal import Journal
from dutchbook.web.curve import POINTS, Point, picture, thin
from dutchbook.web.words import cents, count, percent, signed, span, usd
from ledger.story import opening, sent
from web.serving import OWNER, page, row, talking, until

PAGES = ("/", "/opportunities", "/trades", "/positions", "/pnl", "/signals", "/system")
EVIL = '<script>alert(1)</script><img src=x onerror="alert(2)">'


async def test_every_page_is_readable_before_there_is_a_ledger(tmp_path: Path) -> None:
    async with page(tmp_path / "none.db") as served, served.client() as client:
        for path in PAGES:
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert "empty" in answer.text or "never started" in answer.text
        now = (await client.get("/")).text
        assert "there is no such file" in now
        assert (await client.get("/trades/nothing")).status_code == 404
        stopped = await client.post("/api/v1/commands/stop", json={})
        assert stopped.status_code == 503
        assert "there is no such file" in stopped.json()["detail"]


async def test_a_ledger_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database at all, but long enough to look at" * 100)
    async with page(tmp_path / "ledger.db") as served, served.client() as client:
        assert "not a readable SQLite file" in (await client.get("/")).text


async def test_the_page_comes_alive_when_the_ledger_appears(tmp_path: Path) -> None:
    async with page(tmp_path / "ledger.db") as served, served.client() as client:
        write(tmp_path / "ledger.db")
        await until(lambda: bool(served.room.live.view.ledger.trades))
        assert "cccc3333" in (await client.get("/")).text


async def test_the_pages_tell_what_the_ledger_knows(tmp_path: Path) -> None:
    write(tmp_path / "ledger.db")
    async with page(tmp_path / "ledger.db") as served, served.client() as client:
        trades = (await client.get("/trades")).text
        assert all(trade in trades for trade in ("aaaa1111", "bbbb2222", "cccc3333", "dddd4444"))
        trade = (await client.get("/trades/bbbb2222")).text
        for word in ("kalshi:KXRAIN", "polymarket:rain", "rolled back", "fok not filled", "+0 ms", "Timeline"):
            assert word in trade, word
        held = (await client.get("/trades/cccc3333")).text
        assert "diverged" in held and "+$0.7050" in held
        assert "cccc3333" in (await client.get("/positions")).text
        pnl = (await client.get("/pnl")).text
        assert "+$0.70" in pnl and "−$0.44" in pnl
        now = (await client.get("/")).text
        assert "the engine stopped: time is up" in now
        assert "differs by $0.01" in now
        assert "9,000" in (await client.get("/opportunities")).text


async def test_the_api_tells_the_same(tmp_path: Path) -> None:
    write(tmp_path / "ledger.db")
    async with page(tmp_path / "ledger.db") as served, served.client() as client:
        status = (await client.get("/api/v1/status")).json()
        assert (status["mode"], status["engine"]["state"], status["accepting"]) == ("paper", "stopped", False)
        trades = (await client.get("/api/v1/trades?limit=2&after=1")).json()
        assert [trade["trade"] for trade in trades["trades"]] == ["cccc3333", "bbbb2222"]
        trade = (await client.get("/api/v1/trades/aaaa1111")).json()
        assert (trade["pnl"], trade["phase"]) == ("0.705000", "settled")
        assert len(trade["timeline"]) == 12
        pnl = (await client.get("/api/v1/pnl")).json()
        assert pnl["total"]["realised"] == "0.265000"
        assert [point["total"] for point in pnl["curve"]] == ["-0.440000", "0.265000"]
        one = (await client.get("/api/v1/pnl?day=2026-11-20")).json()
        assert [day["day"] for day in one["days"]] == ["2026-11-20"]
        positions = (await client.get("/api/v1/positions")).json()
        assert [leg["trade"] for leg in positions["legs"]] == ["cccc3333", "cccc3333"]
        assert len((await client.get("/api/v1/positions?all=true")).json()["legs"]) > 2


async def test_m46_orders_that_are_out_and_those_that_ended_are_shown_with_their_reasons(tmp_path: Path) -> None:
    write(tmp_path / "ledger.db")
    async with page(tmp_path / "ledger.db") as served, served.client() as client:
        told = (await client.get("/api/v1/orders")).json()
        assert told["out"] == []
        failed = next(each for each in told["ended"] if each["trade"] == "bbbb2222" and each["reason"])
        assert (failed["filled"], failed["contracts"], failed["reason"]) == ("0.000000", "10.000000", "fok not filled")
        assert "No order is out." in (await client.get("/positions")).text
    async with talking(tmp_path / "live.db") as engine:
        rests = OrderMoved("t", "t.0.1", OrderEvent.REST, venue_order_id="venue-7")
        lost = OrderMoved("t", "t.1.1", OrderEvent.LOSE, reason="no answer <b>")
        engine.record(opening("t"), TradeTurned("t", Turn.START), *sent("t"), rests, lost)
        async with page(tmp_path / "live.db") as served, served.client() as client:
            out = (await client.get("/api/v1/orders")).json()["out"]
            assert [(each["order"], each["state"]) for each in out] == [("t.1.1", "unknown"), ("t.0.1", "resting")]
            assert out[1]["venue_order_id"] == "venue-7"
            text = (await client.get("/positions")).text
            assert "2 out" in text and "no answer &lt;b&gt;" in text


async def test_a_script_in_a_name_is_shown_as_text(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    opened, *rest = locked()
    assert isinstance(opened, TradeOpened)
    evil = TradeOpened(
        **{name: getattr(opened, name) for name in opened.__struct_fields__} | {"event": EVIL, "link": EVIL}
    )
    async with talking(ledger) as engine:
        engine.record(evil, *rest, Alarmed("evil", EVIL, "cccc3333"))
        engine.table([row(EVIL, 20_000, stage="crossing", code="fees", text=EVIL)])
        async with page(ledger) as served, served.client() as client:
            await until(lambda: bool(served.room.live.table))
            for path in (*PAGES, "/trades/cccc3333"):
                text = (await client.get(path)).text
                assert "<script>alert" not in text and "<img" not in text, path
            assert "&lt;script&gt;alert(1)" in (await client.get("/opportunities")).text


async def test_an_engine_that_died_is_shown_with_since_when(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    async with page(ledger) as served, served.client() as client:
        async with talking(ledger):
            await until(lambda: served.room.live.hello is not None)
            assert (await client.get("/api/v1/status")).json()["engine"]["state"] == "running"
        await until(lambda: served.room.live.hello is None)
        told = (await client.get("/api/v1/status")).json()["engine"]
        assert told["state"] == "dead"
        assert 0 <= time.time_ns() - told["since_ns"] < 60 * SECOND
        assert "Engine down" in (await client.get("/")).text


async def test_an_engine_without_a_stream_is_seen_through_its_file(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    journal = Journal.write(ledger, OWNER)
    journal.append([EngineStarted("0.1.0", "paper")], time.time_ns())
    health = {
        "at_ns": time.time_ns() + 3600 * SECOND,
        "accepting": True,
        "books": 4,
        "books_live": 3,
        "working": 0,
        "venues": {},
    }
    journal.set_gauge("health", health)
    async with page(ledger) as served, served.client() as client:
        await until(lambda: served.room.live.value("health") is not None)
        assert (await client.get("/api/v1/status")).json()["engine"]["state"] == "running"
        assert "<h1>Trading</h1>" in (await client.get("/")).text
        journal.set_gauge("health", {**health, "books_live": 0})
        await until(lambda: served.room.live.value("health")["books_live"] == 0)
        blind = (await client.get("/")).text
        assert "No live books" in blind and "nothing can be traded" in blind and ">trading<" not in blind
    journal.close()


async def test_two_operators_press_stop_and_start_at_once_and_the_stop_wins(tmp_path: Path) -> None:
    write(tmp_path / "ledger.db")
    async with page(tmp_path / "ledger.db") as served, served.client() as one, served.client() as other:
        first = await one.post("/api/v1/commands/stop", json={"reason": "first"})
        assert first.status_code == 200
        seen = (await other.get("/api/v1/status")).json()["seq"]
        again = await one.post("/api/v1/commands/stop", json={"reason": "second look"})
        assert again.status_code == 200 and "already" in again.json()["text"]
        # the other operator looked before the first stop
        started = await other.post("/api/v1/commands/start", json={"seen": 1})
        assert started.status_code == 409
        assert "after you looked" in started.json()["detail"]
        assert served.room.live.view.ledger.kill_switch is not None
        looked = await other.post("/api/v1/commands/start", json={"seen": seen})
        assert looked.status_code == 200, looked.text
        assert served.room.live.view.ledger.kill_switch is None


async def test_what_only_an_engine_can_do_is_refused_without_one(tmp_path: Path) -> None:
    write(tmp_path / "ledger.db")
    async with page(tmp_path / "ledger.db") as served, served.client() as client:
        for path in ("/api/v1/commands/reconcile", "/api/v1/trades/cccc3333/unwind"):
            answer = await client.post(path)
            assert answer.status_code == 409
            assert "no engine runs" in answer.json()["detail"]
        assert (await client.post("/api/v1/trades/unknown1/unwind")).status_code == 404


def test_a_curve_without_data_is_none() -> None:
    assert picture([]) is None
    assert picture([Point(1, Cash(5))]) is None


def test_a_curve_of_equal_times_or_equal_totals_is_drawn() -> None:
    for points in ([Point(7, Cash(0)), Point(7, Cash(0))], [Point(1, Cash(-5)), Point(2, Cash(-5))]):
        drawn = picture(points)
        assert drawn is not None and drawn["line"].startswith("M0,")


def test_a_long_curve_is_thinned_and_ends_where_it_ends() -> None:
    points = [Point(n, Cash(n * n)) for n in range(5_000)]
    assert len(thin(points)) <= POINTS
    assert thin(points)[-1] == points[-1]


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (usd("1234.567891"), "$1,234.57"),
        (usd("-0.440000"), "−$0.44"),
        (usd(None), "–"),
        (usd(1_500_000), "$1.50"),
        (signed("0.700000"), "+$0.70"),
        (signed(0), "$0.00"),
        (cents(420_000), "42"),
        (cents(-15_500), "−1.55"),
        (cents(100_000), "10"),
        (cents(0), "0"),
        (count("10.000000"), "10"),
        (count(2_500_000), "2.50"),
        (percent(12_345_678_900), "1.23 %"),
        (span(90 * SECOND), "90 s"),
        (span(3 * 3600 * SECOND), "3 h 0 min"),
    ],
)
def test_figures_read_as_people_write_them(shown: str, text: str) -> None:
    assert shown == text
