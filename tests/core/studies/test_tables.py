"""Studies of tables: what each figure is, what is refused, and the forms in which it is shown."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest
from taskloom import Study, statistics as ts
from taskloom.errors import UnknownNameError, UsageError
from taskloom.studies.question import Test

SEEDS = 6
EFFECTS = {"gain": 1.0, "big": 0.4, "none": 0.0}
Rows = list[dict[str, Any]]


def noise(*words: object) -> float:
    """Return a number between -1 and 1 that depends on the words alone."""
    return math.sin(7.3 * sum(hash_of(str(word)) * (at + 1) for at, word in enumerate(words)))


def hash_of(word: str) -> int:
    return sum(ord(char) * (at + 1) for at, char in enumerate(word))


def table(*, seeds: int = SEEDS, rates: tuple[float, ...] = (0.05, 0.2)) -> Rows:
    return [
        {
            "assistant": name,
            "user.error_rate": rate,
            "seed": seed,
            "return/mean": effect + rate + noise("seed", seed) + 0.2 * noise(name, rate, seed),
        }
        for name, effect in EFFECTS.items()
        for rate in rates
        for seed in range(seeds)
    ]


def study(rows: Rows | None = None, **changes: Any) -> Study:  # noqa: ANN401 -- the arguments of `Study.of`
    asked: dict[str, Any] = {"metric": "return/mean", "compare": "assistant", **changes}
    return Study.of(table() if rows is None else rows, **asked)


def by_seed(rows: Rows, name: str) -> dict[int, float]:
    """Return the average over error rates of each seed, worked out here."""
    found: dict[int, list[float]] = {}
    for row in rows:
        if row["assistant"] == name:
            found.setdefault(row["seed"], []).append(row["return/mean"])
    return {seed: sum(values) / len(values) for seed, values in found.items()}


def test_a_combination_has_the_t_interval_of_its_seeds() -> None:
    cell = study().table[0]
    values = [row["return/mean"] for row in table()[:SEEDS]]
    assert cell.levels == {"assistant": "gain", "user.error_rate": 0.05}
    assert cell.interval == ts.mean_interval(values)
    assert (cell.interval.n, cell.planned, cell.note) == (SEEDS, SEEDS, "")


def test_levels_are_compared_within_each_seed_and_averaged_over_the_other_factors() -> None:
    rows = table()
    found = study(rows).differences
    assert [item.name for item in found] == ["gain - big", "gain - none", "big - none"]
    expected = ts.paired_difference(by_seed(rows, "gain"), by_seed(rows, "big"))
    interval = found[0].interval
    assert (interval.estimate, interval.low, interval.high) == pytest.approx(
        (expected.interval.estimate, expected.interval.low, expected.interval.high), rel=1e-12
    )
    assert found[0].p == pytest.approx(expected.p, rel=1e-12)


def test_the_baseline_is_taken_away_from_every_other_level() -> None:
    found = study(baseline="big").differences
    assert [item.name for item in found] == ["gain - big", "none - big"]
    assert found[1].words == "none is lower than big"


def test_a_baseline_is_named_by_its_value() -> None:
    rows = [{"on": on, "seed": s, "value": noise(on, s)} for on in (True, False) for s in range(3)]
    assert Study.of(rows, baseline=True).differences[0].name == "false - true"
    rates = study(compare="user.error_rate", baseline=0.05).differences
    assert [item.name for item in rates] == ["0.2 - 0.05"]


def test_p_values_and_intervals_hold_for_all_comparisons_together() -> None:
    found = study().differences
    raw = [item.p for item in found if item.p is not None]
    assert [item.adjusted_p for item in found] == ts.holm(raw)
    assert [item.family.level for item in found] == [pytest.approx(1 - 0.05 / 3)] * 3
    assert all((i.family.half_width or 0) > (i.interval.half_width or 0) for i in found)
    plain = study(correct="none").differences
    assert [item.adjusted_p for item in plain] == raw


def test_the_best_and_what_is_not_told_apart_from_it_are_marked() -> None:
    marks = {tuple(cell.levels.values()): cell.mark for cell in study(better="higher").table}
    assert marks["gain", 0.2] == "best"
    assert marks["none", 0.05] == ""
    lowest = {tuple(cell.levels.values()): cell.mark for cell in study(better="lower").table}
    assert lowest["none", 0.05] == "best"
    assert {cell.mark for cell in study().table} == {""}


def test_two_equal_combinations_are_not_told_apart() -> None:
    rows = [{"k": k, "seed": s, "value": noise(s)} for k in "ab" for s in range(5)]
    found = Study.of(rows, better="higher")
    assert sorted(cell.mark for cell in found.table) == ["best", "tied"]
    assert (found.differences[0].outcome, found.differences[0].p) == ("identical", None)
    assert found.differences[0].words == "a equals b in every seed"


def test_a_constant_shift_is_no_finding() -> None:
    rows = [{"k": k, "seed": s, "value": s + (k == "a")} for k in "ab" for s in range(5)]
    found = Study.of(rows).differences[0]
    assert (found.outcome, found.adjusted_p) == ("constant", None)
    assert "all seeds equal" in found.interval.notes


def test_one_seed_says_nothing_about_others() -> None:
    found = study(table(seeds=1))
    assert found.table[0].interval.no_interval == "one seed says nothing about others"
    assert found.differences[0].outcome == "undecided"


def test_values_that_are_missing_are_counted_and_never_imputed() -> None:
    rows = table(rates=(0.1,))
    rows[0]["return/mean"], rows[1]["return/mean"] = math.nan, None
    found = study(rows)
    assert found.table[0].interval.n == SEEDS - 2
    assert found.table[0].note == "4 of 6 seeds: incomplete"
    assert [row.seed for row in found.values.missing] == [0, 1]
    assert found.differences[0].interval.n == SEEDS - 2
    assert "2 seeds of the second left out, not common: 0, 1" in found.differences[0].interval.notes


def test_levels_without_common_seeds_are_compared_by_welch_and_it_is_said() -> None:
    rows = [
        {"k": k, "seed": s + 10 * (k == "b"), "value": noise(k, s)} for k in "ab" for s in range(5)
    ]
    found = Study.of(rows).differences[0]
    assert found.interval.method == "Welch"
    assert "no common seeds: not paired (5 and 5 seeds)" in found.interval.notes


def test_levels_that_share_no_combination_have_no_difference_and_say_why() -> None:
    rows = [
        {"a": a, "b": b, "seed": s, "value": noise(a, s)}
        for a, b in (("x", 1), ("y", 2))
        for s in range(3)
    ]
    found = Study.of(rows, compare="a").differences[0]
    assert found.words == "the two levels have no combination of the other factors in common"


def test_shares_have_exact_intervals_and_differences_by_seed() -> None:
    rows = [
        {"k": k, "seed": s, "success": hits[s] / 20, "episodes": 20}
        for k, hits in {"a": (18, 20, 19, 17), "b": (12, 13, 15, 11)}.items()
        for s in range(4)
    ]
    found = Study.of(rows, metric="success", share_of="episodes")
    assert found.table[0].interval == ts.share_interval(74, 80, "clopper-pearson")
    assert found.differences[0].interval.estimate == pytest.approx((74 - 51) / 80)
    counts = [{**row, "success": row["success"] * 20} for row in rows]
    assert Study.of(counts, metric="success", count_of=20).table == found.table
    with pytest.raises(UsageError, match=r"success is 0.9, which is no count of 20 trials"):
        Study.of(rows, metric="success", count_of=20)


@pytest.mark.parametrize(("test", "p"), [("sign-flip", 0.03125), ("sign", 0.03125), ("t", None)])
def test_the_test_can_be_chosen(test: Test, p: float | None) -> None:
    found = study(baseline="none", test=test).differences[0]
    assert found.test.startswith(test)
    assert found.p == pytest.approx(
        ts.t_test(list((found.differences or {}).values())).p if p is None else p
    )


def test_a_test_that_cannot_reach_the_level_says_so() -> None:
    found = study(table(seeds=5), baseline="none", test="sign-flip").differences[0]
    assert "n = 5 cannot reach 0.05" in found.interval.notes


def test_the_bootstrap_is_refused_below_twenty_seeds() -> None:
    with pytest.raises(UsageError, match="needs 20 common seeds, and there are 6"):
        study(interval="bootstrap")
    found = study(table(seeds=20), interval="bootstrap", baseline="none").differences[0]
    assert found.interval.method == "BCa"


def test_a_skewed_level_is_warned_of() -> None:
    rows = [{"seed": s, "value": v} for s, v in enumerate((0.2, 0.1, 3.9, 0.4, 0.3))]
    cell = Study.of(rows).table[0]
    assert cell.warning.startswith("skewed")
    assert cell.geometric is not None


def test_the_required_number_of_seeds_follows_from_the_differences() -> None:
    found = study(baseline="none")
    sizes = found.required(half_width=0.05)
    sample = list((found.differences[0].differences or {}).values())
    assert sizes["gain - none"] == ts.plan_half_width(sample, 0.05)
    assert found.required(difference=0.1)["big - none"].method == "power 80%, t"
    with pytest.raises(UsageError, match="give one of them"):
        found.required()
    with pytest.raises(UsageError, match="above 0"):
        found.required(half_width=-1)


def test_columns_frames_and_rows_are_one_table() -> None:
    rows = table()
    frame = pd.DataFrame(rows)
    columns = {name: list(frame[name]) for name in frame}
    named = frame.rename(
        columns={"assistant": "config.assistant", "return/mean": "metrics.return/mean"}
    )
    expected = study(rows).to_json()
    for other in (frame, columns, named):
        assert study(other).to_json() == expected  # type: ignore[arg-type]  # any kind of table


def test_the_order_of_the_rows_changes_no_figure() -> None:
    rows = sorted(table(), key=lambda row: (row["seed"], row["assistant"] != "gain"))
    ours = {item.name: item.interval.low for item in study(baseline="none").differences}
    theirs = {item.name: item.interval.low for item in study(rows, baseline="none").differences}
    assert ours == theirs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"compare": "asistant"}, "no factor 'asistant'; it has assistant, user.error_rate"),
        ({"baseline": "bigg"}, "no level 'bigg'; it has gain, big, none"),
        ({"metric": "return"}, "no column 'return'"),
        ({"seed": "sead"}, "no column 'sead'"),
    ],
)
def test_a_name_that_does_not_exist_is_refused_with_the_closest(
    changes: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(UnknownNameError, match=message) as caught:
        study(**changes)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"level": 1.5}, "--level is 1.5"),
        ({"correct": "hollm"}, "--correct is 'hollm'"),
        ({"interval": "bca"}, "--interval is 'bca'"),
        ({"better": "more"}, "--better is 'more'"),
        ({"metric": ""}, "needs --metric"),
        ({"share_of": "a", "count_of": "b"}, "exclude each other"),
        ({"compare": "assistant,user.error_rate", "baseline": "big"}, "one factor"),
    ],
)
def test_a_question_that_cannot_be_meant_is_refused(
    changes: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        study(**changes)


def test_two_rows_of_one_combination_and_seed_are_refused() -> None:
    rows = table()
    with pytest.raises(UsageError, match=r"Two rows are of assistant=gain .* with seed 0"):
        study([*rows, rows[0]])
    with pytest.raises(UsageError, match="at least one run"):
        study([])


def test_the_terminal_shows_p_values_and_the_page_of_a_paper_does_not() -> None:
    found = study(better="higher")
    text, latex = found.text(), found.latex()
    assert "p (Holm)" in text
    assert "gain is higher than none (better)" in text
    assert "not shown to differ from the best" in text or "best" in text
    assert "Holm" not in latex.split("\\begin", 1)[1].split("% ", 1)[0]
    assert " & p & " not in latex
    assert latex.count("\\begin{tabular}") == latex.count("\\end{tabular}") == 2
    assert "user.error\\_rate" in latex
    assert "<table" in found._repr_html_()
    assert "p (Holm)" not in found._repr_html_()


def test_text_of_others_is_escaped_everywhere() -> None:
    rows = [
        {"k": k, "seed": s, "value": noise(k, s)}
        for k in ("<script>", "50 %_\\x1b[31m\x1b[31m")
        for s in range(3)
    ]
    found = Study.of(rows)
    assert "\x1b" not in found.text()
    assert "<script>" not in found._repr_html_()
    assert "50 \\%\\_" in found.latex()


def test_csv_json_and_frames_hold_the_same_figures() -> None:
    found = study(better="higher")
    document = json.loads(json.dumps(found.to_json()))
    lines = list(csv.DictReader(io.StringIO(found.csv())))
    assert len(lines) == len(document["cells"]) + len(document["comparisons"])
    compared = [line for line in lines if line["row"] == "comparison"]
    assert [float(line["p"]) for line in compared] == [
        item["p"] for item in document["comparisons"]
    ]
    frame = found.frame()
    assert list(frame["adjusted_p"]) == [item["adjusted_p"] for item in document["comparisons"]]
    assert list(found.frame("table")["estimate"]) == [
        item["estimate"] for item in document["cells"]
    ]
    assert len(found.frame("values")) == len(table())
    with pytest.raises(UnknownNameError, match="no frame of 'tables'"):
        found.frame("tables")


def test_ten_thousand_runs_are_analysed_at_once() -> None:
    """0.5 CPU-seconds are the bar (`benchmarks/studies/analysis.py`); ten times that is a loop over loops."""
    import time

    rows = [
        {"k": k, "rate": rate, "seed": s, "value": noise(k, s) + rate}
        for k in range(10)
        for rate in range(10)
        for s in range(100)
    ]
    start = time.process_time()
    found = Study.of(rows, compare="k", better="higher")
    assert len(found.differences) == 45
    assert len(found.table) == 100
    assert time.process_time() - start < 5
