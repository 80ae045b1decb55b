"""Long output is split where Telegram's limit is, without breaking a tag or losing a word; amounts stay exact."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.alerts.text import LIMIT, dollars, escaped, gain, length, percent, plain, shares, split, times
from dutchbook.core.money import MICRO, RATE_ONE, Rate

WORDS = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=60)
PIECES = st.one_of(
    WORDS.map(escaped),
    WORDS.map(lambda text: f"<b>{escaped(text)}</b>"),
    WORDS.map(lambda text: f"<code>{escaped(text)} <i>{escaped(text)}</i></code>"),
    st.just("\n"),
)


def balanced(text: str) -> bool:
    stack: list[str] = []
    for end, name in re.findall(r"<(/?)([a-z]+)>", text):
        if not end:
            stack.append(name)
        elif not stack or stack.pop() != name:
            return False
    return not stack


@given(st.lists(PIECES, max_size=30).map("".join), st.integers(40, 300))
def test_every_part_fits_its_tags_are_closed_and_nothing_visible_is_lost(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert all(length(part) <= limit for part in parts)
    assert all(balanced(part) for part in parts)
    assert not [part for part in parts if re.search(r"&(?!#?\w+;)|<(?!/?[a-z]+>)", part)]
    squeezed = "".join("".join(map(plain, parts)).split())
    assert squeezed == "".join(plain(text).split())


def test_a_short_text_is_one_part_and_a_long_one_is_cut_at_line_ends() -> None:
    assert split("<b>head</b>\nline") == ["<b>head</b>\nline"]
    lines = [f"line {number} " + "x" * 90 for number in range(100)]
    parts = split("\n".join(lines))
    assert len(parts) == 3
    assert "\n".join(parts).split("\n") == lines


def test_the_limit_counts_as_telegram_does() -> None:
    parts = split("😀" * LIMIT)
    assert [length(part) for part in parts] == [LIMIT, LIMIT]


@given(st.integers(-(10**15), 10**15))
def test_amounts_are_exact_text(amount: int) -> None:
    text = dollars(amount)
    sign = -1 if text.startswith("-") else 1
    whole, _, fraction = text.lstrip("-$").partition(".")
    assert sign * (int(whole) * MICRO + int(fraction.ljust(6, "0"))) == amount
    assert len(fraction) >= 2
    assert gain(amount).startswith("+") == (amount > 0)


@given(st.integers(1, 10**12), st.integers(0, 10**12))
def test_a_price_times_its_shares_is_the_cost_unless_it_is_marked_as_rounded(size: int, cash: int) -> None:
    text = times(size, cash)
    assert text.endswith(f"= {dollars(cash)}")
    if "≈" not in text:
        price = text.partition("× $")[2].partition(" ")[0]
        whole, _, fraction = price.partition(".")
        assert (int(whole) * MICRO + int(fraction.ljust(6, "0"))) * size == cash * MICRO


@pytest.mark.parametrize(("value", "text"), [(0, "0.00 %"), (13_157_894_736, "1.32 %"), (-RATE_ONE // 200, "-0.50 %")])
def test_a_rate_is_shown_as_percent(value: int, text: str) -> None:
    assert percent(Rate(value)) == text


def test_contracts_are_shown_without_needless_zeros() -> None:
    assert [shares(10 * MICRO), shares(2_500_000), shares(0), shares(1)] == ["10", "2.5", "0", "0.000001"]


@given(WORDS)
def test_what_is_escaped_is_read_as_it_was(text: str) -> None:
    assert "<" not in escaped(text)
    assert html.unescape(escaped(text)) == text
