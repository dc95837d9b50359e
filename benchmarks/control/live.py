# ruff: noqa: ANN401 -- tasks of the registry
"""Figures of a live controller; each prints one line of JSON.

    python benchmarks/control/live.py latency         # 40 ms on cylinder_push, paired over 20 seeds
    python benchmarks/control/live.py rate            # plans a second while a browser's socket is drawn to, slider to effect
    python benchmarks/control/live.py deadline        # half the median of 200 plans, over 10,000
    python benchmarks/control/live.py robot           # 5 ms jitter, 5 % dropout: cartpole on 10 seeds
    python benchmarks/control/live.py killed          # the planner stands still for 1 s: cylinder_push on 10 seeds
    python benchmarks/control/live.py swing           # swing-up of cartpole while a slider moves, on 10 seeds

All but `latency` need an idle machine: they run by the wall clock.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import taskloom as tl
import viser
from taskloom import derive_seed
from taskloom.request import Origin, RunOptions
from taskloom_control.closed_loop.loop import ClosedLoop
from taskloom_control.live.bridge import drive
from taskloom_control.live.link import RobotLink
from taskloom_control.live.page import Page
from taskloom_control.live.plant import SocketPlant
from taskloom_control.live.requests import Inbox, Request
from taskloom_control.live.robot import Lived, Robot, hello_of
from taskloom_control.live.session import Session
from taskloom_control.live.watching import Watching, watched_run
from taskloom_control.planning.asynchronous import AsyncController
from taskloom_control.planning.controller import Controller
from taskloom_control.planning.deadline import Deadline
from websockets.sync.client import connect
from websockets.typing import Origin as BrowserOrigin, Subprotocol

QUIET = {"record": {"animation": False, "fan_every": 0}, "baseline": False}


def bound(name: str, **values: object) -> Any:
    return tl.open_task(f"control/{name}", {**QUIET, **values})


def tell(what: str, **figures: object) -> None:
    print(json.dumps({"what": what, **figures}), flush=True)


def episode_cost(task: Any, seed: int) -> float:
    loop = ClosedLoop(task, derive_seed(seed, "latency/plan"), derive_seed(seed, "latency/reset"))
    while not loop.done:
        loop.advance()
    loop.close()
    return -float(loop.arrays()["reward"].mean())


def latency() -> None:
    free = bound("cylinder_push")
    rows: dict[str, list[float]] = {"0": [], "predicted": [], "plain": []}
    late = {
        "predicted": bound("cylinder_push", plant={"latency": 0.04}),
        "plain": bound("cylinder_push", plant={"latency": 0.04, "predict": False}),
    }
    for seed in range(20):
        rows["0"].append(episode_cost(free, seed))
        for name, task in late.items():
            rows[name].append(episode_cost(task, seed))
    base = mean(rows["0"])
    for name in late:
        gaps = np.array(rows[name]) - np.array(rows["0"])
        spread = 2.093 * gaps.std(ddof=1) / np.sqrt(len(gaps))
        tell(
            f"latency 40 ms, {name}",
            cost=mean(rows[name]),
            free=base,
            percent=100 * float(gaps.mean()) / base,
            interval=[100 * float(gaps.mean() + s * spread) / base for s in (-1, 1)],
        )


def rate() -> None:
    for name, weight in (("cartpole", "w_control"), ("cylinder_push", "w_cart_position")):
        for beside in (False, True):
            rate_of(name, weight, beside=beside)


def rate_of(name: str, weight: str, *, beside: bool) -> None:
    """Watch a task for half a minute with a browser's socket open; 20 presses of a slider from the sixth second on."""
    inbox, pressed, ended = Inbox(), list[float](), threading.Event()
    watching = Watching(inbox, pace=1.0, seconds=25.0, beside=beside)
    task = bound(name)
    page = Page(lambda: watching.shown, inbox.put, task.config, title=name)
    counted: dict[str, float] = {}

    def browse() -> None:
        headers = {"Cookie": cookie_of(page)}
        address = f"ws://127.0.0.1:{page.server.get_port()}"
        protocols = [Subprotocol(f"viser-v{viser.__version__}")]
        with connect(
            address,
            subprotocols=protocols,
            additional_headers=headers,
            origin=BrowserOrigin(address.replace("ws:", "http:")),
            max_size=None,
        ) as browser:
            while not ended.is_set():
                browser.recv(timeout=5)

    def person() -> None:
        # The first seconds belong to the start: threads, caches, the page's first draw.
        time.sleep(5)
        plans, pictures, began = count_plans(watching), page.frames, time.perf_counter()
        for k in range(20):
            wanted, asked = 0.1 + 0.01 * k, time.perf_counter()
            inbox.put(Request("config", {"changes": {weight: wanted}}, 0))
            while getattr(controller_of(watching).config, weight) != wanted:
                time.sleep(0.001)
            # Taken over: the plan that is being made is there when the next one is counted.
            before = count_plans(watching)
            while count_plans(watching) == before:
                time.sleep(0.001)
            pressed.append(time.perf_counter() - asked)
            time.sleep(0.5)
        passed = time.perf_counter() - began
        counted["plans"] = (count_plans(watching) - plans) / passed
        counted["pictures"] = (page.frames - pictures) / passed

    threads = [threading.Thread(target=work, daemon=True) for work in (browse, person)]
    for thread in threads:
        thread.start()
    with TemporaryDirectory() as store:
        options = RunOptions(store=Path(store), quiet=True, report="no")
        watched_run(task, watching, options, Origin())
        threads[1].join()
    ended.set()
    threads[0].join()
    tell(
        f"rate of {name}{', planned beside the plant' if beside else ''}",
        plans_per_second=counted["plans"],
        pictures_per_second=counted["pictures"],
        states_per_second=1.0 / task.task.dt,
        slider_p50_ms=1e3 * median(pressed),
        slider_p90_ms=1e3 * float(np.percentile(pressed, 90)),
    )
    page.close()


