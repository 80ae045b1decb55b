"""A recorder of everything that a world does to a venue; it keeps no book, so nothing can depend on one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dutchbook.core.transport import Request, Response
from dutchbook.simulator.exchange import Level, MarketSpec, TestAccount

Ladders = tuple[tuple[Level, ...], tuple[Level, ...]]


class Recorder:
    """Satisfies `Exchange`; only the world's hands do anything."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.specs: dict[str, MarketSpec] = {}
        self.deeds: list[tuple[object, ...]] = []
        self.ladders: dict[str, dict[str, Ladders]] = {}
        self.values: dict[str, int] = {}

    def list_market(self, spec: MarketSpec, now: int) -> None:
        self.specs[spec.id] = spec
        self.deeds.append(("list", spec))

    def quote(self, market: str, maker: str, bids: Sequence[Level], asks: Sequence[Level], now: int) -> None:
        self.ladders.setdefault(market, {})[maker] = (tuple(bids), tuple(asks))
        self.deeds.append(("quote", market, maker, tuple(bids), tuple(asks)))

    def take(self, market: str, taker: str, buy: bool, limit: int, size: int, now: int) -> int:
        self.deeds.append(("take", market, taker, buy, limit, size))
        return size

    def settle(self, market: str, yes_value: int, now: int) -> None:
        assert market not in self.values
        self.values[market] = yes_value

    def best(self, market: str) -> tuple[int | None, int | None]:
        raise AssertionError("the world looked at a venue")

    def handle(self, request: Request, now: int) -> Response:
        return Response(404)

    def connect(self, url: str, headers: Mapping[str, str], now: int) -> int | Response:
        return Response(404)

    def receive(self, connection: int, data: bytes, now: int) -> None: ...

    def disconnect(self, connection: int) -> None: ...

    def drain(self, now: int) -> list[tuple[int, bytes | None]]:
        return []

    def wake_at(self) -> int | None:
        return None

    def add_account(self, name: str, cash: Mapping[int, int], now: int) -> TestAccount:
        return TestAccount(name)
