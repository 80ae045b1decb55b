"""Push: what changes reaches whoever looks, in the order of its topics, and nobody waits for a slow one (M46)."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from dutchbook.core.facts import Alarmed
from web.serving import PATIENCE_S, Served, page, row, talking, until


@asynccontextmanager
async def events(client: httpx.AsyncClient, path: str) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    """Server-sent events as (name, data)."""
    async with client.stream("GET", path) as answer:
        assert answer.status_code == 200, answer.status_code
        yield _events(answer)


async def _events(answer: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    name = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])


async def wait_for(stream: AsyncIterator[tuple[str, Any]], name: str) -> Any:
    """The next event of a name."""
    async with asyncio.timeout(PATIENCE_S):
        async for got, data in stream:
            if got == name:
                return data
    raise AssertionError("the stream ended")


async def heard(served: Served) -> None:
    await until(lambda: served.room.live.hello is not None)


async def test_a_fact_reaches_a_program_and_a_page(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    async with talking(ledger) as engine, page(ledger) as served, served.client() as client, AsyncExitStack() as opened:
        await heard(served)
        program = await opened.enter_async_context(events(client, "/api/v1/live?topics=ledger"))
        seq = (await wait_for(program, "ledger"))["seq"]
        browser = await opened.enter_async_context(events(client, "/push/now"))
        while (await wait_for(browser, "part"))["name"] != "latest":
            pass
        engine.record(Alarmed("storm", "a storm is coming"))
        assert (await wait_for(program, "ledger"))["seq"] == seq + 1
        while True:
            part = await wait_for(browser, "part")
            if part["name"] == "latest":
                break
        assert "a storm is coming" in part["html"]


async def test_a_table_comes_whole_at_first_and_then_only_what_changed(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    rows = [row(f"event-{n}") for n in range(1_000)]
    async with talking(ledger) as engine, page(ledger) as served, served.client() as client, AsyncExitStack() as opened:
        engine.table(rows)
        await until(lambda: len(served.room.live.table) == 1_000)
        program = await opened.enter_async_context(events(client, "/api/v1/live?topics=opportunities"))
        browser = await opened.enter_async_context(events(client, "/push/opportunities"))
        first, drawn = await wait_for(program, "rows"), await wait_for(browser, "rows")
        assert first["all"] and len(first["set"]) == len(drawn["set"]) == 1_000
        rows[3] = row("event-3", 5_000, stage="crossing", code="fees", text="too dear")
        engine.table(rows[:-1])
        second, drawn = await wait_for(program, "rows"), await wait_for(browser, "rows")
        assert not second["all"]
        assert [changed["id"] for changed in second["set"]] == ["event-3#1"]
        assert second["gone"] == ["event-999#1"]
        cells = ["event-3", "kalshi yes 40 + polymarket no 61", "0.5", "crossing", "too dear", "", ""]
        assert drawn["set"] == [["event-3#1", "crossing", cells]]


async def test_who_missed_a_table_gets_the_whole_of_the_next(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    async with talking(ledger) as engine, page(ledger) as served, served.client() as client, AsyncExitStack() as opened:
        engine.table([row("one")])
        await until(lambda: len(served.room.live.table) == 1)
        program = await opened.enter_async_context(events(client, "/api/v1/live?topics=opportunities"))
        await wait_for(program, "rows")
        # many tables within one look of this visitor
        for number in range(5):
            engine.table([row("one", number), row("two", number)])
            await until(lambda n=number: served.room.live.table["one#1"]["gap"] == n)
        newest: dict[str, Any] = {}
        while newest.get("one#1") != 4:
            told = await wait_for(program, "rows")
            if told["all"]:
                newest.clear()
            newest |= {each["id"]: each["gap"] for each in told["set"]}
        assert newest == {"one#1": 4, "two#1": 4}


async def test_m46_a_visitor_that_reads_nothing_holds_up_nobody_and_nothing_piles_up_for_it(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    async with talking(ledger) as engine, page(ledger) as served, served.client() as client, AsyncExitStack() as opened:
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", int(served.url.rpartition(":")[2])))
        with slow:
            asked = f"GET /api/v1/live?topics=opportunities HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {served.token}"
            slow.sendall(f"{asked}\r\n\r\n".encode())
            await until(lambda: served.room.live.visitors == 1)
            program = await opened.enter_async_context(events(client, "/api/v1/live?topics=opportunities"))
            published = 0
            for number in range(16):
                rows = [row(f"event-{n}", number, text="a long reason " * 400) for n in range(200)]
                published += len(json.dumps(rows))
                engine.table(rows)
                await until(lambda n=number: served.room.live.table.get("event-0#1", {}).get("gap") == n)
                # who reads has each of them at once, though the other has taken nothing yet
                while (await wait_for(program, "rows"))["set"][0]["gap"] != number:
                    pass
            assert served.room.live.visitors == 2
            held = 0
            slow.settimeout(2)
            with suppress(TimeoutError):
                while b'"gap":15' not in (taken := await asyncio.to_thread(slow.recv, 1 << 20)):
                    held += len(taken)
        # what waited for it was a few tables, not all of them; the first it takes after those is the newest
        assert held < published // 2, (held, published)


async def test_a_page_number_that_is_none_is_the_first_page(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    async with talking(ledger), page(ledger) as served, served.client() as client:
        for about in ("9" * 40, "-1", "x", "\u0663", ""):
            async with events(client, f"/push/trades?about={about}") as browser:
                while (told := await wait_for(browser, "part"))["name"] != "trades":
                    pass
                assert "No trade in this ledger yet." in told["html"] or about == "\u0663"


async def test_an_unknown_topic_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    async with page(tmp_path / "none.db") as served, served.client() as client:
        answer = await client.get("/api/v1/live?topics=ledger,weather")
        assert answer.status_code == 422
        assert "weather" in answer.json()["detail"] and "opportunities" in answer.json()["detail"]


async def test_the_engines_end_and_return_are_told(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    async with page(ledger) as served, served.client() as client, AsyncExitStack() as opened:
        program = await opened.enter_async_context(events(client, "/api/v1/live?topics=engine"))
        async with talking(ledger):
            while (await wait_for(program, "engine"))["state"] != "running":
                pass
        while (await wait_for(program, "engine"))["state"] != "dead":
            pass
        async with talking(ledger):
            while (await wait_for(program, "engine"))["state"] != "running":
                pass
