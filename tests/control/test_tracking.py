"""Following a motion: found exactly where a control sequence made it, held on the made trot, refused where it does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
from taskloom.arrays import save_npz
from taskloom.bound import BoundTask
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.errors import ModelError
from taskloom_control.mjcf.files import model_path
from taskloom_control.mjcf.reference import joint_names, motion_of
from taskloom_control.mjcf.trot import trot
from taskloom_control.planning.controller import Controller
from taskloom_control.tasks.quadruped_trot import QuadrupedTrot, QuadrupedTrotConfig
from taskloom_control.tasks.track import Track, TrackConfig
from tests_sizes import size

ARM = """
<mujoco>
  <option timestep="0.01" integrator="implicitfast"/>
  <worldbody>
    <body name="upper"><joint name="shoulder" axis="0 1 0" damping=".1"/><geom type="capsule" size=".02" fromto="0 0 0 .3 0 0" mass="1"/>
      <body name="lower" pos=".3 0 0"><joint name="elbow" axis="0 1 0" damping=".1"/>
        <geom type="capsule" size=".02" fromto="0 0 0 .3 0 0" mass=".5"/></body></body>
  </worldbody>
  <actuator><motor joint="shoulder" ctrlrange="-9 9"/><motor joint="elbow" ctrlrange="-5 5"/></actuator>
</mujoco>
"""


def write_motion(folder: Path, seconds: float = 0.4) -> tuple[Path, Path]:
    """Write an arm, and the motion that known controls make of it."""
    path, motion = folder / "arm.xml", folder / "motion.npz"
    path.write_text(ARM)
    model = mujoco.MjModel.from_xml_path(str(path))
    data, states = mujoco.MjData(model), []
    for k in range(round(seconds / 0.01) + 1):
        states.append((data.time, data.qpos.copy(), data.qvel.copy()))
        data.ctrl[:] = 4 * np.sin(9 * data.time + np.array([0.0, 1.0])) + 0.01 * k
        mujoco.mj_step(model, data)
    time, qpos, qvel = (np.array(part) for part in zip(*states, strict=True))
    # The file lists the joints in an order of its own.
    save_npz(
        motion,
        {
            "time": time,
            "qpos": qpos[:, ::-1].copy(),
            "qvel": qvel[:, ::-1].copy(),
            "joint_names": np.array(["elbow", "shoulder"]),
        },
    )
    return path, motion


def test_a_motion_of_known_controls_is_found_by_ilqr(tmp_path: Path) -> None:
    path, motion = write_motion(tmp_path)
    config = TrackConfig.model_validate(
        {
            "path": str(path),
            "reference": str(motion),
            "optimizer": {"kind": "ilqr"},
            "controller": {"horizon": 0.3, "iterations": 30},
        }
    )
    simulation = Simulation(Track(config), config)
    simulation.reset(np.random.default_rng(0))
    controller = Controller(Track(config), config, 0)
    _, stats = controller.plan(simulation.snapshot(), simulation.task.get_sim_metadata())
    assert 0 <= -stats.reward <= 1e-6
    controller.close()


def test_the_made_trot_is_followed_without_a_fall() -> None:
    """Mean distance of the bodies below 5 cm to the end; ten seeds of ten seconds in the full size."""
    seconds, good = size("trot_seconds"), 0
    seeds = range(size("trot_seeds"))
    for seed in seeds:
        config = QuadrupedTrotConfig.model_validate(
            {"seconds": seconds, "record": {"animation": False, "fan_every": 0}}
        )
        made: Any = QuadrupedTrot
        loop = ClosedLoop(BoundTask(made(config), config, made), seed, 1000 + seed)
        while not loop.done:
            loop.advance()
        distance = loop.simulation.task.recorded_metrics(loop.arrays())["track_distance"]
        good += loop.step == loop.num_steps and distance <= 0.05
        loop.close()
    assert good >= 0.9 * len(seeds)


def test_the_made_trot_keeps_feet_on_the_ground_and_moves_ahead() -> None:
    model = mujoco.MjModel.from_xml_path(str(model_path("quadruped")))
    data, motion = mujoco.MjData(model), motion_of(model, trot(4.0, 0.3), "It", loop=False)
    feet = [model.site(f"{leg}_foot").id for leg in ("front_left", "rear_right", "front_right")]
    heights = []
    for pose in motion.qpos:
        data.qpos[:] = pose
        mujoco.mj_kinematics(model, data)
        heights.append(data.site_xpos[feet, 2])
    height = np.array(heights)
    assert height.min() == pytest.approx(0.026, abs=2e-3)
    assert height.max() < 0.026 + 0.06
    np.testing.assert_allclose(height[:, 0], height[:, 1], atol=1e-3)  # diagonal legs together
    assert not np.allclose(height[:, 0], height[:, 2], atol=1e-2)
    assert motion.qpos[-1, 0] == pytest.approx(0.3 * 3.5, abs=1e-9)


def test_between_two_poses_the_way_is_the_geodesic_and_ends_are_held_or_looped() -> None:
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><body name="b"><joint name="turn" type="ball"/><geom size=".1"/></body></worldbody></mujoco>'
    )
    half = np.sqrt(0.5)
    arrays = {
        "time": np.array([0.0, 1.0]),
        "qpos": np.array([[1.0, 0, 0, 0], [half, half, 0, 0]]),
        "joint_names": np.array(["turn"]),
    }
    held = motion_of(model, arrays, "It", loop=False)
    eighth = [np.cos(np.pi / 8), np.sin(np.pi / 8), 0, 0]
    np.testing.assert_allclose(held.at(np.array([0.5]))[0][0], eighth, atol=1e-12)
    np.testing.assert_allclose(held.at(np.array([7.0]))[0][0], arrays["qpos"][1], atol=1e-12)
    assert not held.at(np.array([7.0]))[1].any()
    looped = motion_of(model, arrays, "It", loop=True)
    np.testing.assert_allclose(looped.at(np.array([3.5]))[0][0], eighth, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"joint_names": ["elbow", "sholder"]},
            "a joint 'sholder' that the model has not; did you mean 'shoulder'",
        ),
        ({"joint_names": ["elbow"]}, "does not say where the model's joint 'shoulder' is"),
        ({"time": [0.0, 0.0]}, "times that rise"),
        ({"qpos": [[0.0], [1.0]]}, r"qpos of shape \(2, 1\)"),
        ({"qvel": [[0.0], [1.0]]}, r"qvel of shape \(2, 1\)"),
    ],
    ids=["unknown joint", "joint left out", "time", "positions", "speeds"],
)
def test_a_motion_that_does_not_fit_is_refused_in_a_sentence(
    change: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "arm.xml").write_text(ARM)
    model = mujoco.MjModel.from_xml_path(str(tmp_path / "arm.xml"))
    assert joint_names(model) == ["shoulder", "elbow"]
    arrays = {
        "time": [0.0, 1.0],
        "qpos": [[0.0, 0.0], [1.0, 1.0]],
        "joint_names": ["elbow", "shoulder"],
    }
    with pytest.raises(ModelError, match=sentence):
        motion_of(
            model, {k: np.array(v) for k, v in {**arrays, **change}.items()}, "It", loop=False
        )


def test_a_file_that_is_no_motion_is_refused(tmp_path: Path) -> None:
    save_npz(tmp_path / "other.npz", {"time": np.zeros(2)})
    config = TrackConfig.model_validate({"reference": str(tmp_path / "other.npz")})
    with pytest.raises(ModelError, match="has no array 'qpos'"):
        _ = Track(config).motion
