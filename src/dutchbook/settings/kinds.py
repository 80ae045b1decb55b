"""Kinds of values: how a text, or a TOML value, becomes an exact value of ours, and what to write instead when it cannot.

Floats never appear: TOML numbers arrive as Decimal or int. A kind must never guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Final, Generic, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dutchbook.core.money import MICRO, Cash, Rate, Size, parse_micros, parse_rate

Raw = str | int | Decimal | bool
"""What a source can hold for one setting."""

T = TypeVar("T")
E = TypeVar("E", bound=Enum)


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """`read` returns the value or raises ValueError; `what` ends the sentence "this is not …" and shows an example."""

    what: str
    read: Callable[[Raw], T]


def _number(raw: Raw) -> str | int | Decimal:
    if isinstance(raw, bool):
        raise ValueError("a boolean is not a number")
    return raw.strip() if isinstance(raw, str) else raw


def _micros(raw: Raw) -> int:
    value = parse_micros(_number(raw))
    if value < 0:
        raise ValueError("negative")
    return value


def _percent(raw: Raw) -> Rate:
    hundredfold = parse_rate(_number(raw))
    if hundredfold < 0 or hundredfold % 100:
        raise ValueError("negative, or more than ten decimals")
    return Rate(hundredfold // 100)


def _count(raw: Raw) -> int:
    value, rest = divmod(_micros(raw), MICRO)
    if rest:
        raise ValueError("not a whole number")
    return value


def _flag(raw: Raw) -> bool:
    if isinstance(raw, bool):
        return raw
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    try:
        return words[str(raw).strip().lower()]
    except KeyError:
        raise ValueError("not a yes or no") from None


def _text(raw: Raw) -> str:
    if not isinstance(raw, str):
        raise ValueError("not a text")
    return raw.strip()


def _path(raw: Raw) -> Path:
    return Path(_text(raw)).expanduser()


def _zone(raw: Raw) -> str:
    name = _text(raw)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError("unknown zone") from None
    return name


def _time_of_day(raw: Raw) -> tuple[int, int]:
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", _text(raw), re.ASCII)
    if not found:
        raise ValueError("not a time of day")
    return int(found[1]), int(found[2])


def _address(raw: Raw) -> str:
    text = _text(raw)
    if text and not re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        raise ValueError("not an address")
    return text


def _signature_type(raw: Raw) -> int:
    value = _count(raw)
    if value > 3:
        raise ValueError("unknown signature type")
    return value


_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def _url(scheme: str) -> Kind[str]:
    def read(raw: Raw) -> str:
        parts = urlsplit(_text(raw))
        plain = parts.scheme == scheme[:-1] and parts.hostname in _LOOPBACK
        if not parts.hostname or not (parts.scheme == scheme or plain) or parts.query or parts.fragment:
            raise ValueError("not such an address")
        if parts.username is not None or parts.password is not None:
            raise ValueError("credentials do not belong into an address")
        return parts.geturl().rstrip("/")

    return Kind(f"an address that begins with {scheme}:// (unencrypted only on this machine)", read)


def choice(kind: type[E]) -> Kind[E]:
    """One of an enum's values."""
    words = ", ".join(str(member.value) for member in kind)
    return Kind(f"one of: {words}", lambda raw: kind(_text(raw).lower()))


DOLLARS: Final = Kind(
    "an amount in dollars of 0 or more with at most 6 decimals, such as 2.50", lambda r: Cash(_micros(r))
)
PERCENT: Final = Kind("a percentage of 0 or more, such as 1.5 for 1.5 %", _percent)
CONTRACTS: Final = Kind("a number of contracts of 0 or more, such as 100", lambda r: Size(_micros(r)))
COUNT: Final = Kind("a whole number of 0 or more, such as 50", _count)
SECONDS: Final = Kind("a number of seconds of 0 or more, such as 5 or 0.5", lambda r: _micros(r) * 1000)
"""Read in seconds, kept in nanoseconds."""
FLAG: Final = Kind("true or false", _flag)
PATH: Final = Kind("a path of a file", _path)
ZONE: Final = Kind("a time zone name, such as UTC or America/New_York", _zone)
TIME_OF_DAY: Final = Kind("a time of day such as 00:05 or 18:30", _time_of_day)
"""(hour, minute) in the zone of the trading day."""
ADDRESS: Final = Kind("an address of 0x and 40 hexadecimal digits", _address)
SIGNATURE_TYPE: Final = Kind("a signature type: 0, 1, 2 or 3", _signature_type)
HTTPS: Final = _url("https")
WSS: Final = _url("wss")
