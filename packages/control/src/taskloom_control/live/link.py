"""The robot's side of the bridge: it tells its state, keeps the newest window of controls, and knows when to stop trusting it.

    link = RobotLink("127.0.0.1:5555", Hello(joints, actuators, dt))
    while True:
        link.tell(t, qpos, qvel)
        u = link.control(t)
        motors.write(u if u is not None else my_own_hold(qpos))

A window is a run of controls of a plan, each for one step from `t0` on: a message that comes late finds a plan on the robot. What
is not a window of finite numbers, comes out of order, or has ended already is rejected and counted; none of it ever acts.
"""

from __future__ import annotations

import contextlib
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from taskloom.errors import UsageError

from taskloom_control.errors import LinkError
from taskloom_control.live.frames import PROTOCOL, Frame, Wire

if TYPE_CHECKING:
    from jaxtyping import Float

_PATIENCE = 30.0
_ROUNDING = 1e-9
# Windows that wait for their time.
_MOST_AHEAD = 50


@dataclass(frozen=True)
class Hello:
    """Facts that a robot says of itself first.

    Attributes:
        joints: Its joints, each with its name and its numbers of positions and velocities, in the order of its arrays.
        actuators: Names of its actuators, in the order of its controls.
        dt: Time for which it applies one control [s].
        model: Digest of its model; empty if it has none.
    """

    joints: Sequence[tuple[str, int, int]]
    actuators: Sequence[str]
    dt: float
    model: str = ""

    def frame(self) -> Frame:
        """Return it as a frame."""
        facts = {
            "protocol": PROTOCOL,
            "model": self.model,
            "joints": [list(joint) for joint in self.joints],
            "actuators": list(self.actuators),
            "dt": self.dt,
        }
        return Frame("hello", facts)


@dataclass(frozen=True)
class Window:
    """Controls of a plan, each for one step.

    Attributes:
        seq: Number of the window, from 1.
        t0: When the first control acts [s].
        dt: How long each acts [s].
        controls: The controls, shape (k, nu).
    """

    seq: int
    t0: float
    dt: float
    controls: Float[np.ndarray, "k nu"]

    @property
    def end(self) -> float:
        """Time at which the last control has acted [s]."""
        return self.t0 + len(self.controls) * self.dt

    def at(self, moment: float) -> Float[np.ndarray, " nu"] | None:
        """Return the control of a moment [s]; None outside of the window."""
        index = int(np.floor((moment - self.t0) / self.dt + _ROUNDING))
        return self.controls[index] if 0 <= index < len(self.controls) else None

    def frame(self) -> Frame:
        """Return it as a frame."""
        return Frame(
            "control", {"seq": self.seq, "t0": self.t0, "dt": self.dt}, {"u": self.controls}
        )


def window_of(frame: Frame, num_controls: int) -> Window:
    """Return the window of a frame.

    Raises:
        LinkError: It is none: a number is missing or not finite, or there are as many controls as the robot has no actuators.
    """
    seq, t0, dt = (frame.number(name) for name in ("seq", "t0", "dt"))
    controls = frame.arrays.get("u", np.zeros(0))
    if controls.ndim != 2 or controls.shape[1] != num_controls or not len(controls):
        raise LinkError(f"A window has the shape {controls.shape}; it must be (k, {num_controls}).")
    if not np.isfinite(controls).all():
        raise LinkError(f"Window {seq:.0f} has a control that is not finite.")
    if dt <= 0:
        raise LinkError(f"Window {seq:.0f} has steps of {dt:g} s.")
    return Window(int(seq), t0, dt, controls)


