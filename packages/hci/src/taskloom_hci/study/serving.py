"""A study as a task: its run serves the page until its people are done, or the researcher ends it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from taskloom import Finding, Result, RunContext
from taskloom.errors import MissingExtraError

from taskloom_hci.study.config import StudyConfig

_NEEDED = ("starlette", "uvicorn", "websockets")


def require_extra() -> None:
    """Raise unless what serves a study is installed."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"A study needs {' and '.join(missing)}, not installed here: pip install 'taskloom-hci[study]'"
        )


class ServedStudy:
    """A study as a task: its run serves the page, and the same command goes on with a run that was interrupted.

    Args:
        config: The study.
    """

    def __init__(self, config: StudyConfig) -> None:
        self.config = config

    def check(self) -> Iterable[Finding]:
        """Return an error if there is nothing to play."""
        if not self.config.condition:
            yield Finding(
                "error",
                "A study has at least one condition: make it with tasks hci study FILE.toml.",
            )

    def run(self, ctx: RunContext) -> Result:
        """Serve the study, or what is left of it."""
        require_extra()
        from taskloom_hci.study.running import Running  # of an extra

        return Running(self.config, ctx).run()

    def resume(self, ctx: RunContext, checkpoint: Path, /) -> Result:
        """Go on: what people did lies in the run's folder, and the checkpoint says no more than that it has begun."""
        del checkpoint
        return self.run(ctx)
