"""Engines: a plain loop of mj_step, bit for bit, whatever the threads, with the whole physical state."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import mujoco
import numpy as np
import pytest
from taskloom_control.engines.numpy import ArrayEngine
from taskloom_control.engines.threads_mujoco import ThreadedEngine
from taskloom_control.errors import ModelError, PlanError
from taskloom_control.mjcf.compiling import compile_model
from taskloom_control.mjcf.files import model_path
from taskloom_control.mjcf.mapping import ModelMap
from taskloom_control.mjcf.physics import (
    apply_snapshot,
    control_range,
    position_columns,
    sensor_columns,
    take_snapshot,
    velocity_columns,
)
from taskloom_control.task import Array
from taskloom_control.tasks.cartpole import Cartpole, CartpoleConfig
from taskloom_control.tasks.double_integrator import DoubleIntegrator, DoubleIntegratorConfig
from taskloom_control.tasks.lq_point_mass import LqPointMass, LqPointMassConfig

NO_EDIT = lambda spec: None  # noqa: E731 -- a test's nothing


def excited(model: mujoco.MjModel, steps: int = 20) -> mujoco.MjData:
    """Return a simulation whose every state differs from the model's start."""
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    if model.nmocap:
        data.mocap_pos[:] = rng.normal(size=data.mocap_pos.shape)
        data.mocap_quat[:] = rng.normal(size=data.mocap_quat.shape)
        data.mocap_quat /= np.linalg.norm(data.mocap_quat, axis=1, keepdims=True)
    data.userdata[:] = rng.normal(size=data.userdata.shape)
    if model.neq:
        data.eq_active[:] = 1
    data.qfrc_applied[:] = 0.01 * rng.normal(size=model.nv)
    low, high = control_range(model)
    for _ in range(steps):
        data.ctrl[:] = rng.uniform(low, high)
        mujoco.mj_step(model, data)
    return data


