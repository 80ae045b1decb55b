"""A recorder around a simulated exchange: every answer and every frame that a client of it would get.

It passes everything through unchanged and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from dutchbook.core.transport import Request, Response


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered request; `path` is without host and query, `body` decoded (None when there is none)."""

    method: str
    path: str
    status: int
    body: Any


@dataclass(slots=True)
class Tape:
    """Stands where the exchange stands."""

    exchange: Any
    answers: list[Answer] = field(default_factory=list)
    frames: list[tuple[int, Any]] = field(default_factory=list)
    """(connection, decoded message); arrays are taken apart, texts that are no JSON stay texts."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.exchange, name)

    def handle(self, request: Request, now: int) -> Response:
        response: Response = self.exchange.handle(request, now)
        body = msgspec.json.decode(response.body) if response.body else None
        self.answers.append(Answer(request.method, urlsplit(request.url).path, response.status, body))
        return response

    def drain(self, now: int) -> list[tuple[int, bytes | None]]:
        drained: list[tuple[int, bytes | None]] = self.exchange.drain(now)
        for number, data in drained:
            if data is None:
                continue
            try:
                message = msgspec.json.decode(data)
            except msgspec.DecodeError:
                message = data.decode()
            self.frames += [(number, each) for each in (message if isinstance(message, list) else [message])]
        return drained
