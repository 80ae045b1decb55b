"""Wallet operations that go on chain, through the venue's own package: approvals, redeem, merge, split, deposit wallet.

Nothing happens by itself. Each operation is first a `Proposal`, which says in plain words what it will do; `carry_out`
does it when it is told that a person has confirmed it. The private key is asked for at that moment, passed in memory to
the package in this same process, and kept, printed or logged nowhere. Never used on the way of an order.

The package (extra `wallet`, pinned in requirements/wallet.txt) is imported only here and only then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final, Protocol

from dutchbook.core.errors import CredentialsError, DutchbookError, Lost, Refused, SettingsError, Unavailable
from dutchbook.core.money import MICRO, Size, format_micros
from dutchbook.venues.polymarket.config import DEPOSIT_WALLET, EOA, PolymarketKey
from dutchbook.venues.polymarket.tokens import MarketTokens

VERSION: Final = "0.14.0"
_INSTALL: Final = "pip install -r requirements/wallet.txt"


class Handle(Protocol):
    """The package's handle on a submitted transaction."""

    async def wait(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Proposal:
    """One operation, described before it is done. `text` is for the person who confirms it."""

    name: str
    text: str
    act: Callable[[Any], Awaitable[Handle | None]] = field(repr=False)
    creates_wallet: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a proposal; `transaction` is its hash on Polygon, empty when the package names none."""

    name: str
    transaction: str


class SlowPath:
    """Proposals for one wallet, and the one place that carries them out."""

    def __init__(
        self,
        key: PolymarketKey,
        reveal: Callable[[], str],
        *,
        builder: Callable[[], Any] | None = None,
        environment: Any = None,
    ) -> None:
        """`reveal` gives the private key's text; `builder` the package's builder or relayer key, which smart wallets need.

        `environment` is the package's own; None is production.
        """
        self._key = key
        self._reveal = reveal
        self._builder = builder
        self._environment = environment

    def approvals(self) -> Proposal:
        """All that trading needs, for both protocol versions."""
        return Proposal(
            "approvals",
            f"Let Polymarket's contracts move the pUSD and the outcome tokens of {self._key.funder}, without limit: "
            "up to 7 pUSD allowances (both V2 exchanges, both collateral adapters, the router, Exchange V3, the perps "
            "deposit) and up to 10 token operators. Those already given are skipped. " + self._cost(),
            lambda client: client.setup_trading_approvals(),
        )

    def redeem(self, title: str, tokens: MarketTokens) -> Proposal:
        """Winning (and losing) tokens of a resolved market for their payout."""
        return Proposal(
            "redeem",
            f"Redeem every token of “{title}” held by {self._key.funder} for its payout, which is 0 for the outcome that "
            "lost. Before the market is resolved this fails. " + self._cost(),
            lambda client: client.redeem_positions(condition_id=tokens.condition),
        )

    def redeem_position(self, title: str, token: str) -> Proposal:
        """One protocol-v2 position by its id: the route by condition may miss v2 markets."""
        return Proposal(
            "redeem",
            f"Redeem the whole position {token} of “{title}” held by {self._key.funder} for its payout, which is 0 if it "
            "lost. " + self._cost(),
            lambda client: client.redeem_positions(position_id=token),
        )

    def merge(self, title: str, tokens: MarketTokens, size: Size | None) -> Proposal:
        """Complete sets into pUSD, at once: $1 a pair. `size` None merges as many as there are."""
        amount: int | str = "max" if size is None else _units(size)
        count = "as many complete YES and NO pairs as there are" if size is None else f"{_shown(size)} YES and NO pairs"
        return Proposal(
            "merge",
            f"Merge {count} of “{title}” held by {self._key.funder} into pUSD, $1 a pair. " + self._cost(),
            lambda client: client.merge_positions(condition_id=tokens.condition, amount=amount),
        )

    def split(self, title: str, tokens: MarketTokens, size: Size) -> Proposal:
        """pUSD into complete sets: $1 becomes one YES and one NO."""
        amount = _units(size)
        return Proposal(
            "split",
            f"Split ${_shown(size)} of pUSD of {self._key.funder} into {_shown(size)} YES and {_shown(size)} NO of "
            f"“{title}”. " + self._cost(),
            lambda client: client.split_position(condition_id=tokens.condition, amount=amount),
        )

    def deposit_wallet(self) -> Proposal:
        """The wallet that new API accounts must trade from."""
        return Proposal(
            "deposit wallet",
            f"Create the deposit wallet that belongs to {self._key.address}, if it is not there yet: a contract on Polygon, "
            "paid for by Polymarket's relayer, which needs a builder or relayer key. Then set the signature type to 3 and "
            "the funder to its address. No money moves.",
            _nothing_more,
            creates_wallet=True,
        )

    async def carry_out(self, proposal: Proposal, *, confirmed: bool) -> Outcome:
        """Do what was proposed and wait for its end on chain.

        Raises Refused without a confirmation or when the venue refuses, SettingsError without the package, Lost when it
        may have been submitted and its end is not known: look at the wallet before doing it again.
        """
        if not confirmed:
            raise Refused(f"{proposal.name}: not confirmed, so nothing was done", code="not_confirmed")
        if proposal.creates_wallet and self._builder is None:
            raise CredentialsError("creating a deposit wallet needs a builder or relayer API key")
        package = _package()
        try:
            client = await self._client(package, proposal)
        except package.errors.PolymarketError as error:
            raise _meaning(package, proposal, error, submitted=proposal.creates_wallet) from None
        try:
            handle = await proposal.act(client)
            if handle is None:
                return Outcome(proposal.name, str(getattr(client, "wallet", "")))
            ended = await handle.wait()
        except package.errors.PolymarketError as error:
            raise _meaning(package, proposal, error, submitted=True) from None
        finally:
            await client.close()
        return Outcome(proposal.name, str(getattr(ended, "transaction_hash", None) or ""))

    async def _client(self, package: Any, proposal: Proposal) -> Any:
        given = self._key.credentials
        options: dict[str, Any] = {}
        if given is not None:
            options["credentials"] = package.ApiKeyCreds(
                apiKey=given.key, secret=given.secret_text, passphrase=given.passphrase
            )
        if self._environment is not None:
            options["environment"] = self._environment
        if self._builder is not None:
            options["api_key"] = self._builder()
        if not proposal.creates_wallet:
            # without a wallet the package would deploy one
            options["wallet"] = self._key.funder
        return await package.AsyncSecureClient.create(private_key=self._reveal(), **options)

    def _cost(self) -> str:
        if self._key.signature_type == EOA:
            return "The key's own address pays gas in POL."
        kind = "deposit wallet" if self._key.signature_type == DEPOSIT_WALLET else "smart wallet"
        return f"Polymarket's relayer submits it for the {kind} without gas; that needs a builder or relayer key."


def _package() -> Any:
    """The venue's package in the one version that this was written for."""
    try:
        package = import_module("polymarket")
        import_module("polymarket.errors")
        found = import_module("polymarket.version").__version__
    except ImportError:
        raise SettingsError(f"wallet operations need polymarket-client {VERSION}: {_INSTALL}") from None
    if found != VERSION:
        raise SettingsError(f"wallet operations were written for polymarket-client {VERSION}, not {found}: {_INSTALL}")
    return package


def _meaning(package: Any, proposal: Proposal, error: Exception, *, submitted: bool) -> DutchbookError:
    """The package's error in our tree. Its words carry no key; anything uncertain after submission is Lost."""
    errors = package.errors
    text = f"{proposal.name}: {error}"
    if isinstance(error, errors.UserInputError | errors.SigningError | errors.TransactionFailedError):
        return Refused(text)
    if isinstance(error, errors.RequestRejectedError) and error.status < 500 and error.status != 425:
        return Refused(text, code=str(error.status))
    if not submitted:
        return Unavailable(text)
    return Lost(f"{text}; it may have been submitted: look at the wallet before doing it again")


async def _nothing_more(client: Any) -> None:
    """Making the client has created the wallet."""


def _units(size: Size) -> int:
    if size <= 0:
        raise Refused(f"size: {format_micros(size)} is not positive")
    return size


def _shown(size: Size) -> str:
    return format_micros(size, trim=True) if size % MICRO else str(size // MICRO)
