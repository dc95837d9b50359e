"""`taskloom.study` with a function in place of runs: configs, looks, and the interval that covers."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import taskloom as tl
from numpy.typing import NDArray
from taskloom import statistics as ts
from taskloom.cli.commands.study import study as study_command
from taskloom.cli.commands.study_runs import study_runs
from taskloom.errors import ConfigError, UnknownNameError, UsageError
from taskloom.studies.question import StudyQuestion
from taskloom_probe.tasks import WalkConfig
from tests_sizes import size

Draw = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]


def normal(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    return rng.standard_normal(shape)


def student(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    return rng.standard_t(5, shape)


def rates(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Differences of success rates .9 and .7 over 100 episodes, less their mean."""
    return (rng.binomial(100, 0.9, shape) - rng.binomial(100, 0.7, shape)) / 100 - 0.2


def lognormals(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    shift = math.exp(0.3 + 0.5) - math.exp(0.5)
    return rng.lognormal(0.3, 1, shape) - rng.lognormal(0, 1, shape) - shift


def covered(draw: Draw, seeds: int) -> float:
    """Return the share of simulated studies whose interval of the difference holds the truth, which is 0."""
    studies = draw(np.random.default_rng(11), (size("simulated_studies"), seeds)).tolist()
    hits = 0
    for values in studies:

        def run(config: Mapping[str, Any], values: list[float] = values) -> dict[str, float]:
            # The seed's own part is common to both levels, and no part of the difference.
            common = 3.0 * math.cos(config["seed"])
            return {"score": common + (values[config["seed"]] if config["kind"] == "a" else 0.0)}

        study = tl.study(None, {"kind": ["a", "b"]}, range(seeds), metric="score", runner=run)
        hits += study.differences[0].interval.contains(0)
    return hits / len(studies)


@pytest.mark.parametrize("seeds", [5, 3, 10, 20][: size("coverage_columns")])
@pytest.mark.parametrize("draw", [normal, rates])
def test_the_default_interval_covers_what_it_says(draw: Draw, seeds: int) -> None:
    """2,000 studies: a true 95 % lies outside [93, 97] % with probability 4.5e-5, a true 90 % inside with 1.7e-6."""
    assert 0.93 <= covered(draw, seeds) <= 0.97


@pytest.mark.parametrize("seeds", [5, 3, 10, 20][: size("coverage_columns")])
@pytest.mark.parametrize("draw", [student, lognormals])
def test_the_default_interval_of_heavy_tails_covers_no_less(draw: Draw, seeds: int) -> None:
    """A true 95.3 % falls below 93 % with probability 2e-6; below 10 seeds t may cover more than it says.

    A true 96.3 %, the largest at n = 10, exceeds 97 % with probability 0.04, so 97.5 % (0.001) is the bar here.
    """
    share = covered(draw, seeds)
    assert share >= 0.93
    assert seeds < 10 or share <= 0.975


def scores(config: Mapping[str, Any]) -> dict[str, float]:
    effect = {"a": 1.0, "b": 0.0}[config["kind"]]
    return {
        "score": effect
        + math.sin(12.9 * config["seed"])
        + 0.3 * math.sin(3 * config["seed"] + 40 * effect)
    }


def test_each_combination_is_asked_once_with_every_seed() -> None:
    asked: list[dict[str, Any]] = []

    def run(config: dict[str, Any]) -> dict[str, float]:
        asked.append(config)
        return {"score": 1.0}

    tl.study(None, {"kind": ["a", "b"], "rate": [0.1]}, [3, 5], metric="score", runner=run, days=2)
    assert asked == [
        {"days": 2, "kind": kind, "rate": 0.1, "seed": seed} for seed in (3, 5) for kind in "ab"
    ]


def test_a_runner_of_a_task_gets_its_checked_config() -> None:
    seen: list[WalkConfig] = []

    def run(config: WalkConfig) -> dict[str, float]:
        seen.append(config)
        return {"place": float(config.steps)}

    study = tl.study("probe/walk", {"steps": [2, 3]}, range(2), metric="place", runner=run, every=1)
    assert {(item.steps, item.every, item.seed) for item in seen} == {
        (2, 1, 0), (3, 1, 0), (2, 1, 1), (3, 1, 1),
    }  # fmt: skip
    assert [cell.levels for cell in study.table] == [{"steps": 2}, {"steps": 3}]
    with pytest.raises(ConfigError, match="steps"):
        tl.study("probe/walk", {"steps": [0, 3]}, range(2), metric="place", runner=run)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": []}, "at least one seed"),
        ({"seeds": [1, 1]}, "seed 1 is named twice"),
        ({"factors": {"kind": []}}, "has no values: give it at least one"),
        ({"factors": {"kind": ["a", "a"]}}, "level is named twice"),
        ({"until": "clear"}, "--until is 'clear'"),
        ({"until": "half_width=0"}, "--until is 'half_width=0'"),
        ({"until": "decided", "test": "sign"}, "--until has intervals and a test of its own"),
        ({"until": "decided", "factors": {"kind": ["a"]}}, "needs something to compare"),
        ({"interval": "bootstrap"}, "needs 20 seeds or more, not 4"),
        ({"max_seeds": 1}, "--max-seeds is 1"),
        ({"g": 0.0}, "--g is 0.0"),
        ({"runner": None}, "needs a runner"),
        ({"runner": lambda config: 3.0}, "returned a float"),
        ({"runner": lambda config: {"score": "much"}}, "which is no number"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused(changes: dict[str, Any], message: str) -> None:
    asked: dict[str, Any] = {"runner": scores, "metric": "score", **changes}
    factors = asked.pop("factors", {"kind": ["a", "b"]})
    seeds = asked.pop("seeds", range(4))
    with pytest.raises(UsageError, match=message):
        tl.study(None, factors, seeds, **asked)


def test_a_metric_that_is_not_there_is_refused_with_the_closest() -> None:
    with pytest.raises(UnknownNameError, match="no metric 'scor'; they have score") as caught:
        tl.study(None, {"kind": ["a", "b"]}, range(3), metric="scor", runner=scores)
    assert "score" in caught.value.hint


def test_a_study_that_looks_stops_when_its_rule_is_met() -> None:
    study = tl.study(None, {"kind": ["a", "b"]}, metric="score", runner=scores, until="decided")
    assert [item.decided for item in study.looks] == [False] * (len(study.looks) - 1) + [True]
    assert study.looks[0].seeds == 5
    assert len(study.values.seeds) == study.looks[-1].seeds
    found = study.differences[0]
    sample = list((found.differences or {}).values())
    assert found.interval == ts.anytime_interval(sample)
    assert found.outcome == "higher"
    assert found.p == pytest.approx(math.exp(-ts.log_bayes_factor(sample)))


def test_the_plain_interval_is_not_shown_of_a_study_that_looked() -> None:
    study = tl.study(None, {"kind": ["a", "b"]}, metric="score", runner=scores, until="decided")
    assert all(cell.interval.low is None for cell in study.table)
    assert {item.interval.method for item in study.differences} == {"anytime-valid t, g = 1"}
    assert "intervals are anytime-valid" in study.text()


def test_a_study_that_looks_ends_at_its_last_seed() -> None:
    study = tl.study(
        None, {"kind": ["a", "b"]}, [7, 2], metric="score", runner=scores, until="half_width=0.001",
        max_seeds=9,
    )  # fmt: skip
    assert study.values.seeds == (7, 2, 8, 9, 10, 11, 12, 13, 14)
    assert not study.looks[-1].decided
    assert "the rule was not met after 9 seeds" in study.text()


def test_looks_at_several_comparisons_share_the_level() -> None:
    def run(config: Mapping[str, Any]) -> dict[str, float]:
        effect = {"a": 1.5, "b": 0.0, "c": -1.5}[config["kind"]]
        return {"score": effect + 0.3 * math.sin(5 * config["seed"] + 40 * effect)}

    study = tl.study(
        None, {"kind": ["a", "b", "c"]}, metric="score", baseline="b", runner=run, until="decided"
    )
    assert [item.family.level for item in study.differences] == [pytest.approx(0.975)] * 2
    assert study.looks[0].seeds == 6
    assert [item.outcome for item in study.differences] == ["higher", "lower"]


def test_a_share_of_a_study_that_looked_has_the_interval_that_allows_it() -> None:
    def run(config: Mapping[str, Any]) -> dict[str, float]:
        hit = config["kind"] == "a" or config["seed"] % 3 == 0
        return {"success": float(hit)}

    study = tl.study(
        None, {"kind": ["a", "b"]}, metric="success", share_of=1, runner=run, until="decided"
    )
    k, n = study.values.trials["b",]
    assert study.table[1].interval == ts.anytime_share_interval(k, n)


def test_nothing_is_decided_while_all_differences_are_equal() -> None:
    def run(config: Mapping[str, Any]) -> dict[str, float]:
        return {"score": 1.0 if config["kind"] == "a" else 0.0}

    study = tl.study(
        None, {"kind": ["a", "b"]}, metric="score", runner=run, until="decided", max_seeds=12
    )
    assert not study.looks[-1].decided
    assert study.differences[0].outcome == "constant"


LOOKING = {"until", "max_seeds", "g"}


@pytest.mark.parametrize(
    ("call", "left_out"),
    [(tl.study, set()), (tl.Study.of, LOOKING), (study_command, set()), (study_runs, LOOKING)],
    ids=["tl.study", "Study.of", "tasks study TASK", "tasks study SWEEP"],
)
def test_a_question_has_the_same_words_and_defaults_in_every_call(
    call: Callable[..., object], left_out: set[str]
) -> None:
    """The signatures are written out, so that they complete and type-check; here they are held together."""
    asked = {item.name: item.default for item in fields(StudyQuestion) if item.name not in left_out}
    given = inspect.signature(call).parameters
    assert asked.keys() <= given.keys()
    assert not left_out & given.keys()
    for name, default in asked.items():
        if name not in (
            "metric",
            "compare",
        ):  # asked for, a column with a usual name, or a text with commas
            assert given[name].default == default, name


@pytest.mark.parametrize("seeds", [[1.5], [True, 2], "abc", ["1"], [None]])
def test_seeds_are_whole_numbers(seeds: Any) -> None:  # noqa: ANN401 -- whatever a caller gives
    with pytest.raises(UsageError, match="seeds are whole numbers"):
        tl.study(None, {"kind": ["a", "b"]}, seeds, metric="score", runner=scores)


def test_seeds_of_an_array_are_seeds_and_a_study_shows_itself_in_one_line() -> None:
    found = tl.study(None, {"kind": ["a", "b"]}, np.arange(3), metric="score", runner=scores)
    assert found.values.seeds == (0, 1, 2)
    assert repr(found) == "Study(of a table: score, 2 combinations, 3 seeds)"


@pytest.mark.parametrize("lacking", [0, 3])
def test_a_run_without_the_metric_is_missing_and_takes_no_other_away(lacking: int) -> None:
    def run(config: Mapping[str, Any]) -> dict[str, float]:
        is_lacking = (config["kind"], config["seed"]) == ("a", lacking)
        return {"other": 1.0} if is_lacking else scores(config)

    found = tl.study(None, {"kind": ["a", "b"]}, range(5), metric="score", runner=run)
    assert [row.reason for row in found.values.missing] == ["it has no metric 'score'"]
    assert found.differences[0].interval.n == 4
    for until in ("", "decided"):
        with pytest.raises(
            UnknownNameError, match="have no metric 'scor'; they have score"
        ) as told:
            tl.study(
                None, {"kind": ["a", "b"]}, range(5), metric="scor", runner=scores, until=until
            )
        assert "score" in told.value.hint
