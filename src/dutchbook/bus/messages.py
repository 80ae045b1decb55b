"""The words of the state stream: one JSON object a line, told apart by `type`. Values are plain data without secrets.

A snapshot replaces the one of the same name before it and may be left out when a newer one follows; an event names a fact
that is in the journal, where its text is read. Nothing here is a command.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec


class Message(msgspec.Struct, frozen=True, tag_field="type"):
    """Base of every line."""


class Hello(Message, frozen=True, tag="hello"):
    """The first line of every connection: whose stream it is. `seq` is the newest journal record then."""

    pid: int
    mode: str
    version: str
    started_ns: int
    seq: int


class Snapshot(Message, frozen=True, tag="snapshot"):
    """A gauge: its newest value, and the wall time (ns) at which it was true."""

    name: str
    at_ns: int
    value: Any


class Event(Message, frozen=True, tag="event"):
    """A fact was appended to the journal: its number, wall time (ns), kind, and the trade it belongs to, if any."""

    seq: int
    at_ns: int
    fact: str
    trade: str = ""


class Missed(Message, frozen=True, tag="missed"):
    """The reader was too slow: so many events were left out. The journal has them."""

    events: int


AnyMessage = Hello | Snapshot | Event | Missed

_encoder: Final = msgspec.json.Encoder()
_decoder: Final[msgspec.json.Decoder[AnyMessage]] = msgspec.json.Decoder(AnyMessage)


def encode(message: AnyMessage) -> bytes:
    """One line, its newline included."""
    return _encoder.encode(message) + b"\n"


def decode(line: bytes) -> AnyMessage:
    """The message of a line. Raises msgspec.MsgspecError for one that is none."""
    return _decoder.decode(line)
