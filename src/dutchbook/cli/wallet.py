"""`dutchbook wallet`: operations on the accounts themselves. Each says first what it will do, and does it only with --yes.

On-chain operations at Polymarket go through the venue's official package (extra `wallet`) and act on the real venue only;
`transfer` moves cash between Kalshi's shards. None of them is ever done by the engine.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dutchbook.cli.output import dollars, say, say_json
from dutchbook.core.errors import CredentialsError, SettingsError
from dutchbook.core.money import Cash, Size, parse_micros

if TYPE_CHECKING:
    from dutchbook.settings import Settings
    from dutchbook.venues.polymarket.slow_path import Proposal, SlowPath
    from dutchbook.venues.polymarket.tokens import MarketTokens

app = typer.Typer(
    help="Approve, redeem, merge, split, create a deposit wallet (Polymarket); transfer between shards (Kalshi).",
    no_args_is_help=True,
)

Yes = Annotated[bool, typer.Option("--yes", help="Do it. Without this, only say what would be done.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
MarketSlug = Annotated[str, typer.Argument(help="The market's slug.")]


@app.command()
def approve(yes: Yes = False, as_json: Json = False) -> None:
    """Let Polymarket's contracts move the wallet's pUSD and tokens: needed once before trading."""
    _propose(lambda path, title, tokens: path.approvals(), None, yes, as_json)


@app.command()
def redeem(market: MarketSlug, yes: Yes = False, as_json: Json = False) -> None:
    """Redeem the tokens of a resolved market for their payout."""
    _propose(lambda path, title, tokens: path.redeem(title, _known(tokens)), market, yes, as_json)


@app.command()
def merge(
    market: MarketSlug,
    pairs: Annotated[str | None, typer.Option(help="How many YES and NO pairs; without it, all there are.")] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Turn complete YES and NO pairs back into a dollar each."""
    size = None if pairs is None else Size(_amount(pairs, "pairs"))
    _propose(lambda path, title, tokens: path.merge(title, _known(tokens), size), market, yes, as_json)


@app.command()
def split(
    market: MarketSlug,
    amount: Annotated[str, typer.Argument(metavar="DOLLARS", help="Dollars to turn into pairs, for example 10.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Turn dollars into as many YES and NO pairs."""
    size = Size(_amount(amount, "amount"))
    _propose(lambda path, title, tokens: path.split(title, _known(tokens), size), market, yes, as_json)


@app.command()
def create(yes: Yes = False, as_json: Json = False) -> None:
    """Create the deposit wallet that new Polymarket API accounts trade from."""
    _propose(lambda path, title, tokens: path.deposit_wallet(), None, yes, as_json)


@app.command()
def transfer(
    amount: Annotated[str, typer.Argument(metavar="DOLLARS", help="How much, for example 25 or 12.50.")],
    source: Annotated[int, typer.Argument(min=0, help="The shard that gives.")],
    destination: Annotated[int, typer.Argument(min=0, help="The shard that receives.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Move cash between Kalshi's shards: a market can only be bought with the cash of its own shard."""
    cash = Cash(_amount(amount, "amount"))
    text = (
        f"Move {dollars(cash)} from kalshi:{source} to kalshi:{destination}. The key needs the scope write::transfer."
    )
    with _telling(text, yes, as_json) as tell:
        if yes:
            moved = asyncio.run(_transfer(_settings(), cash, source, destination))
            tell(f"asked for: transfer {moved}", moved)


@contextmanager
def _telling(text: str, yes: bool, as_json: bool) -> Iterator[Callable[[str, str], None]]:
    """Say what will be done before it is, and what came of it; as JSON in one document at the end."""
    came: list[tuple[str, str]] = []

    def tell(said: str, name: str) -> None:
        came.append((said, name))

    if not as_json:
        say(text)
    yield tell
    said, name = came[0] if came else ("nothing was done; say it again with --yes", "")
    if as_json:
        say_json({"text": text, "done": yes, "result": said, "transaction": name})
    else:
        say(said)


def _settings() -> Settings:
    from dutchbook.settings import load_here

    return load_here(os.environ, Path.cwd())


async def _transfer(settings: Settings, amount: Cash, source: int, destination: int) -> str:
    from dutchbook.cli.sides import kalshi_config, kalshi_key
    from dutchbook.core.clock import SystemClock, SystemEntropy, uuid4_text
    from dutchbook.venues.http import AioTransport
    from dutchbook.venues.kalshi import KalshiTrading

    key = kalshi_key(settings)
    if key is None:
        raise CredentialsError("KALSHI_API_KEY_ID, KALSHI_PRIVATE_KEY_PATH: missing; a transfer is a signed request")
    clock, entropy = SystemClock(), SystemEntropy()
    transport = AioTransport(clock)
    try:
        trading = KalshiTrading(kalshi_config(settings), transport, clock, entropy, key)
        await trading.connect()
        return await trading.transfers.move(amount, source, destination, uuid4_text(entropy))
    finally:
        await transport.close()


def _propose(
    choose: Callable[[SlowPath, str, MarketTokens | None], Proposal], market: str | None, yes: bool, as_json: bool
) -> None:
    """Say what will be done, and do it when told so."""
    from dutchbook.cli.sides import polymarket_key
    from dutchbook.venues.polymarket import PolymarketConfig
    from dutchbook.venues.polymarket.slow_path import SlowPath

    settings = _settings()
    key, secret = polymarket_key(settings), settings.secrets.polymarket_private_key
    if key is None or secret is None:
        raise CredentialsError("POLYMARKET_PRIVATE_KEY: missing; wallet operations are signed with it")
    if settings.polymarket.clob_url != PolymarketConfig().clob_url:
        raise SettingsError(
            f"polymarket.clob_url: {settings.polymarket.clob_url} is not the real venue, where wallet operations act; "
            "take the setting out first"
        )

    async def whole() -> None:
        title, tokens = await _market(market) if market is not None else ("", None)
        path = SlowPath(key, secret.reveal)
        proposal = choose(path, title, tokens)
        with _telling(proposal.text, yes, as_json) as tell:
            if yes:
                outcome = await path.carry_out(proposal, confirmed=True)
                name = outcome.transaction or ""
                tell(f"{outcome.name}: done{', transaction ' + name if name else ''}", name)

    asyncio.run(whole())


async def _market(slug: str) -> tuple[str, MarketTokens]:
    from dutchbook.core.claim import market_id
    from dutchbook.core.clock import SystemClock
    from dutchbook.venues.http import AioTransport
    from dutchbook.venues.polymarket import PolymarketConfig, PolymarketData, TokenRegistry

    transport = AioTransport(SystemClock())
    try:
        registry = TokenRegistry()
        (market,) = await PolymarketData(transport, PolymarketConfig(), registry).markets([slug])
        return market.title, registry.tokens(market_id("polymarket", slug))
    finally:
        await transport.close()


def _known(tokens: MarketTokens | None) -> MarketTokens:
    assert tokens is not None
    return tokens


def _amount(text: str, name: str) -> int:
    try:
        value = parse_micros(text, name)
    except ValueError as error:
        raise SettingsError(f"{error}; write it as a plain number, for example 10 or 2.50") from None
    if value <= 0:
        raise SettingsError(f"{name}: {text} must be above zero")
    return value
