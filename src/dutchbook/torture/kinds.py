"""The catalogue: every kind of fault that the simulation knows, its stable name and what it means in words.

Data only. The documentation and the coverage table are made from it; a name never changes its meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

BOTH: Final = ("kalshi", "polymarket")
KALSHI: Final = ("kalshi",)
POLYMARKET: Final = ("polymarket",)
NOWHERE: Final[tuple[str, ...]] = ()


class Group(Enum):
    """What a kind strikes."""

    REQUEST = "request"
    """An order, a cancel or a read, as bytes on their way."""
    STREAM = "stream"
    """A frame of a book stream or of a private stream."""
    ORDER = "order"
    """Nothing is broken: what a venue does with an order, or while it is on its way."""
    VENUE = "venue"
    """Nothing is broken: what a venue, or the account's owner, does now and then."""
    SETTLEMENT = "settlement"
    """How a question is paid."""
    CHAIN = "chain"
    """A merge or a redemption that the engine asks of the wallet. Has dice of its own, in the seeds with a wallet."""
    STORE = "store"
    """A write to the journal's file."""
    PROCESS = "process"
    """The process and its clock."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault. `rate` is its usual frequency: a chance per request, order, frame, settlement, append or crash
    point; for venues and the rest of the process a number per virtual minute."""

    name: str
    group: Group
    words: str
    rate: float
    venues: tuple[str, ...] = BOTH
    by_default: bool = True


_R, _F, _O, _V = Group.REQUEST, Group.STREAM, Group.ORDER, Group.VENUE
_X, _C, _S, _P = Group.SETTLEMENT, Group.CHAIN, Group.STORE, Group.PROCESS

