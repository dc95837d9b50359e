"""The smallest real run of each of the four kinds, for tests that kill them by the hundred."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskloom.lifecycle.lifecycle import run_task
from taskloom.registry import LoadedTask, find_task, load_task
from taskloom.request import RunOptions
from taskloom.testing.trial import Trial

VARYING = ("speed/*", "*_ms", "*seconds*", "*_per_second*")


@dataclass(frozen=True)
class Kind:
    """One real task, made small.

    Attributes:
        task: Its domain and name.
        overrides: What makes it small, with checkpoints as often as the task allows.
        imports: Modules that a fork server loads instead of running the task once: JAX starts threads when it computes, and a
            process with threads must not fork.
    """

    task: str
    overrides: Mapping[str, Any]
    imports: Sequence[str] = ()

    def load(self) -> LoadedTask:
        """Return the task."""
        domain, name = self.task.split()
        return load_task(find_task(domain, name))

    def trial(self, folder: Path) -> Trial:
        """Return the small config, and how to compare runs of it."""
        return Trial(self.load(), self.overrides, VARYING, folder)

    def warm_up(self) -> None:
        """Have everything imported that a run needs."""
        loaded = self.load()
        for name in self.imports:
            importlib.import_module(name)
        if not self.imports:
            with tempfile.TemporaryDirectory() as folder:
                trial = self.trial(Path(folder))
                run_task(loaded, trial.config, RunOptions(store=trial.new_store(), quiet=True))


KINDS = {
    "anomaly": Kind(
        "anomaly toy_features",
        {
            "model": {"kind": "mlp", "hidden_dims": [6]},
            "training": {"epochs": 80, "batch_size": 20, "checkpoint_every": 4},
            "baselines": False,
            "size": 100,
            "min_accuracy": 0.0,
        },
        imports=(
            "optax",
            "flax.linen",
            "taskloom_anomaly.backends.jax_trainer",
            "taskloom_anomaly.models.mlp_linen",
            "taskloom_anomaly.detection.fitting",
            "taskloom_anomaly.models.training",
            "taskloom_anomaly.driver",
        ),
    ),
    "hci": Kind("hci pointing", {"episodes": 3000, "chunk": 50, "shown": 1}),
    "diffusion": Kind(
        "diffusion smiles",
        {
            "num_molecules": 60,
            "denoiser": {"kind": "dit", "width": 16, "num_layers": 1, "num_heads": 2},
            "train": {
                "steps": 60,
                "batch_size": 4,
                "validate_every": 60,
                "checkpoint_every": 2,
                "log_every": 1,
            },
            "evaluate": {"num_samples": 2, "num_holdout": 3, "num_draws": 1},
        },
    ),
    "control": Kind(
        "control cartpole",
        {
            "seconds": 2.0,
            "hold": 0.1,
            "checkpoint_every": 4,
            "controller": {"horizon": 0.2},
            "optimizer": {"kind": "ps", "num_rollouts": 4, "num_nodes": 2},
            "record": {"fan_every": 20, "fan_size": 2, "animation": False},
        },
    ),
}
