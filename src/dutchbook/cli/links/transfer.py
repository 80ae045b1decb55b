"""The registry as a file: `links export` writes it, `links import` takes one in. Somebody else's file is proposals and no more.

Only with --trust and a reason are decisions of a file restored, and only for exactly the rules texts that it carries and that
this ledger has. Must never approve by default.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from dutchbook.cli.links.registry import By, decide, read_registry, take_in, whoever
from dutchbook.cli.output import say, say_json
from dutchbook.cli.own_ledger import Json, LedgerPath, ledger_path
from dutchbook.core.claim import MarketId
from dutchbook.core.errors import SettingsError, Skip
from dutchbook.core.facts import LinkProposed, LinkVeto
from dutchbook.core.link import LONGEST_RULES, rules_hash

if TYPE_CHECKING:
    from dutchbook.ledger.projection import Ledger

LARGEST: Final = 200_000_000
"""Bytes of a file that are read at all."""

IMPORTED: Final = "imported"
"""Code of the veto that an imported link carries: nobody here has read it."""


class Row(msgspec.Struct, forbid_unknown_fields=True):
    """One line of the file: a link, how it stood, and for which texts it was approved."""

    proposal: LinkProposed
    standing: str
    approved_hashes: dict[MarketId, str] = {}
    by: str = ""
    reason: str = ""


def export(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to write it (JSON lines); it must not exist yet.")
    ],
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """Write every link of the registry with its texts, hashes and decisions to a file."""
    path = ledger_path(ledger)
    lines = []
    for entry in read_registry(path).links.entries.values():
        last = entry.history[-1]
        row = Row(entry.proposal, entry.standing.value, entry.approved_hashes, last.by, last.reason)
        lines.append(msgspec.json.encode(row))
    try:
        with file.open("xb") as out:
            out.writelines(line + b"\n" for line in lines)
    except FileExistsError:
        raise SettingsError(f"{file}: exists already; choose another name") from None
    if as_json:
        say_json({"file": str(file), "links": len(lines)})
    else:
        say(f"{file}: {len(lines)} links written")


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `links export` wrote.")],
    trust: Annotated[
        bool,
        typer.Option("--trust", help="It is your own export: restore its decisions too, where the texts are the same."),
    ] = False,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why it is trusted; needed with --trust.")
    ] = "",
    by: By = "",
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """Take links in from a file, as proposals. Nothing becomes tradable by it, unless you say that the file is your own."""
    if trust and not reason.strip():
        raise SettingsError(
            "--trust: needs --reason; say why this file's approvals are yours, it is kept in the ledger"
        )
    rows, path, name = read_file(file), ledger_path(ledger), whoever(by)
    known = read_registry(path).links.entries if path.exists() else {}
    fresh = [
        row.proposal if trust else distrusted(row.proposal, file) for row in rows if row.proposal.link not in known
    ]
    take_in(path, fresh, name)
    restored, kept = _restore(path, rows, f"restored from {file.name}: {reason.strip()}", name) if trust else ([], [])
    told = {
        "file": str(file),
        "links": len(rows),
        "proposed": len(fresh),
        "known": len(rows) - len(fresh),
        "restored": restored,
        "not_restored": kept,
    }
    if as_json:
        say_json(told)
        return
    say(
        f"{len(rows)} links in {file}: {len(fresh)} proposed, {len(rows) - len(fresh)} known already and left as they are"
    )
    if trust:
        say(f"{len(restored)} decisions restored")
        for text in kept:
            say(f"  not restored: {text}")
    else:
        say("none is approved by this: `dutchbook links show ID`, then `dutchbook links approve ID --reason …`")


def read_file(file: Path) -> list[Row]:
    """The rows of a file, each checked by itself. Raises SettingsError naming the line and what is wrong with it."""
    from dutchbook.ledger.links import check

    try:
        if file.stat().st_size > LARGEST:
            raise SettingsError(f"{file}: larger than {LARGEST // 1_000_000} MB; that is no registry")
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from None
    rows: list[Row] = []
    seen: dict[str, int] = {}
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            row = msgspec.json.decode(text, type=Row)
            check(row.proposal)
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError, Skip) as error:
            raise SettingsError(f"{file}, line {number}: {error}") from None
        name = row.proposal.link
        if name in seen:
            raise SettingsError(
                f"{file}, line {number}: link {name} stands in line {seen[name]} too; nothing was taken in"
            )
        seen[name] = number
        for member in row.proposal.members:
            if len(member.rules) > LONGEST_RULES:
                raise SettingsError(f"{file}, line {number}: the rules of {member.market} are too long to be read")
            if len(member.rules) < LONGEST_RULES and rules_hash(member.rules) != member.rules_hash:
                raise SettingsError(f"{file}, line {number}: the rules of {member.market} are not those of their hash")
        rows.append(row)
    return rows


def distrusted(proposal: LinkProposed, file: Path) -> LinkProposed:
    """A proposal of somebody else's file: nobody's word but the file's stands behind it."""
    veto = LinkVeto(IMPORTED, f"comes from {file.name} and was not judged here: read both rules yourself")
    by = f"file {file.name}"
    return msgspec.structs.replace(proposal, by=by, high=False, vetoes=(*proposal.vetoes, veto))


def _restore(path: Path, rows: list[Row], reason: str, by: str) -> tuple[list[str], list[str]]:
    """Repeat the decisions of a trusted file; which were, and why the others were not."""
    done, kept = [], []
    ledger = read_registry(path)
    for row in rows:
        if row.standing == "proposed":
            continue
        name = row.proposal.link
        trouble = _obstacle(ledger, row)
        if not trouble:
            verb = {"approved": "link_approve", "rejected": "link_reject"}[row.standing]
            answer, _ = decide(path, verb, {"link": name, "reason": reason}, by)
            trouble = "" if answer.done else answer.text
        if trouble:
            kept.append(f"{name}: {trouble}")
        else:
            done.append(name)
    return done, kept


def _obstacle(ledger: Ledger, row: Row) -> str:
    entry = ledger.links.entries[row.proposal.link]
    if row.standing not in ("approved", "rejected"):
        return f"it was {row.standing}"
    if entry.standing.value != "proposed":
        return f"it is {entry.standing.value} here"
    if entry.hashes != {member.market: member.rules_hash for member in row.proposal.members}:
        return "the rules texts of this ledger are not those of the file"
    if row.standing == "approved" and row.approved_hashes != entry.hashes:
        return "its approval was for other rules texts"
    if any(len(member.rules) >= LONGEST_RULES for member in row.proposal.members):
        return "its rules are cut, so their hash cannot be checked"
    return ""
