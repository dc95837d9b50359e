"""A plugin that was written against version 0.1: its bases, its `run`, its components' `build`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from taskloom.cli import main
from taskloom.registry import load_components
from taskloom.runs import open_run
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.data.poisoning import Poison

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
@pytest.mark.usefixtures("store")
def test_components_of_version_0_1_build_their_arithmetic(images: ArrayDataset) -> None:
    plugin = import_module("old_lab")
    known = (
        load_components("taskloom_anomaly.attacks"),
        load_components("taskloom_anomaly.triggers"),
    )
    assert (known[0]["still"], known[1]["fog"]) == (plugin.Still, plugin.Fog)
    attack = plugin.Still()
    assert attack.model_dump() == {"kind": "still", "eps": 0.12}
    np.testing.assert_array_equal(attack(None, images.inputs, images.labels, 0), images.inputs)
    fog = plugin.Fog().build((8, 8, 1), 0)
    poisoned = Poison(fog, "fixed", 0, 10).stamp_all(images, 0)
    assert poisoned.inputs.min() >= 0.5
    assert plugin.Noise().kind == "noise"
    assert plugin.Pgd().steps == 40
