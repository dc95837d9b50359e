"""Requests of a page to its loop: from any thread, the latest of a kind wins."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Request:
    """A wish from a page.

    Attributes:
        kind: `pause`, `step`, `reset`, `end`, `task`, `record`, `snapshot`, `settings`, or what `Session.do` takes.
        facts: How exactly.
        client: Number of the browser.
    """

    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    client: int = -1


class Inbox:
    """Requests from any thread: of one kind the latest wins, and their order is that of the first."""

    def __init__(self) -> None:
        self._held: dict[str, Request] = {}
        self._lock = threading.Lock()

    def put(self, request: Request) -> None:
        """Ask for something; a slider that moves on replaces what it asked for before."""
        with self._lock:
            if request.kind == "config" and "config" in self._held:
                before = self._held["config"].facts["changes"]
                facts = {"changes": {**before, **request.facts["changes"]}}
                request = replace(request, facts=facts)
            self._held[request.kind] = request

    def take(self) -> list[Request]:
        """Return what was asked for since the last time."""
        with self._lock:
            taken, self._held = list(self._held.values()), {}
        return taken