class RobotLink:
    """A robot's connection to its controller.

    Args:
        address: `HOST:PORT` of the controller, or a connected socket.
        hello: What the robot says of itself.
        watchdog: Silence after which the controller counts as gone [s]; the window is executed to its end all the same.

    Attributes:
        window: The window in force.
        rejected: Frames that were not taken, by the reason.
        heard: When the last frame came, by the robot's clock [s].
        lost: Why the connection is gone; empty while it is there.

    Raises:
        LinkError: Nothing answers there, or the controller refuses the robot.
    """

    def __init__(self, address: str | socket.socket, hello: Hello, watchdog: float = 0.1) -> None:
        self.hello, self.watchdog = hello, watchdog
        self._wire = Wire(_connected(address) if isinstance(address, str) else address)
        self._seq = 0
        self.window: Window | None = None
        self._ahead: list[Window] = []
        self.rejected: Counter[str] = Counter()
        self.heard, self.lost = -np.inf, ""
        # A simulated network is put in between here; it gives back what arrives at once.
        self.passes: Callable[[Frame], list[Frame]] = lambda frame: [frame]
        self._wire.send(hello.frame())
        self._require_welcome()

    def tell(
        self,
        t: float,
        qpos: Float[np.ndarray, " nq"],
        qvel: Float[np.ndarray, " nv"],
        act: Float[np.ndarray, " na"] | None = None,
    ) -> None:
        """Send an estimate of the state at a time of the robot's clock [s]; a lost connection is noted, never raised."""
        self._seq += 1
        arrays = {"qpos": qpos, "qvel": qvel, **({} if act is None else {"act": act})}
        self.send(Frame("estimate", {"seq": self._seq, "t": t}, arrays))

    def control(self, t: float) -> Float[np.ndarray, " nu"] | None:
        """Return what to apply at a time of the robot's clock [s]; None where no window is in force and the robot has to hold."""
        self.hear(t)
        # A window that is planned for the time ahead begins when its time has come; until then the one before goes on.
        while self._ahead and t >= self._ahead[0].t0 - _ROUNDING:
            self.window = self._ahead.pop(0)
        return None if self.window is None else self.window.at(t)

    def is_silent(self, t: float) -> bool:
        """Return whether the controller has said nothing for as long as the watchdog waits."""
        return t - self.heard > self.watchdog

    def close(self) -> None:
        """Say goodbye."""
        self.send(Frame("bye", {"reason": "the robot is done"}))
        self._wire.close()

    def hear(self, t: float) -> None:
        """Take what the controller has sent, at a time of the robot's clock [s]."""
        if self.lost:
            return
        try:
            frames = self._wire.receive(0.0)
        except LinkError as error:
            self.lost = error.message
            return
        for frame in frames:
            for passed in self.passes(frame):
                self.take(passed, t)

    def take(self, frame: Frame, t: float) -> None:
        """Take a frame of the controller's at a time of the robot's clock [s]."""
        self.heard = t
        if frame.kind == "bye":
            self.lost = str(frame.facts.get("reason", "the controller is done"))
        if frame.kind != "control":
            return
        try:
            window = window_of(frame, len(self.hello.actuators))
        except LinkError:
            self.rejected["bad"] += 1
            return
        newest = self._ahead[-1] if self._ahead else self.window
        if newest is not None and window.seq <= newest.seq:
            self.rejected["out of order"] += 1
        elif window.end <= t:
            self.rejected["ended"] += 1
        else:
            # One that begins later waits behind those that are due before it; of the same time the newest counts.
            earlier = [held for held in self._ahead if held.t0 < window.t0 - _ROUNDING]
            self._ahead = [*earlier, window][-_MOST_AHEAD:]

    def send(self, frame: Frame) -> None:
        """Send a frame; a lost connection is noted, never raised."""
        if not self.lost:
            try:
                self._wire.send(frame)
            except LinkError as error:
                self.lost = error.message

    def _require_welcome(self) -> None:
        frames = self._wire.receive(_PATIENCE)
        kind = frames[0].kind if frames else ""
        if kind != "welcome":
            self._wire.close()
            silence = "The controller did not answer with a welcome."
            reason = frames[0].facts.get("reason", silence) if kind == "bye" else silence
            raise LinkError(str(reason))
        for frame in frames[1:]:
            self.take(frame, -np.inf)


def _connected(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(
            f"'{address}' is no address; it has the form HOST:PORT, as 127.0.0.1:5555."
        )
    try:
        return socket.create_connection((host, int(port)), timeout=_PATIENCE)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "it is no port number"
        raise LinkError(f"Nothing answers at {address}: {reason}.") from None


def close_quietly(wire: Wire, reason: str) -> None:
    """Tell the other side why the connection ends, and end it."""
    with contextlib.suppress(LinkError):
        wire.send(Frame("bye", {"reason": reason}))
    wire.close()
