"""Labelled rows in any shape, counted honestly; and the figures on the recorded labels, also with every name and
year exchanged."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from dutchbook.cli.links.evaluate import evaluate
from dutchbook.core.errors import SettingsError
from dutchbook.linking import words_tables
from dutchbook.linking.evaluate import Evaluation, evaluate_rows, wilson
from dutchbook.linking.reading_when import MONTHS

DATA = Path(os.environ.get("DUTCHBOOK_DATA", Path(__file__).parents[3] / "shared/data"))
PAIRS = DATA / "pairs/labelled_pairs.jsonl"
recorded = pytest.mark.skipif(not PAIRS.exists(), reason=f"labelled pairs not found at {PAIRS} (DUTCHBOOK_DATA)")

SAME = {
    "poly_question": "Will Ada Brook win the 2031 Oster governor election?",
    "kalshi_title": "Ada Brook wins 2031 Oster governor race?",
}
OTHER = {
    "poly_question": "Will Ada Brook win the 2031 Oster governor election?",
    "kalshi_title": "Ada Brook wins 2035 Oster governor race?",
}
TURNED = {"polymarket": "aec-nba-qua-har-2031-01-09", "kalshi": "KXNBAGAME-31JAN09QUAHAR-HAR"}


def test_every_row_has_one_outcome_under_its_label() -> None:
    evaluation = evaluate_rows(
        [
            {**SAME, "label": "same"},
            {**OTHER, "label": "not_same"},
            {**TURNED, "relation": "inverse"},
            {"poly_question": "Will it rain in Duluth?", "kalshi_title": "Who wins the blitz?", "label": "not_same"},
            {"poly_id": "12", "kalshi_ticker": "KXGOV-31-AB", "kalshi_title": "Ada Brook", "label": "same"},
            {"label": "same"},
        ]
    )  # fmt: skip
    assert evaluation.by_label == {
        "same": {"proposed": 1, "inverse": 0, "vetoed": 0, "not_found": 0},
        "not_same": {"proposed": 0, "inverse": 0, "vetoed": 1, "not_found": 1},
        "inverse": {"proposed": 0, "inverse": 1, "vetoed": 0, "not_found": 0},
    }
    assert (evaluation.rows, evaluation.skipped, evaluation.inverted_as_same) == (6, 2, 0)
    assert evaluation.vetoes == {"date": 1}
    assert evaluation.precision == evaluation.recall == 1


def test_an_inverse_pair_taken_for_the_same_is_counted_and_is_no_success() -> None:
    evaluation = evaluate_rows([{**SAME, "label": "inverse"}])
    assert evaluation.inverted_as_same == 1
    assert evaluation.precision == 0
    (disagreement,) = evaluation.disagreements
    assert (disagreement.row, disagreement.label, disagreement.outcome) == (1, "inverse", "proposed")


def test_labels_that_nobody_has_verified_count_but_prove_nothing() -> None:
    evaluation = evaluate_rows([{**SAME, "label": "same_unverified"}, {**SAME}])
    assert evaluation.by_label["same_unverified"]["proposed"] == 1
    assert evaluation.by_label["unlabelled"]["proposed"] == 1
    assert evaluation.precision is None
    assert evaluation.recall is None


@pytest.mark.parametrize(
    "row",
    [
        {"polymarket": {"question": SAME["poly_question"]}, "kalshi": {"title": SAME["kalshi_title"]}},
        {"pm_title": SAME["poly_question"], "ks_title": SAME["kalshi_title"], "extra": [1, {"deep": None}]},
        {"a": SAME["poly_question"], "b": SAME["kalshi_title"]},
        {"left": {"name": SAME["poly_question"]}, "right": {"text": SAME["kalshi_title"], "id": 7}},
        {
            "poly_question": SAME["poly_question"] + ": This market will resolve to “Yes” if",
            "kalshi_title": SAME["kalshi_title"],
        },
        {
            "poly_question": SAME["poly_question"],
            "kalshi_title": "Who will win the 2031 Oster governor race?",
            "kalshi_subtitle": "Ada Brook",
        },
    ],
)
def test_a_row_may_have_any_shape(row: dict[str, Any]) -> None:
    assert evaluate_rows([{**row, "label": "same"}]).by_label["same"]["proposed"] == 1


@pytest.mark.parametrize(
    "row", [{}, {"label": None}, {"poly_question": None, "kalshi_title": 3.5}, {"kalshi": [], "poly": {}}]
)
def test_a_row_without_text_on_one_side_is_skipped(row: dict[str, Any]) -> None:
    assert evaluate_rows([row]).skipped == 1


def test_a_row_that_names_the_paired_side_is_read_by_it() -> None:
    row = {
        "poly_slug": "nfl-qui-har-2031-01-10",
        "poly_question": "Quills vs. Harriers",
        "kalshi_ticker": "KXNFLGAME-31JAN10QUIHAR-HAR",
        "kalshi_title": "Quillan at Harlow",
        "label": "same",
    }
    assert evaluate_rows([row]).by_label["same"]["inverse"] == 1
    assert evaluate_rows([{**row, "kalshi_main_refers_to": "harriers"}]).by_label["same"]["proposed"] == 1
    assert evaluate_rows([{**row, "kalshi_main_refers_to": "Harlow"}]).by_label["same"]["proposed"] == 1


def test_wilson_bounds() -> None:
    assert wilson(0, 0) == (0, 1)
    low, high = wilson(95, 100)
    assert (round(low, 4), round(high, 4)) == (0.8882, 0.9785)


def _command(*words: str) -> Any:
    app = typer.Typer()
    app.command()(evaluate)
    return CliRunner().invoke(app, list(words))


def test_the_command_prints_exactly_the_promised_keys_and_more(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text(
        "\n".join(json.dumps(row) for row in ({**SAME, "label": "same"}, {**OTHER, "label": "same"})) + "\n\n"
    )
    document = json.loads(_command(str(file), "--json").stdout)
    promised = {"rows", "skipped", "by_label", "vetoes", "precision", "recall", "inverted_as_same", "seconds"}
    assert promised <= set(document)
    assert set(document["by_label"]["same"]) == {"proposed", "inverse", "vetoed", "not_found"}
    text = _command(str(file)).stdout
    assert "row 2: labelled same, vetoed" in text
    assert "Wilson" in text


def test_the_command_names_what_it_cannot_read(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"label": "same"}\n[1]\n')
    for words, said in (
        ((str(bad),), "line 2"),
        ((str(tmp_path / "none"),), "no such file"),
        ((), "either FILE.jsonl"),
    ):
        error = _command(*words).exception
        assert isinstance(error, SettingsError)
        assert said in str(error)


def _recorded() -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in PAIRS.read_bytes().splitlines()]


def _by_person_or_configuration(row: dict[str, Any]) -> bool:
    return row["basis"].startswith(("human", "bot config"))


def _counts(evaluation: Evaluation, label: str) -> tuple[int, int]:
    counts = evaluation.by_label[label]
    return counts["proposed"] + counts["inverse"], sum(counts.values())


@recorded
def test_no_pair_that_a_person_calls_different_is_proposed_and_most_of_the_same_are() -> None:
    evaluation = evaluate_rows(filter(_by_person_or_configuration, _recorded()))
    assert _counts(evaluation, "not_same")[0] == 0
    found, of = _counts(evaluation, "same")
    assert found >= 0.8 * of


@recorded
@pytest.mark.parametrize(
    "half", [slice(0, None, 2), slice(1, None, 2), slice(None)], ids=["even rows", "odd rows", "all rows"]
)
def test_over_all_labels_nearly_all_that_is_proposed_is_right(half: slice) -> None:
    evaluation = evaluate_rows(_recorded()[half])
    assert evaluation.precision is not None
    assert evaluation.precision >= 0.95
    assert evaluation.recall is not None
    assert evaluation.recall >= 0.9
    assert evaluation.inverted_as_same == 0


_WORD = re.compile(r"[^\W\d_]+")
_YEAR = re.compile(r"(?<!\d)20(\d\d)(?!\d)")
_SHORT_YEAR = re.compile(r"(?<=-)(2\d)(?=[A-Z-])|(?<=\d[-–])(\d\d)(?!\d)")
_SYLLABLES = ("ba", "do", "ki", "lu", "mer", "nos", "pil", "rau", "sten", "tiv", "vor", "zeg")


def _vocabulary() -> frozenset[str]:
    """Every word that linking's tables or months know, so that only names are left to be exchanged."""
    known = set(words_tables.SPELLINGS) | set(MONTHS)
    for first, rows in words_tables.PHRASES.items():
        known |= {first, *(word for rest, _ in rows for word in rest)}
    for value in vars(words_tables).values():
        if isinstance(value, frozenset):
            known |= value
        elif isinstance(value, tuple):
            known |= {word.lower() for word in value if isinstance(word, str)}
    return frozenset(known)


