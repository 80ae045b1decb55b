"""A person says what cash was that nothing explained: a deposit, interest, a reward (M37). As a command, or as facts for a ledger
that no engine holds.

The sum of a pool never changes: what was booked as unexplained is taken back and booked again under its name. Never an edit, and
never a guess: the venues do not tell these in what is read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dutchbook.core.errors import Skip
from dutchbook.core.facts import AnyFact, CashMoved
from dutchbook.core.money import format_dollars, parse_micros
from dutchbook.engine.commands import Commands
from dutchbook.engine.desk import Desk
from dutchbook.ledger.projection import Ledger

UNEXPLAINED: Final = "unexplained"

KINDS: Final = ("deposit", "withdrawal", "interest", "reward", "rebate", "fee", "by_hand", "other")
"""What unexplained cash can turn out to have been."""


class CashNames:
    """The verb cash_name: `pool`, `amount`, `kind`, `reason`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def register(self, commands: Commands) -> None:
        """Make it available."""
        commands.register("cash_name", self.name)

    async def name(self, arguments: Mapping[str, str]) -> str:
        """Book it, and say what is left unexplained."""
        self._desk.record(*name_facts(self._desk.ledger, arguments))
        return left(self._desk.ledger, arguments["pool"])


def name_facts(ledger: Ledger, arguments: Mapping[str, str]) -> tuple[AnyFact, ...]:
    """The two cash events that name an amount (signed dollars, as it was booked). Raises Skip naming the field."""
    pool, kind, reason = (arguments.get(name, "").strip() for name in ("pool", "kind", "reason"))
    if pool not in ledger.cash:
        raise Skip(
            f"pool {pool or '(none named)'}: not in this ledger; there are {', '.join(sorted(ledger.cash)) or 'none'}"
        )
    if kind not in KINDS:
        raise Skip(f"--as: {kind or 'missing'} is none of {', '.join(KINDS)}")
    if not reason:
        raise Skip("--reason: missing; say how you know in a few words, it is kept in the ledger")
    try:
        amount = parse_micros(arguments.get("amount", "").removeprefix("+"), "amount")
    except ValueError as error:
        raise Skip(f"{error}; write it as a plain number with its sign, for example +10 or -4.25") from None
    there = unexplained(ledger, pool)
    if not amount or amount * there <= 0 or abs(amount) > abs(there):
        raise Skip(
            f"amount: of {pool} {format_dollars(there, 6)} are unexplained; {format_dollars(amount, 6)} are not among them"
        )
    if (kind == "deposit" and amount < 0) or (kind == "withdrawal" and amount > 0):
        raise Skip(f"--as: {format_dollars(amount, 6)} cannot be a {kind}")
    venue = pool.partition(":")[0]
    return (
        CashMoved(venue, pool, UNEXPLAINED, -amount, f"it was {kind}: {reason}"),
        CashMoved(venue, pool, kind, amount, reason),
    )


def unexplained(ledger: Ledger, pool: str) -> int:
    """What a pool gained or lost that nothing explains, millionths of a dollar."""
    return sum(moved.amount for _, moved in ledger.cash_events if moved.pool == pool and moved.kind == UNEXPLAINED)


def left(ledger: Ledger, pool: str) -> str:
    """What is still unexplained, in a sentence."""
    return f"named; {format_dollars(unexplained(ledger, pool), 6)} of {pool} are unexplained"
