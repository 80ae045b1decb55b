"""Whole catalogues: contradictions are taken back, titles alone are measured, and a bad document is named by its field."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from dutchbook.cli.links.evaluate import evaluate
from dutchbook.core.errors import SettingsError
from dutchbook.core.listing import Listing
from dutchbook.linking.catalogue import AMBIGUOUS, link_catalogue
from dutchbook.linking.evaluate_catalogue import evaluate_catalogue

QUESTION = "Will Ada Brook win the 2031 Oster mayoral election?"
NO_TWIN = "Does the zeppelin land in Oster this autumn?"


def document(poly: list[str], kalshi: list[str], truth: list[Any]) -> dict[str, Any]:
    return {
        "poly": [{"id": f"p{at}", "title": title} for at, title in enumerate(poly)],
        "kalshi": [{"id": f"k{at}", "title": title} for at, title in enumerate(kalshi)],
        "truth": truth,
    }


def listings_world() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks/listings.py"
    spec = importlib.util.spec_from_file_location("benchmarks_listings", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_same_title_is_proposed_and_another_year_is_not() -> None:
    other_year = QUESTION.replace("2031", "2035")
    said = evaluate_catalogue(document([QUESTION], [other_year, QUESTION], [["p0", "k1", False]]))
    assert (said.proposed, said.right, said.precision, said.recall) == (1, 1, 1.0, 1.0)
    assert said.by_label["same"] == {"proposed": 1, "inverse": 0, "vetoed": 0, "not_found": 0}
    assert said.wrong == said.missed == ()


def test_two_markets_with_one_title_are_not_told_apart_so_neither_is_proposed() -> None:
    said = evaluate_catalogue(document([QUESTION], [QUESTION, QUESTION], [["p0", "k1", False]]))
    assert said.proposed == 0
    assert said.by_label["same"]["vetoed"] == 1
    assert said.vetoes[AMBIGUOUS] == 2
    assert said.missed[0].said == AMBIGUOUS


def test_of_two_twins_the_one_with_the_closer_title_stays() -> None:
    links = link_catalogue(
        [
            Listing("polymarket", "1", QUESTION),
            Listing("kalshi", "2", QUESTION),
            Listing("kalshi", "3", "Will Ada Brook win the Oster mayoral election in 2031?"),
        ]
    )
    both = links.proposed + links.ambiguous
    assert {pair.second.listing.id for pair in links.proposed} <= {"2"}
    assert len({pair.second.listing.id for pair in both}) == 2
    assert all(pair.verdict.vetoes[-1].code == AMBIGUOUS and not pair.verdict.proposed for pair in links.ambiguous)


def test_a_pair_is_judged_once_whichever_venue_is_larger() -> None:
    small, large = [Listing("a", "1", QUESTION)], [Listing("b", "1", QUESTION), Listing("b", "2", NO_TWIN)]
    for told in (small + large, large + small):
        links = link_catalogue(told)
        assert [(pair.first.listing.venue, pair.second.listing.id) for pair in links.proposed] == [("a", "1")]


def test_ids_are_not_read() -> None:
    speaking = {
        "poly": [{"id": "nba-ost-brk-2031-01-13", "title": "Herons vs. Otters"}],
        "kalshi": [{"id": "KXNBAGAME-31JAN13OSTBRK-OST", "title": "Oster at Brook Winner?"}],
        "truth": [["nba-ost-brk-2031-01-13", "KXNBAGAME-31JAN13OSTBRK-OST", False]],
    }
    assert evaluate_catalogue(speaking).proposed == 0


def test_a_twin_that_is_proposed_with_the_wrong_side_is_wrong_and_counted() -> None:
    said = evaluate_catalogue(document([QUESTION], [QUESTION], [["p0", "k0", True]]))
    assert said.inverted_as_same == 1
    assert (said.right, said.precision, said.recall) == (0, 0.0, 0.0)
    assert [one.said for one in said.wrong] == ["same"]


def test_missing_titles_are_skipped_and_repeated_ids_count_once() -> None:
    told = document([QUESTION, "", "  "], [QUESTION], [["p0", "k0", False]])
    told["poly"].append({"id": "p0", "title": "Something else"})
    told["kalshi"].append({"id": 7, "title": None})
    said = evaluate_catalogue(told)
    assert (said.poly, said.kalshi, said.skipped, said.duplicates, said.proposed) == (3, 2, 3, 1, 1)


def test_nothing_to_divide_by_is_said_as_nothing() -> None:
    said = evaluate_catalogue(document([], [], []))
    assert (said.precision, said.recall, said.rows, said.judged) == (None, None, 0, 0)


def test_huge_and_foreign_titles_cost_no_error() -> None:
    titles = [
        "?" * 100_000,
        "x" * 1_000_000,
        "日本銀行は3月5日に利上げするか",
        "هل ستمطر؟",
        "🙂🙂",
        "a\x00b\u202e",
        QUESTION,
    ]
    said = evaluate_catalogue(document(titles, titles[::-1], []))
    assert said.poly == said.kalshi == len(titles)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"poly": None}, "poly: missing"),
        ({"kalshi": {}}, "kalshi: not a list"),
        ({"truth": "x"}, "truth: not a list"),
        ({"poly": ["x"]}, r"poly\[0\]: not an object"),
        ({"poly": [{"title": "x"}]}, r"poly\[0\]\.id: missing"),
        ({"poly": [{"id": True, "title": "x"}]}, r"poly\[0\]\.id: not"),
        ({"kalshi": [{"id": "k0", "title": 5}]}, r"kalshi\[0\]\.title: not text"),
        ({"truth": [["p0"]]}, r"truth\[0\]: not"),
        ({"truth": [["p0", "k9", False]]}, r"truth\[0\]\[1\]: 'k9' is not listed under kalshi"),
        ({"truth": [["p0", "k0", "no"]]}, r"truth\[0\]\[2\]: inverted"),
        ({"truth": [["p0", "k0", False], ["p0", "k0", True]]}, r"truth\[1\]: the pair stands there before"),
    ],
)
def test_a_bad_document_is_refused_by_the_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(SettingsError, match=field):
        evaluate_catalogue({**document([QUESTION], [QUESTION], []), **change})


def test_a_document_that_is_no_object_is_refused() -> None:
    with pytest.raises(SettingsError, match="not an object"):
        evaluate_catalogue([])  # type: ignore[arg-type]


def test_the_command_tells_the_same_in_text_and_json(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.json"
    path.write_text(json.dumps(document([QUESTION, NO_TWIN], [QUESTION], [["p0", "k0", False], ["p1", "k0", False]])))
    app = typer.Typer()
    app.command()(evaluate)
    told = json.loads(CliRunner().invoke(app, ["--catalogue", str(path), "--json"]).stdout)
    keys = {"rows", "skipped", "by_label", "vetoes", "precision", "recall", "inverted_as_same", "seconds"}
    assert keys <= told.keys()
    assert (told["rows"], told["precision"], told["recall"]) == (2, 1.0, 0.5)
    text = CliRunner().invoke(app, ["--catalogue", str(path)]).stdout
    assert "recall 0.500" in text
    assert f"p1 / k0 not proposed: not found: {NO_TWIN} | {QUESTION}" in text


def test_in_an_invented_catalogue_every_twin_is_compared_and_nothing_is_proposed_wrongly() -> None:
    listings = listings_world()
    world = listings.make(400, 4_000, seed=5)
    assert (len(world.polymarket), len({one.id for one in world.kalshi})) == (400, 4_000)
    truth = {(here, there): "inverse" if flipped else "same" for here, there, flipped in world.truth}
    from dutchbook.linking.catalogue import every_pair, sift
    from dutchbook.linking.reading import read

    pairs = list(every_pair(map(read, world.polymarket + world.kalshi)))
    met = {(pair.first.listing.id, pair.second.listing.id) for pair in pairs}
    assert truth.keys() <= met
    proposed = {(one.first.listing.id, one.second.listing.id): one.verdict.polarity for one in sift(pairs).proposed}
    assert proposed
    assert all(truth.get(ids) == polarity for ids, polarity in proposed.items())
