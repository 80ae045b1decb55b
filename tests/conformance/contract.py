"""The contract tables: what a client may rely on in every answer and frame, in our own words.

A table is TOML with three parts: `[answers]` (endpoint -> what its body is), `[frames]` (kind -> what the frame is) and
`[objects.Name]` (field -> what stands there). What stands somewhere is text, number, whole (a number without a fraction),
flag, list, table, null or the name of an object; `a|b` is either, `[x]` a list of x, `{x}` a table of x under any key, and a
`?` after a field's kind says that the field may be absent. Fields that a table does not name are allowed: venues add some
every month.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.tape import Answer

_PLAIN = {str: {"text"}, float: {"number"}, bool: {"flag"}, list: {"list"}, dict: {"table"}, type(None): {"null"}}
_PLAIN[int] = {"whole", "number"}


@dataclass(frozen=True, slots=True)
class Contract:
    """One venue's tables."""

    answers: Mapping[str, str]
    """`METHOD /path/{}` -> kind."""
    frames: Mapping[str, str]
    objects: Mapping[str, Mapping[str, str]]

    def entry_of(self, answer: Answer, base: str = "") -> str | None:
        """The entry that an answer belongs to: the one with the fewest parameters that fits its path."""
        asked = f"{answer.method} {answer.path.removeprefix(base)}"
        for entry in sorted(self.answers, key=lambda each: each.count("{}")):
            if re.fullmatch(re.escape(entry).replace(r"\{\}", "[^/]+"), asked):
                return entry
        return None

    def breaches(self, kind: str, value: object, where: str = "") -> Iterator[str]:
        """One line for each field that is missing or is something else."""
        readings = [list(self._breaches(each, value, where)) for each in kind.split("|")]
        if all(readings):
            # the reading that fits best is the one meant
            yield from min(readings, key=len)

    def _breaches(self, kind: str, value: Any, where: str) -> Iterator[str]:
        if kind.startswith(("[", "{")):
            if not isinstance(value, list if kind[0] == "[" else dict):
                yield f"{where or 'body'}: not a {'list' if kind[0] == '[' else 'table'}"
                return
            for item in value if isinstance(value, list) else value.values():
                yield from self.breaches(kind[1:-1], item, f"{where}{kind[0]}{']' if kind[0] == '[' else '}'}")
        elif kind in self.objects:
            if not isinstance(value, dict):
                yield f"{where or 'body'}: not a {kind}"
                return
            for name, expected in self.objects[kind].items():
                below = f"{where}.{name}" if where else name
                if name in value:
                    yield from self.breaches(expected.removesuffix("?"), value[name], below)
                elif not expected.endswith("?"):
                    yield f"{below}: missing"
        elif kind not in _PLAIN[type(value)]:
            yield f"{where or 'body'}: {value!r} is not {kind}"

    def fields(self, kind: str, where: str = "") -> Iterator[str]:
        """Every field that an entry speaks of, as paths."""
        for each in kind.split("|"):
            if each.startswith(("[", "{")):
                yield from self.fields(each[1:-1], where + ("[]" if each[0] == "[" else "{}"))
            for name, expected in self.objects.get(each, {}).items():
                below = f"{where}.{name}" if where else name
                yield below
                yield from self.fields(expected.removesuffix("?"), below)

    def undefined(self) -> set[str]:
        """Kinds that are used and mean nothing: a slip of the pen."""
        used = [*self.answers.values(), *self.frames.values()]
        used += [kind.removesuffix("?") for fields in self.objects.values() for kind in fields.values()]
        names = {name for kind in used for name in re.findall(r"\w+", kind)}
        return names - self.objects.keys() - set().union(*_PLAIN.values())


def load(name: str) -> Contract:
    """A table beside this module."""
    table = tomllib.loads((Path(__file__).parent / name).read_text())
    return Contract(table["answers"], table["frames"], table["objects"])
