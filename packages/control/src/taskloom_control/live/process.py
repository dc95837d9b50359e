"""A planner in a process of its own, for a reward that is long Python: the bridge, with the controller's side started here.

The task goes over by its name or its file, its config as TOML, states and controls as frames; nothing is pickled.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from taskloom.errors import TaskloomError, UsageError
from taskloom.params.files import to_toml

from taskloom_control.errors import LinkError
from taskloom_control.live.link import RobotLink
from taskloom_control.live.robot import hello_of

if TYPE_CHECKING:
    from taskloom_control.bench.variants import Bound

_CODE = "import sys; from taskloom.cli import main; sys.exit(main(tuple(sys.argv[1:])))"
_PATIENCE = 20.0


class PlannerProcess:
    """A planner in another process, which is told states and asked for controls.

        with PlannerProcess(task) as planner:
            planner.observe(t, qpos, qvel)
            u = planner(t)  # None where no plan reaches

    Args:
        task: The task with its config.

    Raises:
        UsageError: The task stands in a notebook cell, or nowhere.
        LinkError: The process does not start.
    """

    def __init__(self, task: Bound) -> None:
        given = task.given
        if given is not None and not given.spelled:
            raise UsageError(
                f"The task '{given.name}' cannot plan in a process of its own; write it into a file."
            )
        name = given.spelled if given is not None else task.name.partition("/")[2]
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder) / "config.toml"
            config.write_text(to_toml(task.config), encoding="utf-8", newline="\n")
            words = ["control", "serve", name, "--robots=1", "--config", str(config)]
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CODE, *words],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            # Its first line comes when the port is open, and the config has been read by then.
            address = self._process.stdout.readline().strip() if self._process.stdout else ""
        try:
            if not address:
                raise LinkError("The planning process did not start.")
            self._link = RobotLink(address, hello_of(task.copy()))
        except TaskloomError:
            self._process.kill()
            self._end()
            raise

    def observe(
        self, t: float, qpos: np.ndarray, qvel: np.ndarray, act: np.ndarray | None = None
    ) -> None:
        """Tell a state of a moment [s], in the order of the simulated model."""
        self._link.tell(t, qpos, qvel, act)

    def __call__(self, t: float) -> np.ndarray | None:
        """Return the controls of a moment [s], shape (nu,); None where no plan reaches, as after the process has died."""
        return self._link.control(t)

    @property
    def lost(self) -> str:
        """The reason for which the process is gone; empty while it is there."""
        return self._link.lost

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    def close(self) -> None:
        """End the process."""
        self._link.close()
        self._end()

    def _end(self) -> None:
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> PlannerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
