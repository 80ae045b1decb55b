"""A small Telegram: the part of the Bot API that the alerts use, on this machine, for the real library to talk to.

It can be down, ask for patience, refuse a text, and it remembers what it was told.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

TOKEN = "123456789:AAtesttokentesttokentesttokentest00"
CHAT = 4242
STRANGER = 666


class BotApi:
    """`sent` are the texts that arrived, `calls` every method called; the knobs say what goes wrong."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.attempts = 0
        self.calls: list[str] = []
        self.down = False
        self.flood_s: list[int] = []
        """Each send takes one of these and answers 429 with it."""
        self.refuse_html = False
        self.person: dict[str, Any] = {}
        """Who writes; without it somebody with the chat's number and no user name."""
        self.url = ""
        self._updates: list[dict[str, Any]] = []
        self._number = 0
        self._news = asyncio.Event()

    @property
    def texts(self) -> list[str]:
        return [each["text"] for each in self.sent]

    def write(self, text: str, chat: int = CHAT, age_s: int = 0) -> None:
        """Somebody writes to the bot in a chat."""
        self._update({"message": self._message(text, chat, age_s)})

    def press(self, data: str, chat: int = CHAT, age_s: int = 0) -> None:
        """Somebody presses a button below a message of the bot that was sent `age_s` ago."""
        query = {
            "id": "1",
            "from": self._from(chat),
            "chat_instance": "1",
            "data": data,
            "message": self._message("question", chat, age_s),
        }
        self._update({"callback_query": query})

    def _update(self, update: dict[str, Any]) -> None:
        self._number += 1
        self._updates.append({"update_id": self._number, **update})
        self._news.set()

    def _message(self, text: str, chat: int, age_s: int) -> dict[str, Any]:
        self._number += 1
        entities = [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}] if text[:1] == "/" else []
        return {
            "message_id": self._number,
            "date": int(time.time()) - age_s,
            "chat": {"id": chat, "type": "private"},
            "from": self._from(chat),
            "text": text,
            "entities": entities,
        }

    def _from(self, chat: int) -> dict[str, Any]:
        return self.person or {"id": chat, "is_bot": False, "first_name": "Ann"}

    async def handle(self, request: web.Request) -> web.Response:
        """One call of a method."""
        method = request.match_info["method"]
        words = dict(await request.post())
        self.calls.append(method)
        if self.down:
            return web.Response(status=502, text="Bad Gateway")
        if request.match_info["token"] != TOKEN:
            return self._error(401, "Unauthorized")
        match method:
            case "getMe":
                return self._ok({"id": 1, "is_bot": True, "first_name": "dutchbook", "username": "dutchbook_bot"})
            case "getUpdates":
                return await self._get_updates(int(str(words.get("offset", 0))), float(str(words.get("timeout", 0))))
            case "sendMessage":
                return self._send(words)
            case _:
                return self._ok(True)

    def _send(self, words: dict[str, Any]) -> web.Response:
        self.attempts += 1
        if self.flood_s:
            wait = self.flood_s.pop(0)
            return self._error(429, f"Too Many Requests: retry after {wait}", {"retry_after": wait})
        text = str(words["text"])
        if len(text.encode("utf-16-le")) // 2 > 4096:
            return self._error(400, "Bad Request: message is too long")
        if self.refuse_html and words.get("parse_mode"):
            return self._error(400, "Bad Request: can't parse entities: Unsupported start tag")
        self.sent.append({**words, "chat_id": int(str(words["chat_id"]))})
        return self._ok(self._message(text, int(str(words["chat_id"])), 0))

    async def _get_updates(self, offset: int, timeout_s: float) -> web.Response:
        self._updates = [each for each in self._updates if each["update_id"] >= offset]
        if not self._updates:
            self._news.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._news.wait()
            except TimeoutError:
                pass
        if self.down:
            return web.Response(status=502, text="Bad Gateway")
        return self._ok(self._updates)

    @staticmethod
    def _ok(result: Any) -> web.Response:
        return web.json_response({"ok": True, "result": result})

    @staticmethod
    def _error(code: int, text: str, parameters: dict[str, Any] | None = None) -> web.Response:
        body = {"ok": False, "error_code": code, "description": text, "parameters": parameters or {}}
        return web.Response(status=code, text=json.dumps(body), content_type="application/json")


@asynccontextmanager
async def telegram() -> AsyncIterator[BotApi]:
    """The server while the block runs."""
    api = BotApi()
    app = web.Application()
    app.router.add_post("/bot{token}/{method}", api.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        api._news.set()
        await runner.cleanup()