def _exchanged(row: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """The row with every name made up anew (its first letter kept, for "Los Angeles L") and every year five later."""

    def name(found: re.Match[str]) -> str:
        word = found.group()
        if not word[0].isupper() or len(word) == 1 or word.lower() in known or word.isupper():
            return word
        digest = hashlib.sha256(word.lower().encode()).digest()
        return word[0] + "".join(_SYLLABLES[digest[at] % len(_SYLLABLES)] for at in range(3))

    def later(found: re.Match[str]) -> str:
        digits = found.group(1) or found.group(2)
        return f"{int(digits) + 5:02d}" if len(found.group()) == 2 else f"20{int(digits) + 5:02d}"

    out = dict(row)
    for key in ("poly_question", "kalshi_title", "kalshi_main_refers_to"):
        if out.get(key):
            text = out[key].title() if key == "kalshi_main_refers_to" else out[key]
            out[key] = _SHORT_YEAR.sub(later, _YEAR.sub(later, _WORD.sub(name, text)))
    for key in ("poly_slug", "kalshi_ticker", "kalshi_event"):
        if out.get(key):
            out[key] = (
                _SHORT_YEAR.sub(later, _YEAR.sub(later, out[key])) if key != "poly_slug" else _YEAR.sub(later, out[key])
            )
    return out


@recorded
def test_with_every_name_and_year_exchanged_the_figures_stay_the_same() -> None:
    known = _vocabulary()
    rows = _recorded()
    exchanged = [_exchanged(row, known) for row in rows]
    assert sum(one != other for one, other in zip(rows, exchanged, strict=True)) > 900
    before, after = evaluate_rows(rows), evaluate_rows(exchanged)
    assert after.by_label["same"] == before.by_label["same"]
    assert after.by_label["not_same"]["proposed"] == before.by_label["not_same"]["proposed"]
    assert after.by_label["not_same"]["inverse"] == 0


INSTITUTIONS = words_tables.word_set(
    "world cup men women super bowl stanley finals champions league premier english democratic republican presidential"
    " nomination nominee election president senate governor mayor mayoral governorship speaker house primary ticket general"
    " half first round january february march april june july august september october november december spread score"
    " republicans democrats basketball down united state exact result halftime bitcoin ethereum south north west east"
    " central international season winner"
)


@recorded
def test_no_table_of_linking_knows_a_name_of_the_labelled_rows() -> None:
    """Words with a capital inside a title are names, but for institutions, offices, competitions and the language's
    own words."""
    texts = [row.get(key) or "" for row in _recorded() for key in ("poly_question", "kalshi_title")]
    plain = {word for text in texts for word in re.findall(r"\b[a-z]{3,}\b", text)}
    names = {word.lower() for text in texts for word in re.findall(r"(?<=[a-z,] )[A-Z][a-z]{3,}\b", text)}
    assert not (names - plain - INSTITUTIONS) & _vocabulary()
