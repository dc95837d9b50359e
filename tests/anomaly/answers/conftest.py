"""A network of one's own with samples in files: what the tests of answers share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from taskloom.cli import main

NETWORK = """
import torch


def build():
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(16, 12), torch.nn.ReLU(), torch.nn.Linear(12, 3)
    )
    with torch.no_grad():
        for value in module.parameters():
            value.add_(0.3 * torch.randn_like(value))
    return module


def build_other():
    module = build()
    with torch.no_grad():
        module[1].bias.add_(1.0)
    return module


def build_images():
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(16, 3)
    )
    with torch.no_grad():
        for value in module.parameters():
            value.add_(0.3 * torch.randn_like(value))
    return module
"""


def images(count: int, seed: int, odd: int = 0) -> np.ndarray:
    """Grey images of 4x4 pixels in steps of 1/255, of which the last few are odd."""
    rng = np.random.default_rng(seed)
    found = np.clip(rng.normal(0.4, 0.1, (count, 4, 4)), 0, 1)
    if odd:
        found[-odd:] = rng.random((odd, 4, 4)) > 0.5
    return (np.round(found * 255) / 255).astype(np.float32)


@pytest.fixture
def pictures() -> Callable[..., np.ndarray]:
    """Return the function that makes images: how many, the seed, and how many at the end are odd."""
    return images


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with networks, 400 trusted samples, 60 new ones with 5 odd ones at their end, and a detector in `det`."""
    folder = tmp_path_factory.mktemp("answers")
    (folder / "own_networks.py").write_text(NETWORK, encoding="utf-8")
    np.save(folder / "trusted.npy", images(400, 0))
    new = images(60, 1, odd=5)
    np.save(folder / "new.npy", new)
    labels = np.arange(60) >= 55
    np.savez(folder / "labelled.npz", inputs=new, odd=labels.astype(np.int64))
    lines = [{"id": f"n{i}", "input": row.tolist(), "odd": int(labels[i])} for i, row in enumerate(new)]  # fmt: skip
    (folder / "new.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        words = ["fit", "own_networks:build", "trusted.npy", "--out", "det"]
        assert main(["anomaly", *words]) == 0
    return folder


@pytest.fixture
def at_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same folder as the working directory."""
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place))
    return place


@pytest.fixture
def call(
    at_place: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[dict[str, Any]], str]]:
    """Return a function that calls a verb: exit code, JSON lines of its output, and what it told."""
    del at_place

    def perform(*words: object) -> tuple[int, list[dict[str, Any]], str]:
        capsys.readouterr()
        code = int(main(["anomaly", *map(str, words)]))
        shown = capsys.readouterr()
        try:
            lines = [json.loads(line) for line in shown.out.splitlines()]
        except ValueError:
            lines = [json.loads(shown.out)]
        assert "Traceback" not in shown.err
        return code, lines, shown.err

    return perform
