"""Puts an engine together from what the operator chose: venues, links, ledger. Decides nothing about trading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dutchbook.core.claim import MarketId, market_id
from dutchbook.core.clock import Clock, Entropy
from dutchbook.core.errors import DutchbookError, SettingsError
from dutchbook.core.link import Link, LinkKind, State, same_bet
from dutchbook.core.money import MICRO, Price, Rate, parse_rate
from dutchbook.core.transport import Transport
from dutchbook.core.venue import MarketData, Trading
from dutchbook.feed.recordings import read_links
from dutchbook.venues.kalshi import KalshiConfig, KalshiData, KalshiKey, KalshiTrading
from dutchbook.venues.polymarket import (
    ApiCredentials,
    PolymarketConfig,
    PolymarketData,
    PolymarketKey,
    PolymarketTrading,
    TokenRegistry,
)


def kalshi_pair(
    config: KalshiConfig, key: KalshiKey, data: Transport, trading: Transport, clock: Clock, entropy: Entropy
) -> tuple[MarketData, Trading]:
    """Data and trading sides of Kalshi with one key."""
    side = KalshiTrading(config, trading, clock, entropy, key)
    return KalshiData(config, data, clock, key, side.budget), side


def polymarket_pair(
    config: PolymarketConfig,
    key: PolymarketKey,
    data: Transport,
    trading: Transport,
    clock: Clock,
    entropy: Entropy,
) -> tuple[MarketData, Trading]:
    """Data and trading sides of Polymarket sharing what they know of tokens."""
    registry = TokenRegistry()
    side = PolymarketTrading(trading, config, key, registry, clock, entropy)
    return PolymarketData(data, config, registry, side.notices), side


def simulated_keys(description: Mapping[str, Any]) -> tuple[KalshiKey, PolymarketKey]:
    """Keys of the test accounts that a simulator process printed (both venues on one world)."""
    by_venue = {venue["venue"]: venue["accounts"][0] for venue in description["venues"]}
    kalshi, polymarket = by_venue["kalshi"], by_venue["polymarket"]
    credentials = ApiCredentials(polymarket["api_key"], polymarket["api_secret"], polymarket["api_passphrase"])
    return (
        KalshiKey(kalshi["key_id"], kalshi["private_key_pem"].encode()),
        PolymarketKey(
            polymarket["private_key"],
            signature_type=int(polymarket["signature_type"]),
            credentials=credentials,
        ),
    )


class _LinkMember(msgspec.Struct, forbid_unknown_fields=True):
    venue: str
    id: str
    pays: list[int | str]


class _LinkRow(msgspec.Struct, forbid_unknown_fields=True):
    """A line of a links file of ours: a group of markets with the payoff of each YES in each state."""

    id: str
    kind: LinkKind
    event: str
    states: list[str]
    members: list[_LinkMember]
    approved: bool = False
    divergence: str = "0"
    tail_states: list[str] = []
    settles_ns: int = 0


def links_from_rows(rows: Sequence[Mapping[str, Any]], *, approved: bool | None = None) -> list[Link]:
    """Links from decoded rows. `approved` overrides what the rows say. Raises SettingsError naming the row and field."""
    links = []
    for number, row in enumerate(rows, 1):
        try:
            read = msgspec.convert(row, _LinkRow)
            payoffs: dict[MarketId, tuple[Price, ...]] = {
                market_id(member.venue, member.id): tuple(_payoff(value) for value in member.pays)
                for member in read.members
            }
            links.append(
                Link(
                    id=read.id,
                    kind=read.kind,
                    event=read.event,
                    states=tuple(State(name, core=name not in read.tail_states) for name in read.states),
                    payoffs=payoffs,
                    approved=read.approved if approved is None else approved,
                    divergence=parse_rate(read.divergence, "divergence"),
                    settles_ns=read.settles_ns,
                )
            )
        except (msgspec.ValidationError, ValueError, DutchbookError) as error:
            raise SettingsError(f"links, row {number}: {error}") from error
    return links


def links_of_recording(path: Path, divergence: Rate) -> list[Link]:
    """The links file of a best-quotes recording: one link a line. Kalshi lists a game as two markets: the two links of one
    Polymarket instrument share their event, so that only one of them is held at a time."""
    links = []
    for row in read_links(path):
        links.append(
            same_bet(
                link_id=f"{row.polymarket}~{row.kalshi}",
                event=row.polymarket,
                first=market_id("polymarket", row.polymarket),
                second=market_id("kalshi", row.kalshi),
                inverse=row.inverse,
                approved=True,
                divergence=divergence,
            )
        )
    return links


def _payoff(value: int | str) -> Price:
    """1, 0 or a decimal text such as "0.5"."""
    return Price(parse_rate(value, "pays") * MICRO // 10**12)
