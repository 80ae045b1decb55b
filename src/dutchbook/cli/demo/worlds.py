"""A simulator process beside us: started or found again, read, asked, stopped. Its keys are made for it and worth nothing.

It lives longer than the process that started it: its words come through a named pipe, its answers go to a file, both in a folder
of their own, so that a demo that was killed can be started again on the same venues. It ends by itself when nobody has said
anything to it for a while.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from dutchbook.core.errors import SettingsError, Stop

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
READY_S = 30.0
NETWORK_MS = (15, 80)
"""Network time each way of the demo's venues, in milliseconds: what a home connection has to a distant exchange."""

SILENCE_S: Final = 60
"""How long the venues wait for a word: so long may a demo that was killed be away."""

WORD_EVERY_S: Final = 5.0
_POLL_S: Final = 0.02

OWNER, WORDS, ANSWERS, ERRORS = "owner", "words", "answers.jsonl", "errors.txt"


def require_loopback(*urls: str) -> None:
    """Raises SettingsError for a URL that is not on this machine: the demo never talks to anything else."""
    for url in urls:
        if urlsplit(url).hostname not in _LOOPBACK:
            raise SettingsError(f"{url}: not a loopback address; the demo trades on local simulators only")


class WorldProcess:
    """Both simulated venues on one world, in a process of their own. `folder` is where it is spoken to."""

    def __init__(self, folder: Path, owned: int, process: subprocess.Popen[bytes] | None) -> None:
        self.description: dict[str, Any] = {}
        self._folder = folder
        self._owned = owned
        self._process = process
        """None when an earlier process started it."""
        self._living: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, seed: int, folder: Path) -> WorldProcess:
        """Start the simulators and wait for their description. Raises Stop with their last words when they fail."""
        # under another name until it is owned: nobody else may find it before
        making = folder.with_suffix(".making")
        making.mkdir(parents=True)
        owned = _own(making)
        assert owned is not None
        making.rename(folder)
        words = folder / WORDS
        os.mkfifo(words, 0o600)
        # held open for reading and writing by the venues themselves: their input does not end when we do
        pipe = os.open(words, os.O_RDWR)
        try:
            with (folder / ANSWERS).open("wb") as answers, (folder / ERRORS).open("wb") as errors:
                process = subprocess.Popen(  # noqa: ASYNC220 - it outlives this process, and nothing runs beside it yet
                    [
                        *(sys.executable, "-m", "dutchbook", "sim", "both", "--seed", str(seed)),
                        *("--latency-ms", f"{NETWORK_MS[0]}:{NETWORK_MS[1]}", "--silence", str(SILENCE_S)),
                    ],
                    stdin=pipe,
                    stdout=answers,
                    stderr=errors,
                    # neither Ctrl-C on the terminal nor the end of our process group is for them
                    start_new_session=True,
                )
        finally:
            os.close(pipe)
        return await cls(folder, owned, process)._ready()

    @classmethod
    async def find(cls, folder: Path) -> WorldProcess | None:
        """Simulators that an earlier process started and left behind. None when they are somebody's, and when they are gone:
        then their folder is taken away."""
        owned = _own(folder)
        if owned is None:
            return None
        found = cls(folder, owned, None)
        if not found._alive():
            await found.stop()
            return None
        try:
            return await found._ready()
        except Stop:
            return None

    async def _ready(self) -> WorldProcess:
        try:
            line = await self._line(0, READY_S)
        except Stop as error:
            await self.stop()
            raise Stop(f"the simulators did not start: {error}") from None
        self.description = msgspec.json.decode(line)
        for venue in self.description["venues"]:
            require_loopback(*(value for key, value in venue.items() if key.endswith("url")))
        self._living = asyncio.create_task(self._keep_alive())
        return self

    def venue(self, name: str) -> dict[str, Any]:
        """One venue's addresses, accounts and markets."""
        found: dict[str, Any] = next(venue for venue in self.description["venues"] if venue["venue"] == name)
        return found

    async def ask(self, word: str) -> dict[str, Any]:
        """Send `settle` or `statement` and return the answer. Raises Stop when the simulators are gone."""
        before = (self._folder / ANSWERS).stat().st_size
        try:
            _say(self._folder, word)
        except OSError:
            raise Stop("the simulators ended unexpectedly") from None
        answer: dict[str, Any] = msgspec.json.decode(await self._line(before, READY_S))
        return answer

    async def stop(self) -> None:
        """Ask it to end, make sure that it does where it is ours, and take its folder away."""
        if self._living is not None:
            self._living.cancel()
        with suppress(OSError):
            _say(self._folder, "stop")
        try:
            async with asyncio.timeout(5):
                while self._alive():  # noqa: ASYNC110 - a process that is not our child has no event
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._owned)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(WORD_EVERY_S)
            with suppress(OSError):
                _say(self._folder, "")

    def _alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        try:
            _say(self._folder, "")
        except OSError:
            return False
        return True

    async def _line(self, offset: int, patience_s: float) -> bytes:
        """The first whole line of the answers after `offset`. Raises Stop with their last words when none comes."""
        try:
            answers = (self._folder / ANSWERS).open("rb")
        except OSError:
            raise Stop("they never began") from None
        with answers:
            answers.seek(offset)
            line = b""
            try:
                async with asyncio.timeout(patience_s):
                    while not line.endswith(b"\n"):
                        line += answers.readline()
                        if not line.endswith(b"\n"):
                            if not self._alive():
                                raise Stop(self._last_words() or "they ended unexpectedly")
                            await asyncio.sleep(_POLL_S)
            except TimeoutError:
                raise Stop(f"they did not answer within {patience_s:g} s") from None
        return line

    def _last_words(self) -> str:
        with suppress(OSError):
            return " / ".join((self._folder / ERRORS).read_text(errors="replace").strip().splitlines()[-3:])
        return ""


def _say(folder: Path, word: str) -> None:
    """A line for the simulators; an empty one only tells them that somebody is there. Raises OSError when they are gone."""
    pipe = os.open(folder / WORDS, os.O_WRONLY | os.O_NONBLOCK)
    try:
        os.write(pipe, word.encode() + b"\n")
    except BlockingIOError:
        # they are there, and have more to read than they do: one word less
        if word:
            raise OSError(errno.EAGAIN, "the simulators do not listen") from None
    finally:
        os.close(pipe)


def _own(folder: Path) -> int | None:
    """Make simulators ours for as long as we live; None when another process has them. The system ends it with the process."""
    try:
        owned = os.open(folder / OWNER, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(owned, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(owned)
        return None
    return owned
