"""The simulator as a process of its own: one JSON line when ready, then orders on stdin."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession

from dutchbook.simulator.process import open_session

PATIENCE = 20


@asynccontextmanager
async def child(call: str) -> AsyncIterator[Process]:
    code = f"import asyncio; from dutchbook.simulator.process import *; asyncio.run({call})"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=PIPE, stdout=PIPE, limit=4 * 1024 * 1024
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def said(process: Process) -> Any:
    assert process.stdout is not None
    return json.loads(await asyncio.wait_for(process.stdout.readline(), PATIENCE))


def tell(process: Process, line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line.encode() + b"\n")


async def test_a_world_of_two_venues_answers_settles_and_stops() -> None:
    async with child("run_world(seed=4)") as process, ClientSession() as client:
        ready = await said(process)
        assert ready["seed"] == 4
        kalshi, polymarket = ready["venues"]
        assert (kalshi["venue"], polymarket["venue"]) == ("kalshi", "polymarket")
        ids = {market["id"] for venue in ready["venues"] for market in venue["markets"]}
        assert all(member["id"] in ids for link in ready["links"] for member in link["members"])
        assert kalshi["accounts"][0].keys() >= {"name", "key_id", "private_key_pem"}
        assert polymarket["accounts"][0].keys() >= {"name", "private_key", "address", "api_key"}

        async with client.get(kalshi["rest_url"] + "/markets?limit=1000") as answer:
            listed = {market["ticker"] for market in (await answer.json())["markets"]}
        assert listed == {market["id"] for market in kalshi["markets"]}
        async with client.get(polymarket["rest_url"] + "/time") as answer:
            assert answer.status == 200

        tell(process, "statement")
        books = (await said(process))["statement"]
        assert books["kalshi"]["trader"]["cash"] == {"0": 500_000_000, "2": 500_000_000}
        assert books["polymarket"]["trader"]["cash"] == 1_000_000_000

        tell(process, "dance")
        assert "dance" in (await said(process))["error"]
        tell(process, "settle")
        settled = (await said(process))["settled"]
        for link in ready["links"]:
            assert settled[link["event"]] in link["states"]
        tell(process, "stop")
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
async def test_one_venue_alone_streams_and_ends_with_its_input(venue: str) -> None:
    async with child(f"run_exchange({venue!r}, 0, 1, 1.0)") as process, ClientSession() as client:
        ready = await said(process)
        assert ready["venue"] == venue
        if venue == "polymarket":
            slug = ready["markets"][0]["id"]
            async with client.get(f"{ready['rest_url']}/markets?slug={slug}") as answer:
                (market,) = await answer.json()
            async with client.ws_connect(ready["market_ws_url"]) as socket:
                await socket.send_json({"type": "market", "assets_ids": json.loads(market["clobTokenIds"])})
                kinds = []
                while "price_change" not in kinds:
                    frame = json.loads(await socket.receive_str(timeout=PATIENCE))
                    kinds += [part["event_type"] for part in (frame if isinstance(frame, list) else [frame])]
                assert kinds[0] == "book"
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0


async def test_a_termination_signal_ends_it_cleanly() -> None:
    async with child("run_exchange('kalshi', 0, 1, 1.0)") as process:
        await said(process)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0


async def test_an_unknown_venue_is_named() -> None:
    with pytest.raises(ValueError, match="'betfair'"):
        async with open_session(["betfair"], 1):
            pass


async def test_a_world_that_breaks_ends_its_session_with_the_error() -> None:
    with pytest.raises(RuntimeError, match="broken"):
        async with open_session(["kalshi"], 1) as session:

            def broken(now: int) -> None:
                raise RuntimeError("broken")

            session.world.step = broken  # type: ignore[method-assign]
            assert session.playing is not None
            await asyncio.wait([session.playing], timeout=PATIENCE)
