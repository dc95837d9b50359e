"""Habitual keeps the contract of its kind. Install it first: pip install -e ."""

from pathlib import Path

from taskloom.testing import check_component, run_once
from taskloom_hci.tasks.simple import example


def test_hci_habitual_keeps_the_contract() -> None:
    check_component("taskloom_hci.users", "habitual", habit=0.25)


def test_hci_habitual_plays_to_the_end(tmp_path: Path) -> None:
    run = run_once(example, tmp_path, episodes=5, user={"kind": "habitual", "habit": 0.1})
    assert run.metrics["success/mean"] == 1.0
