"""`dutchbook record`: frames of a real stream kept, without anything of the account, and played back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cli.console import Venues, dutchbook, simulators
from dutchbook.feed.record import read_recording


@pytest.fixture(scope="module")
def venues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venues]:
    with simulators(tmp_path_factory.mktemp("venues")) as opened:
        yield opened


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_a_recording_holds_the_frames_and_the_answers_and_no_secret(venues: Venues, venue: str) -> None:
    told = next(each for each in venues.told["venues"] if each["venue"] == venue)
    names = [market["id"] for market in told["markets"][:2]]
    options = [word for name in names for word in ("--market", name)]
    ended = dutchbook(
        "record", "--venue", venue, *options, "--seconds", "2", "--json", cwd=venues.folder, env=venues.settings()
    )
    assert ended.status == 0, ended.err
    assert sorted(ended.json["markets"]) == sorted(names)
    file = venues.folder / ended.json["file"]
    recorded = read_recording(file)
    frames = [frame for stream in recorded.frames.values() for _, frame in stream]
    assert len(frames) == ended.json["frames"] > 5
    assert recorded.answers and recorded.began_ns > 0
    everything = b"".join(frames) + b"".join(a.body for answers in recorded.answers.values() for a in answers)
    for secret in venues.secrets():
        assert secret.encode() not in everything


def test_a_market_that_the_venue_does_not_know_is_named(venues: Venues) -> None:
    ended = dutchbook(
        "record",
        "--venue",
        "kalshi",
        "--market",
        "KXNOTHING",
        "--seconds",
        "1",
        cwd=venues.folder,
        env=venues.settings(),
    )
    assert ended.status != 0 and "KXNOTHING" in ended.err
