"""The transport seam, bent: requests counted, lost, delayed, repeated, answered by nobody.

It acts on bytes only and knows nothing of engines. What has left arrives even when its sender is dead, as on a real network.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from dutchbook.core.clock import MILLISECOND, SECOND, Clock
from dutchbook.core.errors import Lost
from dutchbook.core.transport import Channel, Frame, FrameKind, Request, Response
from dutchbook.simulator.memory import MemoryTransport


class Crash(BaseException):
    """The process has died: nothing of ours may catch it."""


@dataclass(frozen=True, slots=True)
class Posted:
    """One order as it crossed the seam. `identity` is what the venue knows it by before it answers."""

    at_ns: int
    venue: str
    identity: str
    body: bytes
    action: str
    tif: str
    content: Mapping[str, Any]


def posted(request: Request, at_ns: int) -> Posted | None:
    """The order in a request, or None when it carries none."""
    path = urlsplit(request.url).path
    if request.method != "POST":
        return None
    if path.endswith("/portfolio/events/orders"):
        body = msgspec.json.decode(request.body)
        tif = {"fill_or_kill": "fok", "immediate_or_cancel": "ioc"}[body["time_in_force"]]
        return Posted(at_ns, "kalshi", body["client_order_id"], request.body, body["side"], tif, body)
    if path == "/order":
        body = msgspec.json.decode(request.body)
        order = body["order"]
        tif = {"FOK": "fok", "FAK": "ioc"}[body["orderType"]]
        return Posted(at_ns, "polymarket", str(order["salt"]), request.body, order["side"].lower(), tif, order)
    return None


Forward = Callable[[], Awaitable[Response]]
Deed = Callable[["Network", Request, Forward], Awaitable[Response]]
"""What happens to a request instead of being sent and answered."""


@dataclass(slots=True)
class Fault:
    """Does something to the next `times` requests that `to` accepts, after letting `skip` of them pass."""

    to: Callable[[Request], bool]
    deed: Deed
    times: int = 1
    skip: int = 0


def orders_to(venue: str, action: str | None = None) -> Callable[[Request], bool]:
    """Accepts orders posted to a venue; `action` is the wire's word (bid, ask, buy, sell)."""

    def accepts(request: Request) -> bool:
        order = posted(request, 0)
        return order is not None and order.venue == venue and action in (None, order.action)

    return accepts


def reads_of(venue: str, path: str) -> Callable[[Request], bool]:
    """Accepts reads below a path of a venue."""
    return lambda request: request.method == "GET" and venue in request.url and path in request.url


@dataclass(slots=True)
class Network:
    """What lies between every process and the venues. It outlives them."""

    clock: Clock
    faults: list[Fault] = field(default_factory=list)
    orders: list[Posted] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    transport: MemoryTransport | None = None
    """The way to the venues now: the newest process's."""
    muffled: Callable[[bytes], bool] | None = None
    """Frames that streams hold back until this is None again."""
    arriving: set[asyncio.Task[Any]] = field(default_factory=set)
    """Requests on their way, which nobody's death recalls."""

    async def deliver(self, request: Request) -> Response:
        """Take a request to its venue, whoever sent it."""
        assert self.transport is not None
        return await self.transport.send(request)

    def launch(self, forward: Forward) -> asyncio.Task[Response]:
        """Put a request on its way."""

        async def go() -> Response:
            return await forward()

        task = asyncio.create_task(go(), name="network")
        self.arriving.add(task)
        task.add_done_callback(self._arrived)
        return task

    def _arrived(self, task: asyncio.Task[Any]) -> None:
        self.arriving.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be waiting for it any more

    async def send(self, request: Request, forward: Forward) -> Response:
        for fault in self.faults:
            if fault.times and fault.to(request):
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return await fault.deed(self, request, forward)
        return await asyncio.shield(self.launch(forward))


async def lose_request(network: Network, request: Request, forward: Forward) -> Response:
    """It never arrives, and the sender cannot know."""
    await network.clock.sleep(request.timeout_ns)
    raise Lost("the connection went silent")


async def lose_answer(network: Network, request: Request, forward: Forward) -> Response:
    """It arrives; its answer does not."""
    await asyncio.shield(network.launch(forward))
    raise Lost("the connection was cut before the answer")


async def repeat(network: Network, request: Request, forward: Forward) -> Response:
    """The network delivers it twice; the first answer comes back."""
    answer = await asyncio.shield(network.launch(forward))
    await asyncio.shield(network.launch(forward))
    return answer


def hold(delay_ns: int) -> Deed:
    """It arrives late; the sender gives up at its timeout."""

    async def deed(network: Network, request: Request, forward: Forward) -> Response:
        async def later() -> Response:
            await network.clock.sleep(delay_ns)
            return await forward()

        task = network.launch(later)
        try:
            async with asyncio.timeout(request.timeout_ns / SECOND):
                return await asyncio.shield(task)
        except TimeoutError:
            raise Lost("no answer in time") from None

    return deed


def answer_with(status: int, body: bytes = b"", *, after_delivery: bool = False) -> Deed:
    """Somebody between answers: instead of the venue, or (`after_delivery`) instead of its answer."""

    async def deed(network: Network, request: Request, forward: Forward) -> Response:
        if after_delivery:
            await asyncio.shield(network.launch(forward))
        else:
            await network.clock.sleep(20 * MILLISECOND)
        return Response(status, body)

    return deed


def private_of(venue: str) -> Callable[[bytes], bool]:
    """Accepts frames of a venue about our own orders and fills."""
    words = {
        "kalshi": (b'"type":"fill"', b'"type":"user_order"'),
        "polymarket": (b'"event_type":"trade"', b'"event_type":"order"'),
    }[venue]
    return lambda data: any(word in data for word in words)


class Line:
    """An open WebSocket whose frames can be held back."""

    def __init__(self, inner: Channel, network: Network) -> None:
        self._inner = inner
        self._network = network
        self._held: deque[Frame] = deque()

    async def send(self, data: bytes) -> None:
        await self._inner.send(data)

    async def ping(self) -> None:
        await self._inner.ping()

    async def receive(self) -> Frame:
        while True:
            frame = await self._inner.receive()
            muffled = self._network.muffled
            if muffled is not None and muffled(frame.data):
                self._held.append(frame)
                continue
            if self._held and muffled is None and frame.kind is not FrameKind.CLOSED:
                self._held.append(frame)  # in order: the answers to later pings let out the rest
                return self._held.popleft()
            return frame

    async def close(self) -> None:
        await self._inner.close()


class Seam:
    """One process's transport. `gate` is called at each crash point, `alive` before all else: the dead send nothing."""

    def __init__(
        self, inner: MemoryTransport, network: Network, gate: Callable[[str], None], alive: Callable[[], None]
    ) -> None:
        self._inner = inner
        self._network = network
        self._gate = gate
        self._alive = alive

    async def send(self, request: Request) -> Response:
        order = posted(request, self._network.clock.wall())
        if order is None:
            self._alive()
            self._network.requests.append(f"{request.method} {urlsplit(request.url).path}")
            return await self._network.send(request, lambda: self._network.deliver(request))
        self._gate("before an order leaves")
        self._network.orders.append(order)
        answer = asyncio.ensure_future(self._network.send(request, lambda: self._network.deliver(request)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self._gate("after an order left")
        return await answer

    async def open(self, url: str, headers: Mapping[str, str]) -> Channel:
        self._alive()
        return Line(await self._inner.open(url, headers), self._network)

    async def close(self) -> None:
        await self._inner.close()
