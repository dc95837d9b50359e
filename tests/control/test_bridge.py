"""A robot in another process: frames, names, windows that end, bad messages that never act, and a robot that comes back."""

from __future__ import annotations

import json
import math
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from taskloom.cli import main
from taskloom_control.errors import LinkError, ModelError
from taskloom_control.live.bridge import Served, drive
from taskloom_control.live.frames import Frame, FrameReader, encode
from taskloom_control.live.link import Hello, RobotLink, Window
from taskloom_control.live.plant import SocketPlant
from taskloom_control.live.robot import LossyNetwork, Robot, hello_of
from taskloom_control.planning.asynchronous import AsyncController
from taskloom_control.planning.controller import Controller
from taskloom_control.tasks.cartpole import Cartpole, CartpoleConfig

NUMBERS = st.lists(st.floats(allow_nan=True), max_size=12)


def config_of(**values: object) -> CartpoleConfig:
    base = {"optimizer": {"kind": "mppi", "num_rollouts": 8}, "engine": {"kind": "serial"}}
    return CartpoleConfig.model_validate({**base, "seconds": 0.8, **values})


@given(
    messages=st.lists(
        st.tuples(st.sampled_from(["estimate", "control", "bye"]), NUMBERS, NUMBERS), max_size=5
    ),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8),
)
@settings(max_examples=40, deadline=None)
def test_frames_come_out_as_they_went_in_whatever_the_pieces(
    messages: list[tuple[str, list[float], list[float]]], sizes: list[int]
) -> None:
    frames = [
        Frame(kind, {"seq": i}, {"a": np.array(a), "b": np.array([b, b])})
        for i, (kind, a, b) in enumerate(messages)
    ]
    stream, reader, found = b"".join(map(encode, frames)), FrameReader(), list[Frame]()
    while stream:
        sizes = sizes[1:] + sizes[:1]
        found += reader.feed(stream[: sizes[0]])
        stream = stream[sizes[0] :]
    assert [(f.kind, f.facts) for f in found] == [(f.kind, f.facts) for f in frames]
    for one, other in zip(found, frames, strict=True):
        for name in ("a", "b"):
            np.testing.assert_array_equal(one.arrays[name], other.arrays[name])


@pytest.mark.parametrize(
    ("stream", "sentence"),
    [
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "begins with the length"),
        (b"\x04\x00\x00\x00oops", "no JSON object"),
        (b"\x10\x00\x00\x00" + b'{"kind": "dance"', "no JSON object"),
        (b"\x11\x00\x00\x00" + b'{"kind": "dance"}', "of the kind 'dance'"),
        (
            b'\x34\x00\x00\x00{"kind": "estimate", "arrays": [["q", [99999, 99]]]}',
            "announces more than",
        ),
    ],
)
def test_what_is_no_frame_is_refused_in_a_sentence(stream: bytes, sentence: str) -> None:
    with pytest.raises(LinkError, match=sentence):
        FrameReader().feed(stream)


@pytest.fixture
def planner() -> Iterator[AsyncController]:
    """A planner of a cart-pole."""
    config = config_of()
    controller = Controller(Cartpole(config), config, 3)
    made = AsyncController(controller, math.inf)
    yield made
    made.stop()
    controller.close()


class Controlling:
    """A controller in a thread, and the robot's end of the connection to it."""

    def __init__(self, planner: AsyncController) -> None:
        self.end, mine = socket.socketpair()
        self.served: list[Served] = []
        self.plant: SocketPlant | None = None

        def work() -> None:
            try:
                self.plant = SocketPlant(mine, planner._controller.task)
            except (LinkError, ModelError):
                return
            self.served.append(drive(self.plant, planner))

        self.thread = threading.Thread(target=work)
        self.thread.start()

    def join(self) -> Served:
        self.thread.join(60)
        assert not self.thread.is_alive()
        return self.served[0]


def test_a_robot_is_driven_and_nothing_acts_after_its_window(
    planner: AsyncController, tmp_path: Path
) -> None:
    controller = Controlling(planner)
    robot = Robot(Cartpole(config_of()), config_of(), 1, log=tmp_path / "log")
    link = RobotLink(controller.end, hello_of(robot.simulation.task))
    lived = robot.live(link, 1.2, jitter=0.005, dropout=0.05)
    link.close()
    served = controller.join()
    rows = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert len(rows) == lived.followed + lived.held == 30
    assert lived.followed > 10
    for row in rows:
        if row["seq"]:
            assert row["t0"] - 1e-9 <= row["t"] < row["end"] - 1e-9
    assert served.windows > 2
    assert served.said


def test_a_planner_that_goes_quiet_leaves_its_window_and_then_the_robots_own_hold() -> None:
    """No command older than its window: the planner says one window and is never heard again."""
    mine, end = socket.socketpair()
    mine.sendall(encode(Frame("welcome", {"protocol": 1})))
    robot = Robot(Cartpole(config_of()), config_of(), 1, speed=100.0)
    link = RobotLink(end, hello_of(robot.simulation.task))
    mine.sendall(encode(Window(1, 0.0, 0.04, np.full((5, 1), 0.3)).frame()))
    time.sleep(0.05)
    lived = robot.live(link, 0.8)
    assert (lived.followed, lived.held) == (5, 15)
    assert link.is_silent(0.8)
    link.close()
    mine.close()


WINDOW = Window(2, 0.0, 0.1, np.ones((3, 1)))


