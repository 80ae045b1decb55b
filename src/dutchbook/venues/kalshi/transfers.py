"""Moving cash between shards: only when a person asks for it, never by itself.

Collateral is checked inside a shard, so cash must be there before an order. The wire counts hundredths of a cent.
Source: Kalshi API documentation, intra-account transfers.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from dutchbook.core.errors import InvalidOrder
from dutchbook.core.money import Cash, format_micros
from dutchbook.venues.kalshi.config import VENUE
from dutchbook.venues.kalshi.errors import write_failure
from dutchbook.venues.kalshi.fields import micros
from dutchbook.venues.kalshi.rest import KalshiRest
from dutchbook.venues.kalshi.wire import pool_name

_PATH: Final = "/portfolio/intra_exchange_instance_transfer"
_CENTI_CENT: Final = 100
"""A hundredth of a cent in millionths of a dollar."""
_LARGEST_PAGE: Final = ("limit", "500")


class Transfer(msgspec.Struct, frozen=True):
    """A transfer between two cash pools, millionths of a dollar; `status` is the venue's word (`pending`, `complete`)."""

    id: str
    source: str
    destination: str
    amount: Cash
    status: str
    created_s: int


class _Accepted(msgspec.Struct):
    transfer_id: str


class _Row(msgspec.Struct):
    transfer_id: str
    source_exchange_shard: int
    destination_exchange_shard: int
    amount: Decimal
    status: str
    created_ts: int


class _Page(msgspec.Struct):
    transfers: list[_Row]
    cursor: str | None = None


_ACCEPTED: Final = msgspec.json.Decoder(_Accepted)
_TRANSFERS: Final = msgspec.json.Decoder(_Page)


class KalshiTransfers:
    """Cash between the shards of the primary account."""

    def __init__(self, rest: KalshiRest) -> None:
        self._rest = rest

    async def move(self, amount: Cash, source: int, destination: int, transfer_id: str) -> str:
        """Ask for a transfer; the venue's id of it. It is done a little later: see `history` and the balances.

        `transfer_id` is a UUID that names it: said twice, the venue refuses the second (409, Refused). Raises InvalidOrder
        before sending, Lost when nobody knows whether it was taken (say it again with the same id), else the error tree's
        word.
        """
        if amount <= 0 or amount % _CENTI_CENT:
            raise InvalidOrder(f"amount: {format_micros(amount)} is not a positive number of hundredths of a cent")
        if source == destination:
            raise InvalidOrder(f"destination: {pool_name(destination)} is where the cash is")
        body = {
            "source": "event_contract",
            "destination": "event_contract",
            "amount": amount // _CENTI_CENT,
            "source_exchange_shard": source,
            "destination_exchange_shard": destination,
            "client_transfer_id": transfer_id,
        }
        response = await self._rest.write("POST", _PATH, body=msgspec.json.encode(body))
        if not 200 <= response.status < 300:
            raise write_failure(response, f"{VENUE} transfer")
        return self._rest.decoded(_ACCEPTED, response.body, "transfer").transfer_id

    async def history(self) -> list[Transfer]:
        """Every transfer that the venue remembers, in its order."""
        pages = self._rest.pages(f"{_PATH}s", [_LARGEST_PAGE], _TRANSFERS, "transfers")
        return [
            Transfer(
                row.transfer_id,
                pool_name(row.source_exchange_shard),
                pool_name(row.destination_exchange_shard),
                Cash(micros(row.amount, "amount")),
                row.status,
                row.created_ts,
            )
            async for page in pages
            for row in page.transfers
        ]
