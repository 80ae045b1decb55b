"""What the venue says about the account itself: cash, allowances, whether it may trade; and why a reading may be zero.

Reads only. It explains; it never approves, moves or changes anything on chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from dutchbook.core.clock import SECOND
from dutchbook.core.errors import CredentialsError, MalformedFrame
from dutchbook.core.money import Cash, format_dollars
from dutchbook.venues.polymarket.config import DEPOSIT_WALLET, EOA, POLY_GNOSIS_SAFE, POLY_PROXY
from dutchbook.venues.polymarket.reads import decode, read_time
from dutchbook.venues.polymarket.session import Session
from dutchbook.venues.polymarket.signing import ExchangeContract

CLOCK_LIMIT_NS: Final = 5 * SECOND
"""Beyond this our signed timestamps are not trusted to be accepted."""
KINDS: Final = {
    EOA: "the key's own address",
    POLY_PROXY: "a proxy wallet",
    POLY_GNOSIS_SAFE: "a Safe",
    DEPOSIT_WALLET: "a deposit wallet",
}
_CONTRACTS: Final = {
    ExchangeContract.STANDARD: "the standard exchange",
    ExchangeContract.NEG_RISK: "the neg-risk exchange",
    ExchangeContract.V3: "Exchange V3",
}


@dataclass(frozen=True, slots=True)
class Collateral:
    """pUSD of a wallet, and how much of it each contract may move (addresses in lower case; millionths)."""

    balance: Cash
    allowances: Mapping[str, int]

    @property
    def empty(self) -> bool:
        """All zeros: what an unfunded wallet and a wrong signature type look like alike."""
        return not self.balance and not any(self.allowances.values())

    def unapproved(self) -> list[str]:
        """The exchanges that may move less than the balance; one that the venue does not list counts as unknown."""
        return [
            name
            for contract, name in _CONTRACTS.items()
            if self.allowances.get(contract.value[0].lower(), self.balance) < max(1, self.balance)
        ]


class _Answer(msgspec.Struct):
    balance: str | int
    allowances: dict[str, str | int] = {}
    allowance: str | int | None = None
    """Of an older shape: one figure for the one exchange of its time."""


class _ClosedOnly(msgspec.Struct):
    closed_only: bool


def read_collateral(body: bytes) -> Collateral:
    """The answer of GET /balance-allowance; raises MalformedFrame naming the figure that is no six-decimal integer."""
    answer = decode(body, _Answer, "allowances")
    return Collateral(
        Cash(_integer(answer.balance, "balance")),
        {address.lower(): _integer(figure, f"allowance of {address}") for address, figure in answer.allowances.items()},
    )


def _integer(figure: str | int, name: str) -> int:
    text = str(figure)
    if not (text.isascii() and text.isdecimal()):
        raise MalformedFrame(f"Polymarket allowances: {name} {text!r} is not a six-decimal integer")
    return int(text)


class Account:
    """The account behind a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def collateral(self, signature_type: int | None = None) -> Collateral:
        """Cash and allowances as the venue sees them for a signature type (default: ours)."""
        kind = self._session.key.signature_type if signature_type is None else signature_type
        query = {"asset_type": "COLLATERAL", "signature_type": str(kind)}
        return read_collateral(await self._session.read("/balance-allowance", query))

    async def refresh(self) -> None:
        """Have the venue read our balance and allowances from the chain again, as after an approval."""
        kind = str(self._session.key.signature_type)
        await self._session.read("/balance-allowance/update", {"asset_type": "COLLATERAL", "signature_type": kind})

    async def closed_only(self) -> bool:
        """Whether the account may only close positions; noted, so that the venue's mode says so."""
        body = await self._session.read("/auth/ban-status/closed-only")
        closed = decode(body, _ClosedOnly, "closed-only status").closed_only
        if closed:
            self._session.notices.heard("closed_only")
        return closed

    async def check_clock(self) -> None:
        """Raises CredentialsError when our clock is more than five seconds off the venue's, so that no signature lasts."""
        before = self._session.clock.wall()
        stated = read_time(await self._session.read("/time", signed=False))
        after = self._session.clock.wall()
        # stated to the second: only what that and the way there cannot explain counts
        offset = max(0, stated - after) or min(0, stated + SECOND - before)
        if abs(offset) > CLOCK_LIMIT_NS:
            way = "behind" if offset > 0 else "ahead of"
            raise CredentialsError(
                f"this machine's clock is {abs(offset) // SECOND} s {way} Polymarket's; set it (NTP), "
                "for signed requests carry the time"
            )

    async def explain(self) -> list[str]:
        """What is wrong with the money, one sentence each with its remedy; empty when orders can be paid for.

        A wrong signature type or funder reads as zeros without an error, so the other types are asked for then.
        """
        own = await self.collateral()
        if not own.empty:
            found = [] if own.balance else ["the wallet holds no pUSD: deposit some"]
            return found + [
                f"{name} may not move the wallet's pUSD: give the trading approvals" for name in own.unapproved()
            ]
        key = self._session.key
        found = []
        for kind, what in KINDS.items():
            if kind == key.signature_type:
                continue
            other = await self.collateral(kind)
            if not other.empty:
                found.append(
                    f"as {KINDS[key.signature_type]} (signature type {key.signature_type}) everything reads zero, but as "
                    f"{what} (type {kind}) there are {format_dollars(other.balance)}: set the signature type to {kind}"
                    + ("" if kind == EOA else " and the funder to that wallet's address")
                )
        return found or [
            f"balance and allowances of {key.funder} read zero under every signature type: the wallet is empty, or "
            f"{key.address} is not the key of the account that owns it"
        ]
