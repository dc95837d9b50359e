"""A loop that a person steers: every change is logged, what was watched is a run, and it replays to the bit."""

from __future__ import annotations

import json
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import taskloom as tl
from taskloom.bound import BoundTask
from taskloom.errors import CheckFailedError, RunCorruptError, TaskloomError, UsageError
from taskloom.request import Origin, RunOptions
from taskloom.runs.run import Run
from taskloom_control import driver
from taskloom_control.closed_loop.replay import play_again
from taskloom_control.closed_loop.trajectory import trajectory_hash
from taskloom_control.live.beside import LiveBeside
from taskloom_control.live.commands import command_of
from taskloom_control.live.events import EventLog, SteeringEvent, read_events
from taskloom_control.live.repeating import repeated
from taskloom_control.live.requests import Inbox, Request
from taskloom_control.live.session import Session, repeat
from taskloom_control.live.sessions import Sessions
from taskloom_control.live.shown import Shown
from taskloom_control.live.watching import Watching, watched_run
from taskloom_control.tasks.cylinder_push import CylinderPush, CylinderPushConfig
from waiting import until

VALUES = {
    "optimizer": {"kind": "cem", "num_rollouts": 8},
    "engine": {"kind": "serial"},
    "record": {"animation": False, "fan_every": 0},
    "seconds": 0.4,
    "baseline": False,
}
PULL = {"body": "cart", "point": [0.0, 0.0, 0.0], "target": [0.5, 0.5, 0.1]}


def bound_task() -> BoundTask[CylinderPush, CylinderPushConfig]:
    config = CylinderPushConfig.model_validate(VALUES)
    return BoundTask(CylinderPush(config), config, CylinderPush, driver, "control/cylinder_push")


def body_of(session: Session) -> str:
    """The body that no actuator moves."""
    model = session.loop.simulation.model
    return [model.body(i).name for i in range(1, model.nbody) if model.body_weldid[i]][-1]


def advance(session: Session, periods: int) -> None:
    for _ in range(periods):
        session.advance()


def test_a_session_that_nobody_touches_is_the_run() -> None:
    session = Session(bound_task())
    advance(session, 5)
    steps = session.loop.step
    expected = play_again(bound_task(), steps)
    np.testing.assert_array_equal(session.loop.arrays()["qpos"], expected["qpos"])
    session.close()


