"""Recordings read back as they were recorded; what cannot be read is named by file and line."""

import gzip
import os
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.clock import MILLISECOND, SECOND
from dutchbook.core.errors import SettingsError
from dutchbook.feed.recordings import (
    Format,
    LinkRow,
    Recording,
    csv_fields,
    find,
    kalshi_frames,
    quote_lines,
    read_links,
)

HEADER = b"local_ts,venue,kind,instrument,bid,bid_size,ask,ask_size\n"
QUOTE = b"2026-02-20T10:00:00.250000,kalshi,bbo,RAIN,0.40,10,0.42,5\n"
FRAME = b'{"recv_ms":1000,"event":{"type":"trade"}}\n'

DATA = Path(os.environ.get("DUTCHBOOK_DATA", Path(__file__).parents[3] / "shared" / "data"))
recorded = pytest.mark.skipif(not DATA.exists(), reason=f"recorded market data not found at {DATA} (DUTCHBOOK_DATA)")


def store(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def window(*files: Path) -> Recording:
    return Recording("window", Format.KALSHI_WINDOW, files)


def quotes(path: Path) -> list[tuple[int, bytes]]:
    return list(quote_lines(Recording(path.name, Format.BEST_QUOTES, (path,))))


# -- what is a recording ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("w/a.ndjson", FRAME, Format.KALSHI_WINDOW),
        ("w/a.ndjson.gz", FRAME, Format.KALSHI_WINDOW),
        ("w/a.csv", HEADER, Format.BEST_QUOTES),
        ("w/a.csv.gz", HEADER, Format.BEST_QUOTES),
    ],
)
def test_a_file_is_told_by_its_ending(tmp_path: Path, name: str, content: bytes, kind: Format) -> None:
    path = store(tmp_path / name, content)
    for given_path in (path, path.parent):
        (recording,) = find([given_path])
        assert (recording.format, recording.files) == (kind, (path,))


def test_the_files_of_one_folder_continue_each_other_by_name(tmp_path: Path) -> None:
    """A window over midnight is two files."""
    late = store(tmp_path / "w" / "2026-08-11.ndjson.gz", FRAME)
    early = store(tmp_path / "w" / "2026-08-10.ndjson.gz", FRAME)
    other = store(tmp_path / "v" / "2026-08-10.ndjson", FRAME)
    found = {recording.name: recording.files for recording in find([tmp_path])}
    assert found == {"w": (early, late), "v": (other,)}


def test_other_files_of_a_folder_are_left_out(tmp_path: Path) -> None:
    store(tmp_path / "MARKETS.csv", b"ticker,strike,result\nA,1,yes\n")
    store(tmp_path / "links.jsonl", b"{}\n")
    store(tmp_path / "empty.csv", b"")
    kept = store(tmp_path / "bbo.csv", HEADER)
    assert [recording.files for recording in find([tmp_path])] == [(kept,)]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.csv", None, "no such file or directory"),
        ("letter.txt", b"hello", "not a recording that can be read"),
        ("folder/letter.txt", b"hello", "not a recording"),
    ],
)
def test_a_path_without_a_recording_is_named(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    path = tmp_path / name
    if content is not None:
        store(path, content)
    with pytest.raises(SettingsError, match=words) as refused:
        find([path])
    assert str(path) in str(refused.value)


def test_a_folder_without_a_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no recording found"):
        find([tmp_path])


# -- Kalshi windows ---------------------------------------------------------------------------------------------------


def test_frames_come_with_their_time_and_untouched_bytes(tmp_path: Path) -> None:
    lines = b'{"recv_ms":1000,"event":{"b":1,  "a":"1.10"}}\n{"recv_ms":1001,"event":[2],"extra":3}\n'
    path = store(tmp_path / "a.ndjson", lines)
    assert list(kalshi_frames(window(path))) == [
        (1000 * MILLISECOND, b'{"b":1,  "a":"1.10"}'),
        (1001 * MILLISECOND, b"[2]"),
    ]


def test_frames_go_on_in_the_next_file(tmp_path: Path) -> None:
    first, second = (store(tmp_path / f"{n}.ndjson.gz", b'{"recv_ms":%d,"event":1}\n' % n) for n in (1, 2))
    assert [at_ns for at_ns, _ in kalshi_frames(window(first, second))] == [MILLISECOND, 2 * MILLISECOND]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"not json\n", "not a recorded frame"),
        (b'{"event":{}}\n', "recv_ms"),
        (b'{"recv_ms":1}\n', "event"),
        (b'{"recv_ms":"1","event":{}}\n', "recv_ms"),
        (b'{"recv_ms":1.5,"event":{}}\n', "recv_ms"),
        (b"\n", "not a recorded frame"),
        (b'{"recv_ms":1,"event":{\n', "not a recorded frame"),
        (b"\xff\xfe\n", "not a recorded frame"),
    ],
)
def test_a_line_that_is_no_frame_is_named_by_file_and_line(tmp_path: Path, line: bytes, words: str) -> None:
    path = store(tmp_path / "a.ndjson", FRAME * 2 + line)
    frames = kalshi_frames(window(path))
    assert len(list(islice(frames, 2))) == 2
    with pytest.raises(SettingsError, match=words) as refused:
        next(frames)
    assert f"{path}, line 3" in str(refused.value)


READERS: list[tuple[str, bytes, Callable[[Path], object]]] = [
    ("a.ndjson.gz", FRAME * 500, lambda path: list(kalshi_frames(window(path)))),
    ("a.csv.gz", HEADER + QUOTE * 500, quotes),
]


