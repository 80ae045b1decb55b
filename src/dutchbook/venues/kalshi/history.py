"""The account's past: fills, orders and settlements of any age, from the live tier and the archive, merged.

The venue moves what is older than its cut-off (about three months) to an archive with paths of its own; resting orders and
unsettled positions never move. Reads only. Source: Kalshi API documentation, historical data.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import msgspec

from dutchbook.core.claim import MarketId, market_id
from dutchbook.core.clock import DAY, SECOND
from dutchbook.core.errors import MalformedFrame
from dutchbook.core.money import Cash, Size
from dutchbook.core.order import Fill, OrderReport
from dutchbook.venues.kalshi import portfolio, wire
from dutchbook.venues.kalshi.config import VENUE
from dutchbook.venues.kalshi.fields import Instant, micros, nanoseconds, size_of
from dutchbook.venues.kalshi.rest import KalshiRest, Params

LARGEST_PAGE: Final = ("limit", "1000")
_LARGEST_SETTLEMENT_PAGE: Final = ("limit", "200")
SURELY_LIVE_NS: Final = 14 * DAY
"""What is younger than this cannot have been archived: the live tier targets three months."""


@dataclass(frozen=True, slots=True)
class Cutoff:
    """Wall nanoseconds: what is older is in the archive only."""

    market_settled_ns: int
    trades_created_ns: int
    orders_updated_ns: int


@dataclass(frozen=True, slots=True)
class SettledPosition:
    """What a settled market paid on a position. `revenue` was paid in whole cents; `fee` includes the trading fees."""

    market: MarketId
    result: str
    yes: Size
    no: Size
    revenue: Cash
    fee: Cash
    at_ns: int


class _CutoffAnswer(msgspec.Struct):
    market_settled_ts: Instant
    trades_created_ts: Instant
    orders_updated_ts: Instant


_CUTOFF: Final = msgspec.json.Decoder(_CutoffAnswer)


class KalshiHistory:
    """Merged reads over both tiers. Raises what `KalshiRest.get` raises, and MalformedFrame naming the field."""

    def __init__(self, rest: KalshiRest) -> None:
        self._rest = rest

    async def cutoff(self) -> Cutoff:
        """Where the archive ends and the live tier begins now."""
        answer = await self._rest.read("/historical/cutoff", (), _CUTOFF, "historical cut-off")
        return Cutoff(
            nanoseconds(answer.market_settled_ts),
            nanoseconds(answer.trades_created_ts),
            nanoseconds(answer.orders_updated_ts),
        )

    async def fills(self, begins_ns: int, ends_ns: int) -> list[Fill]:
        """Every fill of the account between two wall instants, oldest first; a bid is told as a purchase of YES, an ask as
        one of NO."""
        found = [portfolio.fill_of(row, None, "") for row in await self.rows_of_fills(begins_ns, ends_ns)]
        # the archive filters by the end only
        return sorted((fill for fill in found if begins_ns <= fill.at_ns <= ends_ns), key=lambda fill: fill.at_ns)

    async def rows_of_fills(self, begins_ns: int, ends_ns: int) -> list[portfolio.FillRow]:
        """The account's fills between two wall instants as the venue tells them, each once; the archive may add older ones."""
        rows = {
            row.fill_id or row.trade_id: row
            for path in await self._tiers("/portfolio/fills", "/historical/fills", begins_ns, "trades")
            async for row in self.fill_rows(path, [*_between(begins_ns, ends_ns), LARGEST_PAGE])
        }
        return list(rows.values())

    async def orders(self, begins_ns: int, ends_ns: int) -> list[OrderReport]:
        """Every order of the account that the venue lists between two wall instants, in no order."""
        rows = {
            row.order_id: row
            for path in await self._tiers("/portfolio/orders", "/historical/orders", begins_ns, "orders")
            async for row in self.order_rows(path, [*_between(begins_ns, ends_ns), LARGEST_PAGE])
        }
        return [wire.order_report(row) for row in rows.values()]

    async def settlements(self, begins_ns: int, ends_ns: int) -> list[SettledPosition]:
        """Paid positions, newest first. The venue keeps them for about three months and has no archive of them."""
        params = [*_between(begins_ns, ends_ns), _LARGEST_SETTLEMENT_PAGE]
        pages = self._rest.pages("/portfolio/settlements", params, portfolio.SETTLEMENTS, "settlements")
        return [_settled(row) async for page in pages for row in page.settlements]

    async def archived(self, at_ns: int) -> bool:
        """Whether orders and fills of a wall instant may have been archived."""
        if self._rest.clock.wall() - at_ns < SURELY_LIVE_NS:
            return False
        cutoff = await self.cutoff()
        return at_ns <= max(cutoff.orders_updated_ns, cutoff.trades_created_ns)

    async def order_rows(self, path: str, params: Params) -> AsyncIterator[wire.OrderRow]:
        """Rows of an orders listing, of either tier."""
        async for page in self._rest.pages(path, params, wire.ORDERS, "orders"):
            for row in page.orders:
                yield row

    async def fill_rows(self, path: str, params: Params) -> AsyncIterator[portfolio.FillRow]:
        """Rows of a fills listing, of either tier."""
        async for page in self._rest.pages(path, params, portfolio.FILLS, "fills"):
            for row in page.fills:
                yield row

    async def _tiers(self, live: str, archive: str, begins_ns: int, what: str) -> list[str]:
        """The paths to read, live first: what moves to the archive meanwhile is then seen twice rather than never."""
        if self._rest.clock.wall() - begins_ns < SURELY_LIVE_NS:
            return [live]
        cutoff = await self.cutoff()
        ends = cutoff.trades_created_ns if what == "trades" else cutoff.orders_updated_ns
        return [live, archive] if begins_ns <= ends else [live]


def _between(begins_ns: int, ends_ns: int) -> Params:
    return [("min_ts", str(begins_ns // SECOND)), ("max_ts", str(-(-ends_ns // SECOND)))]


def _settled(row: portfolio.SettlementRow) -> SettledPosition:
    if row.settled_time is None:
        raise MalformedFrame(f"kalshi settlement of {row.ticker}: missing field `settled_time`")
    return SettledPosition(
        market_id(VENUE, row.ticker),
        row.market_result,
        size_of(row.yes_count_fp, "yes_count_fp"),
        size_of(row.no_count_fp, "no_count_fp"),
        Cash(row.revenue * portfolio.CENT),
        Cash(micros(row.fee_cost, "fee_cost")),
        nanoseconds(row.settled_time),
    )