def test_what_was_done_is_logged_and_done_again_to_the_bit(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    session = Session(bound_task(), log)
    advance(session, 4)
    session.do("config", {"changes": {"w_cart_position": 0.7, "optimizer.num_rollouts": 12}}, 1)
    advance(session, 3)
    session.do("pull", {**PULL, "body": body_of(session)}, 0)
    advance(session, 3)
    session.do("pull", {})
    session.do("config", {"changes": {"optimizer": "mppi", "controller.control_freq": 50.0}})
    advance(session, 6)
    session.do("reset", {})
    advance(session, 3)
    with pytest.raises(TaskloomError, match="engine"):
        session.do("config", {"changes": {"engine": "threads"}})
    with pytest.raises(TaskloomError, match="w_cart_position"):
        session.do("config", {"changes": {"w_cart_position": -1.0}})
    advance(session, 2)
    episodes = session.episodes()
    session.close()
    log.close()
    events = read_events(tmp_path / "events.jsonl")
    kinds = [event.kind for event in events]
    assert kinds == ["config", "pull", "pull", "config", "reset", "refused", "refused"]
    assert [event.n for event in events] == list(range(1, 8))
    assert (events[0].period, events[0].client) == (4, 1)
    assert [e["steps"] for e in episodes] == [session.past[0]["steps"], session.loop.step]
    assert repeat(bound_task(), events, [e["steps"] for e in episodes]) == episodes
    # Without what was done it is another session.
    assert repeat(bound_task(), events[1:], [e["steps"] for e in episodes]) != episodes


def test_a_pull_brings_the_body_to_the_hand() -> None:
    session = Session(bound_task())
    body = body_of(session)
    target = session.loop.simulation.data.body(body).xpos + np.array([0.2, 0.1, 0.0])
    session.do("config", {"changes": {"w_pusher_proximity": 0.0, "w_cart_position": 0.0}})
    session.do("pull", {"body": body, "point": [0, 0, 0], "target": [float(v) for v in target]})
    advance(session, 40)
    gap = np.linalg.norm(session.loop.simulation.data.body(body).xpos[:2] - target[:2])
    session.close()
    assert gap < 0.1


def test_a_log_that_was_cut_off_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    for period in range(3):
        log.add(SteeringEvent("reset", 0, period))
    log.close()
    text = (tmp_path / "events.jsonl").read_text()
    (tmp_path / "events.jsonl").write_text(text[:-10])
    assert [event.n for event in read_events(tmp_path / "events.jsonl")] == [1, 2]
    (tmp_path / "events.jsonl").write_text(text.replace('"n": 2', '"n": 5'))
    with pytest.raises(RunCorruptError, match="Line 2"):
        read_events(tmp_path / "events.jsonl")


def test_a_slider_that_moves_on_replaces_what_it_asked_for() -> None:
    inbox = Inbox()
    for value in (1.0, 2.0, 3.0):
        inbox.put(Request("config", {"changes": {"w_cart_position": value}}, 0))
    inbox.put(Request("config", {"changes": {"w_pusher_proximity": 0.1}}, 1))
    inbox.put(Request("reset"))
    taken = inbox.take()
    assert [request.kind for request in taken] == ["config", "reset"]
    assert taken[0].facts["changes"] == {"w_cart_position": 3.0, "w_pusher_proximity": 0.1}
    assert inbox.take() == []


def weight_of(shown: Shown) -> float:
    """Return a weight of the cost that is shown."""
    config: Any = shown.config
    return float(config.w_cart_position)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, Path, list[float]]]:
    """A run in which a weight was changed, the loop reset, a film made, and something refused, by two browsers."""
    store = tmp_path_factory.mktemp("store")
    patch = pytest.MonkeyPatch()
    patch.setenv("MUJOCO_GL", "off")
    inbox = Inbox()
    watching = Watching(inbox, pace=0.0)
    seen: list[float] = []

    def wait(reached: Callable[[Shown], bool]) -> Shown:
        deadline = time.monotonic() + 60
        while (shown := watching.shown) is None or not reached(shown):
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.002)
        return shown

    def person() -> None:
        wait(lambda shown: shown.time > 0.1)
        inbox.put(Request("config", {"changes": {"w_cart_position": 0.9}}, 0))
        wait(lambda shown: weight_of(shown) == 0.9)
        inbox.put(Request("config", {"changes": {"w_cart_position": -1}}, 1))
        seen.append(weight_of(wait(lambda shown: shown.said != "")))
        inbox.put(Request("reset", {}, 1))
        wait(lambda shown: shown.episode == 1 and shown.time > 0.1)
        inbox.put(Request("record"))
        inbox.put(Request("settings"))
        began = wait(lambda shown: "settings-1.toml" in shown.said).time
        wait(lambda shown: shown.time > began + 0.2)
        inbox.put(Request("record"))
        wait(lambda shown: "record-1" in shown.said)

    def sitting() -> None:
        try:
            person()
        finally:  # a person who waited in vain leaves no run that goes on for ever
            inbox.put(Request("end"))

    thread = threading.Thread(target=sitting)
    thread.start()
    task = tl.open_task("control/cylinder_push", VALUES)
    run = watched_run(task, watching, RunOptions(store=store, quiet=True, report="no"), Origin())
    thread.join()
    yield run, store, seen
    patch.undo()


def test_what_was_watched_is_a_run_that_replays(
    watched: tuple[Run, Path, list[float]], tmp_path: Path
) -> None:
    run, _, seen = watched
    assert run.status == "finished"
    assert run.record.origin == {"kind": "watch"}
    assert seen == [0.9]
    task = tl.task_of(run)
    events = run.artifacts["events"]
    kinds = [event.kind for event in read_events(events)]
    # Three notes of what was kept, and one of the end.
    assert kinds == ["config", "refused", "reset", *["note"] * 4]
    assert "2 episodes" in repeated(run, task, events, "")
    lines = events.read_text().splitlines()
    changed = json.loads(lines[0])
    changed["facts"]["changes"]["w_cart_position"] = 0.8
    (tmp_path / "events.jsonl").write_text("\n".join([json.dumps(changed), *lines[1:]]) + "\n")
    with pytest.raises(CheckFailedError, match="did something else"):
        repeated(run, task, tmp_path / "events.jsonl", "")


def test_settings_that_were_kept_are_a_config_file(watched: tuple[Run, Path, list[float]]) -> None:
    run, _, _ = watched
    (kept,) = run.dir.rglob("settings-1.toml")
    config: Any = tl.open_task("control/cylinder_push", tomllib.loads(kept.read_text())).config
    assert config.w_cart_position == 0.9
    assert config.optimizer.num_rollouts == 8
    task: Any = tl.open_task("control/cylinder_push")
    line = command_of(task, config)
    assert line.startswith("tasks run control cylinder_push --")
    assert "--w_cart_position=0.9" in line
    assert "--optimizer.num_rollouts=8" in line


def test_a_film_that_was_recorded_has_its_pictures(watched: tuple[Run, Path, list[float]]) -> None:
    iio = pytest.importorskip("imageio.v3")
    pytest.importorskip("av")
    run, _, _ = watched
    (film,) = run.dir.rglob("record-1.mp4")
    events = read_events(run.artifacts["events"])
    notes: list[Any] = [e.facts["record"] for e in events if "record" in e.facts]
    seconds = (notes[1] - notes[0]) * CylinderPush(CylinderPushConfig()).dt
    assert len(iio.imread(film, plugin="pyav")) == max(1, int(seconds * 25))


