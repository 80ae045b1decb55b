"""Calls that go wrong on demand: refused before they do anything, or carried out with the answer lost or garbled.

Knows no route's meaning; a fault names a path and how many of its calls it spoils.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from dutchbook.core.transport import Response
from dutchbook.simulator.exchange import DROPPED
from dutchbook.simulator.polymarket.call import Call

Kind = Literal["lost", "error", "late_error", "html", "truncated"]
KINDS: Final = ("lost", "error", "late_error", "html", "truncated")

_HTML: Final = Response(
    502,
    b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>",
    {"content-type": "text/html"},
)


@dataclass(slots=True)
class Fault:
    """`count` calls whose path begins with `path` go wrong: `lost`, `late_error`, `html` and `truncated` after they were
    carried out, `error` instead."""

    kind: Kind
    path: str
    count: int
    status: int = 500

    def hits(self, call: Call) -> bool:
        return self.count > 0 and (call.path == self.path or call.path.startswith(self.path.rstrip("/") + "/"))


class Faults:
    """The faults in force, oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        """All calls go right again."""
        self._faults.clear()

    def before(self, call: Call) -> Response | None:
        """The error that comes instead of doing anything."""
        fault = self._take(call, ("error",))
        return None if fault is None else _error(fault.status)

    def after(self, call: Call, response: Response) -> Response:
        """What the client sees of an answer that was made."""
        fault = self._take(call, ("lost", "late_error", "html", "truncated"))
        if fault is None:
            return response
        if fault.kind == "lost":
            return DROPPED
        if fault.kind == "html":
            return _HTML
        if fault.kind == "late_error":
            return _error(fault.status)
        return Response(response.status, response.body[: len(response.body) // 2], response.headers)

    def _take(self, call: Call, kinds: tuple[Kind, ...]) -> Fault | None:
        for fault in self._faults:
            if fault.kind in kinds and fault.hits(call):
                fault.count -= 1
                return fault
        return None


def _error(status: int) -> Response:
    body = msgspec.json.encode({"error": "internal server error"})
    return Response(status, body, {"content-type": "application/json"})
