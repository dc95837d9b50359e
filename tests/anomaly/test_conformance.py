"""Every task of the domain keeps to the contract, at a size that takes seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from taskloom.testing import MemoryContext, check_task
from taskloom_anomaly import TASKS
from taskloom_anomaly.tasks.backdoor import Backdoor, BackdoorConfig

IMAGES: dict[str, Any] = {
    "data": {"source": "digits8", "num_train": 240, "num_test": 80},
    "model": {"kind": "mlp", "hidden_dims": [12]},
    "training": {"epochs": 2, "batch_size": 60, "checkpoint_every": 1},
    "min_accuracy": 0.0,
    "baselines": False,
}
SEQUENCES: dict[str, Any] = {
    "model": {"width": 8, "num_layers": 1, "num_heads": 2},
    "training": {"epochs": 2, "batch_size": 64, "checkpoint_every": 1},
    "detector": {"kind": "mahalanobis", "shrinkage": "oas"},
    "min_accuracy": 0.0,
    "baselines": False,
}
SMALL: dict[str, Any] = {
    "model": {"kind": "mlp", "hidden_dims": [6]},
    "training": {"epochs": 2, "batch_size": 20, "checkpoint_every": 1},
    "baselines": False,
}
TINY: dict[str, dict[str, Any]] = {
    "adversarial_examples": {
        **IMAGES,
        "attack": {"kind": "fgsm", "eps": 0.5},
        "success_threshold": 1.0,
    },
    "backdoor": {**IMAGES, "min_attack_success": 0.0, "baselines": True},
    "language_backdoor": {
        "model": {"width": 8, "num_layers": 1, "num_heads": 2},
        "training": {
            "epochs": 2,
            "batch_size": 2,
            "checkpoint_every": 1,
            "schedule": "one_cycle",
        },
        "num_trusted": 20,
        "num_test": 10,
        "max_wrong": 1.0,
        "min_attack_success": 0.0,
        "baselines": False,
    },
    "measurement_tampering": {**SMALL, "size": 240, "min_accuracy": 0.0},
    "mechanism_distinction": {**SEQUENCES, "num_tokens": 5, "size": 64, "test_size": 40},
    "ood_far": IMAGES,
    "ood_near": IMAGES,
    "quirky_arithmetic": {**SEQUENCES, "modulus": 5, "num_names": 16},
    "tabular": {**SMALL, "source": "wine", "min_explained": -10.0},
    "toy_features": {**SMALL, "size": 100, "min_accuracy": 0.0},
}


@pytest.mark.parametrize("name", sorted(TINY))
def test_task_keeps_to_the_contract(name: str) -> None:
    passed = check_task(TASKS[name], **TINY[name])
    assert "stopped and resumed equals undisturbed" in passed


def test_task_over_a_stored_network_keeps_to_the_contract(tmp_path: Path) -> None:
    backdoor = Backdoor(BackdoorConfig.model_validate(TINY["backdoor"]))
    backdoor.prepare(MemoryContext(tmp_path, 0))
    floors = {"min_accuracy": 0.0, "min_attack_success": 0.0, "baselines": False}
    assert check_task(TASKS["backdoor_detection"], run_path=str(tmp_path), **floors)


def test_conformance_covers_every_task() -> None:
    # Those need a network, texts or a detector that are not theirs; they have tests of their own.
    assert set(TASKS) == {*TINY, "backdoor_detection", "monitor", "text"}
