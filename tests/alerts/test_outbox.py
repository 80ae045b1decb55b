"""Sending: never waited for, at Telegram's pace, tried again, bounded, and a digest after an outage. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from zoneinfo import ZoneInfo

from dutchbook.alerts.message import Kind, Message
from dutchbook.alerts.outbox import HOLD_S, KEPT, Later, Outbox, Unacceptable
from dutchbook.alerts.text import LIMIT, length
from dutchbook.core.clock import SECOND
from dutchbook.feed.virtual_time import VirtualLoop, run_virtual

GAP_S = 1.0
EPOCH_NS = 1_790_000_000 * SECOND


class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, event: str, **values: object) -> None:
        self.lines.append(event)

    warning = info


class Post:
    """An outbox and the Telegram behind it; `trouble` is raised by each send while it is there."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.texts: list[str] = []
        self.at: list[float] = []
        self.formatted: list[bool] = []
        self.tries = 0
        self.trouble: Callable[[bool], Exception | None] = lambda formatted: None
        self.arrived: list[Message] = []
        self.log = Log()
        self.box = Outbox(
            self.send,
            gap_s=GAP_S,
            zone=ZoneInfo("UTC"),
            log=self.log,
            wall_ns=lambda: EPOCH_NS + int(self.loop.time() * SECOND),
            delivered=self.arrived.append,
        )
        self.task = asyncio.create_task(self.box.run())

    async def send(self, text: str, formatted: bool) -> None:
        self.tries += 1
        error = self.trouble(formatted)
        if error is not None:
            raise error
        self.texts.append(text)
        self.at.append(self.loop.time())
        self.formatted.append(formatted)

    def put(self, kind: Kind = Kind.EXECUTED, head: str = "x", trade: str = "", amount: int = 0, seq: int = 0) -> None:
        at_ns = EPOCH_NS + int(self.loop.time() * SECOND)
        self.box.put(Message(kind, head, f"{kind.sign} <b>{head}</b> in full", at_ns, seq, trade, amount))


