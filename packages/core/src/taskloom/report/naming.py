"""Names of runs by what differs: no reader has to know the random end of an id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from string import ascii_uppercase

from taskloom.report.tables import leaves, value_text
from taskloom.runs.run import Run
from taskloom.task import JsonValue

MOST_PATHS = 3
"""Differing values that a name spells out; with more of them runs have letters, and a table says what differs."""
_KIND = ".kind"
_SEED = "seed"
ABSENT = "\u2013"
"""Value of a path that a config lacks."""


def differing_values(configs: Sequence[Mapping[str, JsonValue]]) -> dict[str, list[str]]:
    """Return the values that are not the same in all configs, by path; a value that a config lacks is an en dash.

    Args:
        configs: The resolved configs.
    """
    flat = [leaves(config) for config in configs]
    found = {
        path: [value_text(config[path]) if path in config else ABSENT for config in flat]
        for path in dict.fromkeys(path for config in flat for path in config)
    }
    return {path: values for path, values in found.items() if len(set(values)) > 1}


def chosen_values(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Return the differing values of runs without those that only follow from another component.

    Args:
        runs: The runs.
    """
    found = _without_parts_of_the_choice(differing_values([run.config for run in runs]))
    tasks = tasks_of(runs)
    return {path: values for path, values in found.items() if _is_choice(values, tasks)}


def tasks_of(runs: Sequence[Run]) -> list[str]:
    """Return the task of each run, with its domain where the domains differ."""
    domains = {run.domain for run in runs}
    return [run.task if len(domains) == 1 else f"{run.domain} {run.task}" for run in runs]


def _is_choice(values: Sequence[str], tasks: Sequence[str]) -> bool:
    """Return whether values differ by more than that one task has the parameter and another has not."""
    by_task: dict[str, set[str]] = {}
    for value, task in zip(values, tasks, strict=True):
        by_task.setdefault(task, set()).add(value)
    having = [found for found in by_task.values() if found != {ABSENT}]
    return len(having) > 1 or any(len(found) > 1 for found in having)


def names_of(runs: Sequence[Run]) -> list[str]:
    """Return a name for each run, made of the values that differ between them, all of them different.

    The seed is named only where nothing else tells two runs apart. Runs with one config have their own names, else their
    seeds, else the times at which they began. Runs of several tasks have their tasks in front.

    Args:
        runs: The runs.
    """
    chosen = chosen_values(runs)
    seeds = chosen.pop(_SEED, None)
    tasks = tasks_of(runs)
    if not chosen and len(set(tasks)) > 1:
        names = [""] * len(runs)
    elif not chosen:
        names = _names_of_equals(runs, seeds)
    elif len(chosen) > MOST_PATHS:
        # Equal values have one letter, whatever their seeds.
        rows = list(zip(*chosen.values(), strict=True))
        letters = dict(zip(dict.fromkeys(rows), _letters(), strict=False))
        names = [letters[row] for row in rows]
    else:
        short = _short_paths(list(chosen))
        rows = list(zip(*chosen.values(), strict=True))
        names = [
            ", ".join(f"{short[path]}={value}" for path, value in zip(chosen, row, strict=True) if value != ABSENT)
            for row in rows
        ]  # fmt: skip
    if len(set(tasks)) > 1:
        names = [
            f"{task}, {name}" if name else task for task, name in zip(tasks, names, strict=True)
        ]
    if seeds is not None and len(set(names)) < len(names):
        names = [f"{name}, seed {seed}" for name, seed in zip(names, seeds, strict=True)]
    return _numbered(names)


def variants_of(runs: Sequence[Run]) -> list[list[int]]:
    """Return the places of runs that are equal but for the seed, group by group in the order of the first."""
    groups: dict[tuple[str, ...], list[int]] = {}
    flat = [leaves(run.config) for run in runs]
    for number, (run, config) in enumerate(zip(runs, flat, strict=True)):
        parts = [f"{path}={value_text(value)}" for path, value in config.items() if path != _SEED]
        groups.setdefault((run.domain, run.task, *sorted(parts)), []).append(number)
    return list(groups.values())


def _without_parts_of_the_choice(different: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the paths without those that differ only because another component was chosen, whose values are absent then."""
    kinds = [path.removesuffix(_KIND) for path in different if path.endswith(_KIND)]
    kept = {}
    for path, values in different.items():
        belongs = any(path.startswith(f"{kind}.") and path != kind + _KIND for kind in kinds)
        present = {value for value in values if value != ABSENT}
        # A component left out stands under its own path beside the kinds of the others.
        replaced = path in kinds
        if replaced or (belongs and len(present) < 2):
            continue
        kept[path] = values
    for kind in kinds:
        if kind in different:  # `none` and components: one column
            chosen = zip(different[kind + _KIND], different[kind], strict=True)
            kept[kind + _KIND] = [a if a != ABSENT else b for a, b in chosen]
    return kept


def _short_paths(paths: Sequence[str]) -> dict[str, str]:
    """Return the shortest dotted ends that are different, without the word `kind`."""
    plain = {path: path.removesuffix(_KIND) for path in paths}
    parts = {path: name.split(".") for path, name in plain.items()}
    short = {}
    for path, names in parts.items():
        ends = (names[-count:] for count in range(1, len(names)))
        alone = (e for e in ends if sum(other[-len(e) :] == e for other in parts.values()) == 1)
        short[path] = ".".join(next(alone, names))
    return short


def _names_of_equals(runs: Sequence[Run], seeds: Sequence[str] | None) -> list[str]:
    named = [run.record.name for run in runs]
    if all(named) and len(set(named)) == len(named):
        return named
    if seeds is not None:
        return [f"seed {seed}" for seed in seeds]
    return [(run.record.started or run.record.created)[:19].replace("T", " ") for run in runs]


def _letters() -> Iterator[str]:
    """Yield A to Z, then AA, AB and so on."""
    yield from ascii_uppercase
    for first in _letters():
        yield from (first + letter for letter in ascii_uppercase)


def _numbered(names: Sequence[str]) -> list[str]:
    """Return the names, with numbers behind those that still are the same: a run computed twice."""
    total, seen = Counter(names), Counter[str]()
    found = []
    for name in names:
        seen[name] += 1
        found.append(f"{name} ({seen[name]})" if total[name] > 1 else name)
    return found
