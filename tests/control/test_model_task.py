"""A model and a goal without a class, starts at keyframes and against gravity, and replays on the models that a run kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import mujoco
import numpy as np
import pytest
from taskloom.cli import main
from taskloom.errors import TaskloomError
from taskloom.opening import open_run, open_task
from taskloom_control.closed_loop.pairs import pairing_lines
from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.compat.judo import Task, TaskConfig
from taskloom_control.config import ControlConfig
from taskloom_control.errors import ControlError
from taskloom_control.mjcf.files import model_path
from taskloom_control.mjcf.mapping import ModelMap
from taskloom_control.mjcf.physics import control_range, take_snapshot
from taskloom_control.planning.controller import Controller
from taskloom_control.planning.holding import drift, holding_control
from taskloom_control.task import Array, ControlTask, Metadata

ARM = model_path("reacher")
QUICK = ("--record.animation=false", "-q")
LINKS = """<mujoco><worldbody><body><joint name="a" axis="0 1 0"/>
<geom type="capsule" size="0.01" fromto="0 0 0 0.4 0 0" mass="2"/><body pos="0.4 0 0"><joint name="b" axis="0 1 0"/>
<geom type="capsule" size="0.01" fromto="0 0 0 0.3 0 0" mass="1"/></body></body></worldbody>
<actuator>{}</actuator></mujoco>"""


def simulated(**values: object) -> Simulation:
    task = open_task("control/model", values).task
    simulation = Simulation(task, task.config)
    simulation.reset(np.random.default_rng(0))
    return simulation


def test_a_goal_by_parameters_is_reached_and_held(tmp_path: Path) -> None:
    goal = ("--joint.shoulder=0.4", "--joint.elbow=0.5", "--seconds=4", "--hold=1")
    words = ("run", "control", "model", f"--path={ARM}", *goal, *QUICK, f"--store={tmp_path}")
    assert main(words) == 0
    run = open_run("@last", tmp_path)
    assert run.metrics["success"] == 1
    assert "cost_joint elbow" in np.load(run.artifacts["trajectory"]).files


@pytest.mark.parametrize(
    ("values", "distance"),
    [
        ({"path": ARM, "reach": "tip:target"}, 0.1),
        ({"path": ARM, "reach": "tip:0.4,0.3,0; lower:0.2,0,0.4"}, 0.3),
        ({"path": ARM, "joint": {"elbow": 1.5}}, 1.5),
        ({"path": model_path("quadruped"), "height": "trunk:0.5"}, 0.18),
        ({"path": model_path("quadruped"), "upright": "trunk"}, 0.0),
        ({}, 0.1),
    ],
)
def test_the_cost_is_the_smooth_distance_to_the_goal(
    values: dict[str, object], distance: float
) -> None:
    simulation = simulated(**values)
    task = simulation.task
    state = np.concatenate([task.view.qpos, task.view.qvel])[None, None]
    seen = np.zeros((1, 1, task.model.nsensordata))
    for name in task.goals.sensors:
        seen[..., task.sensor(name)] = task.view.sensor(name)
    terms = task.costs(state, seen, np.zeros((1, 1, task.nu)), task.config)
    (first, *_) = terms.values()
    assert first[0, 0] == pytest.approx(np.hypot(distance, 0.01) - 0.01, abs=1e-9)
    assert task.success() == (distance < 0.02)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((f"--path={ARM}", "--reach=tipp:target"), "did you mean 'tip'?"),
        ((f"--path={ARM}", "--reach=tip"), "takes a site or body"),
        ((f"--path={ARM}", "--reach=tip:1,2"), "three coordinates"),
        ((f"--path={ARM}", "--joint.elbo=1"), "did you mean 'elbow'?"),
        ((f"--path={ARM}", "--upright=loweer"), "did you mean 'lower'?"),
        ((f"--path={ARM}", "--height=lower:high"), "takes a body and a height"),
        ((f"--path={ARM}",), "has no goal"),
        ((f"--path={model_path('quadruped')}", "--joint.trunk=1"), "no joint called 'trunk'"),
        (("--keyframe=home",), "no keyframe called 'home'"),
    ],
)
def test_a_goal_that_does_not_fit_is_refused_in_a_sentence(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("run", "control", "model", *words, *QUICK, f"--store={tmp_path}")) != 0
    shown = capsys.readouterr().err
    assert said in shown
    assert "Traceback" not in shown


def test_seeds_begin_elsewhere_only_if_asked_to() -> None:
    def starts(**values: object) -> list[list[float]]:
        made = []
        for seed in range(2):
            task = open_task("control/model", values).task
            simulation = Simulation(task, task.config)
            simulation.reset(np.random.default_rng(seed))
            made.append(task.view.qpos.tolist())
        return made

    first, second = starts()
    assert first == second
    first, second = starts(spread=0.3)
    assert first != second


KEYS = """<keyframe><key name="bent" time="3" qpos="0.5 -0.7" ctrl="0.05 0"/><key name="home" qpos="0 1"/></keyframe>"""


@pytest.fixture
def keyed(tmp_path: Path) -> Path:
    path = tmp_path / "keyed.xml"
    path.write_text(ARM.read_text().replace("</mujoco>", f"{KEYS}</mujoco>"))
    return path


@pytest.mark.parametrize(
    ("keyframe", "qpos"), [("", [0, 1]), ("bent", [0.5, -0.7]), ("none", [0, 0])]
)
def test_an_episode_begins_at_the_keyframe(keyed: Path, keyframe: str, qpos: list[float]) -> None:
    simulation = simulated(path=keyed, reach="tip:target", keyframe=keyframe)
    assert simulation.task.view.qpos.tolist() == qpos
    assert simulation.time == 0.0
    facts = open_task(
        "control/model", {"path": keyed, "reach": "tip:target", "keyframe": keyframe}
    ).describe()
    assert facts["starts at"] == (keyframe or "home").replace("none", "the model's own start")


@pytest.mark.parametrize(
    ("actuators", "held"),
    [
        ('<motor joint="a" ctrlrange="-20 20"/><motor joint="b"/>', (-9.3195, -1.4715)),
        (
            '<position joint="a" kp="200" ctrlrange="-2 2"/><position joint="b" kp="100"/>',
            (-0.0465975, -0.0147150),
        ),
        (
            '<general joint="a" dyntype="filter" dynprm="0.1"/><motor joint="b"/>',
            (-9.3195, -1.4715),
        ),
        ('<motor joint="a" ctrlrange="-5 5"/><motor joint="b"/>', (-5.0, None)),
    ],
)
def test_the_first_plan_holds_two_links_against_gravity(
    actuators: str, held: tuple[float, float | None]
) -> None:
    model = mujoco.MjModel.from_xml_string(LINKS.format(actuators))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    snapshot = take_snapshot(model, data)
    low, high = control_range(model)
    found = holding_control(model, snapshot, low, high)
    assert found[0] == pytest.approx(held[0], abs=1e-4)
    if held[1] is not None:
        assert found[1] == pytest.approx(held[1], abs=1e-4)
        assert drift(model, snapshot, found, 1.0) < 1e-6
    assert drift(model, snapshot, found, 0.2) <= drift(model, snapshot, np.zeros(2), 0.2)
    assert (low <= found).all()
    assert (found <= high).all()


def test_a_task_that_says_how_it_begins_is_believed() -> None:
    task = open_task("control/quadruped_walk")
    controller = Controller(task.copy(), task.config, 0)
    simulation = Simulation(task.copy(), task.config)
    simulation.reset(np.random.default_rng(0))
    controller.plan(simulation.snapshot())
    assert type(task.task).optimizer_warm_start is not ControlTask.optimizer_warm_start
    controller.close()


def test_weights_that_are_exchanged_reach_the_derivatives() -> None:
    """Both controllers judge the second plan by the new weights, so the plans are the same."""
    old, new = (
        open_task(
            "control/pendulum",
            {"optimizer": "ilqr", "w_control": weight, "controller.horizon": 0.3},
        )
        for weight in (0.01, 5.0)
    )
    simulation = Simulation(old.copy(), old.config)
    simulation.reset(np.random.default_rng(0))
    snapshot = simulation.snapshot()
    curves = []
    for first in (old, new):
        controller = Controller(first.copy(), first.config, 0)
        controller.plan(snapshot)
        controller.exchange(new.config)
        controller.search.reset(np.zeros_like(controller.search.nominal))
        curves.append(controller.plan(snapshot)[0].curve)
        controller.close()
    np.testing.assert_array_equal(*curves)


class Twice(ControlTask[ControlConfig]):
    """A mass whose one control goes to both of its actuators."""

    nu = 1

    def control_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """From -1 to 1."""
        return np.full(1, -1.0), np.ones(1)

    def task_to_sim_ctrl(self, controls: np.ndarray) -> np.ndarray:
        """Half for each."""
        return np.concatenate([controls, -controls], axis=-1)

    def reward(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: ControlConfig,
        system_metadata: Metadata | None = None,
    ) -> Array:
        """Return minus the square of the task's own control."""
        assert controls.shape[-1] == 1
        return -(controls**2).sum((-1, -2))


