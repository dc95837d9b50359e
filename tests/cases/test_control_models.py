"""The model that plans and the model that is simulated are one system, whatever their files look like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from cases_verdict import CONTRACT, verdict
from taskloom_control import (
    Array,
    ClosedLoop,
    ControlConfig,
    ModelError,
    PlanError,
    Simulation,
    StagedTask,
)
from taskloom_control.engines.mjx import MjxEngine
from taskloom_control.engines.threads import ThreadedEngine

SLIDER = """<body pos="0 {y} 0"><joint name="{name}" type="slide" axis="1 0 0"/>
<geom size=".1" mass="1" contype="0" conaffinity="0"/></body>"""
MASS = SLIDER.format(y=0, name="x")
PUSH = '<actuator><motor joint="x" ctrlrange="-5 5"/></actuator>'
MARK = '<geom size=".02" contype="0" conaffinity="0"/>'


def _episode(task: StagedTask[Any]) -> ClosedLoop:
    """Play an episode to its end."""
    loop = ClosedLoop(task, 0, 0)
    try:
        while not loop.done:
            loop.advance()
    finally:
        loop.close()
    return loop


class TwoConfig(ControlConfig):
    """Four seconds."""

    seconds: float = 4.0


class Two(StagedTask[TwoConfig]):
    """Joint `a` to 1, joint `b` to -2."""

    def __init__(self, config: TwoConfig) -> None:
        super().__init__(config)

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: TwoConfig,
        system_metadata: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Array]:
        a, b = (states[..., self.position(name)][..., 0] for name in "ab")
        va, vb = (states[..., self.velocity(name)][..., 0] for name in "ab")
        return {"gap": (a - 1) ** 2 + (b + 2) ** 2 + 0.05 * (va**2 + vb**2)}


def _write_two(path: Path, order: str, more: str = "") -> Path:
    bodies = "".join(SLIDER.format(name=name, y="ab".index(name)) for name in order)
    motors = "".join(f'<motor name="m{name}" joint="{name}" ctrlrange="-5 5"/>' for name in order)
    path.write_text(
        f'<mujoco><option timestep="0.02"/><worldbody>{bodies}</worldbody>'
        f"<actuator>{motors}{more}</actuator></mujoco>"
    )
    return path


@CONTRACT
def test_joints_in_another_order(tmp_path: Path) -> None:
    """Brings `a` to 1 and `b` to -2, or refuses the pair of models: states and controls go by name, not by place."""
    plan = _write_two(tmp_path / "plan.xml", "ab")
    more = '<motor name="more" joint="b" ctrlrange="-5 5"/>'

    class Turned(Two):
        model_path = plan
        sim_model_path = _write_two(tmp_path / "sim.xml", "ba")

    class More(Two):
        model_path = plan
        sim_model_path = _write_two(tmp_path / "more.xml", "ab", more)

    wrong = []
    for name, task in (("Two", Turned), ("More", More)):
        try:
            data = _episode(task(TwoConfig())).simulation.data
        except ModelError:
            continue
        except ValueError as error:
            wrong.append(f"{name}: ValueError {error}")
            continue
        a, b = (float(data.joint(joint).qpos[0]) for joint in "ab")
        if abs(a - 1) > 0.1 or abs(b + 2) > 0.1:
            wrong.append(f"{name}: a {a:.2f}, b {b:.2f}")
    verdict(not wrong, "; ".join(wrong), "a 1.00, b -2.00, or a refusal of the pair of models")


class FollowConfig(ControlConfig):
    """Three seconds."""

    seconds: float = 3.0


class Follow(StagedTask[FollowConfig]):
    """The mass to the target that a sensor reads."""

    def __init__(self, config: FollowConfig) -> None:
        super().__init__(config)

    def reset(self, rng: np.random.Generator) -> None:
        self.data.mocap_pos[0] = (1.0, 0.0, 0.0)

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: FollowConfig,
        system_metadata: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Array]:
        gap = sensors[..., self.sensor("target")][..., 0] - states[..., 0]
        return {"gap": gap**2 + 0.1 * states[..., 1] ** 2}


@CONTRACT
def test_mocap_of_another_count(tmp_path: Path) -> None:
    """Ends at x = 1, or refuses the pair of models: a marker more in the simulated model hides no target.

    Compare google-deepmind/mujoco_mpc#275.
    """
    model = (
        '<mujoco><option timestep="0.02"/><worldbody>'
        f'<body name="target" mocap="true">{MARK}<site name="t"/></body>{{more}}{MASS}</worldbody>'
        f'{PUSH}<sensor><framepos name="target" objtype="site" objname="t"/></sensor></mujoco>'
    )
    marker = f'<body name="marker" mocap="true" pos="0 1 0">{MARK}</body>'
    (tmp_path / "plan.xml").write_text(model.format(more=""))
    (tmp_path / "sim.xml").write_text(model.format(more=marker))

    class Marked(Follow):
        model_path = tmp_path / "plan.xml"
        sim_model_path = tmp_path / "sim.xml"

    try:
        loop = _episode(Marked(FollowConfig()))
    except ModelError:
        return
    x = float(loop.simulation.data.qpos[0])
    verdict(abs(x - 1.0) < 0.05, f"x {x:.3f}", "x 1.00 or a refusal")


class Reach(Follow):
    """The mass to the target, both read by sensors."""

    def reset(self, rng: np.random.Generator) -> None:
        """Begin where the model stands."""

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: FollowConfig,
        system_metadata: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Array]:
        target, q = (sensors[..., self.sensor(name)][..., 0] for name in ("target", "q"))
        return {"gap": (target - q) ** 2}


@CONTRACT
def test_sensors_of_the_simulated_model(tmp_path: Path) -> None:
    """Records the mean of (1 - x)^2, or refuses the pair of models, though the simulated one has a sensor in front."""
    model = (
        '<mujoco><option timestep="0.02"/><worldbody><body name="target" mocap="true" pos="1 0 0">'
        f'{MARK}<site name="t"/></body>{MASS}</worldbody>{PUSH}<sensor>{{more}}'
        '<framepos name="target" objtype="site" objname="t"/><jointpos name="q" joint="x"/>'
        "</sensor></mujoco>"
    )
    (tmp_path / "plan.xml").write_text(model.format(more=""))
    (tmp_path / "sim.xml").write_text(model.format(more='<clock name="c"/>'))

    class Clocked(Reach):
        model_path = tmp_path / "plan.xml"
        sim_model_path = tmp_path / "sim.xml"

    try:
        arrays = _episode(Clocked(FollowConfig())).arrays()
    except ModelError:
        return
    recorded = -arrays["reward"].mean()
    true = np.square(1 - arrays["qpos"][:-1, 0]).mean()
    verdict(abs(recorded - true) < 1e-9, f"{recorded:.4f} recorded", f"{true:.4f}, or a refusal")


class MassConfig(ControlConfig):
    """Four seconds."""

    seconds: float = 4.0


class Mass(StagedTask[MassConfig]):
    """A mass with dynamics of its own, and a cost that reads a sensor."""

    def __init__(self, config: MassConfig) -> None:
        super().__init__(config)

    def reset(self, rng: np.random.Generator) -> None:
        self.data.qpos[0] = 1.0

    def dynamics(self, states: np.ndarray, controls: np.ndarray, config: MassConfig) -> np.ndarray:
        speed = states[:, 1] + 0.02 * controls[:, 0]
        return np.stack([states[:, 0] + 0.02 * speed, speed], axis=1)

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: MassConfig,
        system_metadata: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Array]:
        return {"x": sensors[..., self.sensor("q")][..., 0] ** 2 + 0.1 * states[..., 1] ** 2}


@CONTRACT
def test_numpy_engine_and_sensors(tmp_path: Path) -> None:
    """Reaches 0 with both engines, or `numpy` refuses with a PlanError: no plan is made with sensors of zeros."""
    path = tmp_path / "mass.xml"
    path.write_text(
        f'<mujoco><option timestep="0.02" gravity="0 0 0"/><worldbody>{MASS}</worldbody>{PUSH}'
        '<sensor><jointpos name="q" joint="x"/></sensor></mujoco>'
    )

    class Weighed(Mass):
        model_path = path

    ends = {}
    for engine in ("threads", "numpy"):
        choice = {"optimizer": {"kind": "cem"}, "engine": {"kind": engine}}
        try:
            loop = _episode(Weighed(MassConfig.model_validate(choice)))
        except PlanError:
            continue
        ends[engine] = round(float(loop.simulation.data.qpos[0]), 3)
    verdict(
        "threads" in ends and all(abs(x) < 0.05 for x in ends.values()),
        f"x {ends}",
        "0 within 0.05 with both engines (or numpy refuses)",
    )


class PlainConfig(ControlConfig):
    """All defaults."""


class Plain(StagedTask[PlainConfig]):
    """The first position to 0."""

    def __init__(self, config: PlainConfig) -> None:
        super().__init__(config)

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: PlainConfig,
        system_metadata: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Array]:
        return {"a": states[..., 0] ** 2}


@CONTRACT
def test_mjx_keeps_equalities(tmp_path: Path) -> None:
    """Ends both masses where `threads` does (0.1275 and 0), or refuses, though an equality has been switched off."""
    path = tmp_path / "tied.xml"
    bodies = SLIDER.format(name="a", y=0) + SLIDER.format(name="b", y=1)
    path.write_text(
        f'<mujoco><option timestep="0.01" gravity="0 0 0"/><worldbody>{bodies}</worldbody>'
        '<equality><joint joint1="a" joint2="b"/></equality>'
        '<actuator><motor joint="a" ctrlrange="-5 5"/></actuator></mujoco>'
    )

    class Tied(Plain):
        model_path = path

    simulation = Simulation(Tied(PlainConfig()))
    simulation.reset(np.random.default_rng(0))
    simulation.data.eq_active[0] = 0
    snapshot, controls = simulation.snapshot(), np.ones((1, 50, 1))
    threads = ThreadedEngine(simulation.model, None)
    right = np.array(threads.rollout(snapshot, controls).states)[0, -1, :2]
    np.testing.assert_allclose(right, (0.1275, 0.0), atol=1e-3)
    try:
        rolled = MjxEngine(simulation.model, double=True).rollout(snapshot, controls)
    except PlanError:
        return
    found = np.asarray(rolled.states)[0, -1, :2]
    verdict(np.allclose(right, found, atol=1e-6), found.round(4), f"{right.round(4)} or a refusal")


class SleepConfig(ControlConfig):
    """Six seconds."""

    seconds: float = 6.0


class Sleep(StagedTask[SleepConfig]):
    """The pushed box to 0.3, beside two that come to rest."""

    def __init__(self, config: SleepConfig) -> None:
        super().__init__(config)

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: SleepConfig,
        system_metadata: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Array]:
        return {"x": (states[..., 14] - 0.3) ** 2, "u": 1e-4 * (controls**2).sum(-1)}


@CONTRACT
def test_resumed_with_sleep(tmp_path: Path) -> None:
    """Ends to the bit as an episode that is not interrupted, or refuses, where MuJoCo lets bodies sleep."""
    path = tmp_path / "sleep.xml"
    free = '<body pos="0 0 .{z}"><freejoint/><geom type="box" size=".1 .1 .1"/></body>'
    path.write_text(
        '<mujoco><option timestep="0.01"><flag sleep="enable"/></option><worldbody>'
        f'<geom type="plane" size="5 5 .1"/>{free.format(z=1)}{free.format(z=3)}'
        '<body pos="1 0 .1"><joint name="x" type="slide" axis="1 0 0"/>'
        '<geom type="box" size=".1 .1 .09"/></body></worldbody>'
        '<actuator><motor joint="x" ctrlrange="-20 20"/></actuator></mujoco>'
    )

    class Asleep(Sleep):
        model_path = path

    def positions(stop: int | None) -> np.ndarray:
        loop, plans = ClosedLoop(Asleep(SleepConfig()), 0, 0), 0
        while not loop.done:
            loop.advance()
            plans += 1
            if plans == stop:
                saved = tmp_path / "saved"
                saved.mkdir()
                loop.save(saved)
                loop.close()
                loop = ClosedLoop(Asleep(SleepConfig()), 0, 0)
                loop.restore(saved)
        loop.close()
        return np.asarray(loop.arrays()["qpos"])

    must = "a difference of 0, or a refusal"
    try:
        gap = float(np.abs(positions(None) - positions(100)).max())
    except (ModelError, PlanError) as error:
        verdict("sleep" in str(error), error, must)
        return
    verdict(gap == 0, f"a difference of {gap:.3g}", must)
