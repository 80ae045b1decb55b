"""How a message is written: exact money, escaped HTML, and a long text cut into messages that Telegram takes.

Only text in and text out. Amounts are exact unless a sign says otherwise; what came from outside is always escaped.
"""

from __future__ import annotations

import html
import re
from typing import Final

from dutchbook.core.claim import Claim, native_of, venue_of
from dutchbook.core.money import MICRO, RATE_ONE, Cash, Rate, Rounding, divide, format_micros, round_to

LIMIT: Final = 4096
"""Characters (UTF-16 units) of one Telegram message."""

_TOKEN: Final = re.compile(r"</?[a-z]+>|&(?:#\d+|[a-z]+);|\n|.", re.DOTALL)
_SHORT: Final = 300


def escaped(text: str) -> str:
    """Text from anywhere, so that it is shown as it is and never read as a tag."""
    return html.escape(text, quote=False)


def shortened(text: str, most: int = _SHORT) -> str:
    """At most so many characters of a text, escaped; what is cut off is marked."""
    return escaped(text if len(text) <= most else text[: most - 1] + "…")


def dollars(amount: int) -> str:
    """An exact amount: `$4.70`, `-$0.051234`."""
    return f"{'-' if amount < 0 else ''}${format_micros(abs(amount), trim=True)}"


def gain(amount: int) -> str:
    """An exact amount with its sign: `+$0.30`."""
    return f"+{dollars(amount)}" if amount > 0 else dollars(amount)


def shares(size: int) -> str:
    """Contracts without needless zeros: `10`, `2.5`."""
    text = format_micros(size)
    return text.rstrip("0").rstrip(".")


def percent(rate: Rate) -> str:
    """A rate (over 1e-12) as percent, rounded half-even to two decimals: `1.32 %`."""
    hundredths = divide(rate * 10_000, RATE_ONE, Rounding.HALF_EVEN)
    return f"{format_micros(hundredths * 10_000, 2)} %"


def times(size: int, cash: int) -> str:
    """`10 x $0.47 = $4.70`; `≈` stands before a price that several fills make and that has no exact decimals."""
    if not size:
        return f"0 × - = {dollars(cash)}"
    price, rest = divmod(cash * MICRO, size)
    if not rest:
        return f"{shares(size)} × {dollars(price)} = {dollars(cash)}"
    rounded = round_to(divide(cash * MICRO, size, Rounding.HALF_EVEN), 100, Rounding.HALF_EVEN)
    return f"{shares(size)} × ≈{dollars(rounded)} = {dollars(cash)}"


def venue_title(venue: str) -> str:
    """A venue, or a pool of one, as people write it: `Kalshi`, `Kalshi shard 2`."""
    name, _, part = venue.partition(":")
    return f"{name.capitalize()} shard {part}" if part.isdecimal() and part != "0" else name.capitalize()


def claim_title(claim: Claim, title: str = "") -> str:
    """`Kalshi YES KXRAIN`, with the market's title where it is known; escaped."""
    name = f"{venue_title(venue_of(claim.market))} {claim.outcome.value.upper()}"
    return f"<b>{escaped(name)}</b> {shortened(title or native_of(claim.market), 80)}"


def balances(cash: dict[str, int]) -> str:
    """Every pool's cash as the ledger has it, one line."""
    if not cash:
        return "Balances: none known"
    pools = " · ".join(f"{escaped(venue_title(pool))} {dollars(amount)}" for pool, amount in sorted(cash.items()))
    return f"Balances: {pools} · together {dollars(Cash(sum(cash.values())))}"


def length(text: str) -> int:
    """As Telegram counts: UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def split(text: str, limit: int = LIMIT) -> list[str]:
    """Parts of at most `limit` units, cut at line ends where possible, each with its tags closed and opened again.

    The visible text is the same but for line ends at the cuts. Tags nest and have no attributes, as those written here.
    """
    parts: list[str] = []
    part, opened = "", ""
    for line in text.split("\n"):
        before, stack = part, _open_tags(part)
        grown = f"{part}\n{line}" if part != opened else part + line
        if length(grown + _closing(_open_tags(grown))) <= limit:
            part = grown
            continue
        if part != opened:
            parts.append(before + _closing(stack))
            part = opened = "".join(stack)
        for token in _TOKEN.findall(line):
            grown = part + token
            if length(grown + _closing(_open_tags(grown))) > limit:
                stack = _open_tags(part)
                parts.append(part + _closing(stack))
                opened = "".join(stack)
                grown = opened + token
            part = grown
    parts.append(part + _closing(_open_tags(part)))
    return [each for each in parts if _visible(each)]


def plain(text: str) -> str:
    """The visible text of a message."""
    return html.unescape(re.sub(r"</?[a-z]+>", "", text))


def _visible(text: str) -> bool:
    return bool(plain(text).strip())


def _open_tags(text: str) -> list[str]:
    stack: list[str] = []
    for tag in re.findall(r"</?[a-z]+>", text):
        if not tag.startswith("</"):
            stack.append(tag)
        elif stack:
            stack.pop()
    return stack


def _closing(stack: list[str]) -> str:
    return "".join(tag.replace("<", "</", 1) for tag in reversed(stack))
