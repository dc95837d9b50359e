"""Pages that are opened: for a task that is watched, for a finished run, and for a loop of the user's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
import typer
from taskloom.arrays import load_npz
from taskloom.errors import TaskloomError, UsageError
from taskloom.opening import task_of
from taskloom.registry.discovery import tasks_of
from taskloom.request import RunOptions

from taskloom_control.bench.variants import with_config, with_values
from taskloom_control.live.commands import command_of
from taskloom_control.live.page import Page
from taskloom_control.live.requests import Inbox, Request
from taskloom_control.live.sessions import Sessions
from taskloom_control.live.shown import Shown
from taskloom_control.live.watching import Watching

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_control.bench.variants import Bound
    from taskloom_control.config import ControlConfig
    from taskloom_control.planning.plan import PlanStats

_TICK = 0.02


def watch_task(
    task: Bound,
    port: int,
    seconds: float,
    speed: float,
    store: Path | None = None,
    *,
    beside: bool = False,
) -> None:
    """Open a page, and conduct one session after another until one ends without naming the next task.

    Args:
        task: The task to begin with.
        port: Port on 127.0.0.1; 0 takes a free one.
        seconds: Wall-clock time after which it ends by itself [s]; 0 never.
        speed: Simulated time over wall-clock time.
        store: The run store.
        beside: Plan in a thread beside the plant.

    Raises:
        MissingExtraError: viser is not installed.
        UsageError: The port cannot be used, or the speed is none of a plant that waits for no plan.
    """
    if beside and speed != 1.0:
        raise UsageError(
            f"--speed={speed:g} does not go with --beside: a plant that waits for no plan runs by the wall clock; leave one out."
        )
    inbox, names = Inbox(), [item.ref.name for item in tasks_of("control")]
    sessions = Sessions(task, partial(Watching, inbox, speed, seconds, beside=beside))
    name = task.name.partition("/")[2]
    page = Page(
        lambda: sessions.now.shown,
        inbox.put,
        task.config,
        title=name,
        port=port,
        tasks=names,
        command=lambda config: command_of(sessions.task, config),
    )
    typer.echo(page.address)
    typer.echo("Open this address in a browser; Ctrl-C ends the session.", err=True)
    try:
        for run in sessions.conduct(RunOptions(store=store)):
            typer.echo(f"{run.status}: {run.dir}")
    finally:
        page.close()


def scrub_run(run: Run, port: int, seconds: float) -> None:
    """Open a page that scrubs through a run.

    Args:
        run: The run.
        port: Port on 127.0.0.1; 0 takes a free one.
        seconds: Wall-clock time after which it ends by itself [s]; 0 never.

    Raises:
        UsageError: The run left no trajectory.
    """
    trajectory = run.artifacts.get("trajectory")
    if trajectory is None or not trajectory.is_file():
        raise UsageError(f"The run {run.id} ({run.status}) left no trajectory to look at.")
    task: Any = task_of(run)
    player = RunPlayer(task, load_npz(trajectory))
    page = Page(lambda: player.shown, _nothing, task.config, title=run.id, port=port, steers=False)
    player.add_to(page)
    typer.echo(page.address)
    typer.echo("Open this address in a browser; Ctrl-C ends it.", err=True)
    began = time.monotonic()
    try:
        while not seconds or time.monotonic() - began < seconds:
            time.sleep(_TICK)
            player.tick(_TICK)
    except KeyboardInterrupt:
        return
    finally:
        page.close()


def _nothing(request: Request) -> None:
    del request


class RunPlayer:
    """A recorded episode at a moment.

    Args:
        task: The task.
        arrays: The trajectory.
    """

    def __init__(self, task: Bound, arrays: Mapping[str, np.ndarray]) -> None:
        self._model, self._arrays = task.task.model, arrays
        self._data = mujoco.MjData(self._model)
        self._config = task.config
        self._times = arrays["time"]
        self._slider: Any = None
        self._plays: Any = None
        self.shown = self.at(0)

    def at(self, index: int) -> Shown:
        """Return a recorded state as it is shown."""
        data, arrays = self._data, self._arrays
        data.qpos[:] = arrays["qpos"][index]
        if self._model.nmocap:
            data.mocap_pos[:] = arrays["mocap_pos"][index]
            data.mocap_quat[:] = arrays["mocap_quat"][index]
        mujoco.mj_kinematics(self._model, data)
        done = index >= len(self._times) - 1
        reward = arrays["reward"][min(index, len(arrays["reward"]) - 1)]
        shown = blank(self._model, data, self._config)
        return replace(
            shown,
            time=float(self._times[index]),
            cost=-float(reward),
            success=bool(arrays["success"][index]),
            paused=True,
            done=False,
            rows=_rows(arrays) if done or index == 0 else self.shown.rows,
        )

    def add_to(self, page: Page) -> None:
        """Add a slider for the time, and a button that plays."""
        gui = page.server.gui
        last = len(self._times) - 1
        self._slider = gui.add_slider("Step", min=0, max=last, step=1, initial_value=0)
        self._plays = gui.add_checkbox("Play", False)

        def moved(event: Any) -> None:  # noqa: ANN401 -- viser's own
            self.shown = self.at(int(event.target.value))

        self._slider.on_update(moved)

    def tick(self, seconds: float) -> None:
        """Go on by some time, if it plays."""
        if self._plays is None or not self._plays.value:
            return
        later = self._times[self._slider.value] + seconds
        index = int(np.searchsorted(self._times, later))
        # Setting it tells the callback above, as a person does.
        self._slider.value = 0 if index >= len(self._times) else index


def _rows(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[list[str], np.ndarray]]:
    """Return what is plotted of a whole run."""
    time_of = arrays["time"][1:]
    costs = {name[5:]: a for name, a in arrays.items() if name.startswith("cost_")}
    controls = arrays["control"]
    found = {
        "controls": (
            [f"u{i}" for i in range(controls.shape[1])],
            np.column_stack([time_of, controls]),
        )
    }
    if costs:
        found["cost"] = (list(costs), np.column_stack([time_of, *costs.values()]))
    return found


def blank(model: mujoco.MjModel, data: mujoco.MjData, config: Any) -> Shown:  # noqa: ANN401 -- a config
    """Return a state with nothing but the places of its bodies."""
    return Shown(
        model=model,
        time=float(data.time),
        places=data.xpos.copy(),
        turns=data.xquat.copy(),
        traces=[],
        contacts=(np.zeros((0, 3)), np.zeros((0, 3))),
        stats=None,
        plan_ms=np.zeros(0),
        cost=0.0,
        rate=0.0,
        rows={},
        paused=False,
        success=False,
        episode=0,
        said="",
        config=config,
    )


class LivePage:
    """The page for a loop of your own.

        page = LivePage(taskloom.open_task("control/cartpole"))
        print(page.address)
        while True:
            if page.changed:
                controller.exchange(page.take())
            plan, stats = controller.plan(estimate)
            page.show(qpos, time=t, stats=stats)

    Args:
        task: The task with its config.
        port: Port on 127.0.0.1; 0 takes a free one.

    Attributes:
        address: The address that opens it.
    """

    def __init__(self, task: Bound, port: int = 0) -> None:
        self._task, self._model = task, task.task.model
        self._data = mujoco.MjData(self._model)
        self._shown: Shown | None = None
        self._config: ControlConfig = task.config
        self._lock, self._changed, self._said = threading.Lock(), False, ""
        name = task.name.partition("/")[2] or type(task.task).__name__
        self._page = Page(
            lambda: self._shown,
            self._take_request,
            task.config,
            title=name,
            port=port,
            steers=False,
        )
        self.address = self._page.address

    @property
    def changed(self) -> bool:
        """True when a control was moved since the last `take`."""
        return self._changed

    def take(self) -> ControlConfig:
        """Return the config with the page's values."""
        with self._lock:
            self._changed = False
            return self._config

    def show(
        self, qpos: np.ndarray, *, time: float = 0.0, stats: PlanStats | None = None, said: str = ""
    ) -> None:
        """Show a state; drawing never waits.

        Args:
            qpos: Positions of the planning model, shape (nq,).
            time: Time [s].
            stats: The newest plan.
            said: A sentence to show.
        """
        self._data.qpos[:], self._data.time = qpos, time
        mujoco.mj_kinematics(self._model, self._data)
        shown = blank(self._model, self._data, self._config)
        times = np.array([1e3 * stats.seconds]) if stats is not None else np.zeros(0)
        self._shown = replace(shown, stats=stats, plan_ms=times, said=said or self._said)

    def close(self) -> None:
        """End the page."""
        self._page.close()

    def __enter__(self) -> LivePage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _take_request(self, request: Request) -> None:
        if request.kind != "config":
            return
        with self._lock:
            try:
                changed = with_values(
                    with_config(self._task, self._config), request.facts["changes"]
                )
            except TaskloomError as error:
                self._said = error.message
                return
            self._config, self._changed, self._said = changed.config, True, ""
