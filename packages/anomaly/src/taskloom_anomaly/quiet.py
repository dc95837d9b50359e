"""A run context for whoever calls a task's methods outside a run: nobody watches, and checkpoints are thrown away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from taskloom.context import Resources
from taskloom.seeding import derive_seed


class _NoProgress:
    def advance(self, steps: int = 1, /) -> None:
        """Count nothing."""


class QuietContext:
    """A `RunContext` over a folder that the caller owns.

    Args:
        folder: Where artifacts go.
        seed: The task's root seed.

    Attributes:
        rows: What was logged, by step.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.rows: dict[int, dict[str, float]] = {}
        self._folder = folder
        self._seed = seed

    @property
    def dir(self) -> Path:
        """The folder."""
        return self._folder

    @property
    def resources(self) -> Resources:
        """Whatever there is."""
        return Resources()

    @property
    def latest_checkpoint(self) -> Path | None:
        """None: nothing is kept."""
        return None

    @property
    def should_stop(self) -> bool:
        """False: nobody asks."""
        return False

    def seed(self, name: str, /) -> int:
        """Return the seed of a stream."""
        return derive_seed(self._seed, name)

    def log(self, step: int, /, **metrics: float) -> None:
        """Keep the metrics in memory, by step."""
        self.rows[step] = metrics

    def artifact(self, name: str, /) -> Path:
        """Return a path inside the folder."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def checkpoint(self, step: int, /) -> Iterator[Path]:
        """Yield a folder that is thrown away."""
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)

    @contextmanager
    def progress(self, total: int | None, label: str, /) -> Iterator[_NoProgress]:
        """Show nothing."""
        yield _NoProgress()
