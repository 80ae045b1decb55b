"""`dutchbook record`: frames of real streams kept, without anything of the account, and played back to the same decisions."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.console import Ended, Venues, dutchbook, simulators
from dutchbook.cli.replay import replay
from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import Lost, NotSent, SettingsError
from dutchbook.core.transport import CLOSED, PONG, Frame, FrameKind, Request, Response
from dutchbook.feed.record import Recording, RecordingTransport, read_recording, recorded_frames
from dutchbook.feed.replay import Answers, ReplayTransport
from dutchbook.feed.virtual_time import VirtualClock
from feed.line import ORIGIN_NS, in_virtual_time

RECORDED_S = "6"


@pytest.fixture(scope="module")
def venues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venues]:
    with simulators(tmp_path_factory.mktemp("venues")) as opened:
        yield opened


def recorder(venues: Venues, *words: str) -> Ended:
    return dutchbook("record", *words, "--json", cwd=venues.folder, env=venues.settings())


@pytest.fixture(scope="module")
def both(venues: Venues) -> Any:
    """What `record --links` reported; its files are those of all tests here."""
    ended = recorder(venues, "--links", "sim.json", "--seconds", RECORDED_S, "--out", "both")
    assert ended.status == 0, ended.err
    return ended.json


@pytest.fixture(scope="module")
def files(venues: Venues, both: Any) -> list[Path]:
    return [venues.folder / name for name in both["files"]]


@pytest.fixture(scope="module")
def links(venues: Venues) -> Path:
    return venues.folder / "sim.json"


@pytest.fixture(scope="module")
def played(files: list[Path], links: Path) -> dict[str, Any]:
    return replay(files, links)


def rewritten(file: Path, folder: Path, change: Callable[[list[bytes]], list[bytes]]) -> Path:
    """A copy of a recording with its lines changed."""
    copy = folder / file.name
    copy.write_bytes(gzip.compress(b"".join(change(gzip.decompress(file.read_bytes()).splitlines(keepends=True))), 1))
    return copy


# -- recording ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_a_recording_holds_the_frames_and_the_answers_and_no_secret(venues: Venues, venue: str) -> None:
    told = next(each for each in venues.told["venues"] if each["venue"] == venue)
    names = sorted(market["id"] for market in told["markets"][:2])
    options = [word for name in names for word in ("--market", name)]
    ended = recorder(venues, "--venue", venue, *options, "--seconds", "2")
    assert ended.status == 0, ended.err
    assert ended.json["markets"] == names
    (file,) = (venues.folder / name for name in ended.json["files"])
    recorded = read_recording(file)
    assert (recorded.header.venue, recorded.header.markets) == (venue, names)
    texts = [frame for _, frame in recorded_frames(file) if frame.kind is FrameKind.TEXT]
    assert len(texts) == recorded.frames == ended.json["frames"] > 5
    assert recorded.answers
    everything = gzip.decompress(file.read_bytes())
    for secret in venues.secrets():
        assert secret.encode() not in everything


def test_the_files_of_one_recording_have_one_stamp(both: Any, files: list[Path]) -> None:
    assert [one["venue"] for one in both["recordings"]] == ["kalshi", "polymarket"]
    assert len({file.name.partition("-")[2] for file in files}) == 1
    assert all(one["frames"] > 5 for one in both["recordings"])
    assert both["troubles"] == []


def test_a_market_that_the_venue_does_not_know_is_named(venues: Venues) -> None:
    for venue in ("kalshi", "polymarket"):
        ended = recorder(venues, "--venue", venue, "--market", "KXNOTHING", "--seconds", "1", "--out", "nothing")
        assert ended.status != 0 and "KXNOTHING" in ended.out
    assert list((venues.folder / "nothing").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "say what"),
        (("--links", "sim.json", "--venue", "kalshi"), "not both"),
        (("--venue", "kalshi"), "belong together"),
        (("--market", "KXA"), "belong together"),
        (("--venue", "manifold", "--market", "a"), "manifold"),
        (("--links", "nowhere.jsonl"), "nowhere.jsonl"),
    ],
)
def test_what_to_record_is_said_in_one_way(venues: Venues, words: tuple[str, ...], said: str) -> None:
    ended = recorder(venues, *words)
    assert ended.status == 2 and said in ended.out


def test_what_passes_a_recorder_is_passed_on_and_kept(tmp_path: Path) -> None:
    """Recorded from a replay: what was played and what was recorded are the same."""
    answers: Answers = {
        "/books?id=1": [(ORIGIN_NS, Response(200, b"{}", {"date": "today"}))],
        "/lost": [(ORIGIN_NS, None)],
    }
    frames = [(ORIGIN_NS, Frame(FrameKind.TEXT, b"one")), (ORIGIN_NS, PONG), (ORIGIN_NS, CLOSED)]
    path = tmp_path / "venue-1.frames.gz"

    async def story(clock: VirtualClock) -> None:
        inner = ReplayTransport({"ws://venue": iter(frames)}, clock, answers)
        recording = Recording(path, "venue", ["a"], clock.wall())
        transport = RecordingTransport(inner, recording, clock)
        assert (await transport.send(Request("GET", "http://venue/books?id=1", {"KEY": "secret"}))).body == b"{}"
        with pytest.raises(Lost):
            await transport.send(Request("GET", "http://venue/lost"))
        channel = await transport.open("ws://venue", {"KEY": "secret"})
        assert [await channel.receive() for _ in frames] == [frame for _, frame in frames]
        recording.close()

    in_virtual_time(story)
    recorded = read_recording(path)
    assert recorded.answers.keys() == answers.keys()
    assert [[answer for _, answer in each] for each in recorded.answers.values()] == [
        [Response(200, b"{}", {"date": "today"})],
        [None],
    ]
    assert [frame for _, frame in recorded_frames(path)] == [frame for _, frame in frames]
    assert (recorded.stream_url, recorded.frames) == ("ws://venue", 1)
    assert b"secret" not in gzip.decompress(path.read_bytes())


# -- playing back ------------------------------------------------------------------------------------------------------


def test_a_recording_is_played_as_one_run_of_both_venues(both: Any, played: dict[str, Any]) -> None:
    (one,) = played["recordings"]
    assert one["frames"] == both["frames"]
    assert one["markets"] == len(both["markets"])
    assert one["funnel"]["crossings"] > 0
    assert (one["gaps"], one["troubles"], one["negative_levels"]) == (0, 0, 0)
    assert (one["finished"], one["ledger_matches_venues"]) == (True, True)


def test_two_replays_decide_the_same_to_the_byte_whatever_the_order_of_the_files(
    files: list[Path], links: Path, played: dict[str, Any]
) -> None:
    again = replay(files[::-1], links)
    assert again["recordings"][0]["decisions"] == played["recordings"][0]["decisions"]
    assert again["reasons"] == played["reasons"]


def test_the_command_plays_a_folder_of_recordings_as_one_run_a_stamp(
    files: list[Path], venues: Venues, played: dict[str, Any]
) -> None:
    ended = dutchbook("replay", "both", "--links", "sim.json", "--json", cwd=venues.folder)
    assert ended.status == 0, ended.err
    assert ended.json["recordings"][0]["decisions"] == played["recordings"][0]["decisions"]


def test_a_recorder_that_was_killed_leaves_a_recording(
    files: list[Path], links: Path, played: dict[str, Any], tmp_path: Path
) -> None:
    torn = []
    for file in files:
        content = file.read_bytes()
        torn.append(tmp_path / file.name)
        torn[-1].write_bytes(content[: len(content) * 2 // 3])
    figures = replay(torn, links)
    assert 0 < figures["frames"] < played["frames"]
    assert figures["funnel"]["crossings"] > 0
    assert figures["recordings"][0]["ledger_matches_venues"] is True


def test_half_a_line_at_the_end_is_left_out(files: list[Path], tmp_path: Path) -> None:
    half = rewritten(files[0], tmp_path, lambda lines: [*lines, lines[-1][: len(lines[-1]) // 2]])
    assert list(recorded_frames(half)) == list(recorded_frames(files[0]))
    assert read_recording(half).frames == read_recording(files[0]).frames


def test_a_venue_that_hung_up_takes_its_books_with_it(files: list[Path], links: Path, tmp_path: Path) -> None:
    def hung_up(lines: list[bytes]) -> list[bytes]:
        middle = len(lines) // 2
        frame = next(row for line in lines[middle:] if "data" in (row := msgspec.json.decode(line)))
        closed = {"at_ns": frame["at_ns"], "url": read_recording(files[0]).stream_url, "what": "closed"}
        return [*lines[:middle], msgspec.json.encode(closed) + b"\n", *lines[middle:]]

    figures = replay([rewritten(files[0], tmp_path, hung_up), files[1]], links)
    assert figures["gaps"] == 1
    assert figures["resyncs"] == 0
    assert figures["books"] < figures["frames"]


def test_a_venue_alone_has_books_and_nothing_to_compare_them_with(files: list[Path]) -> None:
    figures = replay([files[0]])
    assert figures["books"] > 0
    assert figures["funnel"]["crossings"] == 0


def test_links_to_what_was_not_recorded_are_named(files: list[Path], tmp_path: Path) -> None:
    elsewhere = tmp_path / "mine.jsonl"
    members = [
        {"venue": "kalshi", "id": "KXOTHER", "pays": [1, 0]},
        {"venue": "polymarket", "id": "other", "pays": [1, 0]},
    ]
    row = {"id": "l", "kind": "yes_no", "event": "e", "states": ["yes", "no"], "members": members}
    elsewhere.write_bytes(msgspec.json.encode(row))
    with pytest.raises(SettingsError, match=r"mine\.jsonl: no link .*kalshi:KXOTHER, polymarket:other"):
        replay(files, elsewhere)


def test_two_recordings_of_one_venue_are_not_one_run(files: list[Path], tmp_path: Path) -> None:
    copy = tmp_path / "kalshi-other.frames.gz"
    copy.write_bytes(files[0].read_bytes())
    with pytest.raises(SettingsError, match="one file a venue"):
        replay([files[0], copy])


HEADER = b'{"format":"dutchbook-frames","version":1,"venue":"kalshi","markets":["A"],"began_ns":1}\n'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(b""), "holds nothing"),
        (gzip.compress(HEADER)[:5], "holds nothing"),
        (b"plain text\n", "cannot be read"),
        (gzip.compress(b"local_ts,venue\n"), "is not a recording of dutchbook"),
        (gzip.compress(b'{"at_ns":1,"url":"ws://a","data":"{}"}\n'), "is not a recording of dutchbook"),
        (gzip.compress(HEADER.replace(b"dutchbook-", b"other-")), "'other-frames' and not a recording of dutchbook"),
        (
            gzip.compress(HEADER.replace(b'version":1', b'version":2')),
            "format version 2, and this dutchbook reads version 1",
        ),
        (gzip.compress(HEADER.replace(b"kalshi", b"manifold")), "manifold"),
        (gzip.compress(HEADER), "holds no frames"),
        (gzip.compress(HEADER + b"{}\n"), "line 2: not a recorded frame"),
    ],
    # a gzip header holds the time of day: it must not become part of a test's name
    ids=range(10),
)
def test_what_cannot_be_played_is_refused_by_name(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "kalshi-1.frames.gz"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=said) as refused:
        replay([path])
    assert str(path) in str(refused.value)


# -- recorded answers --------------------------------------------------------------------------------------------------

BEGAN_NS = ORIGIN_NS + SECOND
URL = "https://another.host/books?id=1"


def answers_at(*milliseconds: int) -> Answers:
    return {"/books?id=1": [(BEGAN_NS + ms * MILLISECOND, Response(200, b"%d" % ms)) for ms in milliseconds]}


def asked(answers: Answers, *at_ms: int) -> list[tuple[bytes, int]]:
    """The answers to questions asked at these milliseconds of the recording, and when they came."""

    async def story(clock: VirtualClock) -> list[tuple[bytes, int]]:
        transport = ReplayTransport({}, clock, answers, BEGAN_NS)
        heard = []
        for ms in at_ms:
            await clock.sleep(max(0, BEGAN_NS + ms * MILLISECOND - clock.wall()))
            body = (await transport.send(Request("GET", URL))).body
            heard.append((body, (clock.wall() - BEGAN_NS) // MILLISECOND))
        return heard

    return in_virtual_time(story)


def test_an_answer_comes_when_it_came_and_the_last_one_is_repeated() -> None:
    heard = asked(answers_at(50, 30_000), 0, 100, 29_950, 60_000, 90_000)
    assert heard == [(b"50", 50), (b"50", 100), (b"30000", 30_000), (b"30000", 60_000), (b"30000", 90_000)]


def test_before_the_recorder_began_the_first_answer_is_given_at_once() -> None:
    assert asked(answers_at(50, 100), -900) == [(b"50", -900)]


@pytest.mark.parametrize(
    "request_",
    [Request("GET", "https://another.host/books?id=2"), Request("POST", URL), Request("GET", URL)],
    ids=["another query", "a write", "long before its answer"],
)
def test_what_was_not_asked_then_has_no_answer(request_: Request) -> None:
    async def story(clock: VirtualClock) -> None:
        await clock.sleep(2 * SECOND)
        with pytest.raises(NotSent):
            await ReplayTransport({}, clock, answers_at(60_000), BEGAN_NS).send(request_)

    in_virtual_time(story)
