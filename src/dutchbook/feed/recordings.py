"""Reads recordings: Kalshi WebSocket windows (ndjson, gzipped or plain) and best-bid/ask CSV with its links.

Yields what was recorded, in order of receipt; corrects nothing. A line that cannot be read is an error naming file and line.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

import msgspec

from dutchbook.core.clock import MILLISECOND
from dutchbook.core.errors import SettingsError


class Format(Enum):
    KALSHI_WINDOW = "kalshi_window"
    BEST_QUOTES = "best_quotes"


@dataclass(frozen=True, slots=True)
class Recording:
    """One stream of frames: the files that continue each other, in order."""

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
_SUFFIXES = (".ndjson", ".ndjson.gz", ".csv", ".csv.gz")


def find(paths: Sequence[Path]) -> list[Recording]:
    """Recordings under these paths; a directory stands for all in it, its ndjson files continuing each other by name.

    Raises SettingsError for a path that is missing or holds no recording.
    """
    found: list[Recording] = []
    for path in paths:
        if not path.exists():
            raise SettingsError(f"{path}: no such file or directory; give a recording or a folder of recordings")
        if path.is_file():
            found.append(_one(path))
            continue
        inside = sorted(p for p in path.rglob("*") if p.is_file() and p.name.endswith(_SUFFIXES))
        windows: dict[Path, list[Path]] = {}
        for file in inside:
            recording = _one(file)
            if recording.format is Format.KALSHI_WINDOW:
                windows.setdefault(file.parent, []).append(file)
            else:
                found.append(recording)
        found.extend(Recording(folder.name, Format.KALSHI_WINDOW, tuple(files)) for folder, files in windows.items())
    if not found:
        raise SettingsError(f"{', '.join(map(str, paths))}: no recording found (looked for {', '.join(_SUFFIXES)})")
    return found


def _one(path: Path) -> Recording:
    if path.name.endswith((".ndjson", ".ndjson.gz")):
        return Recording(path.parent.name, Format.KALSHI_WINDOW, (path,))
    if path.name.endswith((".csv", ".csv.gz")):
        return Recording(path.name, Format.BEST_QUOTES, (path,))
    raise SettingsError(f"{path}: not a recording that can be read (expected one of {', '.join(_SUFFIXES)})")


def _open(path: Path) -> io.BufferedIOBase:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def kalshi_frames(recording: Recording) -> Iterator[tuple[int, bytes]]:
    """(received wall ns, raw frame) of a Kalshi window."""
    for path in recording.files:
        with _open(path) as lines:
            for number, text in enumerate(lines, 1):
                try:
                    line = _line.decode(text)
                except msgspec.MsgspecError as error:
                    raise SettingsError(f"{path}, line {number}: not a recorded frame ({error})") from error
                yield line.recv_ms * MILLISECOND, bytes(line.event)


def quote_lines(recording: Recording) -> Iterator[tuple[int, bytes]]:
    """(local wall ns, raw CSV line) of a best-bid/ask file, header left out; its local times are read as UTC."""
    for path in recording.files:
        with _open(path) as lines:
            header = next(lines, b"").decode().strip().split(",")
            if header[:2] != ["local_ts", "venue"]:
                raise SettingsError(f"{path}: the first line is not the header local_ts,venue,…")
            for number, text in enumerate(lines, 2):
                stamp = text.partition(b",")[0].decode()
                try:
                    at = datetime.fromisoformat(stamp).replace(tzinfo=UTC)
                except ValueError as error:
                    raise SettingsError(f"{path}, line {number}: local_ts {stamp!r} is not a time") from error
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
    """Fields of one CSV line."""
    return next(csv.reader([line.decode()]))
