"""A user's own scoring function, asked about each molecule once and never trusted to return a number."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from taskloom.errors import ConfigError, StoreError, UsageError
from taskloom.given.files import load_file
from taskloom.registry.isolate import load_target

Score = Callable[[list[str]], Sequence[float]]
# Failures in a row, or of the last hundred calls half, after which more of them tell nothing.
_IN_A_ROW, _OF_HUNDRED = 20, 50


def score_called(name: str) -> Score:
    """Return the function that is called `module:function` or `FILE.py:function`.

    Raises:
        UsageError: There is none, or it cannot be called.
    """
    place, _, function = name.rpartition(":")
    if not place or not function:
        raise UsageError(f"--score '{name}' is neither module:function nor FILE.py:function")
    beside = Path(f"{place.replace('.', '/')}.py")
    file = Path(place) if place.endswith(".py") else beside
    found: object
    if file.suffix == ".py" and (place.endswith(".py") or file.is_file()):
        found = getattr(load_file(file), function, None)
    else:
        found = load_target(name)
    if not callable(found):
        raise UsageError(f"--score '{name}': there is no function '{function}' in '{place}'")
    return cast("Score", found)


@dataclass(frozen=True)
class Scored:
    """A molecule that was scored.

    Attributes:
        smiles: Canonical SMILES.
        score: The number; None where the function failed.
        failed: Why there is none.
        round: Round of the search that it is of.
    """

    smiles: str
    score: float | None
    failed: str
    round: int


@dataclass
class Archive:
    """Every molecule that was scored, in the order of the calls; kept in a file line by line, if one is given.

    Attributes:
        path: The file.
        entries: The molecules.
    """

    path: Path | None = None
    entries: list[Scored] = field(default_factory=list)
    _known: dict[str, Scored] = field(default_factory=dict)

    @classmethod
    def opened(cls, path: Path | None, search: Mapping[str, object]) -> Archive:
        """Return an archive, with what its file holds of the same search.

        Args:
            path: The file; None keeps the archive in memory alone.
            search: Plain data that tells the search from any other, the first line of the file.

        Raises:
            ConfigError: The file is of another search, or of none.
            StoreError: It cannot be written.
        """
        archive = cls(path)
        if path is None:
            return archive
        if not path.is_file() or not path.stat().st_size:
            archive._append(json.dumps(search) + "\n")
            return archive
        first, *lines = path.read_text(encoding="utf-8").split("\n")
        archive._check_same(first, search)
        for number, line in enumerate(lines[:-1], 2):
            try:
                item = json.loads(line)
                archive._keep(Scored(item["smiles"], item["score"], item["failed"], item["round"]))
            except (ValueError, KeyError, TypeError):
                raise ConfigError(
                    f"line {number} of '{path}' is none of an archive of scores; give another file"
                ) from None
        if lines and lines[-1]:
            # A line that was being written when the search was stopped is scored again.
            whole = "".join(f"{line}\n" for line in (first, *lines[:-1]))
            path.write_text(whole, encoding="utf-8", newline="\n")
        return archive

    def _check_same(self, first: str, search: Mapping[str, object]) -> None:
        try:
            was = dict(json.loads(first))
        except (ValueError, TypeError):
            raise ConfigError(f"'{self.path}' is no archive of scores; give another file") from None
        now = json.loads(json.dumps(search))
        other = [name for name in now if was.get(name) != now[name]]
        if other:
            name = other[0]
            raise ConfigError(
                f"'{self.path}' is the archive of another search: {name} was {was.get(name)!r} and is {now[name]!r}; give another file"
            )

    def _keep(self, scored: Scored) -> None:
        self.entries.append(scored)
        self._known[scored.smiles] = scored

    def __contains__(self, smiles: str) -> bool:
        return smiles in self._known

    def __len__(self) -> int:
        return len(self.entries)

    def before(self, number: int) -> list[Scored]:
        """Return what was scored before a round."""
        return [entry for entry in self.entries if entry.round < number]

    def ask(self, score: Score, molecules: Sequence[str], number: int) -> None:
        """Score molecules that are new, and keep every one that was asked about.

        Raises:
            ConfigError: Too many failed; all that was scored is kept.
            StoreError: The file cannot be written.
        """
        new = [smiles for smiles in dict.fromkeys(molecules) if smiles not in self._known]
        answers = _asked(score, new)
        for smiles, (value, failed) in zip(new, answers, strict=True):
            self._keep(Scored(smiles, value, failed, number))
        written = self.entries[len(self.entries) - len(new) :]
        self._append("".join(json.dumps(vars(entry)) + "\n" for entry in written))
        self._check()

    def _append(self, text: str) -> None:
        if self.path is None:
            return
        try:
            with self.path.open("a", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            raise StoreError(f"'{self.path}' cannot be written: {error.strerror}") from None

    def _check(self) -> None:
        last = [bool(entry.failed) for entry in self.entries[-100:]]
        row = all(last[-_IN_A_ROW:]) and len(last) >= _IN_A_ROW
        if not row and not (len(last) == 100 and sum(last) >= _OF_HUNDRED):
            return
        first = next(entry for entry in self.entries if entry.failed)
        kept = f"; '{self.path}' keeps all {len(self)} calls" if self.path else ""
        raise ConfigError(
            f"the score failed for {sum(last)} of the last {len(last)} molecules, first for '{first.smiles}': {first.failed}{kept}"
        )

    @property
    def failures(self) -> list[Scored]:
        """Molecules that have no score."""
        return [entry for entry in self.entries if entry.failed]

    def best(self, count: int) -> list[Scored]:
        """Return the molecules of the highest scores."""
        return ranked(self.entries)[:count]


def ranked(entries: Iterable[Scored]) -> list[Scored]:
    """Return molecules that have a score, the highest first, ties by their text."""
    scored = [entry for entry in entries if entry.score is not None]
    return sorted(scored, key=lambda entry: (-(entry.score or 0.0), entry.smiles))


def _asked(score: Score, molecules: list[str]) -> list[tuple[float | None, str]]:
    """Return a number or a fault for each molecule; a batch that fails is asked about one by one, to find out which of it does."""
    if not molecules:
        return []
    try:
        values: Any = list(score(list(molecules)))
    except Exception as error:  # whatever a user's function raises
        if len(molecules) == 1:
            return [(None, f"it raised {type(error).__name__}({str(error)[:200]!r})")]
        return [answer for one in molecules for answer in _asked(score, [one])]
    if len(values) != len(molecules):
        if len(molecules) == 1:
            return [(None, f"it returned {len(values)} numbers for one molecule")]
        return [answer for one in molecules for answer in _asked(score, [one])]
    return [_number(value) for value in values]


def _number(value: object) -> tuple[float | None, str]:
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever came back
    except (TypeError, ValueError):
        number = math.nan
    return (number, "") if math.isfinite(number) else (None, f"it returned {value!r}")


def auc_top_10(scores: Sequence[float | None], budget: int) -> float:
    """Return the area under the mean of the best ten over the calls, at every hundredth, held to the budget, over the budget.

    Args:
        scores: Of each call in order; None counts as a call alone.
        budget: Calls that there are.

    Example:
        >>> auc_top_10([1.0] * 10_000, 10_000)
        0.995
    """
    area, before, at = 0.0, 0.0, 0
    best: list[float] = []
    for call, value in enumerate(scores[:budget], 1):
        if value is not None:
            best = sorted([*best, value], reverse=True)[:10]
        if call % 100 == 0 or call == min(len(scores), budget):
            mean = sum(best) / len(best) if best else 0.0
            area += (before + mean) / 2 * (call - at)
            before, at = mean, call
    return (area + before * (budget - at)) / budget
