"""The domain search: its task, its component and its loop keep their contracts. Install it first: pip install -e ."""

from pathlib import Path

from taskloom.testing import check_component, check_task, run_once

from taskloom_search.tasks.parabola import Parabola


def test_parabola_keeps_the_contract() -> None:
    check_task(Parabola, steps=5)


def test_uniform_keeps_the_contract() -> None:
    check_component("taskloom_search.searchers", "uniform")


def test_lowest_point_is_found(tmp_path: Path) -> None:
    run = run_once(Parabola, tmp_path, steps=200, lowest=0.5)
    assert abs(run.metrics["where"] - 0.5) < 0.05
