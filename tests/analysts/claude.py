"""Claude's door on this machine: a real HTTP server that answers what a test wants and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Door:
    """`status` and `answer` are what comes next; `asked` are the requests so far, each with its key."""

    url: str = ""
    status: int = 200
    answer: Any = None
    block: str = "tool_use"
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        key = request.headers.get("x-api-key") or request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.asked.append((key, body))
        if self.status != 200:
            echo = f"you sent the key {key}"
            return web.json_response({"type": "error", "error": {"type": "x", "message": echo}}, status=self.status)
        block: dict[str, Any] = {"type": "text", "text": "I approve this link."}
        if self.block == "tool_use":
            block = {"type": "tool_use", "id": "t1", "name": "state_differences", "input": self.answer}
        return web.json_response(
            {
                "id": "m1",
                "type": "message",
                "role": "assistant",
                "model": body["model"],
                "content": [block],
                "stop_reason": "tool_use",
                "stop_sequence": None,
                "usage": {"input_tokens": 1, "output_tokens": 1},
            }
        )


@asynccontextmanager
async def claude(**fields: Any) -> AsyncIterator[Door]:
    """The door, open while the block runs."""
    door = Door(**fields)
    app = web.Application()
    app.router.add_post("/v1/messages", door.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    door.url = f"http://{host}:{port}"
    try:
        yield door
    finally:
        await asyncio.shield(runner.cleanup())
