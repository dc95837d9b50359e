"""A plugin that was written against version 0.1: its bases, its `run`, its components' `build`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from taskloom.cli import main
from taskloom.runs import open_run

OLD = '''
from typing import Literal

import numpy as np
from taskloom_anomaly import AnomalyBase, AnomalyConfig, ArrayDataset
from taskloom_anomaly.attacks.config import Attack, Pgd
from taskloom_anomaly.models.config import Mlp, Model
from taskloom_anomaly.triggers.config import Noise, Trigger


class Still(Attack):
    """An attack that leaves the image as it is."""

    kind: Literal["still"] = "still"

    def build(self):
        return lambda handle, inputs, labels, seed: inputs


class Fog(Trigger):
    """A brighter image."""

    kind: Literal["fog"] = "fog"

    def build(self, shape, seed):
        return lambda images, seed: np.clip(images + 0.5, 0, 1).astype(np.float32)


class ApartConfig(AnomalyConfig):
    """Two clouds."""

    size: int = 60
    """Samples of each."""


class Apart(AnomalyBase[ApartConfig]):
    """Two clouds."""

    def __init__(self, config: ApartConfig) -> None:
        super().__init__(config)

    def cloud(self, centre):
        rows = np.random.default_rng(0).normal(centre, 1, (self.config.size, 4))
        return ArrayDataset(rows.astype(np.float32))

    def build_reference_data(self):
        return self.cloud(0)

    def build_model(self):
        return Mlp(hidden_dims=(6,)).build((4,), 2, 0)

    def build_params(self):
        return None

    def build_anomalous_data(self):
        return self.cloud(8)


class RunsItself(Apart):
    """Two clouds, run by hand."""

    def run(self, ctx):
        from taskloom_anomaly.run import run_task

        return run_task(self, self.config, ctx)
'''
ENTRIES = """
[taskloom.tasks]
anomaly.apart = old_lab:Apart
anomaly.by_hand = old_lab:RunsItself

[taskloom_anomaly.attacks]
still = old_lab:Still

[taskloom_anomaly.triggers]
fog = old_lab:Fog
"""


@pytest.fixture
def store(install: Callable[..., Path], tmp_path: Path) -> str:
    """Install the plugin; return the option of a store."""
    install("old-lab", ENTRIES, old_lab=OLD)
    return f"--store={tmp_path / 'store'}"


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::taskloom_anomaly.backends.resolve.RandomParametersWarning")
def test_tasks_of_version_0_1_run_by_the_driver_and_by_hand_alike(
    store: str, tmp_path: Path
) -> None:
    metrics = []
    for name in ("apart", "by_hand"):
        assert main(["run", "anomaly", name, "--size=80", store]) == 0
        metrics.append(open_run("@last", tmp_path / "store").metrics)
    assert metrics[0] == metrics[1]
    assert metrics[0]["auroc/fused"] > 0.5


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_components_of_version_0_1_build_their_arithmetic(store: str, tmp_path: Path) -> None:
    small = ["--data.source=digits8", "--data.num_train=200", "--data.num_test=60"]
    small += ["--training.epochs=1", "--model.hidden_dims=8", "--min_accuracy=0", store]
    words = ["adversarial_examples", "--attack=still", "--success_threshold=1"]
    assert main(["run", "anomaly", *words, *small]) == 0
    run = open_run("@last", tmp_path / "store")
    # An attack that changes nothing leaves the ranking to the two halves of the test side.
    assert run.config["attack"] == {"kind": "still", "eps": 0.12}
    assert 0.2 < run.metrics["auroc/fused"] < 0.8
    assert (
        main(["run", "anomaly", "backdoor", "--trigger=fog", "--min_attack_success=0", *small]) == 0
    )