def played(story: Callable[[Post], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        post = Post()
        await story(post)
        post.task.cancel()

    run_virtual(VirtualLoop(), main())


def test_a_message_goes_out_at_once_and_the_next_ones_together_after_the_pause() -> None:
    async def story(post: Post) -> None:
        post.put(head="one")
        await asyncio.sleep(0.1)
        post.put(head="two")
        post.put(head="three")
        await asyncio.sleep(10)
        assert post.texts == ["✅ <b>one</b> in full", "✅ <b>two</b> in full\n\n✅ <b>three</b> in full"]
        assert all(later - earlier >= GAP_S for earlier, later in zip(post.at, post.at[1:], strict=False))

    played(story)


def test_m45_after_ten_minutes_without_telegram_a_digest_comes_and_nothing_that_matters_is_lost() -> None:
    async def story(post: Post) -> None:
        post.trouble = lambda formatted: Later("Bad Gateway")
        for number in range(120):
            post.put(head=f"event {number}", amount=10_000, seq=number + 1)
            await asyncio.sleep(5)
        post.put(Kind.NAKED, "naked one", seq=500)
        post.put(Kind.KILL_SWITCH, "stopped", seq=501)
        post.put(Kind.ROLLED_BACK, "back", amount=-340_000, seq=502)
        assert post.texts == []
        assert post.tries < 40
        assert post.box.pending_seq() == 1
        post.trouble = lambda formatted: None
        await asyncio.sleep(120)
        everything = "\n".join(post.texts)
        assert len(post.texts) <= 3
        assert "122 messages in one" in everything
        assert "✅ 119 executed, +$1.19" in everything
        assert "↩️ 1 rolled back, -$0.34" in everything
        assert "naked one</b> in full" in everything
        assert "stopped</b> in full" in everything
        assert (post.box.waiting, post.box.pending_seq(), post.box.failing) == (0, None, "")
        assert len(post.arrived) == 123
        assert post.log.lines == ["Telegram does not take messages", "Telegram takes messages again"]

    played(story)


def test_the_queue_is_bounded_and_what_fell_out_is_counted() -> None:
    async def story(post: Post) -> None:
        post.trouble = lambda formatted: Later("down")
        post.put(Kind.NAKED, "kept", seq=1)
        for number in range(3 * KEPT):
            post.put(head=f"event {number}", seq=number + 2, amount=10_000)
        await asyncio.sleep(1)
        assert post.box.waiting <= KEPT
        post.trouble = lambda formatted: None
        await asyncio.sleep(300)
        everything = "\n".join(post.texts)
        assert "kept</b> in full" in everything
        assert f"✅ {3 * KEPT} executed, +$12.00" in everything
        assert "of them were only counted" in everything
        assert post.box.pending_seq() is None

    played(story)


def test_telegram_s_wish_to_wait_is_honoured_to_the_second() -> None:
    async def story(post: Post) -> None:
        waits = [37.0]
        post.trouble = lambda formatted: Later("Flood control", waits.pop()) if waits else None
        post.put(head="one")
        await asyncio.sleep(36.9)
        assert (post.tries, post.texts) == (1, [])
        await asyncio.sleep(0.2)
        assert (post.tries, post.texts) == (2, ["✅ <b>one</b> in full"])

    played(story)


def test_what_telegram_refuses_to_format_goes_out_as_plain_text_and_does_not_block_the_rest() -> None:
    async def story(post: Post) -> None:
        post.trouble = lambda formatted: Unacceptable("can't parse entities") if formatted else None
        post.put(head="a & b")
        await asyncio.sleep(30)
        assert post.texts == ["✅ a & b in full"]
        assert post.formatted == [False]
        post.trouble = lambda formatted: Unacceptable("never")
        post.put(head="bad")
        await asyncio.sleep(30)
        post.trouble = lambda formatted: None
        post.put(head="good")
        await asyncio.sleep(30)
        assert post.texts[1:] == ["✅ <b>good</b> in full"]

    played(story)


def test_a_partial_trade_that_ends_at_once_is_told_by_its_end_only() -> None:
    async def story(post: Post) -> None:
        post.put(Kind.PARTIAL, "partial", trade="t")
        await asyncio.sleep(HOLD_S / 2)
        assert post.texts == []
        post.put(Kind.ROLLED_BACK, "back", trade="t")
        await asyncio.sleep(30)
        assert post.texts == ["↩️ <b>back</b> in full"]
        post.put(Kind.PARTIAL, "stays partial", trade="u")
        await asyncio.sleep(30)
        assert post.texts[1:] == ["⚠️ <b>stays partial</b> in full"]

    played(story)


def test_a_held_message_does_not_hold_back_another() -> None:
    async def story(post: Post) -> None:
        post.put(Kind.PARTIAL, "partial", trade="t")
        post.put(Kind.KILL_SWITCH, "stopped")
        await asyncio.sleep(0.5)
        assert post.texts == ["🛑 <b>stopped</b> in full"]

    played(story)


def test_messages_of_a_time_before_this_process_are_a_digest() -> None:
    async def story(post: Post) -> None:
        for number in range(5):
            text = f"✅ <b>old {number}</b>"
            post.box.put(Message(Kind.EXECUTED, f"old {number}", text, EPOCH_NS - 3_600 * SECOND, number + 1))
        await asyncio.sleep(30)
        (text,) = post.texts
        assert "5 messages in one" in text

    played(story)


def test_a_burst_never_makes_a_text_that_is_too_long() -> None:
    async def story(post: Post) -> None:
        for number in range(19):
            post.put(Kind.ALARM, f"{number} " + "x" * 900)
        await asyncio.sleep(60)
        assert all(length(text) <= LIMIT for text in post.texts)
        assert len(post.arrived) == 19
        for number in range(40):
            post.put(Kind.ALARM, f"{number} " + "y" * 900)
        await asyncio.sleep(60)
        assert all(length(text) <= LIMIT for text in post.texts)
        assert len(post.arrived) == 59

    played(story)
