"""A simulated robot in a process of its own, on a network that delays and loses messages: for tests, and as the example.

It runs by the wall clock, executes the window that it has, and holds where it has none. What acted in every step, and why, goes
into a log of JSON lines.
"""

from __future__ import annotations

import heapq
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.live.frames import Frame
from taskloom_control.live.link import Hello, RobotLink
from taskloom_control.mjcf import names
from taskloom_control.mjcf.compiling import model_digest
from taskloom_control.mjcf.indices import POSITIONS, VELOCITIES
from taskloom_control.planning.holding import holding_control
from taskloom_control.task import ControlTask

if TYPE_CHECKING:
    from taskloom import Config
    from taskloom.bound import BoundTask

    from taskloom_control.config import ControlConfig

# How often the simulated network is asked between two steps [s].
_TICK = 1e-3


class LossyNetwork:
    """Delays each message by up to some jitter, and loses some; what is delayed may overtake nothing, unless it is asked for.

    Args:
        jitter: Largest delay [s].
        dropout: Probability that a message is lost.
        rng: Draws both.
        clock: Wall clock [s].
        orderly: Whether messages keep their order.
    """

    def __init__(
        self,
        jitter: float,
        dropout: float,
        rng: np.random.Generator,
        clock: Callable[[], float] = time.perf_counter,
        *,
        orderly: bool = True,
    ) -> None:
        self._jitter, self._dropout, self._rng = jitter, dropout, rng
        self._clock, self._orderly = clock, orderly
        self._waiting: list[tuple[float, int, Frame]] = []
        self._numbers, self._latest = itertools.count(), 0.0

    def put(self, frame: Frame) -> None:
        """Take a message."""
        if self._rng.random() < self._dropout:
            return
        due = self._clock() + self._jitter * self._rng.random()
        if self._orderly:
            due = self._latest = max(due, self._latest)
        heapq.heappush(self._waiting, (due, next(self._numbers), frame))

    def due(self) -> list[Frame]:
        """Return the messages that come out now."""
        found = []
        while self._waiting and self._waiting[0][0] <= self._clock():
            found.append(heapq.heappop(self._waiting)[2])
        return found


def hello_of(task: ControlTask[Any]) -> Hello:
    """Return what a robot of a task's simulated model says of itself."""
    model = task.sim_model
    joints = [
        (
            names.name_of(model, "joint", j),
            int(POSITIONS[int(model.jnt_type[j])]),
            int(VELOCITIES[int(model.jnt_type[j])]),
        )
        for j in range(model.njnt)
    ]
    actuators = [names.name_of(model, "actuator", i) for i in range(model.nu)]
    return Hello(joints, actuators, float(model.opt.timestep), model_digest(model))


@dataclass
class Lived:
    """Account of what a robot did.

    Attributes:
        rewards: Reward of each step.
        followed: Steps under a window.
        held: Steps without one.
        successes: Whether the task was solved after each step.
        rejected: Frames that were not taken, by the reason.
        said: Why the connection was lost, if it was.
    """

    rewards: list[float] = field(default_factory=list)
    followed: int = 0
    held: int = 0
    successes: list[bool] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    said: str = ""

    @property
    def cost(self) -> float:
        """Mean cost of a step."""
        return -float(np.mean(self.rewards)) if self.rewards else 0.0