def test_another_task_ends_the_run_and_begins_the_next(tmp_path: Path) -> None:
    inbox = Inbox()
    sessions = Sessions(bound_task(), partial(Watching, inbox, 0.0))
    inbox.put(Request("task", {"name": "no_such_task"}))

    def person() -> None:
        until(lambda: sessions.now.shown is not None and "no_such_task" in sessions.now.shown.said)
        inbox.put(Request("task", {"name": "pendulum"}))
        until(lambda: sessions.task.name == "control/pendulum" and sessions.now.shown is not None)
        inbox.put(Request("end"))

    thread = threading.Thread(target=person)
    thread.start()
    first, second = sessions.conduct(RunOptions(store=tmp_path, quiet=True, report="no"))
    thread.join()
    assert [run.task for run in (first, second)] == ["cylinder_push", "pendulum"]
    assert second.record.parent == first.id
    assert {run.record.origin["kind"] for run in (first, second)} == {"watch"}


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """A session whose plans are made beside the plant while a slider moves, with a reset, under any load."""
    path = tmp_path_factory.mktemp("beside") / "events.jsonl"
    log = EventLog(path)
    session = Session(bound_task(), log, partial(LiveBeside, log))
    session.on_step(lambda: time.sleep(0.001))
    for period in range(60):
        session.advance()
        if period % 5 == 0:
            value = 0.1 + 0.01 * period
            changes = {"w_cart_position": value, "optimizer.num_rollouts": 8 + period // 20}
            session.do("config", {"changes": changes}, 0)
        if period == 40:
            session.do("reset", {})
    session.settle()
    episodes = session.episodes()
    session.close()
    log.close()
    return path, episodes


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_plans_that_were_made_beside_the_plant_are_made_again_to_the_bit(
    beside: tuple[Path, list[dict[str, Any]]], threads: int
) -> None:
    path, episodes = beside
    events = read_events(path)
    plans = [event for event in events if event.kind == "plan"]
    assert len({event.episode for event in plans}) == 2
    assert len({event.facts["config"] for event in plans}) > 2
    engine = {"kind": "threads", "num_threads": threads} if threads else {"kind": "serial"}
    config = CylinderPushConfig.model_validate({**VALUES, "engine": engine})
    task = BoundTask(CylinderPush(config), config, CylinderPush, driver, "control/cylinder_push")
    assert repeat(task, events, [e["steps"] for e in episodes], path) == episodes


def test_a_plan_that_comes_out_otherwise_is_named(
    beside: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    path, episodes = beside
    events, steps = read_events(path), [e["steps"] for e in episodes]
    (tmp_path / "events.f64").write_bytes(path.with_suffix(".f64").read_bytes())
    place = next(i for i, event in enumerate(events) if event.facts.get("plan") == 1)
    facts: dict[str, Any] = {**events[place].facts, "chunks": [[2]]}
    changed = [*events]
    changed[place] = replace(events[place], facts=facts)
    with pytest.raises(CheckFailedError, match=r"Plan 1 of episode 0 came out otherwise"):
        repeat(bound_task(), changed, steps, tmp_path / "events.jsonl")
    with pytest.raises(RunCorruptError, match=r"are not in 'gone\.f64'"):
        repeat(bound_task(), events, steps, tmp_path / "gone.jsonl")


def test_a_plant_with_messages_of_its_own_is_not_planned_for_beside_it() -> None:
    config = CylinderPushConfig.model_validate({**VALUES, "plant": {"latency": 0.04}})
    task = BoundTask(CylinderPush(config), config, CylinderPush, driver, "control/cylinder_push")
    session = Session(task, None, partial(LiveBeside, None))
    with pytest.raises(UsageError, match="leave out --beside"):
        session.advance()
    session.close()


def test_the_runs_own_trajectory_is_that_of_the_last_episode(
    watched: tuple[Run, Path, list[float]],
) -> None:
    run, _, _ = watched
    facts = json.loads(run.read("hash"))
    with np.load(run.artifacts["trajectory"], allow_pickle=False) as arrays:
        assert len(arrays["control"]) == facts["steps"] == facts["episodes"][-1]["steps"]
        found = trajectory_hash({name: arrays[name] for name in arrays.files})
    assert found == facts["sha256"] == facts["episodes"][-1]["sha256"]
    with np.load(run.artifacts["episodes"], allow_pickle=False) as earlier:
        assert len(earlier["0/control"]) == facts["episodes"][0]["steps"]


def test_a_command_never_takes_a_watched_run_for_its_answer(
    watched: tuple[Run, Path, list[float]],
) -> None:
    run, store, _ = watched
    again = tl.run(
        "control/cylinder_push", VALUES, options=RunOptions(store=store, quiet=True, report="no")
    )
    assert again.id != run.id
    assert again.record.identity == run.record.identity
