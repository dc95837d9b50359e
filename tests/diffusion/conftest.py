"""Shared pieces of the domain's tests."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor

if TYPE_CHECKING:
    from taskloom.testing import MemoryContext
    from taskloom_diffusion.config import TrainConfig
    from taskloom_diffusion.denoisers.base import Denoiser
    from taskloom_diffusion.training.batches import TrainStream
    from taskloom_diffusion.training.module import DiffusionModule

# Tests are no package; what they share is loaded by its path, before any of them.
for _name in ("exact_laws", "sampler_draws", "guidance_toys", "nci"):
    _spec = importlib.util.spec_from_file_location(_name, Path(__file__).with_name(f"{_name}.py"))
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules[_name] = _module = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_module)

Quadrature = Callable[..., float]
WORDS = [[3, 4, 5, 3], [4, 4, 3], [5, 3, 3, 4, 5], [3, 5], [4, 3, 5, 5, 4, 3]]


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
        "run", "diffusion", "polymers", "--num_polymers=80", "--train.steps=3", "--train.batch_size=8", "--train.log_every=1",
        "--denoiser.width=16", "--denoiser.num_layers=1", "--denoiser.num_heads=2",
        "--evaluate.num_samples=4", "--evaluate.num_holdout=6", "--store", str(folder),
    ]  # fmt: skip
    err = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
        code = main(words)
    assert code == 0, err.getvalue()
    (run,) = [path for path in folder.iterdir() if (path / "run.json").exists()]
    return run


# Lightning and its relatives are imported where they are used: most tests of the domain need none of them.


@pytest.fixture(scope="session")
def module() -> Callable[..., DiffusionModule]:
    """Make an untrained module over three letters; keywords are its mathematics."""
    from taskloom_diffusion.config import DiffusionSettings, OptimizerSettings
    from taskloom_diffusion.denoisers.dit import DiT
    from taskloom_diffusion.tokenizers.symbols import SymbolTokenizer
    from taskloom_diffusion.training.module import DiffusionModule

    def make(
        denoiser: Denoiser | None = None,
        letters: str = "abc",
        optimizer: OptimizerSettings | None = None,
        **settings: object,
    ) -> DiffusionModule:
        return DiffusionModule(
            denoiser or DiT(width=16, num_layers=1, num_heads=2),
            DiffusionSettings.model_validate(settings),
            optimizer or OptimizerSettings(),
            SymbolTokenizer("char", list(letters)),
            max_length=8,
        )

    return make


@pytest.fixture(scope="session")
def stream() -> Callable[..., TrainStream]:
    """Return batches of two words over three letters, from a number on."""
    from taskloom_diffusion.training.batches import TokenStore, TrainStream

    def make(start: int = 0, rank: int = 0, processes: int = 1) -> TrainStream:
        return TrainStream(TokenStore(WORDS), 2, 0, 5, start=start, rank=rank, stride=processes)

    return make


@pytest.fixture(scope="session")
def batches(stream: Callable[..., TrainStream]) -> Callable[[int], list[dict[str, Tensor]]]:
    """Return the first batches of the stream."""

    def make(num: int) -> list[dict[str, Tensor]]:
        endless = iter(stream())
        return [next(endless) for _ in range(num)]

    return make


@pytest.fixture(scope="session")
def train(
    module: Callable[..., DiffusionModule], stream: Callable[..., TrainStream]
) -> Callable[..., MemoryContext]:
    """Train a module, or a fresh one, in a folder, from a checkpoint if one is given, and return the run."""
    from taskloom.testing import MemoryContext
    from taskloom_diffusion.training.fit import fit

    def run(
        folder: Path,
        config: TrainConfig,
        task: DiffusionModule | None = None,
        *,
        checkpoint: Path | None = None,
    ) -> MemoryContext:
        ctx = MemoryContext(folder)
        fit(
            ctx, task or module(), config, stream=stream, validate=lambda: 1.0, sample=lambda step: None,
            checkpoint=checkpoint,
        )  # fmt: skip
        return ctx

    return run


@pytest.fixture(scope="module")
def quiet_rdkit() -> Iterator[None]:
    """Keep RDKit's messages about molecules that it refuses out of a module's output."""
    from rdkit import rdBase

    with rdBase.BlockLogs():
        yield
