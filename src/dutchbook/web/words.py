"""How figures read on the page: dollars, percentages, durations, words for states. Pure; used by the templates as filters.

Amounts come as decimal text (from the ledger's figures) or as integers in millionths (from the stream): both are exact, and
the rounding for the screen happens here and nowhere else.
"""

from __future__ import annotations

from typing import Any, Final

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.money import RATE_ONE, Rounding, divide, format_dollars, format_micros, parse_micros, round_to

MINUS: Final = "\u2212"


def micros(value: int | str | None) -> int:
    """Millionths of either spelling; 0 for none."""
    if value is None:
        return 0
    return parse_micros(value) if isinstance(value, str) else value


def usd(value: int | str | None, places: int = 2) -> str:
    """Dollars rounded for reading: "$12.34", with a true minus sign; a dash for none."""
    if value is None:
        return "–"
    text = format_dollars(micros(value), places)
    whole, dot, rest = text.lstrip("-$").partition(".")
    return f"{MINUS if text.startswith('-') else ''}${int(whole):,}{dot}{rest}"


def signed(value: int | str | None, places: int = 2) -> str:
    """As `usd`, with a plus where it is gained."""
    text = usd(value, places)
    return f"+{text}" if value is not None and micros(value) > 0 else text


def tone(value: int | str | None) -> str:
    """The class that colours an amount."""
    amount = micros(value)
    return "gain" if amount > 0 else "loss" if amount < 0 else "even"


def cents(value: int | None) -> str:
    """A price in cents with what decimals it has: "42", "42.5"."""
    if value is None:
        return "–"
    text = format_micros(value * 100, trim=True).replace("-", MINUS)
    return text.rstrip("0").rstrip(".")


def count(value: int | str | None) -> str:
    """Contracts without useless decimals."""
    if value is None:
        return "–"
    return format_micros(micros(value), trim=True).removesuffix(".00").replace("-", MINUS)


def whole(number: int) -> str:
    """A whole number with its thousands marked."""
    return f"{number:,}"


def percent(rate: int | None, places: int = 2) -> str:
    """A rate over 1e-12 as a percentage."""
    if rate is None:
        return "–"
    hundredfold = divide(rate * 100 * 1_000_000, RATE_ONE, Rounding.HALF_EVEN)
    rounded = round_to(hundredfold, 10 ** (6 - places), Rounding.HALF_EVEN)
    return format_micros(rounded, places).replace("-", MINUS) + " %"


def share(part: int, whole: int) -> int:
    """Whole percent, between 0 and 100, for meters."""
    return max(0, min(100, part * 100 // whole)) if whole > 0 else 0


def span(ns: int | None) -> str:
    """A duration in one or two words: "120 ms", "4 s", "3 min", "2 h 5 min", "4 d"."""
    if ns is None:
        return "–"
    if ns < SECOND:
        return f"{max(0, ns) // MILLISECOND} ms"
    seconds = ns // SECOND
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    if seconds < 48 * 3600:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86_400} d"


def short_span(ns: int | None) -> str:
    """A latency: "840 µs", "2.1 ms"."""
    if ns is None:
        return "–"
    if ns < MILLISECOND:
        return f"{ns // 1000} µs"
    if ns < 10 * MILLISECOND:
        return f"{ns // MILLISECOND}.{ns % MILLISECOND * 10 // MILLISECOND} ms"
    return span(ns)


def plain(text: Any) -> str:
    """A word of a machine as people write it."""
    return str(text).replace("_", " ")


FILTERS: Final = {
    "usd": usd,
    "signed": signed,
    "tone": tone,
    "cents": cents,
    "count": count,
    "whole": whole,
    "percent": percent,
    "share": share,
    "span": span,
    "short_span": short_span,
    "plain": plain,
}
