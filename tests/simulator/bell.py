"""A very small exchange for tests of the shell: it echoes, and rings when told to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from dutchbook.core.transport import Request, Response
from simulator.hands import Recorder


class Bell(Recorder):
    """Answers every request with its path, every frame with its connection's number and the frame."""

    def __init__(self) -> None:
        super().__init__("bell")
        self.requests: list[Request] = []
        self.times: list[int] = []
        self.gone: list[int] = []
        self.left = asyncio.Event()
        self.alarm: tuple[int, int, bytes] | None = None
        self.drained = 0
        self._connections = 0
        self._queue: list[tuple[int, bytes | None]] = []

    def ring(self, connection: int, *frames: bytes | None) -> None:
        """Queue frames for a connection."""
        self._queue.extend((connection, frame) for frame in frames)

    def handle(self, request: Request, now: int) -> Response:
        self.requests.append(request)
        self.times.append(now)
        path = "/" + request.url.split("//", 1)[1].split("/", 1)[1]
        return Response(201, msgspec.json.encode({"path": path}), {"x-bell": "rung"})

    def connect(self, url: str, headers: Mapping[str, str], now: int) -> int | Response:
        if "refuse" in headers:
            return Response(401, b'{"error":"no"}')
        self._connections += 1
        return self._connections

    def receive(self, connection: int, data: bytes, now: int) -> None:
        self.times.append(now)
        self.ring(connection, b"%d:%s" % (connection, data))

    def disconnect(self, connection: int) -> None:
        self.gone.append(connection)
        self.left.set()

    def drain(self, now: int) -> list[tuple[int, bytes | None]]:
        self.drained += 1
        if self.alarm is not None and now >= self.alarm[0]:
            self.ring(self.alarm[1], self.alarm[2])
            self.alarm = None
        queued, self._queue = self._queue, []
        return queued

    def wake_at(self) -> int | None:
        return None if self.alarm is None else self.alarm[0]