@pytest.mark.parametrize(("name", "content", "read"), READERS, ids=["frames", "quotes"])
@pytest.mark.parametrize(
    "harm",
    [lambda packed: packed[:-12], lambda packed: packed[:20] + b"\0" * 20 + packed[40:], lambda packed: b"plain\n"],
    ids=["cut off", "overwritten", "not gzip"],
)
def test_a_damaged_file_is_named_with_the_line_reached(
    tmp_path: Path, name: str, content: bytes, read: Callable[[Path], object], harm: Callable[[bytes], bytes]
) -> None:
    path = store(tmp_path / name, content)
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(SettingsError, match=r"line \d+: cannot be read") as refused:
        read(path)
    assert str(path) in str(refused.value)


# -- best quotes ------------------------------------------------------------------------------------------------------


def test_quotes_come_with_their_local_time_read_as_utc_and_without_the_header(tmp_path: Path) -> None:
    path = store(tmp_path / "a.csv.gz", HEADER + QUOTE)
    expected = int(datetime(2026, 2, 20, 10, tzinfo=UTC).timestamp()) * SECOND + 250 * MILLISECOND
    assert quotes(path) == [(expected, QUOTE.strip())]


def test_a_local_time_that_names_its_zone_is_read_in_it(tmp_path: Path) -> None:
    line = b"2026-02-20T10:00:00%s,kalshi,bbo,RAIN,0.40,10,0.42,5\n"
    path = store(tmp_path / "a.csv", HEADER + line % b"" + line % b"Z" + line % b"+02:00")
    plain, zulu, eastern = (at_ns for at_ns, _ in quotes(path))
    assert plain == zulu == eastern + 2 * 3600 * SECOND


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1)))
def test_microseconds_are_exact(tmp_path_factory: pytest.TempPathFactory, at: datetime) -> None:
    path = store(tmp_path_factory.mktemp("quotes") / "a.csv", HEADER + at.isoformat().encode() + b",kalshi\n")
    whole = at.replace(microsecond=0, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    seconds = whole.days * 86_400 + whole.seconds
    assert quotes(path)[0][0] == seconds * SECOND + at.microsecond * 1000


@pytest.mark.parametrize("line", [b"yesterday,kalshi,bbo\n", b"\n", b"\xff\xff,kalshi\n", b"1771581600,kalshi\n"])
def test_a_quote_without_a_time_is_named_by_file_and_line(tmp_path: Path, line: bytes) -> None:
    path = store(tmp_path / "a.csv", HEADER + QUOTE + line)
    with pytest.raises(SettingsError, match=r"local_ts .* is not a time") as refused:
        quotes(path)
    assert f"{path}, line 3" in str(refused.value)


@pytest.mark.parametrize("content", [b"", QUOTE, b"ticker,result\n", b"\xff\xfe\n"])
def test_a_table_without_the_header_is_refused(tmp_path: Path, content: bytes) -> None:
    path = store(tmp_path / "a.csv", content)
    with pytest.raises(SettingsError, match="the first line is not the header local_ts,venue"):
        quotes(path)


@given(st.binary(max_size=60).filter(lambda line: b"\n" not in line))
def test_fields_of_any_line_are_texts_or_a_value_error(line: bytes) -> None:
    try:
        assert all(isinstance(field, str) for field in csv_fields(line))
    except ValueError:
        pass


# -- links ------------------------------------------------------------------------------------------------------------


def test_links_say_whether_instruments_are_the_same_bet_or_its_complement(tmp_path: Path) -> None:
    path = store(
        tmp_path / "links.jsonl",
        b'{"polymarket":"p1","kalshi":"k1","relation":"same","note":"x"}\n'
        b'{"polymarket":"p2","kalshi":"k2","relation":"inverse"}\n',
    )
    assert read_links(path) == [LinkRow("p1", "k1", inverse=False), LinkRow("p2", "k2", inverse=True)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "truncated"),
        (b'{"polymarket":"p","relation":"same"}', "kalshi"),
        (b'{"polymarket":"p","kalshi":"k"}', "relation"),
        (b'{"polymarket":"p","kalshi":"k","relation":"maybe"}', "maybe"),
        (b"[]", "not a link"),
    ],
)
def test_a_line_that_is_no_link_is_named_by_file_and_line(tmp_path: Path, line: bytes, words: str) -> None:
    good = b'{"polymarket":"p","kalshi":"k","relation":"same"}\n'
    path = store(tmp_path / "links.jsonl", good + line + b"\n")
    with pytest.raises(SettingsError, match=words) as refused:
        read_links(path)
    assert f"{path}, line 2" in str(refused.value)


# -- the real thing ---------------------------------------------------------------------------------------------------


@recorded
def test_every_recorded_window_is_found_once_and_its_tables_are_left_out() -> None:
    found = find([DATA / "kalshi_ws"])
    assert len(found) == 10
    assert {recording.format for recording in found} == {Format.KALSHI_WINDOW}
    assert sorted(len(recording.files) for recording in found) == [1] * 9 + [2]


@recorded
def test_a_recorded_window_goes_forward_in_time_over_midnight() -> None:
    (recording,) = find([DATA / "kalshi_ws" / "KXGOLD15M-26AUG102000-00"])
    times = [at_ns for at_ns, _ in kalshi_frames(recording)]
    assert len(times) > 1000
    assert times == sorted(times)


@recorded
def test_the_recorded_quotes_and_their_links_can_be_read() -> None:
    (recording,) = find([DATA / "cross_venue_bbo"])
    assert recording.format is Format.BEST_QUOTES
    lines = list(islice(quote_lines(recording), 5000))
    assert all(len(csv_fields(line)) == 8 for _, line in lines)
    assert {link.inverse for link in read_links(DATA / "cross_venue_bbo" / "links.jsonl")} == {False, True}
