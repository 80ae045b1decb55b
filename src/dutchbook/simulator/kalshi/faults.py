"""Trouble on demand: answers lost, late, spoiled or replaced by errors. Decides only about requests; executes none.

Plans are used up in order, each for a number of requests that match its method and path. Off until planned.
"""

from __future__ import annotations

from dataclasses import dataclass

from dutchbook.core.transport import Response
from dutchbook.simulator.exchange import DROPPED, HELD

KINDS = frozenset({"lost_reply", "lost_request", "error", "slow", "html", "truncated"})

_HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


@dataclass(slots=True)
class Fault:
    """One plan. `times` requests still to be hit; empty `method` and `path` match all; `path` is a beginning.

    lost_reply: executed, then the connection is dropped. lost_request: dropped, not executed. error: answered with
    `status`, executed before if `executed`. slow: answered after `delay_ns`. html: executed, the answer (with its own
    status, or `status` if given) is a gateway's page. truncated: executed, the answer is cut in half.
    """

    kind: str
    times: int = 1
    method: str = ""
    path: str = ""
    status: int = 0
    executed: bool = False
    delay_ns: int = 0

    def hits(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in ("", method) and path.startswith(self.path)


class Faults:
    """The plans of one exchange."""

    def __init__(self) -> None:
        self._plans: list[Fault] = []

    def plan(self, fault: Fault) -> None:
        """Add a plan. Raises ValueError for a kind that does not exist."""
        if fault.kind not in KINDS:
            raise ValueError(f"fault {fault.kind!r} is not one of {', '.join(sorted(KINDS))}")
        self._plans.append(fault)

    def clear(self) -> None:
        """Forget all plans."""
        self._plans.clear()

    def next(self, method: str, path: str) -> Fault | None:
        """The plan that hits this request, used up by one."""
        found = next((plan for plan in self._plans if plan.hits(method, path)), None)
        if found is not None:
            found.times -= 1
            self._plans = [plan for plan in self._plans if plan.times > 0]
        return found


def instead(fault: Fault) -> Response | None:
    """The answer to a request that is not executed; None when it is."""
    if fault.kind == "lost_request":
        return DROPPED
    if fault.kind == "error" and not fault.executed:
        return _error(fault.status)
    return None


def spoiled(fault: Fault, answer: Response) -> Response:
    """What becomes of the answer to a request that was executed."""
    match fault.kind:
        case "lost_reply":
            return DROPPED
        case "error":
            return _error(fault.status)
        case "slow":
            return Response(answer.status, answer.body, {**answer.headers, HELD: str(fault.delay_ns)})
        case "html":
            return Response(fault.status or answer.status, _HTML, {"content-type": "text/html"})
        case _:
            return Response(answer.status, answer.body[: len(answer.body) // 2], answer.headers)


def _error(status: int) -> Response:
    words = {503: "service_unavailable", 504: "gateway_timeout"}.get(status, "internal_server_error")
    body = b'{"error":{"code":"%s","message":"%s"}}' % (words.encode(), words.replace("_", " ").encode())
    return Response(status or 500, body, {"content-type": "application/json"})
