"""Every engine steps the model that is simulated, its sensors and switches included, also after a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from cases_verdict import verdict
from taskloom.bound import BoundTask
from taskloom_control import (
    Array,
    ClosedLoop,
    ControlConfig,
    ModelError,
    PlanError,
    Simulation,
    StagedTask,
)
from taskloom_control.engines.mjx_jax import MJXEngine
from taskloom_control.engines.threads_mujoco import ThreadedEngine

Episode = Callable[[StagedTask[Any]], ClosedLoop]

SLIDER = """<body pos="0 {y} 0"><joint name="{name}" type="slide" axis="1 0 0"/>
<geom size=".1" mass="1" contype="0" conaffinity="0"/></body>"""
MASS = SLIDER.format(y=0, name="x")
PUSH = '<actuator><motor joint="x" ctrlrange="-5 5"/></actuator>'


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


def test_numpy_engine_and_sensors(episode: Episode, tmp_path: Path) -> None:
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
            loop = episode(Weighed(MassConfig.model_validate(choice)))
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

    simulation = Simulation(Tied(PlainConfig()), PlainConfig())
    simulation.reset(np.random.default_rng(0))
    simulation.data.eq_active[0] = 0
    snapshot, controls = simulation.snapshot(), np.ones((1, 50, 1))
    threads = ThreadedEngine(simulation.model, None)
    right = np.array(threads.rollout(snapshot, controls).states)[0, -1, :2]
    np.testing.assert_allclose(right, (0.1275, 0.0), atol=1e-3)
    try:
        rolled = MJXEngine(simulation.model, double=True).rollout(snapshot, controls)
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
        task = BoundTask(Asleep(SleepConfig()), SleepConfig(), Asleep)
        loop, plans = ClosedLoop(task, 0, 0), 0
        while not loop.done:
            loop.advance()
            plans += 1
            if plans == stop:
                saved = tmp_path / "saved"
                saved.mkdir()
                loop.save(saved)
                loop.close()
                loop = ClosedLoop(task, 0, 0)
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
