"""Folders of a sweep's runs: each is made, or gone on with, under a claim that is held until the run is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from taskloom.config import Config
from taskloom.errors import StoreLockedError
from taskloom.identity.identify import Identified
from taskloom.lifecycle.create import create_run
from taskloom.lifecycle.decision import Decision, Settled, continued
from taskloom.registry.entries import LoadedTask
from taskloom.request import Origin
from taskloom.runs import amend, claims, provenance
from taskloom.runs.run import Run
from taskloom.sweeps.record import SweepRecord

_MOST_CLAIMS = 200
"""Claims held at a time, each an open file: beyond these the lock of the run itself tells others that it goes on."""


class Desk:
    """Source of the runs of one sweep.

    Args:
        loaded: The task.
        record: The sweep.
        store: Where the runs are.
    """

    def __init__(self, loaded: LoadedTask, record: SweepRecord, store: Path) -> None:
        self._loaded, self._record = loaded, record
        self.options = replace(record.options, store=store)
        self._found: dict[str, Any] | None = None
        self._claims: dict[str, claims.Claim] = {}

    def open(
        self, now: Identified, config: Config, sources: Mapping[str, str], settled: Settled
    ) -> Run:
        """Return the run to be computed, with a folder, and keep its claim."""
        if settled.decision.action == "continue":
            run = continued(settled.decision, now, config, self.options)
        else:
            self._found = self._found or provenance.gather()
            origin = Origin(self._record.argv, sources, self._record.id)
            layout = create_run(
                self._loaded, config, self.options, origin, now=now, found=self._found
            )
            run = Run(layout.dir)
        if settled.claim is not None:
            self.keep(run.id, settled.claim)
        return run

    def reuse(self, decision: Decision, run: Run) -> Run:
        """Return a finished run that is an answer, with what the sweep adds to it."""
        pairs = tuple(pair for reason in decision.reasons for pair in reason.pairs)
        run, _ = amend.label(amend.accept(run, pairs), self.options.name, tuple(self.options.tags))
        run.reused, run.stale = True, tuple(decision.stale)
        return run

    def refuse_to_wait(self, decision: Decision) -> None:
        """Refuse to wait for another process where the options say that this is an error.

        Raises:
            StoreLockedError: So it is.
        """
        if self.options.claimed == "fail":
            raise StoreLockedError(
                f"A point of the sweep {self._record.id} is computed by {decision.by or claims.Holder()}.",
                hint="--claimed=wait waits",
            )

    def keep(self, name: str, claim: claims.Claim) -> None:
        """Keep the claim of a run until it is over."""
        claim.name(name)
        if len(self._claims) < _MOST_CLAIMS:
            self._claims[name] = claim
        else:
            claim.release()

    def release(self, name: str) -> None:
        """Let others compute what this run computed."""
        claim = self._claims.pop(name, None)
        if claim is not None:
            claim.release()

    def close(self) -> None:
        """Let go of every claim."""
        for name in list(self._claims):
            self.release(name)
