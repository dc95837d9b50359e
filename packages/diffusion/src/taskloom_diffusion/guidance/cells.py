"""Conditions of a corpus: columns of the user's file, or what RDKit computes, as numbers and classes of each sequence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal, cast

from taskloom.errors import ConfigError
from taskloom.registry.suggest import did_you_mean

from taskloom_diffusion.corpora.corpus import Corpus, SourceRow
from taskloom_diffusion.guidance.descriptors import NAMES, descriptors
from taskloom_diffusion.model.told import ToldCondition

MISSING = frozenset(["", "na", "n/a", "nan", "null", "none", "-"])
"""Cells, in lower case, that say nothing."""
MOST_CLASSES = 100
Values = dict[str, float | str]


@dataclass(frozen=True)
class AskedCondition:
    """A condition as it was asked for.

    Attributes:
        name: Of the column, or of the property.
        source: Where it comes from.
        kind: What it was said to be; empty leaves it to its cells.
    """

    name: str
    source: Literal["column", "rdkit"]
    kind: Literal["", "number", "class"]


def asked_conditions(text: str) -> list[AskedCondition]:
    """Return the conditions of an option: `logp,activity:class,rdkit:qed`.

    Raises:
        ConfigError: A name stands twice, is empty, or RDKit computes no such property.
    """
    found = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        is_computed = word.startswith("rdkit:")
        name, _, kind = word.removeprefix("rdkit:").partition(":")
        if kind not in ("", "number", "class") or not name:
            near = did_you_mean(kind, ("number", "class"))
            raise ConfigError(
                f"condition '{word}' must be NAME, NAME:number, NAME:class or rdkit:NAME{'; ' * bool(near)}{near}"
            )
        if is_computed and name not in NAMES:
            near = did_you_mean(name, NAMES)
            raise ConfigError(
                f"condition '{word}': RDKit computes {', '.join(NAMES)} here{'; ' * bool(near)}{near}"
            )
        source: Literal["column", "rdkit"] = "rdkit" if is_computed else "column"
        found.append(AskedCondition(name, source, cast('Literal["", "number", "class"]', kind)))
    twice = [name for name, count in Counter(c.name for c in found).items() if count > 1]
    if twice:
        raise ConfigError(f"condition '{twice[0]}' stands twice; name each once")
    return found


def conditions_of(
    asked: Sequence[AskedCondition], corpus: Corpus
) -> tuple[list[ToldCondition], dict[str, Values]]:
    """Return the conditions of a corpus, measured on its training part, and the values of each of its sequences.

    Raises:
        ConfigError: There is no such column, its cells are neither numbers nor a few classes, or they are all the same.
    """
    values: dict[str, Values] = {text: {} for text in (*corpus.train, *corpus.holdout)}
    computed = [item.name for item in asked if item.source == "rdkit"]
    # Each molecule is parsed once for all of them.
    reached = {text: descriptors(text, computed) for text in values} if computed else {}
    found = [_one(item, corpus, values, reached) for item in asked]
    return found, values


def _one(
    asked: AskedCondition,
    corpus: Corpus,
    values: dict[str, Values],
    reached: Mapping[str, Mapping[str, float]],
) -> ToldCondition:
    name = asked.name
    conflicting = 0
    if asked.source == "rdkit":
        kind: Literal["number", "class"] = "class" if asked.kind == "class" else "number"
        for text, row in values.items():
            computed = reached[text].get(name)
            if computed is not None and math.isfinite(computed):
                row[name] = computed if kind == "number" else f"{computed:g}"
    else:
        kind = _kind_of(asked, corpus, values)
        for text, row in values.items():
            cells = [c for _, c in _cells(corpus, text, name)]
            conflicting += len(set(cells)) > 1
            if kind == "number" and cells:
                row[name] = median(map(float, cells))
            elif len(set(cells)) == 1:
                # Rows that say different things of one molecule say nothing of it.
                row[name] = cells[0]
    told = ToldCondition(name, kind, asked.source, merged_conflicting=conflicting)
    return _measured(told, [values[text] for text in corpus.train])


def _measured(told: ToldCondition, rows: Sequence[Values]) -> ToldCondition:
    """Return a condition with what training has of it."""
    here = [row[told.name] for row in rows if told.name in row]
    told = replace(told, missing=len(rows) - len(here))
    if told.kind == "class":
        counts = Counter(str(value) for value in here)
        if len(counts) < 2:
            raise ConfigError(
                f"condition '{told.name}' has {len(counts)} class{'es' * (len(counts) != 1)} in the training part; it needs two"
            )
        return replace(told, classes=dict(sorted(counts.items())))
    numbers = [float(value) for value in here]
    mean = math.fsum(numbers) / max(len(numbers), 1)
    variance = math.fsum((v - mean) ** 2 for v in numbers) / max(len(numbers), 1)
    if not variance > 0:
        raise ConfigError(
            f"condition '{told.name}' has no two different numbers in the training part; it tells nothing"
        )
    return replace(told, mean=mean, sd=math.sqrt(variance), min=min(numbers), max=max(numbers))


def _kind_of(
    asked: AskedCondition, corpus: Corpus, values: Mapping[str, Values]
) -> Literal["number", "class"]:
    """Return what the cells of a column are."""
    if not corpus.rows:
        raise ConfigError(
            f"condition '{asked.name}': '{corpus.name}' has no columns; what RDKit computes is asked for as rdkit:NAME"
        )
    cells = [pair for text in values for pair in _cells(corpus, text, asked.name)]
    if not cells:
        known = sorted(
            {name for rows in corpus.rows.values() for row in rows for name in row.others}
        )
        near = did_you_mean(asked.name, known)
        raise ConfigError(
            f"condition '{asked.name}': '{corpus.name}' has no column of that name with anything in it; it has "
            f"{', '.join(known) or 'none'}{'; ' * bool(near)}{near}"
        )
    if asked.kind == "class":
        return _few_classes(asked.name, cells)
    strange = [(line, cell) for line, cell in cells if not _is_number(cell)]
    if not strange:
        return "number"
    if len(strange) == len(cells) and asked.kind != "number":
        if all(_is_number(cell.replace(",", ".", 1)) for _, cell in cells):
            # As spreadsheets of half of Europe write them: a class of each number is what none means.
            line, cell = cells[0]
            raise ConfigError(
                f"condition '{asked.name}': its cells look like numbers with a decimal comma (line {line} '{cell[:40]}'); write them "
                f"with a point, or use {asked.name}:class"
            )
        return _few_classes(asked.name, cells)
    shown = ", ".join(f"line {line} '{cell[:40]}'" for line, cell in strange[:2])
    raise ConfigError(
        f"condition '{asked.name}': {len(strange):,} of {len(cells):,} cells are no numbers ({shown}); mend them or use "
        f"{asked.name}:class"
    )


def _few_classes(name: str, cells: Sequence[tuple[int, str]]) -> Literal["class"]:
    count = len({cell for _, cell in cells})
    if count > MOST_CLASSES:
        raise ConfigError(
            f"condition '{name}' has {count:,} different texts; a class has at most {MOST_CLASSES} of them"
        )
    return "class"


def _cells(corpus: Corpus, text: str, name: str) -> list[tuple[int, str]]:
    """Return the cells that say something of a sequence, with their lines."""
    rows: Sequence[SourceRow] = corpus.rows.get(text, ())
    cells = ((row.line, row.others.get(name, "").strip()) for row in rows)
    return [(line, cell) for line, cell in cells if cell.lower() not in MISSING]


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False
