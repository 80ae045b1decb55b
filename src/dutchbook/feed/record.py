"""Records what a venue's public side said: raw frames with their receive times, and the answers that gave the markets.

One gzipped JSON-lines file a recording, written as it comes. Wraps any transport at the seam; changes nothing that passes.
Request headers and bodies are not written: nothing of an account gets into a recording.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from dutchbook.core.clock import Clock
from dutchbook.core.errors import SettingsError
from dutchbook.core.transport import Channel, Frame, FrameKind, Request, Response, Transport


class Line(msgspec.Struct, omit_defaults=True):
    """One line: a frame (`status` 0) or an answer to a GET. `at_ns` is our wall time of receipt."""

    at_ns: int
    url: str
    data: str
    status: int = 0
    headers: dict[str, str] = {}


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode
SUFFIX = ".frames.gz"
KEPT_HEADERS = ("date", "content-type")


class Recording:
    """An open recording. `frames` counts what was written."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.frames = 0
        self._file = gzip.GzipFile(path, "wb", compresslevel=5)

    def write(self, line: Line) -> None:
        self._file.write(_encode(line) + b"\n")
        self.frames += line.status == 0

    def close(self) -> None:
        self._file.close()


class _RecordingChannel:
    """Passes everything on and writes each text frame that arrives."""

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
        if frame.kind is FrameKind.TEXT:
            self._recording.write(Line(self._clock.wall(), self._url, frame.data.decode(errors="replace")))
        return frame


class RecordingTransport:
    """A transport that writes down what came through it."""

    def __init__(self, inner: Transport, recording: Recording, clock: Clock) -> None:
        self._inner = inner
        self._recording = recording
        self._clock = clock
        self.close = inner.close

    async def send(self, request: Request) -> Response:
        response = await self._inner.send(request)
        if request.method == "GET":
            headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
            text = response.body.decode(errors="replace")
            self._recording.write(Line(self._clock.wall(), request.url, text, response.status, headers))
        return response

    async def open(self, url: str, headers: Mapping[str, str]) -> Channel:
        return _RecordingChannel(await self._inner.open(url, headers), url, self._recording, self._clock)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording read back: answers by URL in order, and frames by URL in order of receipt."""

    began_ns: int
    answers: Mapping[str, list[Response]]
    frames: Mapping[str, list[tuple[int, bytes]]]


def read_recording(path: Path) -> Recorded:
    """All of a recording. Raises SettingsError naming file and line for one that cannot be read."""
    answers: dict[str, list[Response]] = {}
    frames: dict[str, list[tuple[int, bytes]]] = {}
    began_ns = 0
    for number, line in enumerate(_lines(path), 1):
        try:
            row = _decode(line)
        except msgspec.MsgspecError as error:
            raise SettingsError(f"{path}, line {number}: not a recorded frame ({error})") from error
        began_ns = began_ns or row.at_ns
        if row.status:
            answers.setdefault(row.url, []).append(Response(row.status, row.data.encode(), row.headers))
        else:
            frames.setdefault(row.url, []).append((row.at_ns, row.data.encode()))
    return Recorded(began_ns, answers, frames)


def _lines(path: Path) -> Iterator[bytes]:
    """Complete lines; a recording that was cut off in the middle of one ends there."""
    with gzip.open(path, "rb") as file:
        try:
            yield from file
        except EOFError:
            return