@pytest.mark.parametrize(
    ("window", "reason"),
    [
        (Window(3, 0.0, 0.1, np.array([[0.0], [np.nan], [0.0]])), "bad"),
        (Window(3, 0.0, 0.1, np.ones((3, 2))), "bad"),
        (Window(3, 0.0, -0.1, np.ones((3, 1))), "bad"),
        (Window(1, 0.0, 0.1, np.full((9, 1), 7.0)), "out of order"),
        (Window(2, 0.0, 0.1, np.full((9, 1), 7.0)), "out of order"),
        (Window(3, -1.0, 0.1, np.full((9, 1), 7.0)), "ended"),
    ],
    ids=["nan", "size", "step", "older", "twice", "ended"],
)
def test_bad_frames_never_act(window: Window, reason: str) -> None:
    mine, end = socket.socketpair()
    mine.sendall(encode(Frame("welcome", {"protocol": 1})))
    link = RobotLink(end, Hello([("slide", 1, 1)], ["push"], 0.1))
    link.take(WINDOW.frame(), 0.0)
    np.testing.assert_array_equal(link.control(0.0), [1.0])  # type: ignore[arg-type]
    link.take(window.frame(), 0.1)
    assert dict(link.rejected) == {reason: 1}
    np.testing.assert_array_equal(link.control(0.1), [1.0])  # type: ignore[arg-type]
    assert link.control(0.35) is None
    link.close()
    mine.close()


@pytest.mark.parametrize(
    ("hello", "sentence"),
    [
        (
            Hello([("slid", 1, 1), ("hinge", 1, 1)], ["target"], 0.04),
            r"The robot has no joint 'slide' \(planning joints: slide, hinge\); did you mean 'slid'",
        ),
        (Hello([("slide", 7, 6), ("hinge", 1, 1)], ["target"], 0.04), "'slide' has 7 positions"),
        (Hello([("hinge", 1, 1), ("slide", 1, 1)], ["target", "more"], 0.04), "actuator 'more'"),
        (Hello([("hinge", 1, 1), ("slide", 1, 1)], ["target"], 0.0), "dt must be above 0"),
    ],
    ids=["name", "width", "actuator", "dt"],
)
def test_a_robot_of_other_names_is_refused_on_both_sides(
    planner: AsyncController, hello: Hello, sentence: str
) -> None:
    controller = Controlling(planner)
    with pytest.raises(LinkError, match=sentence):
        RobotLink(controller.end, hello)
    controller.thread.join(60)
    assert controller.served == []


def test_joints_in_another_order_are_mapped_by_name_and_bad_estimates_are_left_out(
    planner: AsyncController,
) -> None:
    controller = Controlling(planner)
    names = Hello([("hinge", 1, 1), ("extra", 1, 1), ("slide", 1, 1)], ["target"], 0.04)
    link = RobotLink(controller.end, names)
    link.tell(0.0, np.array([3.0, 9.0, 0.5]), np.array([0.3, 9.0, 0.1]))
    _until(lambda: planner.counts.plans == 1)
    assert planner.newest is not None
    np.testing.assert_array_equal(planner.newest.state.qpos, [0.5, 3.0])
    link.tell(0.04, np.array([np.nan, 0.0, 0.0]), np.zeros(3))
    _until(lambda: planner.counts.refused == 1)
    link.send(Frame("estimate", {"seq": 1, "t": 0.08}, {"qpos": np.zeros(3), "qvel": np.zeros(3)}))
    link.send(Frame("estimate", {"seq": 9, "t": 0.08}, {"qpos": np.zeros(1), "qvel": np.zeros(3)}))
    _until(lambda: controller.plant is not None and controller.plant.late == 2)
    assert "is nan" in planner.counts.said
    assert planner.counts.plans == 1
    link.close()
    controller.join()


def test_a_robot_that_comes_back_is_driven_anew(planner: AsyncController) -> None:
    for _ in range(2):
        controller = Controlling(planner)
        link = RobotLink(controller.end, hello_of(Cartpole(config_of())))
        link.tell(0.0, np.array([0.1, 3.0]), np.zeros(2))
        _until(lambda: planner.counts.plans == 1)
        link.close()
        assert controller.join().said


def test_a_network_loses_its_share_and_keeps_the_order() -> None:
    now = [0.0]
    network = LossyNetwork(0.01, 0.2, np.random.default_rng(0), lambda: now[0])
    got = []
    for number in range(2000):
        network.put(Frame("beat", {"seq": number}))
        now[0] += 0.004
        got += [frame.facts["seq"] for frame in network.due()]
    assert got == sorted(got)
    assert 1530 < len(got) < 1670


def _until(reached: object) -> None:
    deadline = time.monotonic() + 60
    while not reached():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_two_commands_are_a_controller_and_its_robot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real server in a process of its own; the robot keeps a log line a step, and a stranger is refused without harm."""
    words = ["control", "serve", "lq_point_mass", "--port=0"]
    code = f"from taskloom.cli import main; raise SystemExit(main({words!r}))"
    log = tmp_path / "robot.jsonl"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as serve:
        assert serve.stdout is not None
        address = serve.stdout.readline().strip()
        stranger = ["control", "robot", "double_integrator", f"--connect={address}", "--seconds=1"]
        assert main(stranger) == 1
        assert "The robot has no joint" in capsys.readouterr().err
        robot = ["control", "robot", "lq_point_mass", f"--connect={address}", "--seconds=0.6"]
        assert main([*robot, "--jitter=0.002", "--dropout=0.1", f"--log={log}"]) == 0
        serve.send_signal(signal.SIGINT)
        serve.communicate(timeout=120)
    outcome = json.loads(capsys.readouterr().out)
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert outcome["steps"] == len(rows) == outcome["followed"] + outcome["holding"]
    assert outcome["followed"] > 0
    assert outcome["lost"] == ""
    assert all(row["t"] <= row["end"] for row in rows if row["end"] is not None)
    assert main([*robot[:3], "--connect=127.0.0.1:1", "--seconds=1"]) == 1
    assert "Nothing answers at 127.0.0.1:1" in capsys.readouterr().err
