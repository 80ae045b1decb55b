"""The benchmark's own promises on a small run, and that its oracle is a witness of its own."""

from pathlib import Path

from opportunity.oracle import detection


def test_a_small_run_agrees_with_brute_force_everywhere() -> None:
    answer = detection.compare(books=400, seed=20261120)
    assert answer["profitable"] > 100
    assert answer["rejections"].keys() >= {"fees", "no_cross", "size"}
    for figure in ("verdicts_differ", "above", "short_over_a_cent", "exact_case_differs"):
        assert answer[figure] == 0, answer


def test_the_same_seed_gives_the_same_comparison() -> None:
    assert detection.compare(30, 5) == detection.compare(30, 5)
    assert detection.compare(30, 5) != detection.compare(30, 6)


def test_the_timings_are_medians_of_real_work() -> None:
    answer = detection.measure(seed=1, pairs=20, rounds=1)
    assert answer["scan_us_per_quiet_pair"] > 0
    assert answer["size_us_per_five_level_crossing"] > answer["scan_us_per_quiet_pair"]
    assert answer["brute_force_over_sizing"] > 1


def test_the_oracle_reads_the_published_fee_vectors_by_itself() -> None:
    rate = detection.Fraction("0.07")
    for at, size, precision, net in [(550, 100, 10_000, 5_000), (3333, 333, 10_000, 60_111), (3333, 333, 100, 51_811)]:
        leg = detection.OracleLeg(((at, size),), rate, precision, whole=False)
        assert detection.OracleOrder(leg).fill(at, size).fee == net


def test_the_oracle_uses_no_fee_code_of_the_engine() -> None:
    text = Path(detection.__file__).read_text()
    oracle = text[text.index("# --- the oracle") : text.index("# --- random books")]
    for word in ("kalshi_fees", "polymarket_fees", "FeeMeter", "size_bundle", "Book("):
        assert word not in oracle
