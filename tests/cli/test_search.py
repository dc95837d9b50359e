"""Searches: what they look for is known to exist, and what no run can answer is no answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOG = """
from typing import Literal
from taskloom import Config, DomainRef, Result, RunContext, TaskRef

class Fog(Config):
    '''A task whose measure is never a number.'''
    depth: float = 0.5
    '''How deep.'''
    mood: Literal["calm", "wild"] = "calm"
    '''How it is.'''
    gusts: int = 1
    '''How many.'''
    def run(self, ctx: RunContext) -> Result:
        return Result({"clear": self.depth, "thick": float("nan")})

DOMAIN = DomainRef("fog", "Fog.", "", (TaskRef("bank", "A bank of fog.", "fog:Fog"),), metrics=("nothing/*",))
"""


@pytest.fixture
def search(tasks: Callable[..., Any], install: Callable[..., Path]) -> Callable[..., Any]:
    """Return a function that searches over a task which runs itself in a domain that names its metrics."""
    pytest.importorskip("optuna", reason="Optuna is not installed")
    install("fog", "[taskloom.domains]\nfog = fog:DOMAIN\n", fog=FOG)
    return lambda *words: tasks("sweep", "fog", "bank", *words, "--executor=inline", "--json")


def _depths(outcome: Any) -> list[float]:  # noqa: ANN401 -- the fixture's outcome
    assert outcome.code == 0, outcome.err
    return [run["config"]["depth"] for run in json.loads(outcome.out)["runs"]]


def test_two_numbers_are_a_range_to_draw_from_for_a_fraction(search: Callable[..., Any]) -> None:
    depths = _depths(search("--depth=0:1", "--optimize=metrics.clear:max", "--trials=3"))
    assert len(set(depths)) == 3
    assert all(0 < depth < 1 for depth in depths)


def test_a_metric_that_is_a_number_in_no_run_makes_none_the_best(
    search: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = search("--depth=0.1,0.2", "--optimize=metrics.thick:min", "--trials=2")
    assert outcome.code == 1
    assert "thick is not a finite number in any of" in outcome.err
    assert list(tmp_path.glob("runs/*/run.json"))


def test_a_metric_that_no_run_has_is_refused_after_the_first_which_is_kept(
    search: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = search("--depth=0.1,0.2", "--optimize=metrics.cler:min", "--trials=2")
    assert outcome.code == 2
    assert "has no metric 'cler'; it has clear, thick" in outcome.err
    assert "did you mean 'clear'?" in outcome.err
    assert len(list(tmp_path.glob("runs/*/run.json"))) == 1


def test_a_range_for_a_choice_names_the_parameters_that_take_one(
    search: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = search("--mood=log:1e-4:1", "--optimize=metrics.clear:max", "--trials=2")
    assert outcome.code == 2
    assert "a range is for numbers, and mood is a choice of calm, wild" in outcome.err
    assert "parameters that take a number: --seed, --depth, --gusts" in outcome.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("domain", "task", "axis", "metric", "near"),
    [
        ("hci", "example", "--episodes=1:3", "rounds/meen", "rounds/mean"),
        ("diffusion", "toy", "--length=2:4", "nelbo/nats_per_tokn", "nelbo/nats_per_token"),
        ("control", "pendulum", "--w_velocity=0.1:1", "cosst", "cost"),
        ("anomaly", "toy_features", "--noise=0.1:1", "tpr_at_1_fpr/fussed", "tpr_at_1_fpr/fused"),
    ],
)
def test_a_metric_that_no_run_of_a_domain_has_is_refused_before_the_first(
    domain: str,
    task: str,
    axis: str,
    metric: str,
    near: str,
    tasks: Callable[..., Any],
    tmp_path: Path,
) -> None:
    pytest.importorskip("optuna", reason="Optuna is not installed")
    outcome = tasks("sweep", domain, task, axis, f"--optimize=metrics.{metric}:min", "--trials=1")
    assert outcome.code == 2, outcome.out
    assert f"runs of {domain} have no metric '{metric}'" in outcome.err
    assert f"did you mean '{near}'?" in outcome.err
    assert not (tmp_path / "runs").exists()
