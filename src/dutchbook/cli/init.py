"""`dutchbook init`: the settings as files to begin with, written from the settings' own table, so that they cannot drift apart.

Never overwrites a file and never writes a secret.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dutchbook.cli.output import note, say, say_json

if TYPE_CHECKING:
    from dutchbook.settings.table import Row

TOML, ENV = "dutchbook.toml", ".env.example"
_WIDTH: Final = 100

_TOML_HEAD: Final = """\
Settings of dutchbook. Every line that begins with `#` and a name is a setting at its default: take the `#` away and change it.
The environment and a file `.env` in this folder rank above this file. Secrets never stand here: see .env.example.
`dutchbook doctor` says what is wrong or missing, `dutchbook run` trades. Where to begin: docs/getting-started.md.
"""
_ENV_HEAD: Final = """\
Copy this file to `.env`, take the `#` away where you have a value, and keep `.env` to yourself (chmod 600 .env; never commit it).
Nothing here is needed for paper trading. A secret may also stand in a file: the variable that ends with _PATH names it.
"""
_ENV_REST: Final = """\
Every setting of dutchbook.toml may stand here too, or in the environment, under these names; they rank above that file.
"""


def init(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where the files go.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write dutchbook.toml and .env.example: every setting with its default and its meaning. Files that exist are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    written, kept = [], []
    for name, text in ((TOML, toml_text()), (ENV, env_text())):
        path = folder / name
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            kept.append(str(path))
        else:
            written.append(str(path))
    if as_json:
        say_json({"written": written, "kept": kept})
        return
    for each in written:
        say(f"written  {each}")
    for each in kept:
        say(f"kept     {each} (it exists already, and is never overwritten)")
    note("next: `dutchbook doctor`, then docs/getting-started.md; without any change the mode is paper")


def toml_text() -> str:
    """dutchbook.toml with every setting commented out at its default."""
    from dutchbook.settings.sources import PLAIN, SECRET

    lines = [*_prose(_TOML_HEAD)]
    sections: dict[str, list[str]] = {"": []}
    for row in PLAIN:
        section, _, name = row.key.rpartition(".")
        sections.setdefault(section, []).extend(("", *_meaning(row)))
        if _settable(row):
            sections[section].append(f"#{name} = {_literal(row)}")
        else:
            sections[section][-1] += f" (`{name}`)"
    for secret in SECRET:
        section, _, name = secret.path_key.rpartition(".")
        told = f"{secret.meaning}. A secret: {' or '.join(secret.env)} in .env, or here the file that holds it:"
        sections.setdefault(section, []).extend(("", *_prose(told), f'# {name} = "FILE"'))
    for section, content in sections.items():
        lines += ["", f"[{section}]", *content] if section else content
    return "\n".join(lines) + "\n"


def env_text() -> str:
    """.env.example: the secrets, then every other variable, all commented out."""
    from dutchbook.settings.sources import PLAIN, SECRET

    lines = [*_prose(_ENV_HEAD)]
    for secret in SECRET:
        lines += ["", *_prose(secret.meaning), f"#{secret.env[0]}=", f"#{secret.path_env[0]}="]
        if secret.env[1:]:
            lines.append(f"# also read as {', '.join((*secret.env[1:], *secret.path_env[1:]))}")
    lines += ["", *_prose(_ENV_REST)]
    for row in PLAIN:
        lines += ["", *_meaning(row), f"#{row.env[0]}={row.default}"]
        if row.env[1:]:
            lines.append(f"# also read as {', '.join(row.env[1:])}")
    return "\n".join(lines) + "\n"


def _prose(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from (f"# {part}" for part in textwrap.wrap(line, _WIDTH, break_long_words=False, break_on_hyphens=False))


def _meaning(row: Row) -> Iterable[str]:
    return _prose(f"{row.meaning}; {row.kind.what} ({', '.join(row.env)})")


def _settable(row: Row) -> bool:
    """Whether the default is a value that can be written down: another spelling of a setting has none of its own."""
    try:
        row.kind.read(row.default)
    except ValueError:
        return False
    return True


def _literal(row: Row) -> str:
    """The default as TOML: a number or a boolean where the setting takes one, else text."""
    from decimal import Decimal, InvalidOperation

    if row.default in ("true", "false"):
        return row.default
    try:
        number = Decimal(row.default)
        if row.kind.read(number) == row.kind.read(row.default):
            return row.default
    except (ValueError, InvalidOperation):
        pass
    return f'"{row.default}"'