class Robot:
    """A simulated robot that lives by the wall clock.

    Args:
        task: Its copy of the task.
        config: The config.
        seed: Seed of its beginning and of its network.
        speed: Simulated time over wall-clock time.
        log: File for a line of JSON a step.
    """

    def __init__(
        self,
        task: ControlTask[Any],
        config: Config,
        seed: int,
        *,
        speed: float = 1.0,
        log: Path | None = None,
    ) -> None:
        self.simulation = Simulation(task, config)
        self.simulation.reset(np.random.default_rng([seed, 0]))
        self._rng = np.random.default_rng([seed, 1])
        self._speed, self._log = speed, log
        self.lived = Lived()

    def live(
        self, link: RobotLink, seconds: float, *, jitter: float = 0.0, dropout: float = 0.0
    ) -> Lived:
        """Live for some simulated time, and tell what came of it.

        Args:
            link: The connection.
            seconds: Simulated time [s].
            jitter: Largest delay of a message [s].
            dropout: Probability that a message is lost.
        """
        simulation, lived = self.simulation, self.lived
        inward, outward = (LossyNetwork(jitter, dropout, self._rng) for _ in range(2))
        link.passes = lambda frame: _passed(inward, frame)
        log = self._log
        file = log.open("w", encoding="utf-8", newline="\n") if log is not None else None
        began, first = time.perf_counter(), simulation.time
        try:
            while simulation.time - first < seconds - 1e-9:
                t = simulation.time
                state = simulation.data
                outward.put(_estimate(lived, t, state))
                _carry(link, outward, inward, t)
                control = link.control(t)
                window = link.window if control is not None else None
                acted = self._hold() if control is None else control
                lived.rewards.append(simulation.step(acted))
                lived.successes.append(simulation.task.success())
                lived.followed += control is not None
                lived.held += control is None
                if file is not None:
                    row = {
                        "t": t,
                        "seq": window.seq if window else 0,
                        "t0": window.t0 if window else None,
                        "end": window.end if window else None,
                        "u": [float(v) for v in acted],
                    }
                    file.write(json.dumps(row) + "\n")
                due = began + (simulation.time - first) / self._speed
                # A network does not wait for the robot's next step: what is under way arrives in between.
                while (ahead := due - time.perf_counter()) > 0:
                    time.sleep(min(ahead, _TICK))
                    _carry(link, outward, inward, t)
        finally:
            if file is not None:
                file.close()
        lived.rejected, lived.said = dict(link.rejected), link.lost
        return lived

    def _hold(self) -> np.ndarray:
        """Return the robot's own hold: what keeps it where it is, as far as a constant control can."""
        simulation = self.simulation
        task = simulation.task
        low, high = task.control_bounds()
        return holding_control(task.model, simulation.snapshot(), low, high)


def _estimate(lived: Lived, t: float, state: Any) -> Frame:  # noqa: ANN401 -- MuJoCo's data
    arrays = {"qpos": state.qpos.copy(), "qvel": state.qvel.copy()}
    if state.act.size:
        arrays["act"] = state.act.copy()
    return Frame("estimate", {"seq": len(lived.rewards) + 1, "t": t}, arrays)


def _carry(link: RobotLink, outward: LossyNetwork, inward: LossyNetwork, t: float) -> None:
    """Send and take what is due by now, at a time of the robot's clock [s]."""
    for frame in outward.due():
        link.send(frame)
    link.hear(t)
    for frame in inward.due():
        link.take(frame, t)


def _passed(network: LossyNetwork, frame: Frame) -> list[Frame]:
    """Put a frame into a network; what comes out is taken later."""
    network.put(frame)
    return []


def live_alone(
    bound: BoundTask[ControlTask[Any], ControlConfig],
    address: str,
    log: Path | None,
    network: tuple[float, float],
) -> dict[str, Any]:
    """Connect to a controller, live for the task's seconds, and return what came of it.

    Args:
        bound: The task.
        address: `HOST:PORT` of the controller.
        log: File for a line of JSON a step.
        network: Largest delay of a message [s], and the probability that one is lost.
    """
    config = bound.config
    made = Robot(bound.copy(), config, config.seed, log=log)
    link = RobotLink(address, hello_of(made.simulation.task))
    try:
        lived = made.live(link, config.seconds, jitter=network[0], dropout=network[1])
    finally:
        link.close()
    window = max(1, round(config.hold / made.simulation.dt))
    return {
        "steps": len(lived.rewards),
        "cost": lived.cost,
        "held": all(lived.successes[-window:]),
        "followed": lived.followed,
        "holding": lived.held,
        "rejected": lived.rejected,
        "lost": lived.said,
    }
