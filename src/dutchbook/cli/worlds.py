"""A simulator process beside us: started, read, asked, stopped. Its keys are made for it and worth nothing."""

from __future__ import annotations

import asyncio
import sys
from typing import Any
from urllib.parse import urlsplit

import msgspec

from dutchbook.core.errors import SettingsError, Stop

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
READY_S = 30.0
NETWORK_MS = (15, 80)
"""Network time each way of the demo's venues, in milliseconds: what a home connection has to a distant exchange."""


def require_loopback(*urls: str) -> None:
    """Raises SettingsError for a URL that is not on this machine: the demo never talks to anything else."""
    for url in urls:
        if urlsplit(url).hostname not in _LOOPBACK:
            raise SettingsError(f"{url}: not a loopback address; the demo trades on local simulators only")


class WorldProcess:
    """Both simulated venues on one world, in a process of their own."""

    def __init__(self, process: asyncio.subprocess.Process, description: dict[str, Any]) -> None:
        self._process = process
        self.description = description

    @classmethod
    async def start(cls, seed: int) -> WorldProcess:
        """Start the simulators and wait for their description. Raises Stop with their last words when they fail."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "dutchbook",
            "sim",
            "both",
            "--seed",
            str(seed),
            "--latency-ms",
            f"{NETWORK_MS[0]}:{NETWORK_MS[1]}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=16 * 1024 * 1024,
            # Ctrl-C on the terminal is for us: the venues must stay up until the trades under way are finished
            start_new_session=True,
        )
        assert process.stdout is not None and process.stderr is not None
        try:
            async with asyncio.timeout(READY_S):
                line = await process.stdout.readline()
        except TimeoutError:
            process.kill()
            raise Stop(f"the simulators did not start within {READY_S:g} s") from None
        if not line:
            words = (await process.stderr.read()).decode(errors="replace").strip().splitlines()[-3:]
            raise Stop("the simulators did not start: " + " / ".join(words))
        description = msgspec.json.decode(line)
        for venue in description["venues"]:
            require_loopback(*(value for key, value in venue.items() if key.endswith("url")))
        return cls(process, description)

    def venue(self, name: str) -> dict[str, Any]:
        """One venue's addresses, accounts and markets."""
        found: dict[str, Any] = next(venue for venue in self.description["venues"] if venue["venue"] == name)
        return found

    async def ask(self, word: str) -> dict[str, Any]:
        """Send `settle` or `statement` and return the answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(word.encode() + b"\n")
        await self._process.stdin.drain()
        line = await self._process.stdout.readline()
        if not line:
            raise Stop("the simulators ended unexpectedly")
        answer: dict[str, Any] = msgspec.json.decode(line)
        return answer

    async def stop(self) -> None:
        """Ask it to end, and make sure that it does."""
        if self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                async with asyncio.timeout(5):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
