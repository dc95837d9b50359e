"""The model that plans and the model that is simulated are one system, whatever their files look like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from cases_verdict import verdict
from taskloom_control import Array, ClosedLoop, ControlConfig, ModelError, StagedTask

Episode = Callable[[StagedTask[Any]], ClosedLoop]

SLIDER = """<body pos="0 {y} 0"><joint name="{name}" type="slide" axis="1 0 0"/>
<geom size=".1" mass="1" contype="0" conaffinity="0"/></body>"""
MASS = SLIDER.format(y=0, name="x")
PUSH = '<actuator><motor joint="x" ctrlrange="-5 5"/></actuator>'
MARK = '<geom size=".02" contype="0" conaffinity="0"/>'


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


def test_joints_in_another_order(episode: Episode, tmp_path: Path) -> None:
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
            data = episode(task(TwoConfig())).simulation.data
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


def test_mocap_of_another_count(episode: Episode, tmp_path: Path) -> None:
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
        loop = episode(Marked(FollowConfig()))
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


def test_sensors_of_the_simulated_model(episode: Episode, tmp_path: Path) -> None:
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
        arrays = episode(Clocked(FollowConfig())).arrays()
    except ModelError:
        return
    recorded = -arrays["reward"].mean()
    true = np.square(1 - arrays["qpos"][:-1, 0]).mean()
    verdict(abs(recorded - true) < 1e-9, f"{recorded:.4f} recorded", f"{true:.4f}, or a refusal")
