"""Push: server-sent events, one shape for browsers (drawn parts and table rows) and one for programs (snapshots as JSON).

Every visitor goes at its own pace: what it has not taken is replaced by what is newer, and nothing queues.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final

import msgspec

from dutchbook.web.live import Live
from dutchbook.web.pages import STRIP, Page, Painter
from dutchbook.web.room import Room, row_order
from dutchbook.web.table import cells, key, tint

REST_S: Final = 0.1
"""The shortest pause between two looks for one visitor: ten changes a second are as many as anybody sees."""

BEAT_S: Final = 10.0
"""A comment is sent when nothing else was for so long, so that both ends notice a dead line."""

_encode: Final = msgspec.json.Encoder().encode


def sse(event: str, data: object) -> bytes:
    """One server-sent event."""
    return b"event: %s\ndata: %s\n\n" % (event.encode(), _encode(data))


class Pushes:
    """The streams. Rows are encoded once for each version of the table, whoever takes them."""

    def __init__(self, room: Room, painter: Painter) -> None:
        self._room = room
        self._live: Live = room.live
        self._painter = painter
        self._encoded: dict[tuple[str, int], bytes] = {}

    async def page(self, page: Page, about: str) -> AsyncIterator[bytes]:
        """For a browser: `part` {name, html} and `rows` {all, set: [[id, tint, cells]], gone: [id]}."""
        seen: dict[str, tuple[int, ...]] = {}
        table = -1
        yield b"retry: 1000\n\n"
        async for _ in self._changes():
            out = []
            for part in (STRIP, *page.parts):
                version = self._painter.version(part)
                if seen.get(part.name) == version:
                    continue
                seen[part.name] = version
                html = self._painter.part(part, about if part is not STRIP else "")
                if html is not None:
                    out.append(sse("part", {"name": part.name, "html": html}))
            if page.rows and (now := self._live.versions.get("opportunities", 0)) != table:
                out.append(self._rows("rows", now, whole=now != table + 1, shape=_shown))
                table = now
            if out:
                yield b"".join(out)
            elif _ is None:
                yield b": still here\n\n"

    async def topics(self, wanted: frozenset[str]) -> AsyncIterator[bytes]:
        """For a program: `snapshot` {name, at_ns, value}, `rows` {all, set: [row], gone: [id]}, `engine`, and `ledger` {seq}
        when facts were appended."""
        seen: dict[str, int] = {}
        yield b"retry: 1000\n\n"
        async for _ in self._changes():
            out = []
            for topic, version in tuple(self._live.versions.items()):
                if topic not in wanted or seen.get(topic) == version:
                    continue
                out.append(self._topic(topic, version, seen.get(topic, -1)))
                seen[topic] = version
            if out:
                yield b"".join(out)
            elif _ is None:
                yield b": still here\n\n"

    def _topic(self, topic: str, version: int, before: int) -> bytes:
        if topic == "opportunities":
            return self._rows("rows", version, whole=version != before + 1, shape=dict)
        kept = self._encoded.get((topic, version))
        if kept is None:
            if topic == "ledger":
                kept = sse("ledger", {"seq": self._live.view.ledger.seq})
            elif topic == "engine":
                kept = sse("engine", self._live.engine())
            else:
                at_ns, value = self._live.values.get(topic, (0, None))
                kept = sse("snapshot", {"name": topic, "at_ns": at_ns, "value": value})
            self._keep(topic, version, kept)
        return kept

    def _rows(self, event: str, version: int, *, whole: bool, shape: Any) -> bytes:
        """The rows that changed since the version before, or the whole table for one who missed some."""
        kind = f"{shape.__name__} {whole}"
        kept = self._encoded.get((kind, version))
        if kept is None:
            newest, changed, gone = self._live.changed_rows
            rows: Iterable[Mapping[str, Any]] = changed.values()
            if whole or newest != version:
                rows, gone, whole = sorted(self._live.table.values(), key=row_order), (), True
            told = {"all": whole, "bundles": self._live.bundles, "set": [shape(row) for row in rows], "gone": gone}
            kept = sse(event, told)
            self._keep(kind, version, kept)
        return kept

    def _keep(self, kind: str, version: int, encoded: bytes) -> None:
        self._encoded.pop((kind, version - 1), None)
        if len(self._encoded) > 100:
            self._encoded.clear()
        self._encoded[kind, version] = encoded

    async def _changes(self) -> AsyncIterator[bool | None]:
        """Once at first, then after each change; None when there was none for a while."""
        event = self._live.listen()
        try:
            yield True
            while True:
                try:
                    async with asyncio.timeout(BEAT_S):
                        await event.wait()
                except TimeoutError:
                    yield None
                    continue
                event.clear()
                yield True
                await asyncio.sleep(REST_S)
        finally:
            self._live.leave(event)


def _shown(row: Mapping[str, Any]) -> list[Any]:
    return [key(row), tint(row), cells(row)]
