"""Kalshi in memory: the public protocol over one state, and the world's private hands. Composes; decides nothing.

An independent witness: written from the facts, with its own matching, fees, rounding and signature checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from dutchbook.core.transport import Request, Response
from dutchbook.simulator.exchange import Level, MarketSpec, TestAccount
from dutchbook.simulator.kalshi import control, rest, upheavals
from dutchbook.simulator.kalshi.auth import new_key, public_key_from
from dutchbook.simulator.kalshi.faults import Fault
from dutchbook.simulator.kalshi.grid import Range
from dutchbook.simulator.kalshi.house import HouseQuotes
from dutchbook.simulator.kalshi.limits import RateLimits
from dutchbook.simulator.kalshi.recorded import Frames, Playback
from dutchbook.simulator.kalshi.state import State
from dutchbook.simulator.kalshi.text import Refusal


class KalshiExchange:
    """One simulated Kalshi. All randomness comes from `seed`; time is given in wall nanoseconds."""

    name = "kalshi"

    def __init__(
        self,
        seed: int = 0,
        *,
        base_path: str = "/trade-api/v2",
        direct_member: bool = True,
        control: bool = False,
        rate_limits: bool = False,
    ) -> None:
        """`control` opens `POST /__control` to whoever can reach the exchange; `rate_limits` enforces the token buckets."""
        self._state = State(seed, direct_member)
        self._state.limits.on = rate_limits
        self._control = control
        self._quotes = HouseQuotes(self._state)
        self._base_path = base_path
        root, _, version = base_path.rpartition("/")
        self._stream_path = f"{root}/ws/{version}"

    # The public protocol

    def handle(self, request: Request, now: int) -> Response:
        """Answer one REST request."""
        self._state.advance(now)
        if self._control and request.method == "POST" and urlsplit(request.url).path == control.PATH:
            return control.obey(self, request.body, now)
        return rest.handle(self._state, self._base_path, request)

    def connect(self, url: str, headers: Mapping[str, str], now: int) -> int | Response:
        """A WebSocket handshake, signed as GET on the stream path (facts §3)."""
        self._state.advance(now)
        path = urlsplit(url).path
        try:
            if path != self._stream_path:
                raise Refusal(404, "not_found", "not found")
            return self._state.stream.open(self._state.keys.authenticate("GET", path, headers, self._state.now))
        except Refusal as refusal:
            return rest.refusal_response(refusal)

    def receive(self, connection: int, data: bytes, now: int) -> None:
        """A command frame from a client."""
        self._state.advance(now)
        self._state.stream.receive(connection, data, self._state.now)

    def disconnect(self, connection: int) -> None:
        """The client went away."""
        self._state.stream.close(connection)

    def drain(self, now: int) -> list[tuple[int, bytes | None]]:
        """Run what is due by `now` and hand out the queued frames; None closes the connection."""
        self._state.advance(now)
        return self._state.stream.drain()

    def wake_at(self) -> int | None:
        """The next expiration, opening, closing or settlement step."""
        return self._state.wake_at()

    # The world's hands

    def list_market(self, spec: MarketSpec, now: int) -> None:
        """List a market. Raises ValueError for a spec that Kalshi could not list."""
        self._state.advance(now)
        self._state.list_market(spec, now)

    def set_fee_type(self, series: str, fee_type: str) -> None:
        """Give a series maker fees (`quadratic_with_maker_fees`); call before listing its first market."""
        self._state.set_fee_type(series, fee_type)

    def add_account(self, name: str, cash: Mapping[int, int], now: int) -> TestAccount:
        """A funded member with a throw-away Ed25519 key; `cash` in millionths per shard. Raises ValueError."""
        self._state.advance(now)
        account = self._state.add_member(name, dict(cash))
        public_key, pem = new_key(self._state.entropy)
        key_id = self._state.desk.identity()
        self._state.keys.register(key_id, public_key, name)
        return TestAccount(name, {"user_id": account.user_id, "key_id": key_id, "private_key_pem": pem})

    def register_key(self, account: str, key_id: str, pem: str) -> None:
        """Let another RSA or Ed25519 key (public or private PEM) speak for an account. KeyError, ValueError."""
        self._state.keys.register(key_id, public_key_from(pem), self._state.members[account].name)

    def quote(self, market: str, maker: str, bids: Sequence[Level], asks: Sequence[Level], now: int) -> None:
        """Replace a house maker's quotes; unchanged levels keep their place. Raises ValueError; KeyError if unlisted."""
        self._state.advance(now)
        self._quotes.replace(market, maker, bids, asks)

    def take(self, market: str, taker: str, buy: bool, limit: int, size: int, now: int) -> int:
        """A house taker sweeps to `limit`; returns the size done, 0 when the market does not trade."""
        self._state.advance(now)
        return self._quotes.take(market, taker, buy, limit, size)

    def settle(self, market: str, yes_value: int, now: int) -> None:
        """Determine a market; it is paid and finalized `settle_delay_ns` later. Raises ValueError, KeyError."""
        self._state.advance(now)
        self._state.determine(self._state.markets[market], yes_value, self._state.now)

    def is_open(self, market: str) -> bool:
        """Whether a market is listed and trading (pauses of the exchange aside)."""
        return market in self._state.markets and self._state.markets[market].status == "active"

    def is_final(self, market: str) -> bool:
        """Whether a market has been paid."""
        return market in self._state.markets and self._state.markets[market].status == "finalized"

    def best(self, market: str) -> tuple[int | None, int | None]:
        """Best bid and ask in YES terms."""
        book = self._state.markets[market].book
        return book.bids.best(), book.asks.best()

    def resting(self, market: str, maker: str) -> tuple[list[Level], list[Level]]:
        """What a house maker's quotes still show, best first."""
        return self._state.markets[market].book.resting(self._state.house(maker).user_id)

    def deposit(self, account: str, shard: int, amount: int, now: int) -> None:
        """Cash paid into a shard, which is funded from then on. KeyError; ValueError for cash off the member's unit."""
        self._state.advance(now)
        member = self._state.members[account]
        if amount < 0 or amount % member.unit:
            raise ValueError(f"a deposit of {amount} is not in steps of {member.unit} millionths")
        member.move(shard, amount)

    def withdraw(self, account: str, shard: int, amount: int, now: int) -> None:
        """Cash taken out of a shard by the account's owner. KeyError; ValueError for more than is free or off the unit."""
        self._state.advance(now)
        member = self._state.members[account]
        free = member.cash.get(shard, 0) - self._state.desk.reserved(member, shard)
        if not 0 <= amount <= free or amount % member.unit:
            raise ValueError(f"{amount} cannot be withdrawn from shard {shard} of {account}")
        member.move(shard, -amount)

    def endow(self, account: str, market: str, yes: bool, size: int, now: int) -> None:
        """Contracts from before this exchange was made, collateral paid by the house. KeyError for unknown names."""
        self._state.advance(now)
        listed, house = self._state.markets[market], self._state.house("endowment")
        ours, theirs = self._state.members[account].holding(market), house.holding(market)
        longs = max(0, ours.size) + max(0, theirs.size)
        signed = size if yes else -size
        ours.size += signed
        theirs.size -= signed
        pairs = max(0, ours.size) + max(0, theirs.size) - longs
        listed.open_interest += pairs
        house.move(listed.shard, -pairs)

    def statement(self, name: str) -> dict[str, Any]:
        """Cash per shard (resting orders not deducted) and signed positions of a member or house maker, in millionths."""
        account = self._state.members.get(name) or self._state.houses[name]
        held = {ticker: holding.size for ticker, holding in account.holdings.items() if holding.size}
        return {"cash": dict(account.cash), "positions": held}

    @property
    def fees_collected(self) -> int:
        """All fees and settlement roundings kept so far, in millionths."""
        return self._state.desk.fees_collected

    # Behaviour and faults that tests choose

    @property
    def fok_miss(self) -> str:
        """ "cancel": an unfillable FOK answers 201 with nothing filled; "reject": 400 FOK_INSUFFICIENT_VOLUME."""
        return self._state.desk.fok_miss

    @fok_miss.setter
    def fok_miss(self, value: str) -> None:
        if value not in ("cancel", "reject"):
            raise ValueError(f"fok_miss is cancel or reject, not {value!r}")
        self._state.desk.fok_miss = value

    @property
    def settle_delay_ns(self) -> int:
        """From `determined` to `finalized`."""
        return self._state.settle_delay_ns

    @settle_delay_ns.setter
    def settle_delay_ns(self, value: int) -> None:
        self._state.settle_delay_ns = value

    def resettle(self, market: str, yes_value: int, now: int) -> int:
        """Revise a paid result; returns what the members together got more. KeyError; ValueError unless finalized."""
        self._state.advance(now)
        return upheavals.resettle(self._state, self._state.markets[market], yes_value, self._state.now)

    def reword(self, market: str, rules: str, now: int) -> None:
        """The venue edits the rules of a listed market. Raises KeyError."""
        self._state.advance(now)
        listed = self._state.markets[market]
        listed.spec, listed.updated_ns = replace(listed.spec, rules=rules), self._state.now

    def retreat(self, market: str, depth: int, leave: int, now: int) -> int:
        """House makers pull all but `leave` a side within `depth` of the best prices; returns the size. KeyError."""
        self._state.advance(now)
        return upheavals.retreat(self._state, self._state.markets[market], depth, leave, self._state.now)

    def trade_by_hand(self, account: str, market: str, buy: bool, limit: int, size: int, now: int) -> int:
        """The owner takes from the book without the engine; returns the size done. KeyError; ValueError when refused."""
        self._state.advance(now)
        member, listed = self._state.members[account], self._state.markets[market]
        try:
            return upheavals.trade_by_hand(self._state, member, listed, buy, limit, size, self._state.now)
        except Refusal as refusal:
            raise ValueError(f"{account} cannot trade {market} by hand: {refusal}") from refusal

    def pause_trading(self, now: int, shard: int | None = None) -> None:
        """A trading pause, of one shard or of all: no placing or amending, cancels work (facts §11)."""
        self._state.advance(now)
        self._state.desk.pause(self._state.now, shard)

    def resume_trading(self, now: int, shard: int | None = None) -> None:
        """The end of a pause of one shard, or of every pause."""
        self._state.advance(now)
        self._state.desk.resume(shard)

    def pause_exchange(self, now: int) -> None:
        """An exchange pause: nothing is taken, not even cancels. Ended by `resume_trading`."""
        self._state.advance(now)
        self._state.desk.exchange_active = False

    def plan_pause(self, begins_ns: int, ends_ns: int, now: int) -> None:
        """A trading pause that the schedule announces and that happens."""
        self._state.advance(now)
        self._state.plan_pause(begins_ns, ends_ns)
        self._state.advance(now)

    def pause_market(self, market: str, now: int) -> None:
        """Deactivate one market, announced on the stream. KeyError when it is not listed."""
        self._state.advance(now)
        self._state.deactivate(self._state.markets[market], self._state.now)

    def resume_market(self, market: str, now: int) -> None:
        """Reactivate a market: its resting orders are cancelled. KeyError when it is not listed."""
        self._state.advance(now)
        self._state.activate(self._state.markets[market], self._state.now)

    def change_grid(self, market: str, ranges: Sequence[Range], now: int) -> None:
        """Another price grid, announced on the stream; resting orders stay. KeyError, ValueError."""
        self._state.advance(now)
        self._state.change_grid(self._state.markets[market], tuple(ranges), self._state.now)

    def override_fees(self, event: str, fee_type: str | None, multiplier: str | None, now: int) -> None:
        """Set an event's own fees or clear them (None), announced on the stream. KeyError, ValueError."""
        self._state.advance(now)
        self._state.override_fees(self._state.events[event], fee_type, multiplier, self._state.now)

    def limit_rates(
        self,
        *,
        on: bool = True,
        tier: str = "basic",
        read: tuple[int, int] = (200, 400),
        write: tuple[int, int] = (100, 100),
    ) -> None:
        """Enforce token buckets of (tokens a second, capacity), full from now on, or let everything pass."""
        self._state.limits = RateLimits(on, tier, read, write)

    @property
    def rate_limited(self) -> int:
        """Requests refused with 429 since the limits were set."""
        return self._state.limits.refused

    def allow_skew(self, milliseconds: int) -> None:
        """How far a signature's time may be from the exchange's."""
        self._state.keys.skew_ms = milliseconds

    def unfund(self, account: str, shard: int, now: int) -> None:
        """Take a member's cash out of a shard, which then counts as never funded; what it rested there is cancelled."""
        self._state.advance(now)
        member = self._state.members[account]
        member.withheld[shard] = member.withheld.get(shard, 0) + member.cash.pop(shard, 0)
        self._state.desk.enforce(member, shard, self._state.now)

    def fund(self, account: str, shard: int, now: int) -> None:
        """Give back what `unfund` took."""
        self._state.advance(now)
        member = self._state.members[account]
        member.move(shard, member.withheld.pop(shard, 0))

    def archive_before(self, cutoff_ns: int) -> None:
        """Move what ended before this wall time to the historical tier (facts §5)."""
        self._state.archive_before = cutoff_ns

    def describe(
        self,
        *,
        milestones: Sequence[Mapping[str, Any]] = (),
        targets: Sequence[Mapping[str, Any]] = (),
        fee_changes: Sequence[tuple[int, Mapping[str, Any]]] = (),
    ) -> None:
        """Reference rows to show as they are; fee changes with the wall time that they are scheduled for."""
        self._state.milestones += [dict(row) for row in milestones]
        self._state.targets += [dict(row) for row in targets]
        self._state.fee_changes += [(at, dict(row)) for at, row in fee_changes]

    def play_recording(self, market: str, frames: Frames, now: int, *, use_yes_price: bool = False) -> Playback:
        """Let a listed market's book move as recorded, from now on. KeyError when it is not listed."""
        self._state.advance(now)
        return Playback(
            self._state, self._quotes, self._state.markets[market], frames, now, use_yes_price=use_yes_price
        )

    def plan_fault(self, fault: Fault) -> None:
        """Trouble for the next requests that match. Raises ValueError."""
        self._state.faults.plan(fault)

    def clear_faults(self) -> None:
        """Forget planned faults."""
        self._state.faults.clear()

    def drop_deltas_everywhere(self, number: int) -> None:
        """Lose the next `number` deltas of every order book subscription."""
        self._state.stream.drop_everywhere(number)

    def cut_all(self) -> None:
        """Close every connection without any frame."""
        self._state.stream.cut_all()

    def fail_subscriptions(self, code: int) -> None:
        """End every order book subscription with a terminal error: 10 channel error, 25 buffer overflow."""
        self._state.stream.fail_all(code)

    def drop_deltas(self, connection: int, sid: int, number: int) -> None:
        """Lose the next `number` order book deltas of a subscription, sequence numbers included."""
        self._state.stream.drop_deltas(connection, sid, number)

    def cut(self, connection: int) -> None:
        """Close a connection without any frame."""
        self._state.stream.cut(connection)

    def fail_subscription(self, connection: int, sid: int, code: int) -> None:
        """End a subscription with a terminal error: 10 channel error, 25 buffer overflow."""
        self._state.stream.fail(connection, sid, code)
