"""Records what a venue's public side said: raw frames with their receive times, and the answers to every GET.

One gzipped JSON-lines file a venue, written as it comes; the first line says what it is. Wraps any transport at the seam;
changes nothing that passes. Request headers and bodies are not written: nothing of an account gets into a recording.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from dutchbook.core.clock import SECOND, Clock
from dutchbook.core.errors import DutchbookError, SettingsError
from dutchbook.core.transport import CLOSED, PONG, Channel, Frame, FrameKind, Request, Response, Transport

SUFFIX: Final = ".frames.gz"
FORMAT: Final = "dutchbook-frames"
VERSION: Final = 1
KEPT_HEADERS: Final = ("date", "content-type")


class Header(msgspec.Struct):
    """The first line: what this is, whose, of which markets (the venue's ids), and when it began (wall nanoseconds)."""

    format: str
    version: int
    venue: str
    markets: list[str]
    began_ns: int


class What(Enum):
    """What a line keeps. UNANSWERED is a GET whose answer never came."""

    FRAME = "frame"
    PONG = "pong"
    CLOSED = "closed"
    ANSWER = "answer"
    UNANSWERED = "unanswered"


class Line(msgspec.Struct, omit_defaults=True):
    """One line after the first. `at_ns` is our wall time of receipt."""

    at_ns: int
    url: str
    data: str = ""
    what: What = What.FRAME
    status: int = 0
    headers: dict[str, str] = {}


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode
_decode_header = msgspec.json.Decoder(Header).decode
_KEPT: Final = {FrameKind.TEXT: What.FRAME, FrameKind.PONG: What.PONG, FrameKind.CLOSED: What.CLOSED}


class Recording:
    """An open recording. `frames` counts the text frames written. What is older than a second is on its way to the disk."""

    def __init__(self, path: Path, venue: str, markets: list[str], began_ns: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.frames = 0
        self._flushed_ns = began_ns
        self._file = gzip.GzipFile(path, "wb", compresslevel=5)
        self._file.write(_encode(Header(FORMAT, VERSION, venue, markets, began_ns)) + b"\n")

    def write(self, line: Line) -> None:
        """Add a line."""
        self._file.write(_encode(line) + b"\n")
        self.frames += line.what is What.FRAME
        if line.at_ns - self._flushed_ns > SECOND:
            # a recorder that is killed leaves a file that can be read up to here
            self._file.flush()
            self._flushed_ns = line.at_ns

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


class _RecordingChannel:
    """Passes everything on and writes down what arrives, silence-breaking pongs and the end included."""

    def __init__(self, inner: Channel, url: str, recording: Recording, clock: Clock) -> None:
        self._inner = inner
        self._url = url
        self._recording = recording
        self._clock = clock
        self.send = inner.send
        self.ping = inner.ping
        self.close = inner.close

    async def receive(self) -> Frame:
        frame = await self._inner.receive()
        text = frame.data.decode(errors="replace") if frame.kind is FrameKind.TEXT else ""
        self._recording.write(Line(self._clock.wall(), self._url, text, _KEPT[frame.kind]))
        return frame


class RecordingTransport:
    """A transport that writes down what came through it."""

    def __init__(self, inner: Transport, recording: Recording, clock: Clock) -> None:
        self._inner = inner
        self._recording = recording
        self._clock = clock
        self.close = inner.close

    async def send(self, request: Request) -> Response:
        """The inner transport's answer or error, a GET's written down."""
        try:
            response = await self._inner.send(request)
        except DutchbookError:
            if request.method == "GET":
                self._recording.write(Line(self._clock.wall(), request.url, what=What.UNANSWERED))
            raise
        if request.method == "GET":
            headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
            text = response.body.decode(errors="replace")
            self._recording.write(Line(self._clock.wall(), request.url, text, What.ANSWER, response.status, headers))
        return response

    async def open(self, url: str, headers: Mapping[str, str]) -> Channel:
        """The inner transport's channel, listened to."""
        return _RecordingChannel(await self._inner.open(url, headers), url, self._recording, self._clock)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording looked through: its header, the answers by `target_of` their URLs in order of receipt (None: it never
    came), the URL of its stream, and how many text frames came."""

    path: Path
    header: Header
    answers: Mapping[str, list[tuple[int, Response | None]]]
    stream_url: str
    frames: int


def target_of(url: str) -> str:
    """What a recorded answer is found by: path and query. The host is left out, since recordings outlive hosts."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def read_recording(path: Path) -> Recorded:
    """Everything of a recording but its frames. Raises SettingsError naming the file, and the line where there is one, for
    what is not a recording of ours, is of another version or cannot be read. A last line cut off is left out."""
    header = _header(path)
    answers: dict[str, list[tuple[int, Response | None]]] = {}
    stream_url, frames = "", 0
    for line in _lines_after_header(path):
        if line.what is What.ANSWER:
            response = Response(line.status, line.data.encode(), line.headers)
            answers.setdefault(target_of(line.url), []).append((line.at_ns, response))
        elif line.what is What.UNANSWERED:
            answers.setdefault(target_of(line.url), []).append((line.at_ns, None))
        else:
            stream_url = stream_url or line.url
            frames += line.what is What.FRAME
    return Recorded(path, header, answers, stream_url, frames)


def recorded_frames(path: Path) -> Iterator[tuple[int, Frame]]:
    """(received wall ns, frame) of a recording, in order: text, pongs and hang-ups. Raises as `read_recording`."""
    for line in _lines_after_header(path):
        if line.what is What.FRAME:
            yield line.at_ns, Frame(FrameKind.TEXT, line.data.encode())
        elif line.what is What.PONG:
            yield line.at_ns, PONG
        elif line.what is What.CLOSED:
            yield line.at_ns, CLOSED


def _header(path: Path) -> Header:
    first = next(_lines(path), None)
    if first is None:
        raise SettingsError(f"{path}: holds nothing: the recorder was stopped before it had written its first line")
    try:
        header = _decode_header(first)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise SettingsError(
            f"{path}: is not a recording of dutchbook, or one from before recordings had versions"
        ) from None
    if header.format != FORMAT:
        raise SettingsError(f"{path}: is {header.format!r} and not a recording of dutchbook ({FORMAT!r})")
    if header.version != VERSION:
        raise SettingsError(
            f"{path}: a recording of format version {header.version}, and this dutchbook reads version {VERSION}; "
            "record anew, or replay it with the dutchbook that wrote it"
        )
    return header


def _lines_after_header(path: Path) -> Iterator[Line]:
    for number, text in enumerate(_lines(path), 1):
        if number == 1:
            continue
        try:
            yield _decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}, line {number}: not a recorded frame ({error})") from error


def _lines(path: Path) -> Iterator[bytes]:
    """Complete lines. A recording that was cut off, in the middle of a line or of the compression, ends there."""
    number = 1
    try:
        with gzip.open(path, "rb") as file:
            for text in file:
                if text.endswith(b"\n"):
                    yield text
                    number += 1
    except EOFError:
        return
    except (OSError, zlib.error) as error:
        raise SettingsError(f"{path}, line {number}: cannot be read ({error})") from error
