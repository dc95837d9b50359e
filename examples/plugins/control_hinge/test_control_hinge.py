"""Hinge keeps the contract of a task, and its controller lowers the cost."""

from pathlib import Path

from taskloom.testing import check_task, run_once

from control_hinge.task import Hinge

QUICK = {"record": {"animation": False}}


def test_control_hinge_keeps_the_contract() -> None:
    check_task(Hinge, domain="control", varying=["*_ms"], seconds=0.1, **QUICK)


def test_cost_falls_within_a_second(tmp_path: Path) -> None:
    run = run_once(Hinge, tmp_path, domain="control", seconds=1.0, **QUICK)
    costs = [line["cost"] for line in run.history() if "cost" in line]
    assert costs[-1] < 0.5 * costs[0]
