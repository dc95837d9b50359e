"""Second execution of the plans that were made beside a watched plant, to the same bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskloom.errors import CheckFailedError, RunCorruptError

from taskloom_control.live.beside import digest_of_plan, in_force, safe_plan, snapshot_of
from taskloom_control.live.events import SteeringEvent, read_numbers
from taskloom_control.planning.asynchronous import least_of
from taskloom_control.planning.deadline import Repeated
from taskloom_control.planning.exchange import Changed, changes_between
from taskloom_control.planning.plan import ControlPlan, PlanStats

if TYPE_CHECKING:
    from taskloom_control.closed_loop.loop import ClosedLoop
    from taskloom_control.config import ControlConfig
    from taskloom_control.planning.controller import Controller


class RepeatedBeside:
    """The plans of an episode again, each from what the log says that it was made of.

    Args:
        path: The file of the events.
        events: Those of the episode.

    Attributes:
        periods: Control steps of the plant that have begun.
        said: Empty: nothing is said to a person here.
    """

    def __init__(self, path: Path, events: Sequence[SteeringEvent]) -> None:
        self._path = path
        self._plans = [event for event in events if event.kind == "plan"]
        self._acts = {
            event.period: _whole(event, "plan") for event in events if event.kind == "act"
        }
        self._wanted = {_whole(event, "step") for event in self._plans}
        self.periods, self.said = 0, ""
        self._metadata: dict[int, Mapping[str, Any]] = {}
        self._configs: list[ControlConfig] = []
        self._made: list[tuple[ControlPlan, PlanStats] | None] = []
        self._force = -1
        self._safe: ControlPlan | None = None

    def at_step(self, loop: ClosedLoop) -> tuple[ControlPlan, PlanStats, bool]:
        """Return the plan that was in force from this step on, made again.

        Raises:
            CheckFailedError: A plan comes out otherwise.
            RunCorruptError: The log has no such plan.
        """
        if not self._configs:
            self._configs = [loop.config]
            self._safe = safe_plan(loop.controller, loop.simulation.snapshot())
        if self.periods in self._wanted:
            self._metadata[self.periods] = dict(loop.simulation.task.get_sim_metadata())
        number = self._acts.get(self.periods, self._force)
        is_new, self._force = number != self._force, number
        while len(self._made) <= number:
            self._plan_next(loop.controller)
        found = self._made[number] if number >= 0 else None
        if found is None:
            raise RunCorruptError(f"The log names no plan for step {self.periods}.")
        self.periods += 1
        return in_force(found[0], self._safe, loop.simulation.time), found[1], is_new

    def exchange(self, config: ControlConfig) -> Changed:
        """Plan under another config from the plan on that was made with it."""
        changed = changes_between(self._configs[-1], config)
        self._configs.append(config)
        return changed

    def end(self, loop: ClosedLoop) -> None:
        """Make the plans again that never acted."""
        while len(self._made) < len(self._plans):
            self._plan_next(loop.controller)

    def close(self) -> None:
        """Do nothing: no thread has begun."""

    def _plan_next(self, controller: Controller) -> None:
        number = len(self._made)
        if number >= len(self._plans):
            raise RunCorruptError(f"The log names plan {number}, and does not have it.")
        event = self._plans[number]
        numbers = read_numbers(self._path, event)
        config = self._configs[_whole(event, "config")]
        if controller.config is not config:
            controller.exchange(config)
        chunks: Any = event.facts.get("chunks")
        try:
            plan, stats = controller.plan(
                snapshot_of(controller.task.model, numbers),
                self._metadata.get(_whole(event, "step"), {}),
                Repeated(chunks, least_of(controller.config)),
            )
        except Exception:  # a plan that failed then fails again, and leaves the same memory behind
            if "failed" not in event.facts:
                raise
            self._made.append(None)
            return
        if digest_of_plan(plan) != event.facts.get("knots"):
            raise CheckFailedError(
                f"Plan {number} of episode {event.episode} came out otherwise, from the same state and {chunks} candidates."
            )
        self._made.append((plan, stats))


def _whole(event: SteeringEvent, name: str) -> int:
    """Return a whole number of an event's facts.

    Raises:
        RunCorruptError: It is not there.
    """
    value = event.facts.get(name)
    if not isinstance(value, int):
        raise RunCorruptError(f"Event {event.n} of the log has no '{name}'.")
    return value