def plain_loop(
    model: mujoco.MjModel, snapshot: Array, controls: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    states = np.empty((*controls.shape[:2], model.nq + model.nv))
    sensors = np.empty((*controls.shape[:2], model.nsensordata))
    for r in range(len(controls)):
        data = mujoco.MjData(model)
        apply_snapshot(snapshot, model, data)
        for k in range(controls.shape[1]):
            data.ctrl[:] = controls[r, k]
            mujoco.mj_step(model, data)
            states[r, k] = np.concatenate([data.qpos, data.qvel])
            sensors[r, k] = data.sensordata
    return states, sensors


def random_controls(model: mujoco.MjModel, rollouts: int, steps: int) -> np.ndarray:
    low, high = control_range(model)
    return np.random.default_rng(1).uniform(low, high, (rollouts, steps, model.nu))


@pytest.fixture
def everything(tmp_path: Path, systems: ModuleType) -> mujoco.MjModel:
    return compile_model(systems.write_model(tmp_path, systems.EVERYTHING), NO_EDIT)


@pytest.mark.parametrize("threads", [None, 1, 2, 8])
@pytest.mark.parametrize("rollouts", [1, 7])
def test_rollouts_equal_a_plain_loop_bit_for_bit(
    everything: mujoco.MjModel, threads: int | None, rollouts: int
) -> None:
    """Activation, mocap, equality, free and ball joints, user data, applied force, warm start: nothing is left out."""
    data = excited(everything)
    controls = random_controls(everything, rollouts, 30)
    snapshot = take_snapshot(everything, data)
    engine = ThreadedEngine(everything, threads)
    made = engine.rollout(snapshot, controls)
    states, sensors = plain_loop(everything, snapshot, controls)
    np.testing.assert_array_equal(made.states, states)
    np.testing.assert_array_equal(made.sensors, sensors)
    assert made.alive.all()
    engine.close()


def test_every_type_of_sensor_is_rolled_out_bit_for_bit() -> None:
    model = compile_model(Path(__file__).with_name("sensors.xml"), NO_EDIT)
    missing = set(range(len(mujoco.mjtSensor.__members__))) - set(model.sensor_type.tolist())
    # What is left needs a plug-in or a mesh.
    assert {mujoco.mjtSensor(kind).name for kind in missing} <= {
        "mjSENS_PLUGIN",
        "mjSENS_TACTILE",
    }
    snapshot, controls = take_snapshot(model, excited(model, 40)), random_controls(model, 6, 40)
    states, sensors = plain_loop(model, snapshot, controls)
    engine = ThreadedEngine(model, 2)
    made = engine.rollout(snapshot, controls)
    np.testing.assert_array_equal(made.states, states)
    np.testing.assert_array_equal(made.sensors, sensors)
    assert (np.ptp(made.sensors, axis=(0, 1)) > 0).mean() > 0.8
    engine.close()


def test_kinetic_energy_does_not_remember_the_rollout_before() -> None:
    """MuJoCo's sensor reads what the last step of the same MjData left, which would depend on the thread."""
    model = compile_model(Path(__file__).with_name("sensors.xml"), NO_EDIT)
    kinetic = int(model.sensor_adr[model.sensor_type == int(mujoco.mjtSensor.mjSENS_E_KINETIC)][0])
    data = excited(model, 40)
    snapshot, expected = take_snapshot(model, data), mujoco.MjData(model)
    apply_snapshot(snapshot, model, expected)
    mujoco.mj_step(model, expected)
    for threads in (None, 1, 2, 8):
        engine = ThreadedEngine(model, threads)
        made = engine.rollout(snapshot, random_controls(model, 9, 3))
        np.testing.assert_array_equal(made.sensors[:, 0, kinetic], expected.sensordata[kinetic])
        engine.close()


@pytest.mark.parametrize("name", ["cartpole", "cylinder_push", "reacher", "push_t"])
def test_batch_split_gives_identical_bits(name: str) -> None:
    model = compile_model(model_path(name), NO_EDIT)
    snapshot = take_snapshot(model, excited(model))
    controls = random_controls(model, 12, 20)
    engine = ThreadedEngine(model, 2)
    whole = np.array(engine.rollout(snapshot, controls).states)
    parts = [
        np.array(engine.rollout(snapshot, controls[i : i + 5]).states) for i in range(0, 12, 5)
    ]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    engine.close()


def test_mocap_pose_reaches_the_rollouts(everything: mujoco.MjModel) -> None:
    """A sensor relative to a mocap body must not see the pose of the XML file."""
    data = mujoco.MjData(everything)
    data.mocap_pos[0] = (3.0, 0.0, 0.0)
    engine = ThreadedEngine(everything, None)
    gap = engine.rollout(take_snapshot(everything, data), np.zeros((1, 1, everything.nu))).sensors[
        0, 0, :3
    ]
    mujoco.mj_forward(everything, data)
    np.testing.assert_allclose(gap, data.sensordata[:3])
    data.mocap_pos[0] = (0.0, 0.0, 1.0)
    moved = engine.rollout(
        take_snapshot(everything, data), np.zeros((1, 1, everything.nu))
    ).sensors[0, 0, :3]
    assert np.abs(moved - gap).max() > 1.0
    engine.close()


def test_model_is_shared_and_left_alone(everything: mujoco.MjModel) -> None:
    """judo's ranges became infinite when they were read; ours stay."""
    before = everything.actuator_ctrlrange.copy()
    unlimited = mujoco.MjModel.from_xml_string(
        "<mujoco><worldbody><body><joint name='j'/><geom size='.1'/></body></worldbody><actuator><motor joint='j'/></actuator></mujoco>"
    )
    low, high = control_range(unlimited)
    assert (low, high) == (-np.inf, np.inf)
    np.testing.assert_array_equal(unlimited.actuator_ctrlrange, [[0, 0]])
    control_range(everything)
    np.testing.assert_array_equal(everything.actuator_ctrlrange, before)
    engine = ThreadedEngine(everything, 2)
    engine.rollout(
        take_snapshot(everything, mujoco.MjData(everything)), np.zeros((6, 3, everything.nu))
    )
    assert all(model is everything for model in engine._pool._same)
    engine.close()


def test_threads_follow_the_cores_and_the_rollouts_not_the_rollouts_alone(
    everything: mujoco.MjModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    snapshot = take_snapshot(everything, mujoco.MjData(everything))
    engine = ThreadedEngine(everything, 0)
    engine.rollout(snapshot, np.zeros((1, 400, everything.nu)))
    assert engine._pool.num_helpers == 0
    for _ in range(3):
        engine.rollout(snapshot, np.zeros((64, 400, everything.nu)))
    assert engine._pool.num_helpers == 2
    engine.close()
    assert engine._pool.num_helpers == 0


def test_diverged_rollout_is_told_from_the_others() -> None:
    model = mujoco.MjModel.from_xml_string(
        """<mujoco><option timestep=".05"><flag contact="disable"/></option><worldbody><body>
        <joint name="j" type="slide"/><geom size=".1"/></body></worldbody>
        <actuator><motor joint="j" ctrlrange="-1e300 1e300"/></actuator></mujoco>"""
    )
    controls = np.zeros((3, 4, 1))
    controls[1] = 1e300
    engine = ThreadedEngine(model, None)
    made = engine.rollout(take_snapshot(model, mujoco.MjData(model)), controls)
    assert made.alive.tolist() == [True, False, True]
    controls[:] = 1e300
    assert not engine.rollout(take_snapshot(model, mujoco.MjData(model)), controls).alive.any()
    engine.close()


@pytest.mark.parametrize(
    ("kind", "config"),
    [(LqPointMass, LqPointMassConfig), (DoubleIntegrator, DoubleIntegratorConfig)],
)
def test_numpy_dynamics_equal_mujoco(kind: Array, config: Array) -> None:
    task = kind(config())
    data = excited(task.model, steps=0)
    data.qpos[:], data.qvel[:] = 0.7, -0.4
    data.qfrc_applied[:] = 0
    controls = random_controls(task.model, 5, 40)
    snapshot = take_snapshot(task.model, data)
    expected, _ = plain_loop(task.model, snapshot, controls)
    np.testing.assert_allclose(
        ArrayEngine(task, task.config).rollout(snapshot, controls).states, expected, atol=1e-12
    )


def test_numpy_engine_refuses_a_task_without_dynamics() -> None:
    with pytest.raises(PlanError, match=r"needs a task that defines dynamics.*Cartpole"):
        ArrayEngine(Cartpole(CartpoleConfig()), CartpoleConfig())


def test_state_crosses_to_a_planning_model_of_another_make(
    tmp_path: Path, systems: ModuleType
) -> None:
    simulated = compile_model(systems.write_model(tmp_path, systems.EVERYTHING), NO_EDIT)
    plain = systems.EVERYTHING.replace('<size nuserdata="2"/>', "")
    planning = compile_model(systems.write_model(tmp_path, plain, "plan.xml"), NO_EDIT)
    data = excited(simulated)
    target = mujoco.MjData(planning)
    apply_snapshot(ModelMap(planning, simulated).snapshot(data), planning, target)
    for name in ("qpos", "qvel", "act", "mocap_pos", "eq_active", "qacc_warmstart"):
        np.testing.assert_array_equal(getattr(target, name), getattr(data, name))
    assert target.time == data.time
    other = compile_model(model_path("cartpole"), NO_EDIT)
    with pytest.raises(ModelError, match="belongs to another model"):
        apply_snapshot(take_snapshot(simulated, data), other, mujoco.MjData(other))


def test_columns_are_found_by_name(everything: mujoco.MjModel) -> None:
    assert position_columns(everything, "free") == slice(0, 7)
    assert position_columns(everything, "ball") == slice(7, 11)
    assert position_columns(everything, "hinge") == slice(11, 12)
    nq = everything.nq
    assert velocity_columns(everything, "free") == slice(nq, nq + 6)
    assert velocity_columns(everything, "hinge") == slice(nq + 9, nq + 10)
    assert sensor_columns(everything, "turn") == slice(3, 7)


@pytest.mark.parametrize(
    ("find", "name", "message"),
    [
        (sensor_columns, "gapp", "no sensor called 'gapp'; did you mean 'gap'"),
        (position_columns, "hinje", "no joint called 'hinje'; did you mean 'hinge'"),
    ],
)
def test_unknown_name_is_an_error_with_the_closest_one(
    everything: mujoco.MjModel, find: Array, name: str, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        find(everything, name)
