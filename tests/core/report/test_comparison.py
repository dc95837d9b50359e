"""Comparisons: pairs by unit and by seed, and the set that is not told apart from the best."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from taskloom.comparison.differences import best_of, difference, reference_of
from taskloom.comparison.kept_units import unit_difference
from taskloom.comparison.variants import metric_of, variants
from taskloom.errors import UnknownNameError
from taskloom.headline import Headline
from taskloom.report import write_comparison
from taskloom.report.across import axis_of, pareto
from taskloom.runs import Run
from taskloom.statistics import sides_difference
from taskloom.sweeps.answers import missing_sentence
from taskloom.units import FILE, NAME, UnitValues

MakeRun = Callable[..., Run]
ID = {"id": "a" * 32, "of": "episode", "n": 3}


def headline(value: float, better: str = "lower") -> dict[str, object]:
    return Headline(
        metric="rounds/mean",
        title="Rounds",
        value=value,
        low=value - 0.5,
        high=value + 0.5,
        unit="rounds",
        better=better,  # type: ignore[arg-type]  # one of both
        baseline=None,
        no_baseline="none",
        verdict="none",
        sentence="Done.",
    ).to_json()


def of_seed(
    make_run: MakeRun,
    assistant: str | None,
    seed: int,
    value: float,
    *,
    units: Mapping[str, Any] | None = ID,
    better: str = "lower",
) -> Run:
    agent = None if assistant is None else {"kind": assistant}
    drawn = None if units is None else {**units, "id": f"{seed}{units['id']}"[:32]}
    return make_run(
        config={"seed": seed, "assistant": agent},
        metrics={"rounds/mean": value},
        headline=headline(value, better),
        units=drawn,
    )


def with_units(
    make_run: MakeRun, tmp_path: Path, kind: str | None, told: UnitValues, **record: object
) -> Run:
    told.save(tmp_path / FILE)
    agent = None if kind is None else {"kind": kind}
    value = float(np.mean(told.value))
    return make_run(
        config={"seed": 0, "assistant": agent},
        metrics={"rounds/mean": value},
        headline=headline(value),
        files={FILE: (tmp_path / FILE).read_bytes()},
        artifacts={NAME: f"artifacts/{FILE}"},
        units={**ID, "n": len(told.value), **record},
    )


def test_two_runs_of_the_same_episodes_are_paired_within_one_run(
    make_run: MakeRun, tmp_path: Path
) -> None:
    first = with_units(
        make_run, tmp_path, "big", UnitValues("episode", np.array([2.0, 4, 6]), np.arange(3))
    )
    second = with_units(
        make_run, tmp_path, None, UnitValues("episode", np.array([1.0, 2, 3]), np.arange(3))
    )
    told = unit_difference(first, second)
    assert not isinstance(told, str)
    # A.4: differences 1, 2, 3.
    assert (told.estimate, round(told.half_width or 0, 8)) == (2.0, 2.48413771)
    ours, plain = variants([first, second], "rounds/mean")
    assert (ours.name, plain.name) == ("assistant=big", "assistant=none")
    assert ours.is_within
    assert reference_of([ours, plain]) is plain
    assert difference(ours, plain).how == "paired over 3 episodes, within one run"


def test_episodes_pair_by_their_keys_and_never_by_their_places(
    make_run: MakeRun, tmp_path: Path
) -> None:
    first = with_units(
        make_run, tmp_path, "big", UnitValues("episode", np.array([5.0, 7, 9]), np.array([2, 0, 1]))
    )
    second = with_units(
        make_run, tmp_path, None, UnitValues("episode", np.array([7.0, 9, 5]), np.array([0, 1, 2]))
    )
    told = unit_difference(first, second)
    assert not isinstance(told, str)
    assert (told.estimate, told.low, told.high) == (0.0, 0.0, 0.0)


def test_runs_that_drew_other_units_have_no_difference(make_run: MakeRun, tmp_path: Path) -> None:
    units = UnitValues("episode", np.array([1.0, 2, 3]), np.arange(3))
    first = with_units(make_run, tmp_path, "big", units)
    second = with_units(make_run, tmp_path, None, units, id="b" * 32)
    assert "drew other units" in str(unit_difference(first, second))
    one, two = variants([first, second], "rounds/mean")
    assert difference(one, two).interval is None


def test_sequences_pair_as_a_ratio_of_sums(make_run: MakeRun, tmp_path: Path) -> None:
    weight = np.array([2.0, 4, 4])
    first = with_units(
        make_run,
        tmp_path,
        "big",
        UnitValues("sequence", np.array([2.0, 6, 5]), np.arange(3), weight=weight),
    )
    second = with_units(
        make_run, tmp_path, None, UnitValues("sequence", np.zeros(3), np.arange(3), weight=weight)
    )
    told = unit_difference(first, second)
    assert not isinstance(told, str)
    # A.4: x = 2, 6, 5 and L = 2, 4, 4.
    assert (told.estimate, round(told.standard_error or 0, 8)) == (1.3, 0.12489996)


def test_placements_of_two_scores_have_delongs_variance() -> None:
    """A.4: normal (1 2 3 4), (1 4 2 3); anomalous (3.5 5 2.5), (2.5 5 3.5): areas .75, variance .07638889."""
    pytest.importorskip("taskloom_anomaly")  # core stands by itself in some environments
    from taskloom_anomaly.metrics.intervals import placements

    one = placements(np.array([1.0, 2, 3, 4]), np.array([3.5, 5, 2.5]))
    two = placements(np.array([1.0, 4, 2, 3]), np.array([2.5, 5, 3.5]))
    above, below = one[0] - two[0], one[1] - two[1]
    told = sides_difference([*below, *above], [0] * 4 + [1] * 3)
    assert told.estimate == pytest.approx(0)
    assert round((told.standard_error or 0) ** 2, 8) == 0.07638889


def test_seeds_pair_and_the_reference_values_of_the_page_come_out(make_run: MakeRun) -> None:
    """B.4: mahalanobis - knn over seeds 0 to 2 is .0307, .0854, .0658: not told apart although each seed agrees."""
    apart = {"mahalanobis": (0.9, 0.9, 0.9), "knn": (0.8693, 0.8146, 0.8342), "spectral": (0.5572, 0.5372, 0.5472)}  # fmt: skip
    runs = [
        of_seed(make_run, kind, seed, value, better="higher")
        for kind, values in apart.items()
        for seed, value in enumerate(values)
    ]
    found = variants(runs, "rounds/mean")
    told = difference(found[1], found[0])
    assert told.how == "paired over 3 seeds"
    assert told.interval is not None
    assert round(-told.interval.estimate, 4) == 0.0606
    assert round(told.interval.half_width or 0, 3) == 0.069
    leader, tied, reason = best_of(found, "higher")
    assert leader is not None
    assert (leader.name, [item.name for item in tied], reason) == (
        "assistant=mahalanobis",
        ["assistant=knn"],
        "",
    )


def test_fewer_than_three_seeds_name_no_best_and_show_both_values(
    make_run: MakeRun, tmp_path: Path
) -> None:
    runs = [of_seed(make_run, kind, seed, 2.0 + seed) for kind in ("map", None) for seed in (0, 1)]
    found = variants(runs, "rounds/mean")
    assert best_of(found, "lower")[2] == "three seeds or more are needed to name a best"
    page = write_comparison(runs, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "none, two seeds: 2, 3" in page
    assert "Three seeds or more are needed to name a best." in page


def test_without_units_an_equal_seed_pairs_nothing(make_run: MakeRun) -> None:
    runs = [of_seed(make_run, kind, seed, 2.0 + seed + bool(kind), units=None) for kind in ("map", None) for seed in range(3)]  # fmt: skip
    one, two = variants(runs, "rounds/mean")
    assert difference(one, two).how == "not paired"


def test_a_seed_that_drew_another_problem_is_not_paired(make_run: MakeRun) -> None:
    runs = [
        of_seed(make_run, kind, seed, 2.0, units={**ID, "id": str(kind)})
        for kind in ("map", None)
        for seed in range(3)
    ]
    one, two = variants(runs, "rounds/mean")
    assert "drew other units" in difference(one, two).reason


def test_a_page_names_reference_best_and_what_a_difference_rests_on(
    make_run: MakeRun, tmp_path: Path
) -> None:
    values = {"big": (3.1, 3.2, 3.3), "map": (4.3, 4.5, 4.4), None: (12.8, 12.9, 13.0)}
    runs = [of_seed(make_run, kind, seed, v) for kind, each in values.items() for seed, v in enumerate(each)]  # fmt: skip
    text = write_comparison(runs, tmp_path / "page.html").read_text(encoding="utf-8")
    for words in (
        "assistant=big is best",
        "Differences are to assistant=none.",
        "Differences: paired over 3 seeds.",
        "They differ in assistant (big, map, none).",
        "over 3 seeds",
    ):
        assert words in text
    assert not any(run.id.rpartition("-")[2] in text.partition("<details")[0] for run in runs)
    other = write_comparison(runs, tmp_path / "page.html", reference="map").read_text("utf-8")
    assert "Differences are to assistant=map." in other
    with pytest.raises(UnknownNameError, match="No variant is called 'bog'"):
        write_comparison(runs, tmp_path / "page.html", reference="bog")


def test_points_that_failed_count_as_failed() -> None:
    statuses = ["finished"] * 97 + ["failed"] * 3 + [""] * 8
    said = missing_sentence(statuses, ["no memory.", "no memory.", "a wall"])
    assert said == "97 of 108 finished, 3 failed: no memory; 8 without a run."


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=20))
def test_the_pareto_set_is_what_no_other_point_beats(points: list[tuple[int, int]]) -> None:
    kept = pareto([(float(a), float(b)) for a, b in points], (1, -1))
    assert any(kept)
    for (a, b), is_kept in zip(points, kept, strict=True):
        beaten = any(x >= a and y <= b and (x, y) != (a, b) for x, y in points)
        assert is_kept is not beaten


@given(st.lists(st.one_of(st.floats(), st.just("\u2013"), st.sampled_from(["a", "b"])), min_size=1))
def test_a_missing_value_is_never_at_zero(column: list[object]) -> None:
    texts = [value if isinstance(value, str) else repr(value) for value in column]
    axis = axis_of("x", texts)
    for text, place in zip(texts, axis.places, strict=True):
        is_missing = text in ("\u2013", "nan", "inf", "-inf")
        assert (place is None) is is_missing
        assert place is None or (0 <= place <= 1 and math.isfinite(place))


def test_the_metric_is_the_headline_that_most_runs_have(make_run: MakeRun) -> None:
    plain = make_run(metrics={"other": 1.0})
    told = [of_seed(make_run, "map", seed, 2.0) for seed in (0, 1)]
    found = metric_of([plain, *told])
    assert found is not None
    assert (found.name, found.better) == ("rounds/mean", "lower")
    assert metric_of([plain]) is not None
