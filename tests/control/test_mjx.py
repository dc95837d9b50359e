"""The JAX engine against the C engine, and rewards on both namespaces."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("jax")

# Double precision is switched on for a whole process, so this runs in one of its own.
CODE = """
import warnings
warnings.filterwarnings("ignore")
import numpy as np
from taskloom_control.engines.mjx import MjxEngine
from taskloom_control.engines.threads import ThreadedEngine
from taskloom_control.physics import take_snapshot
from taskloom_control.simulation import Simulation
from taskloom_control.tasks.{module} import {name}, {name}Config
task = {name}({name}Config())
simulation = Simulation(task)
simulation.reset(np.random.default_rng(0))
snapshot = simulation.snapshot()
controls = np.random.default_rng(1).uniform(-0.1, 0.1, (4, 15, task.model.nu))
c, j = ThreadedEngine(task.model, None), MjxEngine(task.model, double=True)
a = c.rollout(snapshot, controls)
b = j.rollout(snapshot, controls)
gap = float(np.abs(np.asarray(b.states) - a.states).max())
seen = float(np.abs(np.asarray(b.sensors) - a.sensors).max())
metadata = task.get_sim_metadata()
ra = np.asarray(task.reward(a.states, a.sensors, controls, task.config, metadata))
import jax.numpy as jnp
rb = np.asarray(task.reward(b.states, b.sensors, jnp.asarray(controls), task.config, metadata))
print(gap, seen, float(np.abs(ra - rb).max()), b.alive.all())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "name"), [("cartpole", "Cartpole"), ("particle_goal", "ParticleGoal")]
)
def test_mjx_rollouts_agree_with_mujocos(module: str, name: str) -> None:
    pytest.importorskip("mujoco.mjx")
    code = CODE.format(module=module, name=name)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    gap, seen, reward, alive = done.stdout.split()[-4:]
    assert float(gap) < 1e-9
    assert float(seen) < 1e-9
    assert float(reward) < 1e-7
    assert alive == "True"
