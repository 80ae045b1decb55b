"""The one seam under every venue client: a request answered, a channel of frames. No implementation lives here.

Makers: aiohttp (live), an exchange core in memory (paper, replay, fault simulation), recorder and replayer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from dutchbook.core.clock import SECOND


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `url` is absolute; `timeout_ns` covers the whole exchange."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout_ns: int = 10 * SECOND

    def __repr__(self) -> str:
        return f"Request({self.method} {self.url}, {len(self.body)} bytes)"


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer; header names are lower case."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class FrameKind(Enum):
    TEXT = "text"
    PONG = "pong"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Frame:
    """What a channel delivered. PONG proves that the stream is alive and drained; CLOSED is the last one."""

    kind: FrameKind
    data: bytes = b""


CLOSED = Frame(FrameKind.CLOSED)
PONG = Frame(FrameKind.PONG)


class Channel(Protocol):
    """An open WebSocket."""

    async def send(self, data: bytes) -> None:
        """Raises NotSent when the channel is closed."""

    async def ping(self) -> None:
        """Protocol-level ping; its answer arrives as a PONG frame."""

    async def receive(self) -> Frame:
        """The next frame; CLOSED for ever once the channel has ended."""

    async def close(self) -> None: ...


class Transport(Protocol):
    """Sends requests and opens channels.

    `send` raises NotSent when nothing left this machine, Lost when the answer is missing after it may have left.
    `open` raises NotSent when there is no connection, Refused when the handshake was answered with an error status.
    """

    async def send(self, request: Request) -> Response: ...

    async def open(self, url: str, headers: Mapping[str, str]) -> Channel: ...

    async def close(self) -> None: ...
