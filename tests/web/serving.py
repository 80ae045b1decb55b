"""A page served for tests on a ledger of its own, over real HTTP, and an engine that only talks: a journal and its stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from dutchbook.bus.messages import Hello
from dutchbook.bus.stream import StateStream
from dutchbook.cli.web import make_room
from dutchbook.core.facts import AnyFact, EngineStarted
from dutchbook.ledger.journal import Identity, Journal
from dutchbook.web.app import create_app
from dutchbook.web.room import Room

OWNER = Identity("paper", "intl", ("kalshi", "polymarket"), ("simulated",))
PATIENCE_S = 60


@dataclass
class Served:
    """A page that is up."""

    url: str
    room: Room
    token: str

    def client(self, **options: Any) -> httpx.AsyncClient:
        """A program with the token."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=PATIENCE_S, **options)

    def stranger(self) -> httpx.AsyncClient:
        """Somebody without it."""
        return httpx.AsyncClient(base_url=self.url, timeout=PATIENCE_S)

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, str]]]:
        """A program that behaves as a browser with the cookie, and the headers that our own page sends with a command."""
        async with self.stranger() as client:
            answer = await client.post("/api/v1/session", json={"token": self.token})
            assert answer.status_code == 200, answer.text
            proof = self.room.access.proof(client.cookies["dutchbook"])
            yield client, {"Origin": self.url, "X-Dutchbook-Proof": proof, "Sec-Fetch-Site": "same-origin"}


@asynccontextmanager
async def page(ledger: Path, *, port: int = 0, **options: Any) -> AsyncIterator[Served]:
    """Serve the page of a ledger while the block runs."""
    room = make_room(ledger, None, **options)
    config = uvicorn.Config(create_app(room), port=port, log_config=None, timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started or task.done())
    taken = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Served(f"http://127.0.0.1:{taken}", room, room.access.token)
    finally:
        server.should_exit = True
        await task


async def until(true: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


@dataclass
class Talking:
    """An engine that trades nothing and tells what it is given."""

    journal: Journal
    stream: StateStream

    def record(self, *facts: AnyFact) -> None:
        now = time.time_ns()
        self.journal.append(facts, now)
        self.stream.announce(self.journal.seq, now, facts)

    def publish(self, name: str, value: object) -> None:
        self.stream.publish(name, time.time_ns(), value)

    def table(self, rows: Sequence[dict[str, Any]]) -> None:
        self.publish("opportunities", {"bundles": len(rows), "rows": rows})


@asynccontextmanager
async def talking(ledger: Path) -> AsyncIterator[Talking]:
    """The engine while the block runs; its end is a death: it says nothing."""
    journal = Journal.write(ledger, OWNER)
    stream = StateStream(ledger, Hello(1, "paper", "0.1.0", time.time_ns(), journal.seq))
    engine = Talking(journal, stream)
    task = asyncio.create_task(stream.serve())
    await until(lambda: stream.path.exists() or task.done())
    try:
        engine.record(EngineStarted("0.1.0", "paper"))
        yield engine
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        journal.close()


def row(name: str = "rain-tomorrow", gap: int | None = -10_000, **more: Any) -> dict[str, Any]:
    """A line of the bundle table."""
    legs = [["kalshi:KXRAIN", "yes", 400_000], ["polymarket:rain", "no", 610_000]]
    plain = {
        "id": f"{name}#1",
        "link": name,
        "event": name,
        "kind": "yes_no",
        "approved": True,
        "legs": legs,
        "live": True,
    }
    return {**plain, "gap": gap, "stage": None, **more}
