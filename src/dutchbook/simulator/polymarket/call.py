"""One REST request taken apart, as every route sees it. Checks nothing."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from dutchbook.simulator.polymarket.refusal import Refused


@dataclass(frozen=True, slots=True)
class Call:
    """One request taken apart; header names in lower case."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    now: int

    def one(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]

    def json(self) -> object:
        """The decoded body; `Invalid order payload` when it is no JSON."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise Refused(400, "Invalid order payload") from error

    @property
    def last(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[1]
