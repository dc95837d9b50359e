"""Every registered detector through the whole driver, on one small backdoored network of each framework."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from taskloom.registry.components import load_components
from taskloom.task import Result
from taskloom.testing import MemoryContext
from taskloom_anomaly.compat.tasks import run_task
from taskloom_anomaly.detection.artifacts import load_detector, scores_of
from taskloom_anomaly.detectors.base import GROUP
from taskloom_anomaly.domain import DOMAIN
from taskloom_anomaly.tasks.backdoor import Backdoor, BackdoorConfig

# The parameters that keep a run short, and the least fused AUROC; the network's backdoor is loud.
SMALL: dict[str, tuple[dict[str, object], float]] = {
    "mahalanobis": ({"shrinkage": "oas"}, 0.97),
    "que": ({}, 0.97),
    # Poison is a third of the target class, at which the method's assumption is strained.
    "spectral": ({}, 0.6),
    "likelihood_ratio": ({}, 0.97),
    "knn": ({"k": 5}, 0.9),
    "lof": ({"k": 10}, 0.9),
    "iforest": ({"trees": 10}, 0.8),
    "beatrix": ({"mad_scale": 3.0, "powers": 2}, 0.85),
    "ted": ({}, 0.65),
    "pca_residual": ({}, 0.95),
    "ensemble": ({}, 0.9),
    "library": ({"params": '{"n_estimators": 10}'}, 0.8),
    "vim": ({}, 0.65),
    "vae": ({"epochs": 3}, 0.7),
    "abstraction": ({"mode": "global", "epochs": 40, "size_factor": 2.0}, 0.8),
    # Training on with clean data alone does not make this network forget its trigger.
    "finetune": ({"epochs": 2}, 0.0),
    "probe": ({}, 0.97),
    "input_baseline": ({}, 0.9),
    # A backdoor makes the output *more* confident: these must not be expected to see it.
    "msp": ({}, 0.0),
    "energy": ({}, 0.0),
    "maxlogit": ({}, 0.0),
    "gen": ({}, 0.0),
    "react": ({}, 0.0),
}
CONFIDENT = {"msp", "energy", "maxlogit", "gen", "react"}


def config_of(detector: Mapping[str, object], backend: str) -> BackdoorConfig:
    return BackdoorConfig.model_validate(
        {
            "detector": detector,
            "data": {"source": "digits8", "num_train": 900, "num_test": 240},
            "model": {"kind": "mlp", "backend": backend, "hidden_dims": [32, 24]},
            "training": {"epochs": 12, "batch_size": 32, "learning_rate": 3e-3},
            # As loud as can be: what is tested is that every detector runs and finds it.
            "trigger": {"kind": "corner"},
            "control": {"clean_twin": False},
            "untrusted_anomalous_fraction": 0.06,
            "min_accuracy": 0.8,
            "min_attack_success": 0.8,
            "baselines": False,
        }
    )


@pytest.fixture(scope="module", params=["linen", "torch"])
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A framework, and the folder of a network that it has trained."""
    folder = tmp_path_factory.mktemp(request.param)
    task = Backdoor(config_of({"kind": "msp"}, request.param))
    assert task.prepare(MemoryContext(folder, seed=0), None)
    return request.param, folder / "artifacts" / "model"


def run(kind: str, trained: tuple[str, Path], folder: Path) -> Result:
    backend, network = trained
    task = Backdoor(config_of({"kind": kind, **SMALL[kind][0]}, backend))
    task.adopt(network)
    return run_task(task, task.config, MemoryContext(folder, seed=0))  # type: ignore[arg-type] # a memory context


def test_runs_cover_every_registered_detector() -> None:
    # lcf follows one stream through layers of one width, which these are not: tests/anomaly/test_language.py runs it.
    assert {*SMALL, "lcf"} == {ref.name for ref in DOMAIN.components[GROUP]}


@pytest.mark.parametrize("kind", sorted(SMALL))
def test_detector_works_through_a_run(kind: str, trained: tuple[str, Path], tmp_path: Path) -> None:
    result = run(kind, trained, tmp_path)
    fused = result.metrics["auroc/fused"]
    assert SMALL[kind][1] <= fused <= 1
    if kind in CONFIDENT:
        assert fused < 0.5
    stored = load_detector(result.artifacts["detector"].parent)
    assert isinstance(stored.detector, load_components(GROUP)[kind])
    arrays = stored.tensors.values()
    assert all(np.isfinite(array).all() for array in arrays if array.dtype.kind == "f")
    scores = scores_of(result.artifacts["scores"])
    assert {"normal", "anomalous/anomalies"} <= set(scores)
    assert json.loads(result.artifacts["card"].read_text())["valid"] is True
