"""A run context outside of a run, for verbs, tests and notebooks: metrics stay in a list, checkpoints are real."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from taskloom.context import Progress, Resources
from taskloom.records.names import check_metric_name
from taskloom.runs import checkpoints
from taskloom.runs.layout import RunLayout, fresh
from taskloom.seeding import derive_seed


class _Count:
    def __init__(self) -> None:
        self.done = 0

    def advance(self, steps: int = 1, /) -> None:
        """Count further steps."""
        self.done += steps


class ScratchContext:
    """A context without a lifecycle around it, over a folder that the caller owns.

        open_task("hci/example").run(ScratchContext(folder))

    Args:
        dir: The folder to work in; made if missing.
        seed: The root seed.
        stop_after: Number of times that `should_stop` is False before it is True; None for ever.
        resources: What the run may use.

    Attributes:
        rows: The logged lines, each with `step`.
        asked: Number of times that the task has read `should_stop`.
    """

    def __init__(
        self,
        dir: Path,
        seed: int = 0,
        *,
        stop_after: int | None = None,
        resources: Resources | None = None,
    ) -> None:
        self._layout = RunLayout(Path(dir).absolute())
        self._layout.dir.mkdir(parents=True, exist_ok=True)
        self._seed = seed
        self._resources = resources or Resources()
        self.stop_after = stop_after
        self._artifact_names: dict[str, str] = {}
        self.rows: list[dict[str, float]] = []
        self.asked = 0

    @property
    def dir(self) -> Path:
        """The folder to work in."""
        return self._layout.dir

    @property
    def resources(self) -> Resources:
        """Resources of the run."""
        return self._resources

    @property
    def latest_checkpoint(self) -> Path | None:
        """The newest checkpoint whose hashes verify, or None."""
        newest = checkpoints.newest_good(self._layout.checkpoints)
        return newest.dir if newest else None

    @property
    def should_stop(self) -> bool:
        """True once it has been read `stop_after` times."""
        self.asked += 1
        return self.stop_after is not None and self.asked > self.stop_after

    def seed(self, name: str, /) -> int:
        """Return the seed of the stream called `name`."""
        return derive_seed(self._seed, name)

    def log(self, step: int, /, **metrics: float) -> None:
        """Keep one line of metrics."""
        for name in metrics:
            check_metric_name(name)
        self.rows.append(
            {"step": float(step), **{name: float(value) for name, value in metrics.items()}}
        )

    def artifact(self, name: str, /) -> Path:
        """Return the path at which to write the artifact called `name`; its folder exists."""
        path = fresh(self._layout.artifacts, name, self._artifact_names)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._artifact_names[name.casefold()] = name
        return path

    @contextmanager
    def checkpoint(self, step: int, /) -> Iterator[Path]:
        """Yield an empty folder; on leaving, it is published as in a real run."""
        with checkpoints.publish(self._layout.checkpoints, step, {}) as folder:
            yield folder

    @contextmanager
    def progress(self, total: int | None, label: str, /) -> Iterator[Progress]:
        """Count in silence."""
        del total, label
        yield _Count()
