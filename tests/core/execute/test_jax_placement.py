"""JAX inside a run computes where the run was placed, and is imported by no run that does not use it."""

import subprocess
import sys

import pytest
from taskloom_probe.support import environment

pytest.importorskip("jax", reason="JAX is not installed")
pytest.importorskip("mujoco.mjx", reason="mujoco-mjx is not installed")

_COMMON = """
import json, sys, warnings
from pathlib import Path
import numpy
warnings.filterwarnings("ignore")
from taskloom.bound import BoundTask
from taskloom.context import Resources
from taskloom.testing import MemoryContext
from taskloom_anomaly.tasks.toy_features import ToyFeaturesConfig, ToyFeaturesTask
from taskloom_control import driver as control
from taskloom_control.tasks.lq_point_mass import LqPointMass, LqPointMassConfig

folder, backend, engine = Path(sys.argv[1]), *sys.argv[2:]
features = ToyFeaturesConfig.model_validate({
    "model": {"kind": "mlp", "hidden_dims": [4], "backend": backend}, "size": 60, "baselines": False,
    "training": {"epochs": 1, "batch_size": 20}, "min_accuracy": 0.0})
mass = LqPointMassConfig.model_validate({
    "seconds": 0.1, "hold": 0.05, "record": {"fan_every": 0, "animation": False},
    "optimizer": {"kind": "cem", "num_rollouts": 4}, "engine": {"kind": engine}})
"""

_IN_JAX = """
import jax, jax.numpy as jnp

seen = {"network": set(), "rollouts": set()}

class Features(ToyFeaturesTask):
    def __init__(self, config: ToyFeaturesConfig) -> None:
        super().__init__(config)
    def build_model(self):
        seen["network"] |= {d.id for d in jnp.zeros(1).devices()}
        return super().build_model()
    def validity(self, handle):
        found = handle.forward(self.build_train_data().inputs, handle.default_layers)
        seen["network"] |= {d.id for leaf in jax.tree.leaves(handle.tree()) for d in leaf.devices()}
        return super().validity(handle)

class Mass(LqPointMass):
    def reward(self, states, *others):
        if isinstance(states, jax.Array):
            seen["rollouts"] |= {d.id for d in states.devices()}
        return super().reward(states, *others)

elsewhere = jax.devices()[1]
jax.config.update("jax_default_device", elsewhere)  # where nobody who was placed may compute
for number, task in enumerate((Features(features), BoundTask(Mass(mass), mass, Mass, control))):
    task.run(MemoryContext(folder / str(number), resources=Resources(cpus=1)))
assert jnp.zeros(1).devices() == {elsewhere}
print(json.dumps({name: sorted(ids) for name, ids in seen.items()}))
"""

_WITHOUT_JAX = """
for number, task in enumerate((ToyFeaturesTask(features), BoundTask(LqPointMass(mass), mass, LqPointMass, control))):
    task.run(MemoryContext(folder / str(number), resources=Resources(gpus=1)))
print(json.dumps("jax" in sys.modules))
"""


def _run(code: str, *words: str) -> str:
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", _COMMON + code, *words],
        env={**environment(), **flags},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_networks_and_rollouts_in_jax_are_on_the_first_device_that_the_run_was_given(
    tmp_path: object,
) -> None:
    assert _run(_IN_JAX, str(tmp_path), "linen", "mjx") == '{"network": [0], "rollouts": [0]}'


def test_runs_that_do_not_use_jax_neither_import_it_nor_ask_it_for_gpus(tmp_path: object) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    assert _run(_WITHOUT_JAX, str(tmp_path), "torch", "serial") == "false"
