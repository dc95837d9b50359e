"""One session after another: what a page goes on with when its task is switched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from taskloom.request import Origin, RunOptions

from taskloom_control.live.watching import Watching, watched_run

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_control.bench.variants import Bound


class Sessions:
    """One session after another, each a run: what a page goes on with when its task is switched.

    Args:
        task: The task to begin with.
        make: Makes the driver of a session.

    Attributes:
        task: The task of the session that runs.
        now: Its driver.
    """

    def __init__(self, task: Bound, make: Callable[[], Watching]) -> None:
        self.task, self._make = task, make
        self.now = make()

    def conduct(self, options: RunOptions) -> Iterator[Run]:
        """Yield the run of each session when it has ended; the first one is the parent of all others.

        Args:
            options: How the runs are kept.
        """
        parent = ""
        while True:
            run = watched_run(self.task, self.now, replace(options, parent=parent), Origin())
            yield run
            if self.now.following is None:
                return
            parent = parent or run.id
            self.task, self.now = self.now.following, self._make()
