"""The ledger of looks: which settings were measured on which test seeds, and when. It is only ever appended to.

A look is noted before its first episode is played, so that one that was broken off is a look too. The same settings again are the
same look: its seeds and hence its figures are those of before. Other settings are the next look, on other seeds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from taskloom.errors import RunCorruptError, StoreError
from taskloom.identity.git import GitQuestion, repository_of
from taskloom.runs.locks import acquire

FILE = "ledger.jsonl"
# Git is asked once, and a ledger without a commit is better than none.
_PATIENCE = 5.0


@dataclass(frozen=True)
class LedgerRow:
    """One row of the ledger.

    Attributes:
        task: The task's name.
        release: Version of the system.
        look: Number of the look at this task in this release, from 1.
        settings: Digests of the settings that were measured, sorted.
        seeds: How many test seeds were used.
        time: Date and time, UTC.
        commit: Commit of the working folder, with `+` if it had changes; empty outside of a repository.
    """

    task: str
    release: str
    look: int
    settings: tuple[str, ...]
    seeds: int
    time: str
    commit: str


class Ledger:
    """The looks that a folder has noted.

    Args:
        folder: The folder; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def looks(self, task: str, release: str) -> list[LedgerRow]:
        """Return the looks at a task in a release, in the order of their numbers.

        Raises:
            RunCorruptError: A line cannot be read.
        """
        found = (row for row in self._rows() if (row.task, row.release) == (task, release))
        return sorted(found, key=lambda row: row.look)

    def look(self, task: str, release: str, settings: Sequence[str], seeds: int) -> LedgerRow:
        """Return the look of some settings, noted now unless they were looked at before.

        Args:
            task: The task's name.
            release: Version of the system.
            settings: Digests of all settings that are compared on the same seeds.
            seeds: How many test seeds a new look uses; one of before keeps its own.

        Raises:
            StoreError: The ledger cannot be written.
            StoreLockedError: Another process holds it for longer than a few seconds.
            RunCorruptError: A line cannot be read.
        """
        chosen = tuple(sorted(set(settings)))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The folder '{self.path.parent}' of the ledger cannot be made: {error.strerror}."
            ) from None
        held = acquire(self.path.with_suffix(".lock"), patience=_PATIENCE)
        try:
            before = self.looks(task, release)
            for row in before:
                if row.settings == chosen:
                    return row
            now = datetime.now(UTC).isoformat(timespec="seconds")
            number = before[-1].look + 1 if before else 1
            row = LedgerRow(task, release, number, chosen, seeds, now, _commit())
            try:
                with self.path.open("a", encoding="utf-8", newline="\n") as file:
                    file.write(json.dumps(asdict(row)) + "\n")
            except OSError as error:
                raise StoreError(
                    f"The ledger '{self.path}' cannot be written: {error.strerror}."
                ) from None
            return row
        finally:
            held.release()

    def _rows(self) -> Iterator[LedgerRow]:
        if not self.path.exists():
            return
        for number, line in enumerate(self.path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                row = json.loads(line)
                yield LedgerRow(**{**row, "settings": tuple(row["settings"])})
            except (ValueError, KeyError, TypeError):
                raise RunCorruptError(
                    f"Line {number} of the ledger '{self.path}' cannot be read."
                ) from None


def _commit() -> str:
    top = repository_of(Path.cwd())
    if top is None:
        return ""
    facts = GitQuestion(top).answer(time.monotonic() + _PATIENCE).facts or {}
    return f"{facts.get('sha', '')}{'+' if facts.get('dirty') else ''}"
