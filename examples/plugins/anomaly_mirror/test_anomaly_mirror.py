"""Mirror keeps the contract of a task, and its planted anomalies are found."""

from pathlib import Path

from taskloom.testing import check_task, run_once

from anomaly_mirror.task import Mirror


def test_anomaly_mirror_keeps_the_contract() -> None:
    check_task(Mirror, domain="anomaly", size=60, baselines=False)


def test_planted_anomalies_are_found(tmp_path: Path) -> None:
    run = run_once(Mirror, tmp_path, domain="anomaly", size=500, baselines=False)
    assert run.metrics["auroc/fused"] >= 0.9