def controller_of(watching: Watching) -> Any:
    if watching.session is None:
        raise RuntimeError("The session has not begun.")
    return watching.session.loop.controller


def count_plans(watching: Watching) -> int:
    """Return the plans that were made so far."""
    return int(controller_of(watching).num_plans)


def cookie_of(page: Page) -> str:
    caller = http.client.HTTPConnection("127.0.0.1", page.server.get_port())
    caller.request("GET", "/" + page.address.rpartition("/")[2])
    return str(caller.getresponse().headers["Set-Cookie"]).partition(";")[0]


def deadline() -> None:
    """Cut 10,000 plans at half the median of 200 whole ones, then play episodes with such plans.

    One thread and pauses of a millisecond: under a real-time scheduler (`chrt -f 50`) nothing else of the machine enters.
    """
    task = bound("cylinder_push", engine={"kind": "threads", "num_threads": 1})
    session = Session(task)
    snapshot = session.loop.simulation.snapshot()
    controller = Controller(task.copy(), task.config, 0)
    times = []
    for _ in range(200):
        times.append(controller.plan(snapshot)[1].seconds)
        time.sleep(1e-3)
    half = median(times) / 2
    budget = Deadline(half, 8, 2)
    overruns = starved = used = asked = 0
    for _ in range(10_000):
        _, stats = controller.plan(snapshot, budget=budget)
        overruns += stats.seconds > 1.1 * half
        starved += stats.starved
        used, asked = used + stats.rollouts_used, asked + stats.rollouts_asked
        time.sleep(1e-3)
    tell("deadline", ms=1e3 * half, overruns=overruns, starved=starved, used=used / asked)
    count = round(used / asked * task.config.optimizer.num_rollouts)
    fewer = bound("cylinder_push", optimizer={"num_rollouts": count})
    for name, asked_task, cut in (("cut at the deadline", task, half), ("as many", fewer, None)):
        held = [cut_episode(asked_task, seed, cut) for seed in range(10)]
        tell(f"episodes of plans {name}", rollouts=count, solved=sum(held), of=len(held))


