"""Plants that a controller drives: what gives estimates and takes windows of controls. A robot is one of these three methods."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from taskloom_control.errors import LinkError, ModelError
from taskloom_control.live.frames import PROTOCOL, Frame, Wire
from taskloom_control.live.link import Window, close_quietly
from taskloom_control.mjcf import names
from taskloom_control.mjcf.compiling import model_digest
from taskloom_control.mjcf.counterparts import paired, refuse_plan_only
from taskloom_control.mjcf.indices import POSITIONS, VELOCITIES
from taskloom_control.planning.estimate import Estimate
from taskloom_control.task import ControlTask

if TYPE_CHECKING:
    import mujoco

    from taskloom_control.mjcf.names import Key

# Messages of which the quickest tells how far apart the two clocks are.
_MESSAGES = 50


@dataclass(frozen=True)
class TimedEstimate:
    """An estimate as it came.

    Attributes:
        seq: Its number on the robot.
        estimate: The estimate, of the robot's clock.
        age: How old it was when it came, beyond the quickest of the last fifty [s].
    """

    seq: int
    estimate: Estimate
    age: float = 0.0


class DrivenPlant(Protocol):
    """A plant that is driven live.

    Attributes:
        dt: Time for which it applies one control [s].
    """

    dt: float

    def read(self, patience: float, /) -> TimedEstimate | None:
        """Return the newest estimate, waiting at most so long [s]; None if there is none."""
        ...

    def write(self, window: Window, /) -> None:
        """Take controls for the time ahead."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class SocketPlant:
    """A robot in another process, which has connected and said hello.

    Args:
        connection: The connected socket.
        task: The controller's copy of the task, whose names the robot's are mapped to.
        patience: How long to wait for the hello [s].
        clock: Wall clock [s].

    Attributes:
        late: Estimates that came out of order or were not numbers that could be read, and were left out.
        said: The sentence on the last of them.

    Raises:
        LinkError: It says no hello, or another protocol.
        ModelError: It lacks a joint or an actuator, or has an actuator too many.
    """

    def __init__(
        self,
        connection: socket.socket,
        task: ControlTask[Any],
        patience: float = 10.0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._wire, self._clock = Wire(connection), clock
        self.late, self.said = 0, ""
        self._newest, self._offsets = -1, deque[float](maxlen=_MESSAGES)
        try:
            facts = self._hello(patience)
            self._qpos, self._qvel, self._controls = _maps(facts, task)
            self.dt = float(facts["dt"])
        except (LinkError, ModelError) as error:
            close_quietly(self._wire, error.message)
            raise
        self._wire.send(Frame("welcome", {"protocol": PROTOCOL}))

    def read(self, patience: float) -> TimedEstimate | None:
        """Return the newest estimate, waiting at most so long [s]; None if there is none.

        Raises:
            LinkError: The robot is gone.
        """
        found = None
        for frame in self._wire.receive(patience):
            if frame.kind == "bye":
                raise LinkError(str(frame.facts.get("reason", "The robot is done.")))
            if frame.kind == "estimate":
                found = self._seen(frame) or found
        return found

    def write(self, window: Window) -> None:
        """Send a window, in the robot's order of actuators.

        Raises:
            LinkError: The robot is gone.
        """
        mapped = np.empty_like(window.controls)
        mapped[:, self._controls] = window.controls
        self._wire.send(Window(window.seq, window.t0, window.dt, mapped).frame())

    def beat(self) -> None:
        """Tell the robot that the controller is there, although it has nothing new to say."""
        self._wire.send(Frame("beat"))

    def close(self, reason: str = "the controller is done") -> None:
        """Say goodbye."""
        close_quietly(self._wire, reason)

    def _hello(self, patience: float) -> dict[str, Any]:
        frames = self._wire.receive(patience)
        if not frames or frames[0].kind != "hello":
            raise LinkError("The robot did not say hello first.")
        facts = dict(frames[0].facts)
        if facts.get("protocol") != PROTOCOL:
            raise LinkError(
                f"The robot speaks protocol {facts.get('protocol')!r}; this controller speaks {PROTOCOL}."
            )
        if frames[0].number("dt") <= 0:
            raise LinkError("The robot's dt must be above 0.")
        return facts

    def _seen(self, frame: Frame) -> TimedEstimate | None:
        """Return an estimate in the planning model's order; None if it is out of order or cannot be read."""
        now = self._clock()
        try:
            seq, t = int(frame.number("seq")), frame.number("t")
            qpos, qvel = frame.arrays["qpos"][self._qpos], frame.arrays["qvel"][self._qvel]
        except (LinkError, KeyError, IndexError):
            self._leave_out("An estimate has no seq, t, qpos and qvel of the robot's sizes")
            return None
        if seq <= self._newest:
            self._leave_out(f"Estimate {seq} came after estimate {self._newest}")
            return None
        self._newest = seq
        # Two clocks that no one set, and that drift: the quickest of the last messages is taken for one without delay.
        self._offsets.append(now - t)
        age = now - t - min(self._offsets)
        return TimedEstimate(seq, Estimate(qpos, qvel, t, act=frame.arrays.get("act")), age)

    def _leave_out(self, sentence: str) -> None:
        self.late += 1
        self.said = f"{sentence}; it is left out."


def _maps(
    facts: dict[str, Any], task: ControlTask[Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where the planning model's positions, velocities and controls stand in the robot's arrays.

    Raises:
        LinkError: The hello does not list joints and actuators.
        ModelError: A name has no counterpart.
    """
    model = task.model
    try:
        joints = [(str(name), int(nq), int(nv)) for name, nq, nv in facts["joints"]]
        actuators = [str(name) for name in facts["actuators"]]
    except (KeyError, TypeError, ValueError):
        raise LinkError(
            "The robot's hello must list its joints as [name, positions, velocities] and its actuators by name."
        ) from None
    if facts.get("model") == model_digest(model):
        # The very same model: places say what names need not.
        return np.arange(model.nq), np.arange(model.nv), np.arange(model.nu)
    plan, robot = names.joint_keys(model), [_key(name) for name, _, _ in joints]
    found = paired("joint", plan, robot)
    refuse_plan_only(found, plan, robot, "robot")
    ends = np.cumsum([[0, 0]] + [[nq, nv] for _, nq, nv in joints], axis=0)
    qpos: list[int] = []
    qvel: list[int] = []
    for mine, other in found.pairs:
        widths = [
            int(POSITIONS[int(model.jnt_type[mine])]),
            int(VELOCITIES[int(model.jnt_type[mine])]),
        ]
        if widths != [joints[other][1], joints[other][2]]:
            raise ModelError(
                f"The robot's joint '{joints[other][0]}' has {joints[other][1]} positions; the planning model's has {widths[0]}."
            )
        qpos += range(ends[other, 0], ends[other, 0] + widths[0])
        qvel += range(ends[other, 1], ends[other, 1] + widths[1])
    return np.array(qpos), np.array(qvel), _actuators(model, actuators)


def _actuators(model: mujoco.MjModel, actuators: list[str]) -> np.ndarray:
    plan, robot = names.actuator_keys(model), [_key(name) for name in actuators]
    found = paired("actuator", plan, robot)
    refuse_plan_only(found, plan, robot, "robot")
    if found.plant_only:
        raise ModelError(
            f"The robot has the {found.plant_only[0]}, which the planning model has not; leave it out of the hello."
        )
    return np.array([other for _, other in found.pairs])


def _key(name: str) -> Key:
    return (name,)
