"""The page's watchdog (M46): what the shared one finds stands on every page and is told to whoever started the page."""

from __future__ import annotations

from collections.abc import Callable

from dutchbook.bus import watchdog
from dutchbook.web.room import Room


class Watchdog(watchdog.Watchdog):
    """`tell` brings a sentence to whoever must know; `cancel` says whether resting orders are to be cancelled then."""

    def __init__(self, room: Room, tell: Callable[[str], None], *, cancel: bool) -> None:
        super().__init__(room.live.engine, self._show, self._cancel_all if cancel else None)
        self._room = room
        self._tell = tell

    async def _cancel_all(self) -> str:
        return (await self._room.do("stop", {"then": "cancel", "reason": watchdog.REASON}, by="watchdog")).text

    def _show(self, text: str, shown: str) -> None:
        self._room.watchdog = shown
        self._room.live.touch("watchdog")
        self._tell(text)