KINDS: Final[tuple[Kind, ...]] = (
    Kind("lost_request", _R, "the request is lost on its way; the sender hears nothing until its timeout", 0.008),
    Kind("lost_answer", _R, "the request is carried out; the connection is cut before the answer", 0.012),
    Kind("late_answer", _R, "the request is carried out; the answer comes after the sender's timeout", 0.008),
    Kind("late_request", _R, "the request itself arrives late, an order even after its sender has given up", 0.006),
    Kind("duplicate_request", _R, "the network delivers the request twice; the first answer comes back", 0.004),
    Kind("reordered_requests", _R, "the request is overtaken by the next one to the same venue", 0.008),
    Kind("torn_answer", _R, "the request is carried out; the body of the answer is cut", 0.008),
    Kind(
        "wrong_shape", _R, "carried out; the answer is JSON of another shape, lacks a field or has another type", 0.012
    ),
    Kind("refused_401", _R, "401 instead of carrying the request out", 0.0006),
    Kind("answer_409", _R, "carried out; the answer says that an order with this identity exists already", 0.004),
    Kind("refused_425", _R, "425 instead of carrying the request out: the engine is restarting", 0.004, POLYMARKET),
    Kind(
        "refused_429", _R, "429 instead of carrying the request out, with Retry-After where the venue sends it", 0.006
    ),
    Kind("error_500_before", _R, "500 instead of carrying the request out", 0.006),
    Kind("error_500_after", _R, "carried out; the answer is 500", 0.008),
    Kind("error_503", _R, "503 without a word that is documented, before or after carrying the request out", 0.006),
    Kind("html_200", _R, "a gateway's HTML page with status 200, before or after carrying the request out", 0.004),
    Kind("html_502", _R, "a gateway's HTML page with status 502, before or after carrying the request out", 0.004),
    Kind("connection_refused", _R, "no connection: not a byte has left", 0.008),
    Kind("gap", _F, "some frames in a row never come", 0.0003),
    Kind("duplicate_frame", _F, "a frame comes twice", 0.0003),
    Kind("reordered_frames", _F, "a frame comes after the one that followed it", 0.0003),
    Kind("silence", _F, "the socket stays open and nothing comes for a while, the answers to pings included", 0.0001),
    Kind("reconnect_storm", _F, "the socket is closed, and so are the next ones soon after they open", 0.00006),
    Kind("torn_frame", _F, "a frame is cut", 0.0002),
    Kind("garbage_frame", _F, "a frame is overwritten with bytes that mean nothing", 0.0002),
    Kind("delayed_then_matched", _O, "the order is delayed, and matched after it", 0.05, POLYMARKET),
    Kind("delayed_then_unmatched", _O, "the order is delayed; the makers walk away meanwhile", 0.04, POLYMARKET),
    Kind("matched_then_failed", _O, "the order is matched, and a trade of it fails on chain", 0.05, POLYMARKET),
    Kind("retrying_long", _O, "the order is matched; the chain retries for long, then confirms", 0.04, POLYMARKET),
    Kind("partial_fill", _O, "while the order is on its way, makers leave less than it wants", 0.05),
    Kind("price_moved", _O, "while the order is on its way, the other legs' markets move away", 0.06),
    Kind("exchange_pause", _V, "an exchange pause: nothing is taken, not even cancels", 0.4, KALSHI),
    Kind("trading_pause", _V, "a trading pause: no orders are taken, cancels work", 0.4, KALSHI),
    Kind("restart", _V, "the engine restarts: 425, then only post-only orders, then trading again", 0.4, POLYMARKET),
    Kind("market_halt", _V, "one market takes no orders for a while", 1.0),
    Kind("tick_change", _V, "a market's price grid changes while it trades", 1.0),
    Kind("cash_moved_outside", _V, "a deposit, a withdrawal or interest on the account, outside the engine", 0.5),
    Kind("traded_by_hand", _V, "somebody trades on the account by hand", 2.0, by_default=False),
    Kind("settlement_late", _X, "a result is known and paid only later", 0.08),
    Kind("settlement_reversed", _X, "a market that has paid pays again with another value", 0.05, KALSHI),
    Kind("settlement_scalar", _X, "a question is decided neither way: every venue pays part", 0.05),
    Kind("settlement_divergent", _X, "the venues decide the same question differently", 0.05),
    Kind("chain_reverted", _C, "a wallet's transaction is reverted, and it is said", 0.12, POLYMARKET),
    Kind("chain_lost", _C, "a wallet's transaction is never carried out; nobody hears of it", 0.12, POLYMARKET),
    Kind("chain_answer_lost", _C, "a wallet's transaction is carried out; nobody hears of it", 0.15, POLYMARKET),
    Kind("chain_late", _C, "a wallet's transaction is carried out after the wallet has given up", 0.12, POLYMARKET),
    Kind("database_busy", _S, "another program holds the file's write lock", 0.0006, NOWHERE),
    Kind("disk_full", _S, "the disk fills up: SQLite refuses the append", 0.0004, NOWHERE),
    Kind("slow_write", _S, "an append takes seconds: what was to be sent after it is late", 0.005, NOWHERE),
    Kind("torn_write", _S, "the process dies inside an append; the file's tail is cut or garbled", 0.0012, NOWHERE),
    Kind("power_loss", _S, "the power fails inside an append; what was not synced arrives in part", 0.0012, NOWHERE),
    Kind("death", _P, "the process dies at an await or at a write", 0.0006, NOWHERE),
    Kind("clock_jump", _P, "the wall clock steps forward or back", 0.6, NOWHERE),
    Kind("stall", _P, "the process does nothing for a while", 1.0, NOWHERE),
)

BY_NAME: Final = {kind.name: kind for kind in KINDS}

WEATHER: Final = tuple(kind for kind in KINDS if kind.group is not Group.CHAIN)
"""The kinds that the moods of the weather are made of."""


def named(group: Group) -> tuple[Kind, ...]:
    """The kinds of a group, in the order of the table."""
    return tuple(kind for kind in KINDS if kind.group is group)
