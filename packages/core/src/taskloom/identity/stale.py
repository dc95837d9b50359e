"""The question whether recorded runs still hold: inputs, code and packages of many runs against those of now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from taskloom.errors import TaskloomError
from taskloom.identity.code import Code, CodeFile, place_of, read_code
from taskloom.identity.filecache import FileCache
from taskloom.identity.inputs import now_of
from taskloom.identity.machine import device_now
from taskloom.identity.mixture import mixed
from taskloom.identity.records import Input, Reason
from taskloom.identity.verify import changed_packages, code_reasons, is_same
from taskloom.registry.resolve import find_task
from taskloom.runs.run import Run


class Staleness:
    """Verifies runs of one store; each input and each file of code is looked at once, however many runs share it.

    Args:
        store: The store.
        files: The digests that are known.
    """

    def __init__(self, store: Path, files: FileCache) -> None:
        self._store = store
        self._files = files
        self._inputs: dict[tuple[str, str, bool], Input] = {}
        self._code: dict[CodeFile, bool] = {}

    def reasons(self, run: Run) -> list[Reason]:
        """Return what a run differs in from now, finished or not."""
        record = run.record
        if not record.config_id:
            return [Reason("config", f"{run.id} was recorded by an older taskloom")]
        found = [*self._changed_version(run), *self._changed_inputs(run)]
        try:
            code = read_code(run.dir)
        except TaskloomError as error:
            return [*found, Reason("code", f"the code of {run.id} is not known: {error.message}")]
        if code is None:
            missing = Reason("code", f"the code of {run.id} is not known: code.json is missing")
            return [*found, missing] if record.attempts else found
        device = device_now(code.device, code.could, record.resources.gpus, None)
        gone = {
            item.path
            for item in record.inputs
            if not item.written and not item.is_same(self._now(item))
        }
        found += self._changed_code(run, code, gone)
        found += changed_packages(code, self._store, device)
        present = {("inputs", item.field): self._now(item).sha256 for item in record.inputs}
        return [*found, *mixed(record, found, present)]

    def _changed_version(self, run: Run) -> Iterator[Reason]:
        if run.record.code:
            return  # a file or a cell has no version
        try:
            version = find_task(run.domain, run.task).ref.version
        except TaskloomError:
            yield Reason("config", f"the task {run.domain}/{run.task} is not installed")
            return
        if version != run.record.version:
            yield Reason("config", f"version {run.record.version} -> {version}")

    def _changed_inputs(self, run: Run) -> Iterator[Reason]:
        if not run.record.reusable:
            reason = run.record.code.get("reason")
            told = f"{run.id} {reason}" if reason else f"something changed while {run.id} was going"
            yield Reason("inputs", told)
        yield from self.changed_inputs(run)

    def changed_inputs(self, run: Run) -> Iterator[Reason]:
        """Yield the inputs of a run that are not there any more as they were."""
        for item in run.record.inputs:
            if item.written:
                continue
            now = self._now(item)
            if not item.is_same(now):
                told = "is gone" if now.kind == "absent" else "changed"
                yield Reason("inputs", f"{item.typed} {told} since {run.id}")

    def _now(self, item: Input) -> Input:
        key = (item.path, item.kind, item.by_time)
        if key not in self._inputs:
            self._inputs[key] = now_of(item, self._files)
        return self._inputs[key]

    def _changed_code(self, run: Run, code: Code, told: Collection[str]) -> list[Reason]:
        for row in code.files:
            if row not in self._code:
                self._code[row] = is_same(row, self._store, self._files)
        changed = [
            row for row in code.files if not self._code[row] and str(place_of(row)) not in told
        ]
        return code_reasons(run, code, changed, self._files)


def with_staleness(store: Path, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of a listing with the kinds of what is not as it was: `stale: ["inputs", "code"]`.

    Args:
        store: The store.
        rows: Rows with the name of their folder.
    """
    found = []
    with FileCache(store) as files:
        staleness = Staleness(store, files)
        for row in rows:
            try:
                run = Run(store / str(row["folder"]))
                # Only what has finished can be an answer that is out of date.
                reasons = staleness.reasons(run) if run.record.status == "finished" else []
            except TaskloomError:
                reasons = []  # the listing says what is wrong with its record
            kinds = dict.fromkeys(reason.kind for reason in reasons if reason.counts)
            found.append({**row, "stale": list(kinds)})
    return found
