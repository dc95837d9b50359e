"""The seed system's form of a task: the config itself carries the four methods."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from taskloom.task import Finding, Result

from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.regimes import regime_conflict

if TYPE_CHECKING:
    # Type-only: pydantic does not evaluate methods' annotations.
    from taskloom.context import RunContext


class AnomalyTaskConfig(AnomalyConfig):
    """A config that is its own task.

    Subclass it, add fields (each becomes an option) and the four methods of `AnomalyTask`:

        class MyTask(AnomalyTaskConfig):
            size: int = 100
            \"\"\"Samples.\"\"\"

            def build_reference_data(self): ...
            def build_model(self): ...
            def build_params(self): ...       # None: random parameters
            def build_anomalous_data(self): ...
    """

    @property
    def config(self) -> Self:
        """Itself."""
        return self

    def run(self, ctx: RunContext, /) -> Result:
        """Fit the detector on the task, score, evaluate."""
        # Imported here because `--help` must not import numpy.
        from taskloom_anomaly.run import run_task

        return run_task(self, self, ctx)

    def check(self) -> Iterable[Finding]:
        """Say whether the detector gets what it needs."""
        conflict = regime_conflict(
            self.detector.needs, self.regime, hasattr(self, "build_untrusted_data")
        )
        if conflict:
            yield Finding("error", conflict)
