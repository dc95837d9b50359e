"""Points of a study: every combination of levels, and each of them with every seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from taskloom.config import Config
from taskloom.errors import UsageError
from taskloom.lifecycle.create import identify_asked
from taskloom.params.layers import validate_record
from taskloom.registry.entries import LoadedTask
from taskloom.request import RunOptions
from taskloom.runs.compare import spelled
from taskloom.secrets import vault
from taskloom.secrets.fields import dumped
from taskloom.secrets.redaction import MARK
from taskloom.studies.values import ABSENT, Level, Levels
from taskloom.sweeps.expand import Choices, Plan, Point
from taskloom.sweeps.record import SweepPoint
from taskloom.sweeps.sweep import resolve_points

if TYPE_CHECKING:
    from taskloom.params.layers import Resolved

SEED = "seed"


@dataclass(slots=True)
class StudyPlan:
    """Combinations of levels, each as the point of one seed; other seeds follow from it.

    Attributes:
        loaded: The task.
        factors: Names of the factors.
        cells: For each combination its point of one seed.
        options: How each run is kept and placed; they say where inputs lie.
        known: Points that there are already, by combination and seed.
    """

    loaded: LoadedTask
    factors: tuple[str, ...]
    cells: Mapping[Levels, SweepPoint]
    options: RunOptions
    known: dict[tuple[Levels, int], SweepPoint] = field(default_factory=dict)

    def block(self, seeds: Sequence[int]) -> list[tuple[Levels, int, SweepPoint]]:
        """Return the points of some seeds, all combinations of the first before those of the next.

        Raises:
            ConfigError: The task does not accept a seed.
        """
        return [
            (levels, seed, self._point(levels, seed)) for seed in seeds for levels in self.cells
        ]

    def first_config(self) -> Config:
        """Return the config of one combination."""
        point = next(iter(self.cells.values()))
        values = vault.complete(point.config, point.identity)
        return validate_record(self.loaded.config_class, values, "the study")

    def _point(self, levels: Levels, seed: int) -> SweepPoint:
        found = self.known.get((levels, seed))
        if found is None:
            base = self.cells[levels]
            values = {**vault.complete(base.config, base.identity), SEED: seed}
            config = validate_record(self.loaded.config_class, values, f"the study at seed {seed}")
            identity = identify_asked(self.loaded, config, self.options).identity
            vault.keep(identity, config)
            found = SweepPoint(identity, dumped(config), base.sources)
            self.known[levels, seed] = found
        return found


def plan_study(
    loaded: LoadedTask,
    factors: Mapping[str, Choices],
    fixed: Point,
    seed: int,
    *,
    options: RunOptions,
    files: Sequence[Path] = (),
    resolve_point: Callable[[Point], Resolved] | None = None,
) -> StudyPlan:
    """Resolve every combination of levels with the first seed.

    Args:
        loaded: The task.
        factors: Levels of each factor, as text.
        fixed: What is the same everywhere.
        seed: The first seed.
        options: How each run is kept and placed.
        files: Config files that all runs share.
        resolve_point: Resolves one point without files and environment, for calls from Python.

    Raises:
        ConfigError: A combination is not accepted; nothing has been run.
        UsageError: Two combinations are the same run, a factor is a secret, or the seed is among the factors.
    """
    if SEED in factors or SEED in fixed:
        raise UsageError("The seed is no factor of a study: its seeds pair the runs.")
    pairs = resolve_points(
        loaded,
        Plan(factors),
        {**fixed, SEED: str(seed)},
        files,
        options=options,
        resolve_point=resolve_point,
    )
    names = tuple(name for name, levels in factors.items() if len(levels.values) > 1)
    levels_of = {name: _levels(name, pairs) for name in names}
    cells: dict[Levels, SweepPoint] = {}
    by_identity: dict[str, Levels] = {}
    for texts, point in pairs:
        key = tuple(levels_of[name][texts[name]] if name in texts else ABSENT for name in names)
        same = by_identity.setdefault(point.identity, key)
        if same != key:
            raise UsageError(
                f"Two combinations of the study are the same run: {_shown(names, same)} and {_shown(names, key)}.",
                hint="leave out what says how a run is executed, or one of two spellings of a value",
            )
        cells[key] = point
    return StudyPlan(loaded, names, cells, options)


def _levels(name: str, pairs: Sequence[tuple[Point, SweepPoint]]) -> dict[str, Level]:
    """Return the level that each text of a factor stands for: the value in the config where that tells them apart."""
    path = name.removesuffix(".kind")
    found: dict[str, Level] = {}
    is_plain = True
    for texts, point in pairs:
        if name not in texts:
            continue
        value = spelled(point.config).get(path, None)
        if isinstance(value, str) and MARK in value:
            raise UsageError(f"--{path} is a secret, and a study remembers its factors.")
        is_plain = is_plain and isinstance(value, str | int | float | bool)
        is_plain = is_plain and found.get(texts[name], value) == value
        found[texts[name]] = value if isinstance(value, str | int | float | bool) else texts[name]
    is_plain = is_plain and len(set(found.values())) == len(found)
    return found if is_plain else {text: text for text in found}


def _shown(names: Sequence[str], levels: Levels) -> str:
    return " ".join(f"{name}={level}" for name, level in zip(names, levels, strict=True))
