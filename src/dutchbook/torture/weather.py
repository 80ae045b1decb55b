"""Which fault strikes when: a function of the seed and of the order of questions, and of nothing else.

Every question has random numbers of its own (per venue, per stream, per purpose), so that one more frame here does not
change what happens there. Seeds differ in mood: some are nearly calm, some foul, some know one kind of fault only, and some
are aimed: one kind waits for trades to be in one state (`aim`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from typing import Final, get_args

from dutchbook.core.clock import MILLISECOND, MINUTE, SECOND
from dutchbook.core.transport import Request
from dutchbook.feed.virtual_time import VirtualClock
from dutchbook.torture import answers, network
from dutchbook.torture.aim import Aim, drawn
from dutchbook.torture.kinds import BY_NAME, KINDS, WEATHER, Group, Kind
from dutchbook.torture.line import FrameFault, FrameWay
from dutchbook.torture.network import Deed, Posted, posted
from dutchbook.torture.store import StoreFault, StoreWay
from dutchbook.torture.venue_faults import PLANNED, Exchanges, Place, VenueFaults

CALM: Final = 0.15
MOODS: Final = (("calm", CALM, 12), ("fair", 0.6, 38), ("foul", 1.6, 20), ("single", 0.0, 30))
"""Name, factor on the usual rates, weight."""
SINGLE: Final = {
    Group.REQUEST: 10.0,
    Group.STREAM: 12.0,
    Group.ORDER: 4.0,
    Group.VENUE: 5.0,
    Group.SETTLEMENT: 8.0,
    Group.STORE: 12.0,
    Group.PROCESS: 8.0,
}
"""By how much a kind that is alone is more frequent than usual."""
ORDERS: Final = 1.5
READS: Final = 0.4
"""By how much an order is likelier, and a read less likely, to be struck than usual: a start makes some forty reads."""
PRIVATE: Final = 10.0
"""By how much a frame about our own orders is likelier to be struck than one of the many about books."""
MOST: Final = 0.4
"""No chance is ever higher: most trades must live."""

WAITS: Final = 0.3
"""How often, in a seed aimed at trades that wait for a settlement, one is made to."""
MISSES: Final = 3.0
"""By how much likelier it is in an aimed seed that a leg is missed, which is how trades come into rare states."""

_ON_ORDERS_ONLY: Final = frozenset({"answer_409"})
_ARRIVING: Final = frozenset({"clock_jump", "stall"})
_FRAME_WAYS: Final = {way: way for way in get_args(FrameWay)}
_STORE_WAYS: Final = {way: way for way in get_args(StoreWay)}
_GARBAGE: Final = (b"[]", b"null", b"{}", b"0", b'""', b'{"type":"error"}', b'{"event_type":"?"}', b"\xff\xfe", b"")


class Dice:
    """Chances of kinds against one sequence of random numbers; a throw draws once, whatever the number of kinds."""

    def __init__(self, seed: str, chances: Sequence[tuple[str, float]]) -> None:
        self.draw = random.Random(seed)
        self._chances = [(name, chance) for name, chance in chances if chance > 0]
        self._total = sum(chance for _, chance in self._chances)
        # kinds that together would strike nearly always share what is allowed
        self._scale = max(1.0, self._total / 0.6)

    def throw(self) -> str | None:
        """The kind that strikes now, if any does."""
        if not self._total:
            return None
        drawn = self.draw.random() * self._scale
        if drawn >= self._total:
            return None
        for name, chance in self._chances:
            if drawn < chance:
                return name
            drawn -= chance
        return None


def moods(seed: int, kinds: Collection[str] | None) -> tuple[str, dict[str, float], Aim | None]:
    """The mood of a seed, the frequency of every kind that occurs in it, and its aim. Raises ValueError for unknown kinds."""
    unknown = sorted(set(kinds or ()) - BY_NAME.keys())
    if unknown:
        raise ValueError(f"no such kind of fault: {', '.join(unknown)}; known: {', '.join(BY_NAME)}")
    chosen = [kind for kind in WEATHER if (kind.by_default if kinds is None else kind.name in kinds)]
    aim = drawn(seed, chosen) if kinds is None else None
    if aim is not None:
        factors = {kind.name: MISSES if kind.group is Group.ORDER else CALM for kind in chosen}
        return "aimed", {kind.name: _limited(kind, factors[kind.name]) for kind in chosen}, aim
    draw = random.Random(f"{seed}:weather")
    mood, factor, _ = draw.choices(MOODS, weights=[weight for _, _, weight in MOODS])[0]
    only = draw.choice(chosen) if chosen else None
    if len(chosen) == 1 or (kinds is None and mood == "single"):
        return "single", {} if only is None else {only.name: _limited(only, SINGLE[only.group])}, None
    if mood == "single":
        mood, factor = "foul", 1.6
    own = {kind.name: draw.choice((0.0, 0.5, 1.0, 1.0, 2.0)) for kind in chosen}
    return mood, {kind.name: _limited(kind, factor * own[kind.name]) for kind in chosen if own[kind.name]}, None


def _limited(kind: Kind, factor: float) -> float:
    rate = kind.rate * factor
    return rate if kind.group is Group.VENUE or kind.name in _ARRIVING else min(rate, MOST)


class Weather:
    """The faults of one seed. `calm` ends them; `on_strike` hears (kind, where) of each one that strikes.

    `kinds` restricts it to these; without them all kinds occur but those that are off by default. `where` begins with
    the venue: `kalshi order IDENTITY`, `polymarket read PATH`, `kalshi private`, `polymarket SLUG`; or it is `append`,
    the name of a crash point, or `clock`.
    """

    def __init__(self, seed: int, kinds: Collection[str] | None = None) -> None:
        self.seed = seed
        self.mood, self.rates, self.aim = moods(seed, kinds)
        self.calm = False
        self.on_strike: Callable[[str, str], None] | None = None
        self.stall: Callable[[int], None] = lambda duration_ns: None
        """Lets so many nanoseconds pass for everybody while the process does nothing."""
        self.exchanges: Exchanges | None = None
        """The venues that orders may meet something at; without them the order group does not occur."""
        self.venues = VenueFaults(self.struck)
        self._dice: dict[str, Dice] = {}
        self._arrivals: dict[str, int] = {}
        self._arrival_draws: dict[str, random.Random] = {}
        self._numbers = 0

    def struck(self, kind: str, where: str) -> None:
        """A fault has hit something."""
        if self.on_strike is not None:
            self.on_strike(kind, where)

    # -- requests ------------------------------------------------------------------------------------------------------

    def request(self, request: Request, is_order: bool, venue: str) -> Deed | None:
        """What happens to a request; None when nothing does. An order may also meet something at the venues."""
        if self.calm:
            return None
        order = posted(request, 0) if is_order else None
        if order is not None and self.exchanges is not None:
            self._befall(order, self.exchanges)
        key, factor = ("orders", ORDERS) if is_order else ("requests", READS)
        dice = self._dice_of(f"{venue} {key}", Group.REQUEST, venue, orders=is_order, factor=factor)
        kind = self._aimed((Group.REQUEST,), venue, order=is_order) or dice.throw()
        if kind is None:
            return None
        if order is not None:
            where = f"{venue} order {order.identity}"
        else:
            verb = {"GET": "read", "DELETE": "cancel"}.get(request.method, "call")
            where = f"{venue} {verb} {network.path_of(request.url)}"
        self.struck(kind, where)
        return self._deed(kind, venue, request, dice.draw, is_order)

    def _befall(self, order: Posted, exchanges: Exchanges) -> None:
        dice = self._dice_of(f"{order.venue} befalls", Group.ORDER, order.venue)
        if self.aim is not None and self.aim.phase == "settling" and dice.draw.random() < WAITS:
            # a leg that may not be sold for long, and another that is missed: its trade waits
            for each in ("retrying_long", "price_moved") if order.venue == "polymarket" else ("price_moved",):
                if self.venues.befall(each, order, exchanges, dice.draw) and each not in PLANNED:
                    self.struck(each, f"{order.venue} order {order.identity}")
            return
        kind = self._aimed((Group.ORDER,), order.venue, order=True) or dice.throw()
        if kind is not None and self.venues.befall(kind, order, exchanges, dice.draw) and kind not in PLANNED:
            self.struck(kind, f"{order.venue} order {order.identity}")

    def _deed(self, kind: str, venue: str, request: Request, draw: random.Random, is_order: bool) -> Deed:
        after = draw.random() < 0.5
        match kind:
            case "lost_request":
                return network.lose_request
            case "lost_answer":
                return network.lose_answer
            case "late_answer":
                return network.answer_late
            case "late_request":
                # an order may be under way for longer than its sender waits, but not for longer than absence takes to be evidence
                longest = request.timeout_ns * (3 if is_order else 2) // 2
                most = longest if after else 900 * MILLISECOND
                return network.hold(draw.randint(most // 20, most))
            case "duplicate_request":
                return network.repeat
            case "reordered_requests":
                return network.overtake(draw.randint(20, 600) * MILLISECOND)
            case "torn_answer":
                return network.tear(draw.random())
            case "wrong_shape":
                self._numbers += 1
                return network.reshape(f"{self.seed}:shape:{self._numbers}")
            case "answer_409":
                if venue == "polymarket":
                    return network.repeat_and_tell  # its own word for it: 400 "Duplicated."
                return network.respond(answers.error(venue, 409), after_delivery=True)
            case "refused_401" | "refused_425" | "refused_429":
                return network.respond(answers.error(venue, int(kind[-3:])))
            case "error_500_before" | "error_500_after":
                return network.respond(answers.error(venue, 500), after_delivery=kind == "error_500_after")
            case "error_503":
                return network.respond(answers.error(venue, 503), after_delivery=after)
            case "html_200" | "html_502":
                return network.respond(answers.page(int(kind[-3:])), after_delivery=after)
            case "connection_refused":
                return network.refuse_connection
            case _:
                raise ValueError(f"{kind} does not strike requests")

    # -- frames --------------------------------------------------------------------------------------------------------

    def frame(self, stream: str, data: bytes) -> FrameFault | None:
        """What happens to a frame of a stream (`kalshi book`, `polymarket private`)."""
        if self.calm:
            return None
        factor = PRIVATE if stream.endswith("private") else 1.0
        venue = stream.partition(" ")[0]
        dice = self._dice_of(stream, Group.STREAM, venue, factor=factor)
        kind = self._aimed((Group.STREAM,), venue) or dice.throw()
        if kind is None:
            return None
        self.struck(kind, stream)
        draw = dice.draw
        garbage = draw.choice(_GARBAGE) if draw.random() < 0.5 else draw.randbytes(draw.randint(1, 40))
        return FrameFault(
            _FRAME_WAYS[kind],
            count=draw.randint(2, 6) if kind == "reconnect_storm" else draw.randint(1, 4),
            length=draw.randint(0, 5) if kind == "reconnect_storm" else draw.randrange(max(1, len(data))),
            duration_ns=_stretched(draw, 200 * MILLISECOND, 12 * SECOND),
            garbage=garbage,
        )

    # -- the store and the process -------------------------------------------------------------------------------------

    def append(self, power_safe: bool = False) -> StoreFault | None:
        """What happens to the next append; the power fails only under a journal that promises to survive it.

        The journal tells `struck` when the fault has really hit.
        """
        if self.calm:
            return None
        dice = self._dice_of("appends", Group.STORE, "")
        kind = self._aimed((Group.STORE,), "") or dice.throw()
        if kind is None or (kind == "power_loss" and not power_safe):
            return None
        if kind == "slow_write":
            self.struck(kind, "append")
            self.stall(_stretched(dice.draw, 500 * MILLISECOND, 10 * SECOND))
            return None
        self._numbers += 1
        return StoreFault(_STORE_WAYS[kind], f"{self.seed}:store:{self._numbers}")

    def death(self, point: str) -> bool:
        """Whether the process dies at this crash point."""
        if self.calm:
            return False
        aimed = self.aim is not None and self.aim.kind.name == "death" and self._aimed((Group.PROCESS,), "")
        if not aimed and self._dice_of("deaths", Group.PROCESS, "").throw() is None:
            return False
        self.struck("death", point)
        return True

    def process_event(self, clock: VirtualClock, now: int) -> str | None:
        """Let the process's clock jump or the process stall, when it is time; `now` is the venues' wall time.

        `clock` is the process's own: a jump moves it alone and is put right some seconds later, a stall moves all time.
        """
        kind = self._arrived(now, [BY_NAME[name] for name in sorted(_ARRIVING)])
        if kind is None:
            return None
        draw = self._arrival_draws[kind]
        if kind == "clock_jump":
            step = _stretched(draw, 20 * MILLISECOND, 60 * SECOND) * draw.choice((-1, 1))
            clock.step_wall(step)
            self.venues.later(now + draw.randint(3, 20) * SECOND, lambda at: clock.step_wall(-step))
        else:
            clock.advance_to(clock.wall() + _stretched(draw, 100 * MILLISECOND, 8 * SECOND))
        self.struck(kind, "clock")
        return kind

    # -- venues --------------------------------------------------------------------------------------------------------

    def venue_event(self, exchanges: Exchanges, now: int) -> str | None:
        """Let a venue do something, when it is time, and end what has lasted; returns the kind that happened.

        Call it once a step of the scene; how often does not change what happens. In calm weather everything ends.
        """
        if self.calm:
            self.venues.end_all(now)
            return None
        self.venues.end_due(now)
        kind = self._arrived(now, [kind for kind in KINDS if kind.group is Group.VENUE])
        if kind is None:
            return None
        where = self.venues.happen(kind, exchanges, now, self._arrival_draws[kind])
        if where is None:
            return None
        self.struck(kind, where)
        return kind

    def settle(self, exchanges: Exchanges, values: Sequence[tuple[Place, int]], now: int) -> str | None:
        """Settle the markets of one question at their YES values (millionths), each market once; returns the kind of
        what went otherwise than usual."""
        dice = self._dice_of("settlements", Group.SETTLEMENT, "")
        kind = None if self.calm else self._aimed((Group.SETTLEMENT,), "") or dice.throw()
        where = self.venues.settle(kind, exchanges, values, now, dice.draw)
        if kind is None or where is None:
            return None
        if kind != "settlement_reversed":  # that strikes later
            self.struck(kind, where)
        return kind

    # -- drawing -------------------------------------------------------------------------------------------------------

    def _aimed(self, groups: Sequence[Group], venue: str, *, order: bool = False) -> str | None:
        aim = self.aim
        return aim.kind.name if aim is not None and aim.strikes(groups, venue, order=order) else None

    def _dice_of(self, key: str, group: Group, venue: str, *, orders: bool = True, factor: float = 1.0) -> Dice:
        dice = self._dice.get(key)
        if dice is None:
            chances = [
                (kind.name, min(MOST, self.rates.get(kind.name, 0.0) * factor))
                for kind in KINDS
                if kind.group is group
                and (not venue or venue in kind.venues)
                and (orders or kind.name not in _ON_ORDERS_ONLY)
                and kind.name not in _ARRIVING
            ]
            dice = self._dice[key] = Dice(f"{self.seed}:{key}", chances)
        return dice

    def _arrived(self, now: int, kinds: Sequence[Kind]) -> str | None:
        """The kind whose next arrival is due, if any is; its following one is drawn."""
        if self.calm:
            return None
        if self.aim is not None and self.aim.kind in kinds:
            aimed = self._aimed((Group.VENUE, Group.PROCESS), "")
            if aimed is not None:
                self._arrival_draws.setdefault(aimed, self.aim.draw)
                return aimed
        for kind in kinds:
            rate = self.rates.get(kind.name, 0.0)
            if not rate:
                continue
            if kind.name not in self._arrivals:
                self._arrival_draws[kind.name] = random.Random(f"{self.seed}:{kind.name}")
                self._arrivals[kind.name] = now + self._pause(kind.name, rate)
            if self._arrivals[kind.name] <= now:
                self._arrivals[kind.name] += self._pause(kind.name, rate)
                return kind.name
        return None

    def _pause(self, kind: str, rate: float) -> int:
        return max(MILLISECOND, int(self._arrival_draws[kind].expovariate(rate) * MINUTE))


def _stretched(draw: random.Random, least: int, most: int) -> int:
    """Between the two, every order of magnitude as likely as the next."""
    return min(most, int(least * (most / least) ** draw.random()))
