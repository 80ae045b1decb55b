"""The wallet's way to the chain, in some seeds: merges and redemptions at the venue's exchange core, each with a fate of its own.

What has left is carried out whoever dies meanwhile. Its faults have their own dice, so that they change no other weather.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection
from typing import Final

from dutchbook.core.claim import MarketId, native_of
from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import Lost, Refused
from dutchbook.core.money import Size
from dutchbook.core.transport import Response
from dutchbook.simulator.polymarket.exchange import PolymarketExchange
from dutchbook.torture.kinds import Group, named
from dutchbook.torture.network import Network

SHARE: Final = 0.2
"""Of the seeds, so many have a wallet that the engine may use, and each that is asked for faults of the chain; at half of those
the venue redeems nothing by itself."""

PATIENCE_NS: Final = 4 * SECOND
"""How long the wallet waits for its transaction."""

Act = Callable[[int], object]
"""Carries an operation out at the exchange core, at a wall time; ValueError when the chain reverts it."""


class Chain:
    """One a seed. `calm` says that nothing goes wrong any more; `struck` hears of each fault."""

    def __init__(
        self,
        seed: int,
        exchange: PolymarketExchange,
        network: Network,
        calm: Callable[[], bool],
        struck: Callable[[str, str], None],
        kinds: Collection[str] | None,
    ) -> None:
        draw = self._draw = random.Random(f"{seed}:wallet")
        self._chances = [(kind.name, kind.rate) for kind in named(Group.CHAIN) if kinds is None or kind.name in kinds]
        wanted = kinds is not None and bool(self._chances)
        self.in_use = draw.random() < SHARE or wanted
        if self.in_use:
            exchange.auto_redeem = draw.random() < 0.5
        self._exchange = exchange
        self._network = network
        self._calm = calm
        self._struck = struck

    async def carry_out(self, market: MarketId, act: Act) -> str:
        """One operation: its transaction's name. Raises Refused when nothing was done, Lost when nobody knows."""
        draw, clock = self._draw, self._network.clock
        pause = draw.randint(200 * MILLISECOND, 3 * SECOND)
        fate = self._fate(f"polymarket chain {native_of(market)}")
        if fate == "chain_reverted":
            await clock.sleep(pause)
            raise Refused("the transaction was reverted")
        if fate == "chain_lost":
            await clock.sleep(PATIENCE_NS)
            raise Lost("no word of the transaction")
        done = self._launch(act, pause + (PATIENCE_NS if fate == "chain_late" else 0))
        try:
            async with asyncio.timeout(PATIENCE_NS / SECOND):
                await asyncio.shield(done)
        except TimeoutError:
            raise Lost("no word of the transaction") from None
        except ValueError as error:
            raise Refused(f"the transaction was reverted: {error}") from None
        if fate == "chain_answer_lost":
            raise Lost("the connection was cut before the answer")
        return f"0x{draw.getrandbits(256):064x}"

    def _fate(self, where: str) -> str:
        drawn = self._draw.random()
        if self._calm():
            return ""
        for kind, chance in self._chances:
            if drawn < chance:
                self._struck(kind, where)
                return kind
            drawn -= chance
        return ""

    def _launch(self, act: Act, delay_ns: int) -> asyncio.Task[Response]:
        clock = self._network.clock

        async def later() -> Response:
            await clock.sleep(delay_ns)
            act(clock.wall())
            return Response(200, b"")

        return self._network.launch(later)


class ChainWallet:
    """Implements `core.venue.Wallet` for one process; `alive` raises once it has died."""

    def __init__(self, chain: Chain, exchange: PolymarketExchange, account: str, alive: Callable[[], None]) -> None:
        self._chain = chain
        self._exchange = exchange
        self._account = account
        self._alive = alive

    async def merge(self, market: MarketId, size: Size) -> str:
        """Turn so many complete sets into a dollar each."""
        self._alive()
        return await self._chain.carry_out(
            market, lambda now: self._exchange.merge(self._account, native_of(market), size, now)
        )

    async def redeem(self, market: MarketId) -> str:
        """Turn the tokens of a resolved market into their payout."""
        self._alive()
        return await self._chain.carry_out(
            market, lambda now: self._exchange.redeem(self._account, native_of(market), now)
        )
