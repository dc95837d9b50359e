"""Mirror keeps the contract of a task, and its planted anomalies are found."""

from pathlib import Path

from taskloom.testing import check_task, run_once

from anomaly_mirror.task import Mirror

SMALL = {"size": 200, "baselines": False}


def test_anomaly_mirror_keeps_the_contract() -> None:
    check_task(Mirror, domain="anomaly", **SMALL)


def test_planted_anomalies_are_found(tmp_path: Path) -> None:
    run = run_once(Mirror, tmp_path, domain="anomaly", **SMALL)
    assert run.metrics["auroc/fused"] >= 0.9
