"""The transport seam, bent: requests counted, lost, delayed, repeated, overtaken, answered by somebody else.

It acts on bytes only and knows nothing of engines. What has left arrives even when its sender is dead, as on a real network.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from dutchbook.core.clock import MILLISECOND, SECOND, Clock
from dutchbook.core.errors import Lost, NotSent
from dutchbook.core.transport import Channel, Request, Response
from dutchbook.simulator.memory import MemoryTransport
from dutchbook.torture import answers
from dutchbook.torture.line import Line, Storms, Streams


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


_TIF = {"fill_or_kill": "fok", "FOK": "fok", "immediate_or_cancel": "ioc", "FAK": "ioc"}


def venue_of(url: str) -> str:
    """Whose address it is: Kalshi's hosts carry its name, every other one here is Polymarket's."""
    return "kalshi" if "kalshi" in urlsplit(url).netloc else "polymarket"


def path_of(url: str) -> str:
    """The path of an address, without its query."""
    return urlsplit(url).path


def posted(request: Request, at_ns: int) -> Posted | None:
    """The order in a request, or None when it carries none."""
    path = urlsplit(request.url).path
    if request.method != "POST":
        return None
    if path.endswith("/portfolio/events/orders"):
        body = msgspec.json.decode(request.body)
        tif = _TIF.get(body["time_in_force"], body["time_in_force"])
        return Posted(at_ns, "kalshi", body["client_order_id"], request.body, body["side"], tif, body)
    if path == "/order":
        body = msgspec.json.decode(request.body)
        order = body["order"]
        tif = _TIF.get(body["orderType"], body["orderType"])
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


class Requests(Protocol):
    """Who decides about requests: the weather."""

    def request(self, request: Request, is_order: bool, venue: str) -> Deed | None:
        """What happens to this request instead of being sent and answered; None leaves it alone."""


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
    weather: Requests | None = None
    """Asked about every request that no fault has taken."""
    streams: Streams | None = None
    """Asked about every frame."""
    storms: Storms = field(default_factory=Storms)
    overtaken: dict[str, asyncio.Event] = field(default_factory=dict)
    """A request to each venue that waits for the next one to pass it."""
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

    async def send(self, request: Request, forward: Forward, order: Posted | None) -> Response:
        """What comes back for a request, `order` being what it carries. Raises Lost and NotSent as a transport does."""
        for fault in self.faults:
            if fault.times and fault.to(request):
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return await fault.deed(self, request, forward)
        venue = venue_of(request.url)
        deed = None if self.weather is None else self.weather.request(request, order is not None, venue)
        # whoever waits to be overtaken waits for a request that really gets there
        passing = self.overtaken.get(venue) if deed is None else None
        try:
            # what has left arrives, whatever becomes of its sender: the transport recalls nothing
            return await (forward() if deed is None else deed(self, request, forward))
        finally:
            if passing is not None:
                passing.set()

    async def wait_for(self, task: asyncio.Task[Response], request: Request) -> Response:
        """The answer to a request on its way, as long as its sender waits. Raises Lost after the request's timeout."""
        try:
            async with asyncio.timeout(request.timeout_ns / SECOND):
                return await asyncio.shield(task)
        except TimeoutError:
            raise Lost("no answer in time") from None


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

        return await network.wait_for(network.launch(later), request)

    return deed


async def answer_late(network: Network, request: Request, forward: Forward) -> Response:
    """It arrives at once and is carried out; its answer is still on its way when the sender gives up."""
    network.launch(forward)
    await network.clock.sleep(request.timeout_ns)
    raise Lost("no answer in time")


def overtake(most_ns: int) -> Deed:
    """The next request to the same venue gets there first; after `most_ns` this one goes without."""

    async def deed(network: Network, request: Request, forward: Forward) -> Response:
        venue = venue_of(request.url)
        if venue in network.overtaken:
            return await asyncio.shield(network.launch(forward))

        async def second() -> Response:
            passed = network.overtaken[venue] = asyncio.Event()
            try:
                async with asyncio.timeout(most_ns / SECOND):
                    await passed.wait()
            except TimeoutError:
                pass
            finally:
                if network.overtaken.get(venue) is passed:
                    del network.overtaken[venue]
            return await forward()

        return await network.wait_for(network.launch(second), request)

    return deed


def tear(share: float) -> Deed:
    """It is carried out; only a share of the answer's body comes back."""

    async def deed(network: Network, request: Request, forward: Forward) -> Response:
        return answers.torn(await asyncio.shield(network.launch(forward)), share)

    return deed


def reshape(seed: str) -> Deed:
    """It is carried out; the answer is JSON that is not as promised, drawn from the seed."""

    async def deed(network: Network, request: Request, forward: Forward) -> Response:
        return answers.reshaped(await asyncio.shield(network.launch(forward)), random.Random(seed))

    return deed


async def refuse_connection(network: Network, request: Request, forward: Forward) -> Response:
    """Nothing leaves: there is nobody to connect to."""
    network.orders = [order for order in network.orders if order.body is not request.body]
    raise NotSent("connection refused")


async def repeat_and_tell(network: Network, request: Request, forward: Forward) -> Response:
    """The network delivers it twice; the second answer comes back, in which the venue speaks of a duplicate."""
    await asyncio.shield(network.launch(forward))
    return await asyncio.shield(network.launch(forward))


def respond(answer: Response, *, after_delivery: bool = False) -> Deed:
    """Somebody between answers: instead of the venue, or (`after_delivery`) instead of its answer."""

    async def deed(network: Network, request: Request, forward: Forward) -> Response:
        if after_delivery:
            await asyncio.shield(network.launch(forward))
        else:
            await network.clock.sleep(20 * MILLISECOND)
        return answer

    return deed


def answer_with(status: int, body: bytes = b"", *, after_delivery: bool = False) -> Deed:
    """`respond` with a status and a body."""
    return respond(Response(status, body), after_delivery=after_delivery)


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
            return await self._network.send(request, lambda: self._network.deliver(request), None)
        self._gate("before an order leaves")
        self._network.orders.append(order)
        answer = asyncio.ensure_future(self._network.send(request, lambda: self._network.deliver(request), order))
        answer.add_done_callback(_heard)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self._gate("after an order left")
        return await answer

    async def open(self, url: str, headers: Mapping[str, str]) -> Channel:
        self._alive()
        return Line(await self._inner.open(url, headers), self._network, url)

    async def close(self) -> None:
        await self._inner.close()


def _heard(answer: asyncio.Task[Response]) -> None:
    """The sender may have died: then nobody asks how its request ended."""
    if not answer.cancelled():
        answer.exception()
