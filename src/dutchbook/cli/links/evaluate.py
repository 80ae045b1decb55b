"""`dutchbook links evaluate`: how well linking does on pairs that somebody has labelled, or on two lists of titles.

Reads files and measures time; the counting is `linking.evaluate`'s. Approves nothing and writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from dutchbook.cli.links.uncollected import uncollected
from dutchbook.cli.output import say, say_json
from dutchbook.core.errors import SettingsError


def evaluate(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE.jsonl", help="Labelled pairs, one JSON object a line.")
    ] = None,
    catalogue: Annotated[
        Path | None,
        typer.Option("--catalogue", metavar="FILE", help="One JSON object with poly, kalshi (id, title) and truth."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """How many labelled pairs are proposed, vetoed or not found: precision, recall and every disagreement."""
    if (file is None) == (catalogue is None):
        raise SettingsError("name either FILE.jsonl with labelled pairs, or --catalogue FILE with two lists of titles")
    if file is not None:
        document = _rows(file)
    else:
        assert catalogue is not None
        document = _catalogue(catalogue)
    if as_json:
        say_json(document)
        return
    for line in _lines(document):
        say(line)


def _rows(path: Path) -> dict[str, Any]:
    from dutchbook.linking.evaluate import evaluate_rows

    rows = list(_read_rows(path))
    start = time.perf_counter()
    evaluation = evaluate_rows(rows)
    return evaluation.document(round(time.perf_counter() - start, 3))


def _catalogue(path: Path) -> dict[str, Any]:
    from dutchbook.linking.evaluate_catalogue import evaluate_catalogue

    document = _decode(path, _bytes(path))
    start = time.perf_counter()
    with uncollected():
        evaluation = evaluate_catalogue(document)
    return {**asdict(evaluation), "seconds": round(time.perf_counter() - start, 3)}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file") from None


def _decode(where: object, text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{where}: is not JSON ({error})") from None


def _read_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """Every row of a JSON-lines file. Raises SettingsError naming the line that is not an object."""
    for number, line in enumerate(_bytes(path).splitlines(), 1):
        if line.strip():
            row = _decode(f"{path}, line {number}", line)
            if not isinstance(row, dict):
                raise SettingsError(f"{path}, line {number}: is not an object")
            yield row


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    from dutchbook.linking.review import plain

    yield f"{document['rows']} rows, {document['skipped']} skipped (one side has no readable text), {document['seconds']} s"
    if document["by_label"]:
        yield f"{'label':<18}{'proposed':>9}{'inverse':>9}{'vetoed':>8}{'not found':>11}"
    for name, counts in sorted(document["by_label"].items()):
        yield (f"{name:<18}{counts['proposed']:>9}{counts['inverse']:>9}{counts['vetoed']:>8}{counts['not_found']:>11}")
    if document["vetoes"]:
        yield "vetoes: " + ", ".join(f"{code} {count}" for code, count in document["vetoes"].items())
    for name in ("precision", "recall"):
        if document[name] is not None:
            bounds = document.get(f"{name}_wilson95")
            within = f"  (95 % Wilson {bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else ""
            yield f"{name} {document[name]:.3f}{within}"
    yield f"inverse pairs taken for the same bet: {document['inverted_as_same']}"
    if "judged" in document:
        yield (
            f"{document['poly']} by {document['kalshi']} titles, {document['duplicates']} told twice; "
            f"{document['judged']} pairs compared, {document['proposed']} proposed, {document['right']} of them known"
        )
    for heading, said in (("wrong", "proposed as"), ("missed", "not proposed:")):
        for one in document.get(heading, ()):
            ids, titles = f"{one['poly']} / {one['kalshi']}", f"{one['poly_title']} | {one['kalshi_title']}"
            yield plain(f"  {ids} {said} {one['said']}: {titles}")
    for one in document.get("disagreements", ()):
        yield f"  row {one['row']}: labelled {one['label']}, {one['outcome']}: {one['why']}"
