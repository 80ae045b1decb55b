"""Identities come from given entropy; the system's clocks tell nanoseconds."""

import asyncio
import uuid

from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.clock import SECOND, SystemClock, SystemEntropy, uuid4_text
from dutchbook.feed.virtual_time import VirtualClock, VirtualLoop, run_virtual


class Given:
    """Entropy that was decided beforehand."""

    def __init__(self, value: int) -> None:
        self._value = value

    def bits(self, count: int) -> int:
        assert count == 128
        return self._value


@given(st.integers(0, (1 << 128) - 1))
def test_any_128_bits_make_a_version_4_uuid(value: int) -> None:
    text = uuid4_text(Given(value))
    made = uuid.UUID(text)
    assert str(made) == text
    assert made.version == 4
    assert made.variant == uuid.RFC_4122


@given(st.integers(0, (1 << 128) - 1))
def test_all_bits_but_version_and_variant_come_from_the_entropy(value: int) -> None:
    fixed = (0xF << 76) | (0x3 << 62)
    assert uuid.UUID(uuid4_text(Given(value))).int & ~fixed == value & ~fixed


def test_system_entropy_gives_no_identity_twice() -> None:
    assert len({uuid4_text(SystemEntropy()) for _ in range(100)}) == 100


def test_the_system_clock_never_goes_back_and_is_of_this_century() -> None:
    clock = SystemClock()
    first, second = clock.monotonic(), clock.monotonic()
    assert first <= second
    assert 946_684_800 * SECOND < clock.wall() < 4_102_444_800 * SECOND


def test_a_sleep_is_in_nanoseconds_of_the_loops_own_time() -> None:
    loop = VirtualLoop()
    clock = VirtualClock(loop, 0)

    async def main() -> tuple[float, int]:
        before = asyncio.get_running_loop().time()
        await SystemClock().sleep(90 * SECOND)
        return asyncio.get_running_loop().time() - before, clock.monotonic()

    waited, now = run_virtual(loop, main())
    assert 90 <= waited < 90.001
    assert 90 * SECOND <= now < 90 * SECOND + SECOND // 1000
