"""One stream kept open: subscribed, delivered in order, proved alive, given up when silent, opened again with patience."""

import asyncio
from itertools import pairwise

import pytest

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.events import MarketChanged, StreamTrouble
from dutchbook.feed.connection import KeepAlive
from dutchbook.feed.virtual_time import VirtualClock
from feed.line import ORIGIN_NS, Far, MemoryChannel, ScriptedStream, in_virtual_time, listen, quiet
from feed.line import Listener as Listening

ONE, TWO, THREE = (MarketChanged(market, "tick") for market in ("v:1", "v:2", "v:3"))  # type: ignore[arg-type]
GONE = MarketChanged("v:gone", "the stream ended")  # type: ignore[arg-type]
END = StreamTrouble("the venue ended the subscription", terminal=True)
BACKOFF = KeepAlive(first_backoff_ns=100 * MILLISECOND, last_backoff_ns=SECOND)


def speaking(*words: bytes, every: float = 0.0, hang_up: bool = False) -> Far:
    """A far end that says these words, then stays or hangs up."""

    async def far(channel: MemoryChannel) -> None:
        for word in words:
            await asyncio.sleep(every)
            channel.say(word)
        if hang_up:
            await asyncio.sleep(every)
            channel.hang_up()

    return far


def gaps(listener: Listening) -> list[int]:
    """Milliseconds between one opening and the next."""
    attempts = listener.line.attempts
    return [round((b - a) / MILLISECOND) for a, b in pairwise(attempts)]


# -- opening ----------------------------------------------------------------------------------------------------------


def test_a_stream_subscribes_on_every_connection_before_anything_else() -> None:
    listener = listen([speaking(hang_up=True), quiet], 1)
    assert [channel.sent for channel in listener.line.channels] == [[b"subscribe books", b"subscribe trades"]] * 2


def test_the_handshake_is_signed_for_the_instant_of_each_opening() -> None:
    listener = listen([None, quiet], 1)
    stamps = [int(headers["timestamp"]) - ORIGIN_NS for headers in listener.line.headers]
    assert stamps == listener.line.attempts
    assert stamps[0] < stamps[1]


