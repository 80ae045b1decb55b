"""Many messages in few: what happened while nothing could be sent, without losing what matters. Pure.

Routine messages are counted with their profit and the newest few named; all others are told in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from dutchbook.alerts.message import Kind, Message
from dutchbook.alerts.text import escaped, gain, shortened
from dutchbook.core.clock import SECOND

NAMED: Final = 10
"""Routine messages that a digest names; the others are in its counts."""


@dataclass(slots=True)
class Tally:
    """Messages that were counted only: by kind how many, and what they brought."""

    counts: dict[Kind, list[int]] = field(default_factory=dict)
    first_ns: int = 0
    first_seq: int = 0
    """The earliest record among them; 0 when there is none."""

    def add(self, message: Message) -> None:
        row = self.counts.setdefault(message.kind, [0, 0])
        row[0] += 1
        row[1] += message.amount
        self.first_ns = min(self.first_ns or message.at_ns, message.at_ns)
        self.first_seq = min(self.first_seq or message.seq, message.seq or self.first_seq)

    def copy(self) -> Tally:
        return Tally({kind: list(row) for kind, row in self.counts.items()}, self.first_ns, self.first_seq)

    def __bool__(self) -> bool:
        return bool(self.counts)


def digest(messages: Sequence[Message], dropped: Tally, zone: ZoneInfo) -> str:
    """One text, as long as it needs. `dropped` are messages that were not even kept; there must be something to tell."""
    counted = dropped.copy()
    routine = [message for message in messages if message.routine]
    for message in routine:
        counted.add(message)
    telling = [message for message in messages if not message.routine]
    times = [message.at_ns for message in messages] + ([dropped.first_ns] if dropped else [])
    number = sum(row[0] for row in counted.counts.values()) + len(telling)
    lines = [f"📬 <b>{number} messages in one</b>, {_clock(min(times), zone)} to {_clock(max(times), zone)}"]
    lines += [_count(kind, number, amount) for kind, (number, amount) in counted.counts.items()]
    if lost := sum(row[0] for row in dropped.counts.values()):
        lines.append(f"{lost} of them were only counted; <code>dutchbook trades</code> and the page have them all")
    lines += [f"{_clock(each.at_ns, zone)} {each.kind.sign} {shortened(each.head, 120)}" for each in routine[-NAMED:]]
    return "\n\n".join(["\n".join(lines), *joined(telling, zone)])


def joined(messages: Iterable[Message], zone: ZoneInfo) -> list[str]:
    """Each message in full, with its time."""
    return [f"{escaped(_clock(message.at_ns, zone))} {message.text}" for message in messages]


def _count(kind: Kind, number: int, amount: int) -> str:
    return f"{kind.sign} {number} {kind.words}{f', {gain(amount)}' if amount else ''}"


def _clock(at_ns: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at_ns // SECOND, zone).strftime("%d %b %H:%M:%S")
