"""Shared pieces of the domain's tests."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

Quadrature = Callable[..., float]


@pytest.fixture(scope="session")
def integrate() -> Quadrature:
    """Integrate a function of a vector over (0, 1) with the tanh-sinh rule, which does not mind logarithms at the ends."""

    def rule(function: Callable[[Tensor], Tensor], step: float = 0.1) -> float:
        half = round(3.6 / step)
        grid = np.arange(-half, half + 1) * step
        s = 0.5 * np.pi * np.sinh(grid)
        # 1 / (1 + exp(-2 s)) keeps its digits near both ends.
        points = 1 / (1 + np.exp(-2 * s))
        weights = step * 0.25 * np.pi * np.cosh(grid) / np.cosh(s) ** 2
        inside = (points > 1e-15) & (points < 1 - 1e-15) & (weights > 1e-18)
        values = function(torch.from_numpy(points[inside]))
        return float((torch.from_numpy(weights[inside]) * values).sum())

    return rule


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny finished run over polymers, alone in its store."""
    # Imported here: most tests of the domain need no command line.
    from taskloom.cli import main

    folder = tmp_path_factory.mktemp("store")
    words = [
        "run", "diffusion", "polymers", "--num_polymers=80", "--train.steps=3", "--train.batch_size=8",
        "--denoiser.width=16", "--denoiser.num_layers=1", "--denoiser.num_heads=2",
        "--evaluate.num_samples=4", "--evaluate.num_holdout=6", "--store", str(folder),
    ]  # fmt: skip
    err = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
        code = main(words)
    assert code == 0, err.getvalue()
    (run,) = [path for path in folder.iterdir() if (path / "run.json").exists()]
    return run