def test_the_simulation_takes_the_controls_of_a_task_of_its_own() -> None:
    config = open_task("control/reacher").config
    task = Twice(config)
    task.model_path = ARM
    simulation = Simulation(task, config)
    simulation.reset(np.random.default_rng(0))
    assert simulation.step(np.array([0.05])) == pytest.approx(-0.0025)
    assert simulation.acted.tolist() == [0.05, -0.05]


@dataclass
class WalkerConfig(TaskConfig):
    """Nothing of its own."""

    w_speed: float = 1.0


class Walker(Task[WalkerConfig]):
    """A task in judo's form that wants a policy in the loop."""

    name: ClassVar[str] = "walker"

    @property
    def locomotion_policy_path(self) -> str:
        """The policy."""
        return "policy.onnx"

    def reward(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        system_metadata: Metadata | None = None,
    ) -> Array:
        """Return nothing of interest."""
        return -states.sum((-1, -2))


def test_a_policy_in_the_loop_is_refused() -> None:
    with pytest.raises(ControlError, match=r"the policy 'policy.onnx' .* taskloom does not run"):
        Walker(str(ARM))


def test_the_pairing_table_names_what_differs(tmp_path: Path) -> None:
    text = ARM.read_text()
    other = tmp_path / "other.xml"
    changed = text.replace('ctrlrange="-0.1 0.1"/>\n  </act', 'ctrlrange="-0.2 0.1"/>\n  </act')
    changed = changed.replace('name="trace_tip"', 'name="trace_end"').replace(
        'mass="0.1"', 'mass="0.3"'
    )
    other.write_text(changed.replace('timestep="0.02"', 'timestep="0.01"'))
    plan, plant = (mujoco.MjModel.from_xml_path(str(path)) for path in (other, ARM))
    with pytest.raises(TaskloomError, match="trace_end"):
        ModelMap(plan, plant)
    both = tmp_path / "both.xml"
    both.write_text(
        changed.replace(
            "</sensor>", '<framepos name="trace_tip" objtype="site" objname="tip"/></sensor>'
        )
    )
    plant, plan = mujoco.MjModel.from_xml_path(str(both)), mujoco.MjModel.from_xml_path(str(ARM))
    lines = "\n".join(pairing_lines(ModelMap(plan, plant)))
    assert "pairing, joints: 2 matched\n" in lines
    assert "pairing, sensors: 2 matched, simulated only: sensor 'trace_end'" in lines
    assert "range of actuator 'elbow': -0.1 to 0.1 planned, -0.2 to 0.1 simulated" in lines
    assert "mass of body 'lower': 0.1 planned, 0.3 simulated" in lines


def test_a_run_replays_on_the_models_that_it_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "arm.xml"
    path.write_text(ARM.read_text())
    goal = (f"--path={path}", "--reach=tip:target", "--seconds=0.4", "--hold=0.1")
    assert main(("run", "control", "model", *goal, *QUICK, f"--store={tmp_path}")) == 0
    run = str(open_run("@last", tmp_path).dir)
    path.write_text(ARM.read_text().replace('mass="0.1"', 'mass="2"'))
    assert main(("control", "replay", run)) != 0
    assert "The planning model changed since: " in capsys.readouterr().err
    assert main(("control", "replay", run, "--with-recorded-model")) == 0
    assert "replays to the same trajectory" in capsys.readouterr().out


def test_check_shows_the_pairing_and_the_drift(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("control", "check", "model", "--json")) == 0
    told = [row["message"] for row in json.loads(capsys.readouterr().out)]
    assert "pairing: the simulated model is the planning model" in told