def cut_episode(task: Any, seed: int, seconds: float | None) -> bool:
    """Return whether an episode is solved whose plans are cut at a deadline [s]."""
    loop = ClosedLoop(task, derive_seed(seed, "deadline/plan"), derive_seed(seed, "deadline/reset"))
    if seconds is not None:
        plan, budget = loop.controller.plan, Deadline(seconds, 8, 2)
        # The loop itself has no deadline: only this measurement gives it one.
        loop.controller.plan = lambda state, metadata=None, _=None: plan(state, metadata, budget)  # type: ignore[method-assign]  # the same method with a budget
    while not loop.done:
        loop.advance()
        time.sleep(1e-3)
    loop.close()
    last = round(task.config.hold / task.task.dt)
    return bool(loop.arrays()["success"][-last:].all())


def lived_with(task: Any, seed: int, *, pause: float = 0.0, network: tuple[float, float]) -> Lived:
    controller = Controller(task.copy(), task.config, derive_seed(seed, "plan"))
    planner = AsyncController(controller)
    mine, other = socket.socketpair()
    going = threading.Event()
    going.set()

    def serve() -> None:
        plant = SocketPlant(mine, controller.task)
        sent = plant.write

        def write(window: Any) -> None:
            going.wait()  # a planner that stands still says nothing
            sent(window)

        plant.write = write  # type: ignore[method-assign]  # the same method, held up
        drive(plant, planner)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        robot = Robot(task.copy(), task.config, seed, log=log)
        link = RobotLink(other, hello_of(robot.simulation.task))
        if pause:
            threading.Timer(4.0, going.clear).start()
            threading.Timer(4.0 + pause, going.set).start()
        lived = robot.live(link, task.config.seconds, jitter=network[0], dropout=network[1])
        for line in log.read_text().splitlines():
            row = json.loads(line)
            assert not row["seq"] or row["t"] < row["end"]
    link.close()
    thread.join(20)
    controller.close()
    return lived


def robot() -> None:
    task, lives = bound("cartpole"), []
    for seed in range(10):
        lives.append(lived_with(task, seed, network=(0.005, 0.05)))
    last = round(task.config.hold / task.task.dt)
    tell(
        "robot, 5 ms jitter, 5 % dropout",
        held=sum(all(lived.successes[-last:]) for lived in lives),
        of=len(lives),
        steps=sum(len(lived.rewards) for lived in lives),
        steps_without_window=sum(lived.held for lived in lives),
        frames_rejected=dict(sum((Counter(lived.rejected) for lived in lives), Counter())),
    )


def killed() -> None:
    task, costs, without = bound("cylinder_push"), [], 0
    for seed in range(10):
        lives = [lived_with(task, seed, pause=p, network=(0, 0)) for p in (0.0, 1.0)]
        costs.append([lived.cost for lived in lives])
        without += lives[1].held
    undisturbed, stopped = np.array(costs).T
    tell(
        "planner stands still for 1 s",
        ratio_of_means=float(stopped.mean() / undisturbed.mean()),
        mean_ratio=float(np.mean(stopped / undisturbed)),
        worst=float(np.max(stopped / undisturbed)),
        steps_without_window=without,
    )


def swing() -> None:
    task, held = bound("cartpole"), []
    for seed in range(10):
        session = Session(bound("cartpole", seed=seed))
        while session.loop.simulation.time < task.config.seconds:
            phase = np.sin(session.loop.simulation.time)
            session.do("config", {"changes": {"w_control": float(0.1 + 0.08 * phase)}})
            session.advance()
        last = round(task.config.hold / task.task.dt)
        held.append(bool(session.loop.arrays()["success"][-last:].all()))
        session.close()
    tell("swing-up while a slider moves", held=sum(held), of=len(held))


if __name__ == "__main__":
    for asked in sys.argv[1:] or ["latency"]:
        globals()[asked]()
