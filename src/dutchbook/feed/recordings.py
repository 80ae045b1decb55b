"""Finds and reads recordings: ours (`feed.record`), Kalshi WebSocket windows (ndjson, gzipped or plain), best-bid/ask CSV.

Yields what was recorded, in order of receipt; corrects nothing. A line that cannot be read is an error naming file and line.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

import msgspec

from dutchbook.core.clock import MILLISECOND
from dutchbook.core.errors import SettingsError
from dutchbook.feed.record import SUFFIX


class Format(Enum):
    KALSHI_WINDOW = "kalshi_window"
    BEST_QUOTES = "best_quotes"
    FRAMES = "frames"


@dataclass(frozen=True, slots=True)
class Recording:
    """What is played as one: files that continue each other, in order; or files of ours, one a venue, side by side."""

    name: str
    format: Format
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One line of a links file: two instruments and whether they are the same bet or its complement."""

    polymarket: str
    kalshi: str
    inverse: bool


class _Line(msgspec.Struct):
    recv_ms: int
    event: msgspec.Raw


_line = msgspec.json.Decoder(_Line)
_QUOTES_HEADER = ["local_ts", "venue"]
_SUFFIXES = (SUFFIX, ".ndjson", ".ndjson.gz", ".csv", ".csv.gz")


def find(paths: Sequence[Path]) -> list[Recording]:
    """Recordings under these paths; a directory stands for all in it, its ndjson files continuing each other by name.

    Files of `dutchbook record` that are named one by one are one recording; those in a directory are one for each stamp.
    Other tables in a directory (a CSV file without the header of best quotes) are left out.
    Raises SettingsError for a path that is missing or holds no recording.
    """
    found: list[Recording] = []
    named: list[Path] = []
    for path in paths:
        if not path.exists():
            raise SettingsError(f"{path}: no such file or directory; give a recording or a folder of recordings")
        if path.is_file():
            if path.name.endswith(SUFFIX):
                named.append(path)
            else:
                found.append(_one(path))
            continue
        inside = sorted(p for p in path.rglob("*") if p.is_file() and p.name.endswith(_SUFFIXES))
        windows: dict[Path, list[Path]] = {}
        runs: dict[tuple[Path, str], list[Path]] = {}
        for file in inside:
            if file.name.endswith(SUFFIX):
                runs.setdefault((file.parent, file.name.partition("-")[2]), []).append(file)
                continue
            recording = _one(file)
            if recording.format is Format.KALSHI_WINDOW:
                windows.setdefault(file.parent, []).append(file)
            elif _is_quotes(next(_lines(file), b"")):
                found.append(recording)
        found.extend(Recording(folder.name, Format.KALSHI_WINDOW, tuple(files)) for folder, files in windows.items())
        found.extend(map(_side_by_side, runs.values()))
    if named:
        found.append(_side_by_side(named))
    if not found:
        raise SettingsError(f"{', '.join(map(str, paths))}: no recording found (looked for {', '.join(_SUFFIXES)})")
    return found


def _side_by_side(files: Sequence[Path]) -> Recording:
    # by name: the order in which they were given changes nothing
    files = sorted(files, key=lambda file: file.name)
    return Recording("+".join(file.name.removesuffix(SUFFIX) for file in files), Format.FRAMES, tuple(files))


def _one(path: Path) -> Recording:
    if path.name.endswith((".ndjson", ".ndjson.gz")):
        return Recording(path.parent.name, Format.KALSHI_WINDOW, (path,))
    if path.name.endswith((".csv", ".csv.gz")):
        return Recording(path.name, Format.BEST_QUOTES, (path,))
    raise SettingsError(f"{path}: not a recording that can be read (expected one of {', '.join(_SUFFIXES)})")


def _open(path: Path) -> io.BufferedIOBase:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _lines(path: Path) -> Iterator[bytes]:
    """Raw lines; a file that breaks off or is not what its name says is an error naming the line reached."""
    number = 1
    try:
        with _open(path) as file:
            for text in file:
                yield text
                number += 1
    except (OSError, EOFError, zlib.error) as error:
        raise SettingsError(f"{path}, line {number}: cannot be read ({error})") from error


def _is_quotes(header: bytes) -> bool:
    return header.decode(errors="replace").strip().split(",")[:2] == _QUOTES_HEADER


def kalshi_frames(recording: Recording) -> Iterator[tuple[int, bytes]]:
    """(received wall ns, raw frame) of a Kalshi window."""
    for path in recording.files:
        for number, text in enumerate(_lines(path), 1):
            try:
                line = _line.decode(text)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise SettingsError(f"{path}, line {number}: not a recorded frame ({error})") from error
            yield line.recv_ms * MILLISECOND, bytes(line.event)


def quote_lines(recording: Recording) -> Iterator[tuple[int, bytes]]:
    """(local wall ns, raw CSV line) of a best-bid/ask file, header left out; local times without a zone are read as UTC."""
    for path in recording.files:
        lines = _lines(path)
        if not _is_quotes(next(lines, b"")):
            raise SettingsError(f"{path}: the first line is not the header local_ts,venue,…")
        for number, text in enumerate(lines, 2):
            stamp = text.partition(b",")[0].decode(errors="replace")
            try:
                at = datetime.fromisoformat(stamp)
            except ValueError as error:
                raise SettingsError(f"{path}, line {number}: local_ts {stamp!r} is not a time") from error
            if at.tzinfo is None:
                at = at.replace(tzinfo=UTC)
            yield int(at.timestamp()) * 10**9 + at.microsecond * 1000, text.strip()


def read_links(path: Path) -> list[LinkRow]:
    """The links file beside a best-bid/ask recording (JSON lines)."""
    rows = []
    for number, text in enumerate(path.read_bytes().splitlines(), 1):
        try:
            row = msgspec.json.decode(text)
            rows.append(LinkRow(row["polymarket"], row["kalshi"], {"same": False, "inverse": True}[row["relation"]]))
        except (msgspec.MsgspecError, KeyError, TypeError) as error:
            raise SettingsError(f"{path}, line {number}: not a link (polymarket, kalshi, relation): {error}") from error
    return rows


def csv_fields(line: bytes) -> list[str]:
    """Fields of one CSV line. Raises ValueError for one that is not text or not CSV."""
    try:
        return next(csv.reader([line.decode()]))
    except csv.Error as error:
        raise ValueError(str(error)) from error
