"""`tasks anomaly leaderboard`: cells that are kept, standings that are the same to the byte, and pairs with their tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import wilcoxon
from taskloom.cli import main
from taskloom_anomaly.detection.leaderboard import Cell
from taskloom_anomaly.detection.standings import standings
from taskloom_anomaly.metrics.intervals import delong_test

TINY = [
    "anomaly", "leaderboard", "--tasks=tabular", "--detectors=default,mahalanobis,knn,sklearn:OneClassSVM,lcf", "--seeds=2", "--jobs=1",
    "--param=source=wine", "--param=training.epochs=3", "--param=min_explained=-9",
]  # fmt: skip


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a board of one small task."""
    folder = tmp_path_factory.mktemp("board")
    assert main([*TINY, f"--out={folder}"]) == 0
    return folder


def test_a_board_has_every_task_detector_and_seed(board: Path) -> None:
    found = json.loads((board / "leaderboard.json").read_text())
    rows = found["tasks"]["tabular"]["detectors"]
    assert set(rows) == {"default", "mahalanobis", "knn", "sklearn:OneClassSVM", "lcf"}
    # The task's own is shrunk, and differs.
    assert rows["default"]["auroc"] != rows["mahalanobis"]["auroc"]
    # Its layers have several widths, which that detector cannot follow.
    assert "width" in rows["lcf"]["refused"]
    assert [rows[name]["seeds"] for name in ("mahalanobis", "knn")] == [[0, 1], [0, 1]]
    assert found["tasks"]["tabular"]["baseline"]["names"]
    assert {row["note"] for row in found["pairs"]} == {"too few to compare"}
    assert all("p_holm" in row for row in found["tasks"]["tabular"]["pairs"])
    page = (board / "leaderboard.html").read_text()
    assert "Detectors against one another" in page
    assert "too few to compare" in page


def test_a_board_that_is_asked_for_again_is_the_same_and_computes_nothing(
    board: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("leaderboard.json", "leaderboard.html")
    before = {name: (board / name).read_bytes() for name in names}
    cells = {path: path.stat().st_mtime_ns for path in (board / "cells").rglob("*.json")}
    assert len(cells) == 10
    # A cell that was cut short is computed again, and is the same.
    (damaged, *rest) = sorted(cells)
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:50])
    assert main([*TINY, f"--out={board}"]) == 0
    assert {name: (board / name).read_bytes() for name in names} == before
    assert damaged.read_bytes() == whole
    assert [path.stat().st_mtime_ns for path in rest] == [cells[path] for path in rest]
    assert main([*TINY[:2], "--tasks=toy_feature", f"--out={board}"]) == 2
    assert main([*TINY[:2], "--tasks=text", f"--out={board}"]) == 2
    assert "it needs files" in capsys.readouterr().err
    for asked in ("--tasks=tabular:wine", "--detectors=knn:mixture", "--detectors=torch:PCA"):
        assert main([*TINY[:2], asked, f"--out={board}"]) == 2
        assert "for a leaderboard" in capsys.readouterr().err


def cells(detector: str, shift: float, tasks: int = 4, seeds: int = 2) -> list[Cell]:
    """Cells of normal scores, the same noise for every detector."""
    found = []
    for task in range(tasks):
        for seed in range(seeds):
            rng = np.random.default_rng([task, seed])
            normal, odd = rng.normal(size=60), rng.normal(1 + 0.1 * task, 1, 40)
            own = np.random.default_rng([task, seed, round(10 * shift)]).normal(0, 0.3, 100)
            found.append(Cell(f"t{task}", detector, seed, "", True, ("pixels", 0.6), {"h": 0.7}, normal + own[:60], odd + shift + own[60:]))  # fmt: skip
    return found


def test_pairs_are_tested_by_delong_within_and_by_wilcoxon_over_tasks() -> None:
    every = [*cells("weak", 0.0), *cells("strong", 0.5)]
    every.sort(key=lambda cell: (cell.task, ("strong", "weak").index(cell.detector), cell.seed))
    found = standings(every)
    (pair,) = found["pairs"]
    assert (pair["first"], pair["second"], pair["n"]) == ("strong", "weak", 8)
    areas = {name: [c.area for c in every if c.detector == name] for name in ("strong", "weak")}
    differences = np.subtract(areas["strong"], areas["weak"])
    assert pair["p"] == pytest.approx(wilcoxon(differences, method="exact").pvalue, abs=1e-6)
    assert pair["low"] < pair["difference"] == pytest.approx(differences.mean(), abs=1e-6)
    one = standings([cell for cell in every if cell.seed == 0])["tasks"]["t0"]["pairs"][0]
    strong, weak = (next(c for c in every if c.detector == n and c.seed == 0) for n in areas)
    assert strong.normal is not None
    assert strong.anomalous is not None
    assert weak.normal is not None
    assert weak.anomalous is not None
    difference, p = delong_test(
        np.stack([strong.normal, weak.normal]), np.stack([strong.anomalous, weak.anomalous])
    )
    assert one["difference"] == pytest.approx(difference, abs=1e-6)
    assert one["p"] == pytest.approx(p, abs=1e-6)


def test_an_invalid_task_is_shown_and_not_averaged() -> None:
    good = cells("a", 0.0)
    bad = Cell("t9", "a", 0, "", False, ("pixels", 0.5), {"h": 0.1}, np.ones(5), np.zeros(5))
    found = standings([*good, bad])
    assert found["tasks"]["t9"]["invalid_seeds"] == [0]
    assert found["tasks"]["t9"]["detectors"]["a"]["auroc"] == 0.0
    assert found["detectors"]["a"]["tasks"] == 4
    assert found["detectors"]["a"]["worst_regret"] == 0.0
