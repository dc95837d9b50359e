"""Everything that all visits of a study share: its config, its pages, and games that are ready to be played."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.recordings.blocks import make_game
from taskloom_hci.study.config import ConditionPart, StudyConfig
from taskloom_hci.study.pages import Pages
from taskloom_hci.study.plan import PRACTICE_ALONE, Step, practised


class Materials:
    """The study as its visits see it.

    Args:
        config: The study.
        run: Name of the run, from which codes of completion follow.
    """

    def __init__(self, config: StudyConfig, run: str) -> None:
        self.config, self.run = config, run
        self.pages = Pages(config)
        self._parts = {part.name: part for part in config.condition}
        self.table = {part.name: _entry(part) for part in config.condition}
        if config.practice.episodes and practised(config) == PRACTICE_ALONE:
            first = _entry(config.condition[0])
            alone = {**first["config"], "assistant": None}
            self.table[PRACTICE_ALONE] = {**first, "config": alone, "seats": ["user"]}
        self._ready: dict[str, list[Bundle]] = {}

    def part(self, name: str) -> ConditionPart:
        """Return a condition by its name; practice alone is the first one, for one person."""
        if name == PRACTICE_ALONE:
            return self.config.condition[0].model_copy(update={"seats": ("user",)})
        return self._parts[name]

    def take(self, condition: str) -> Bundle:
        """Return a game of a condition that no other visit plays."""
        ready = self._ready.get(condition)
        return ready.pop() if ready else make_game(self.table[condition])

    def give(self, condition: str, bundle: Bundle) -> None:
        """Take a game back that a visit has played."""
        self._ready.setdefault(condition, []).append(bundle)

    def page(self, step: Step, session: str) -> dict[str, Any]:
        """Return the page of a step."""
        code = self.code(session) if step.kind == "thanks" and self.config.thanks.code else ""
        return self.pages.message(step, code=code)

    def code(self, session: str) -> str:
        """Return the code of a visit that was played to its end: the platform's, or one of the visit's own."""
        own = hashlib.sha256(f"{self.run}/{session}".encode()).hexdigest()[:8].upper()
        return self.config.study.completion.done or own


def _entry(part: ConditionPart) -> dict[str, Any]:
    return {"task": part.task, "config": json.loads(part.settings), "seats": list(part.seats)}
