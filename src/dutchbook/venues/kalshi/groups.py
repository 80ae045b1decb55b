"""Order groups: the venue's own kill switch. When a group's fills within 15 seconds exceed its limit, the venue cancels the
group's orders and refuses new ones until it is reset.

A group belongs to one shard. Writes are sent once; Lost means that it is not known whether the change was made.
Source: Kalshi API documentation, order groups.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from dutchbook.core.errors import InvalidOrder
from dutchbook.core.money import MICRO, Size, format_micros
from dutchbook.venues.kalshi.errors import write_failure
from dutchbook.venues.kalshi.fields import size_of
from dutchbook.venues.kalshi.rest import KalshiRest, segment

_PATH: Final = "/portfolio/order_groups"
_LARGEST: Final = 1_000_000 * MICRO


class _Created(msgspec.Struct):
    order_group_id: str


class _Group(msgspec.Struct):
    id: str
    is_auto_cancel_enabled: bool
    contracts_limit_fp: Decimal | None = None


class _Groups(msgspec.Struct):
    order_groups: list[_Group]


class GroupState(msgspec.Struct, frozen=True):
    """A group and its limit (contracts in 15 seconds). `armed` is False once it has tripped, until it is reset."""

    id: str
    armed: bool
    limit: Size | None


_CREATED: Final = msgspec.json.Decoder(_Created)
_GROUPS: Final = msgspec.json.Decoder(_Groups)


class KalshiGroups:
    """The account's order groups. Raises NotSent, Lost, RateLimited, Refused or Unavailable."""

    def __init__(self, rest: KalshiRest) -> None:
        self._rest = rest

    async def create(self, limit: Size, shard: int = 0) -> str:
        """A new group for a shard's orders; its id. `limit` is 1 to 1,000,000 contracts in 15 seconds."""
        body = msgspec.json.encode({"contracts_limit_fp": _limit_text(limit), "exchange_index": shard})
        answer = await self._write("POST", f"{_PATH}/create", "create order group", body)
        return self._rest.decoded(_CREATED, answer, "create order group").order_group_id

    async def limit(self, group: str, limit: Size) -> None:
        """Another limit; what was filled in the last 15 seconds counts against it."""
        body = msgspec.json.encode({"contracts_limit_fp": _limit_text(limit)})
        await self._write("PUT", f"{_PATH}/{segment(group)}/limit", "order group limit", body)

    async def reset(self, group: str) -> None:
        """Take orders again after the group has tripped; its count starts at zero."""
        await self._write("PUT", f"{_PATH}/{segment(group)}/reset", "order group reset")

    async def trigger(self, group: str) -> None:
        """Trip the group now: its orders are cancelled, new ones refused."""
        await self._write("PUT", f"{_PATH}/{segment(group)}/trigger", "order group trigger")

    async def delete(self, group: str) -> None:
        """Cancel the group's orders and forget it."""
        await self._write("DELETE", f"{_PATH}/{segment(group)}", "order group delete")

    async def all(self) -> list[GroupState]:
        """Every group of the account."""
        answer = await self._rest.read(_PATH, (), _GROUPS, "order groups")
        return [
            GroupState(
                row.id,
                row.is_auto_cancel_enabled,
                None if row.contracts_limit_fp is None else size_of(row.contracts_limit_fp, "contracts_limit_fp"),
            )
            for row in answer.order_groups
        ]

    async def _write(self, method: str, path: str, what: str, body: bytes = b"") -> bytes:
        response = await self._rest.write(method, path, body=body)
        if not 200 <= response.status < 300:
            raise write_failure(response, what)
        return response.body


def _limit_text(limit: Size) -> str:
    if not MICRO <= limit <= _LARGEST:
        raise InvalidOrder(f"limit: {format_micros(limit)} contracts is not between 1 and 1,000,000")
    try:
        return format_micros(limit, 2)
    except ValueError as error:
        raise InvalidOrder(f"limit: {error}") from None
