"""The JAX engine against the C engine, rewards on both namespaces, and a closed loop that repeats."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys

import mujoco
import pytest
from taskloom_control.engines.mjx_jax import MJXEngine
from taskloom_control.errors import PlanError
from taskloom_control.mjcf.files import model_path
from tests_sizes import size

pytest.importorskip("jax")

# Double precision is switched on for a whole process, so this runs in one of its own.
CODE = """
import json, warnings
warnings.filterwarnings("ignore")
import jax.numpy as jnp
import mujoco
import numpy as np
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom.bound import BoundTask
from taskloom_control.engines.mjx_jax import MJXEngine
from taskloom_control.engines.threads_mujoco import ThreadedEngine
from taskloom_control.mjcf.physics import take_snapshot
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.tasks.cartpole import Cartpole, CartpoleConfig
from taskloom_control.tasks.lq_point_mass import LqPointMass, LqPointMassConfig
from taskloom_control.tasks.particle_goal import ParticleGoal, ParticleGoalConfig
from taskloom_control.closed_loop.trajectory import trajectory_hash

rows = {}
for made in (Cartpole(CartpoleConfig()), ParticleGoal(ParticleGoalConfig())):
    simulation = Simulation(made, made.config)
    simulation.reset(np.random.default_rng(0))
    snapshot = simulation.snapshot()
    controls = np.random.default_rng(1).uniform(-0.1, 0.1, (4, 15, made.model.nu))
    a = ThreadedEngine(made.model, None).rollout(snapshot, controls)
    metadata = made.get_sim_metadata()
    row = {}
    if isinstance(made, Cartpole):  # compiling takes the time; the other one's mocap target is in the model below
        b = MJXEngine(made.model, double=True).rollout(snapshot, controls)
        states, sensors, row["alive"] = b.states, b.sensors, bool(b.alive.all())
        row["states"] = float(np.abs(np.asarray(states) - a.states).max())
    else:
        states, sensors = jnp.asarray(a.states), jnp.asarray(a.sensors)
    row["sensors"] = float(np.abs(np.asarray(sensors) - a.sensors).max())
    ra = made.reward(a.states, a.sensors, controls, made.config, metadata)
    rb = made.reward(states, sensors, jnp.asarray(controls), made.config, metadata)
    row["reward"] = float(np.abs(np.asarray(rb) - ra).max())
    rows[type(made).__name__] = row
model = mujoco.MjModel.from_xml_string(
    "<mujoco><worldbody><geom type='plane' size='1 1 .1'/><body pos='0 0 .11'><joint name='j' type='slide' axis='0 0 1'/>"
    "<geom size='.1'/></body><body name='goal' mocap='true' pos='.5 0 0'><geom size='.01' contype='0' conaffinity='0'/></body>"
    "</worldbody><actuator><motor joint='j' ctrlrange='-1 1'/></actuator>"
    "<sensor><framepos objtype='body' objname='goal'/></sensor></mujoco>"
)
data = mujoco.MjData(model)
data.mocap_pos[0] = 0.3, 0.2, 0.1  # elsewhere than in the model
snapshot, controls = take_snapshot(model, data), np.full((2, 60, 1), -0.5)
a = ThreadedEngine(model, None).rollout(snapshot, controls)
b = MJXEngine(model, double=True).rollout(snapshot, controls)
gap, bottom = float(np.abs(np.asarray(b.states) - a.states).max()), float(a.states[..., 0].min())
goals = [np.unique(np.asarray(each.sensors).reshape(-1, 3).round(12), axis=0).tolist() for each in (a, b)]
hashes = []
for kind in ("mjx", "mjx", "threads"):
    config = LqPointMassConfig.model_validate({
        "seconds": 0.5, "record": {"fan_every": 0, "animation": False},
        "optimizer": {"kind": "cem", "num_rollouts": 8}, "engine": {"kind": kind}})
    loop = ClosedLoop(BoundTask(LqPointMass(config), config, LqPointMass), 0, 0)
    while not loop.done:
        loop.advance()
    hashes.append((trajectory_hash(loop.arrays()), float(loop.arrays()["qpos"][-1, 0])))
    loop.close()
print(json.dumps({"parity": rows, "contact": (gap, bottom), "goals": goals, "loops": hashes}))
"""


@pytest.mark.slow
def test_mjx_rollouts_agree_with_mujocos_and_its_loop_repeats() -> None:
    """A joint chain, a mocap target, and a contact (whose integers a step returns wider than it takes them)."""
    pytest.importorskip("mujoco.mjx")
    # Compilation is most of the time, and agreement to 1e-9 needs none of XLA's optimizations.
    quick = {"JAX_DISABLE_MOST_OPTIMIZATIONS": str(size("quick_compilation"))}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **quick},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["parity"]["Cartpole"]["states"] < 1e-9
    assert found["parity"]["Cartpole"]["alive"]
    for name, row in found["parity"].items():
        assert row["sensors"] < 1e-9, name
        assert row["reward"] < 1e-7, name
    assert found["goals"] == [[[0.3, 0.2, 0.1]]] * 2
    gap, bottom = found["contact"]
    assert bottom < -0.0099  # the ball has come down to the floor
    assert gap < 1e-6
    (first, x), (second, _), (_, y) = found["loops"]
    assert first == second
    assert x == pytest.approx(y, abs=1e-6)


@pytest.mark.parametrize("name", ["u_maze", "push_t"])
def test_model_that_mjx_cannot_run_is_refused_in_a_sentence_and_quietly(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mujoco.mjx")
    capsys.readouterr()
    model = mujoco.MjModel.from_xml_path(str(model_path(name)))
    handlers = list(logging.getLogger().handlers)
    with pytest.raises(PlanError) as caught:
        MJXEngine(model, double=False)
    assert caught.value.message == (
        f"MJX cannot run the model '{name}': it has no collision of a cylinder with a box; use the engine 'threads'."
    )
    assert logging.getLogger().handlers == handlers
    assert capsys.readouterr().out == ""