def test_it_is_up_only_while_it_is_connected() -> None:
    async def story(clock: VirtualClock) -> list[bool]:
        listener = Listening(clock, [speaking(every=1, hang_up=True), None])
        task = asyncio.create_task(listener.connection.run())
        seen = []
        for _ in range(2):
            await clock.sleep(SECOND // 2)
            seen.append(listener.connection.up.is_set())
            await clock.sleep(SECOND)
        task.cancel()
        return seen

    assert in_virtual_time(story) == [True, False]


# -- delivering -------------------------------------------------------------------------------------------------------


def test_events_are_delivered_in_the_order_of_their_frames() -> None:
    meanings = {b"a": (ONE, TWO), b"b": (), b"c": (THREE,)}
    listener = listen([speaking(b"a", b"b", b"c", b"a")], 1, ScriptedStream(meanings))
    assert listener.events == [ONE, TWO, THREE, ONE, TWO]
    assert listener.connection.frames == 4


def test_a_frame_carries_our_monotonic_time_of_receipt() -> None:
    listener = listen([speaking(b"a", b"b", every=2)], 5)
    assert [round(at / SECOND, 3) for _, at in listener.stream.received] == [2, 4]


def test_what_a_frame_asks_for_is_sent_at_once() -> None:
    listener = listen([speaking(b"gap")], 1, ScriptedStream(replies={b"gap": b"snapshot, please"}))
    assert listener.line.channels[0].sent[-1] == b"snapshot, please"


def test_a_frames_events_are_delivered_although_its_reply_cannot_be_sent() -> None:
    """A fill in the last frame before the socket died is still a fill."""

    async def far(channel: MemoryChannel) -> None:
        channel.say(b"fill")
        channel.closed = True

    listener = listen([far, quiet], 1, ScriptedStream({b"fill": (ONE,)}, replies={b"fill": b"more"}, at_close=(GONE,)))
    assert [event for event in listener.events if not isinstance(event, StreamTrouble)][:2] == [ONE, GONE]


# -- ending -----------------------------------------------------------------------------------------------------------


def test_the_streams_last_events_are_delivered_when_the_connection_ends() -> None:
    listener = listen([speaking(b"a", hang_up=True), quiet], 1, ScriptedStream({b"a": (ONE,)}, at_close=(GONE,)))
    assert listener.events[:2] == [ONE, GONE]


def test_and_when_we_end_it_ourselves() -> None:
    listener = listen([quiet], 1, ScriptedStream(at_close=(GONE,)))
    assert listener.events == [GONE]
    assert listener.line.channels[0].closed


def test_a_terminal_trouble_ends_the_connection_and_opens_a_new_one() -> None:
    stream = ScriptedStream({b"a": (ONE,), b"end": (TWO, END), b"late": (THREE,)}, at_close=(GONE,))
    listener = listen([speaking(b"a", b"end", b"late"), quiet], 1, stream)
    assert listener.events[:4] == [ONE, TWO, END, GONE]
    assert THREE not in listener.events
    assert listener.line.channels[0].closed
    assert len(listener.line.channels) == 2


def test_a_trouble_that_is_not_terminal_is_delivered_and_the_stream_lives_on() -> None:
    unread = StreamTrouble("a frame could not be read", terminal=False)
    listener = listen([speaking(b"bad", b"a")], 1, ScriptedStream({b"bad": (unread,), b"a": (ONE,)}))
    assert listener.events[:2] == [unread, ONE]
    assert len(listener.line.channels) == 1


# -- opening again ----------------------------------------------------------------------------------------------------


def test_refused_openings_are_repeated_more_and_more_slowly_up_to_a_limit() -> None:
    listener = listen([None], 6, keep_alive=BACKOFF)
    assert gaps(listener)[:7] == [100, 200, 400, 800, 1000, 1000, 1000]
    assert listener.connection.reconnects == listener.connection.troubles == len(listener.line.attempts)


def test_every_refusal_is_a_trouble_with_the_connections_name_and_the_reason() -> None:
    listener = listen([None], 0.05)
    (trouble,) = listener.events
    assert isinstance(trouble, StreamTrouble)
    assert trouble.reason == "venue books: ws://venue/stream: connection refused"
    assert listener.connection.last_trouble in trouble.reason


def test_a_connection_that_delivered_is_opened_again_quickly() -> None:
    far_ends = [None, None, None, speaking(b"a", every=0.5, hang_up=True), None, quiet]
    listener = listen(far_ends, 10, keep_alive=BACKOFF)
    assert gaps(listener) == [100, 200, 400, 1100, 200]


def test_a_connection_that_delivered_nothing_does_not_count_as_good() -> None:
    assert gaps(listen([speaking(hang_up=True)], 3, keep_alive=BACKOFF))[:5] == [100, 200, 400, 800, 1000]


def test_a_stream_that_is_given_up_at_once_again_and_again_is_not_hammered() -> None:
    """An error frame to every subscription (a wrong key, say) is a frame too."""
    stream = ScriptedStream({b"refused": (END,)})
    assert gaps(listen([speaking(b"refused")], 3, stream, keep_alive=BACKOFF))[:5] == [100, 200, 400, 800, 1000]


def test_a_stream_that_is_given_up_after_a_long_time_is_opened_again_quickly() -> None:
    stream = ScriptedStream({b"end": (END,)})
    far_ends = [None, None, None, speaking(b"a", b"end", every=2), quiet]
    assert gaps(listen(far_ends, 9, stream, keep_alive=BACKOFF))[3:] == [4100]


# -- silence ----------------------------------------------------------------------------------------------------------


def test_a_silent_connection_is_closed_and_opened_again() -> None:
    stream = ScriptedStream({b"a": (ONE,)}, at_close=(GONE,))
    listener = listen([speaking(b"a", every=2), quiet], 9, stream, answers=False)
    first, trouble, gone = listener.delivered[:3]
    assert first[1] == ONE
    assert isinstance(trouble[1], StreamTrouble)
    assert "no frame for 5 s" in trouble[1].reason
    assert gone[1] == GONE
    # silent since second 2; looked at once a second
    assert 7 * SECOND < trouble[0] < 8.1 * SECOND
    assert len(listener.line.channels) == 2
    assert listener.line.channels[0].closed


def test_answered_pings_prove_a_quiet_stream_alive() -> None:
    listener = listen([quiet], 60)
    assert len(listener.line.channels) == 1
    assert listener.connection.troubles == 0
    assert listener.connection.last_frame_ns > 58 * SECOND
    assert listener.connection.frames == 0


def test_a_line_that_delivers_late_is_not_taken_for_alive() -> None:
    """Frames go on coming, and each is older than the one before: the answers to pings, which come behind them, stay out."""

    async def falling_behind(channel: MemoryChannel) -> None:
        await asyncio.sleep(3.5)
        channel.answers = False
        for _ in range(60):
            await asyncio.sleep(0.1)
            channel.say(b"a")

    listener = listen([falling_behind, quiet], 11)
    # asked in second 4, not answered; looked at once a second
    assert "no answer to a ping for 5 s" in listener.connection.last_trouble
    assert len(listener.line.channels) == 2
    late = listen([falling_behind], 8).connection
    assert late.last_frame_ns > 7.8 * SECOND
    assert late.heard_ns < 4.1 * SECOND


def test_what_a_line_was_late_by_counts_until_an_answer_comes_at_once() -> None:
    """Between an answer that came late and the next ping nothing waits, and the line is as late as it was."""

    async def behind(channel: MemoryChannel) -> None:
        await asyncio.sleep(2.5)
        channel.answers = False  # to the ping of second 3; its answer comes in second 6
        for tenth in range(60):
            await asyncio.sleep(0.1)
            channel.say(b"a")
            if tenth == 35:
                channel.answers = True
                channel.pong()

    late = listen([behind], 6.5).connection
    assert late.last_frame_ns > 6.3 * SECOND
    assert 3.2 * SECOND < late.heard_ns < 3.6 * SECOND
    current = listen([behind], 7.8).connection
    assert current.heard_ns == current.last_frame_ns > 7.6 * SECOND


def late_by(seconds: float, count: int = 30) -> Far:
    """A line of which everything arrives so much later, answers to pings included, from its opening on."""

    async def far(channel: MemoryChannel) -> None:
        channel.answers = False
        asked = 0
        for _ in range(count * 10):
            await asyncio.sleep(0.1)
            while asked < channel.pings:
                asked += 1
                asyncio.get_running_loop().call_later(seconds, channel.pong)
            channel.say(b"a")

    return far


def test_a_line_that_is_late_from_its_opening_on_is_known_to_be_late() -> None:
    """No further ping before the first was answered: a later one would be taken for the one that an answer is for."""
    connection = listen([late_by(3.5)], 25).connection
    assert connection.last_frame_ns > 24.8 * SECOND
    assert connection.heard_ns < 21.6 * SECOND
    assert connection.troubles == 0


def test_a_line_whose_answers_take_longer_than_silence_may_last_is_given_up() -> None:
    listener = listen([late_by(6.5), quiet], 9)
    assert "no answer to a ping for 5 s" in listener.connection.last_trouble
    assert len(listener.line.channels) == 2


def test_an_answer_that_nobody_asked_for_says_nothing() -> None:
    async def talkative(channel: MemoryChannel) -> None:
        await asyncio.sleep(2.2)
        channel.answers = False
        await asyncio.sleep(4)  # asked in second 3
        channel.pong()
        channel.pong()
        channel.say(b"a")

    connection = listen([talkative], 6.6).connection
    assert connection.heard_ns < connection.last_frame_ns - 3 * SECOND


def test_a_line_that_has_caught_up_is_not_given_up_for_what_it_was_late_by() -> None:
    """The answer took four and a half seconds, then all is quiet: the next ping tells."""

    async def caught_up(channel: MemoryChannel) -> None:
        await asyncio.sleep(2.5)
        channel.answers = False
        await asyncio.sleep(2.5)
        channel.say(b"a")
        await asyncio.sleep(2.5)
        channel.answers = True
        channel.pong()

    listener = listen([caught_up, quiet], 20)
    assert listener.connection.troubles == 0
    assert len(listener.line.channels) == 1


def test_answers_that_come_at_once_leave_a_stream_as_current_as_its_last_frame() -> None:
    connection = listen([speaking(*[b"a"] * 14, every=0.5)], 6.2).connection
    assert connection.heard_ns == connection.last_frame_ns > 5.9 * SECOND


def test_a_frame_proves_it_too() -> None:
    listener = listen([speaking(*[b"a"] * 14, every=4)], 56, answers=False)
    assert len(listener.line.channels) == 1


def test_a_venue_with_its_own_keep_alive_gets_its_text_and_no_ping() -> None:
    listener = listen([speaking(b"PONG", b"PONG", b"PONG", every=1.05)], 3.5, ScriptedStream(heartbeat=b"PING"))
    (channel,) = listener.line.channels
    assert channel.sent[2:] == [b"PING"] * 3
    assert channel.pings == 0


def test_a_new_connection_is_given_its_own_time_to_speak() -> None:
    """Silence counts from the opening, not from the last frame of the connection before."""
    far_ends = [speaking(b"a", hang_up=True), *[None] * 6, quiet]
    listener = listen(far_ends, 14, answers=False, keep_alive=KeepAlive(last_backoff_ns=4 * SECOND))
    first, second = listener.line.channels
    assert second.opened_ns - first.opened_ns > 6 * SECOND
    assert not any("no frame" in event.reason for event in listener.events if isinstance(event, StreamTrouble))


# -- our own defects --------------------------------------------------------------------------------------------------


def test_a_defect_of_ours_is_not_taken_for_the_venues_trouble() -> None:
    class Broken(ScriptedStream):
        def receive(self, data: bytes, received_ns: int) -> tuple[()]:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        listen([speaking(b"a")], 1, Broken())
