"""Count keeps the contract of a task, and its games come to their end."""

from pathlib import Path

from taskloom.testing import check_task, run_once

from hci_count.task import Count


def test_hci_count_keeps_the_contract() -> None:
    check_task(Count, domain="hci", episodes=5)


def test_twenty_episodes_end(tmp_path: Path) -> None:
    run = run_once(Count, tmp_path, domain="hci", episodes=20)
    assert run.metrics["success/mean"] == 1.0
