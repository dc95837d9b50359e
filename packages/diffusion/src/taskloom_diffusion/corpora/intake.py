"""The one door for a user's sequences: each line is kept, or counted with a reason and named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from taskloom_diffusion.corpora.corpus import SHOWN, LeftOut, SourceRow
from taskloom_diffusion.corpora.molecular_form import Form, written
from taskloom_diffusion.corpora.polymer_unit import PolymerForm, polymer_written
from taskloom_diffusion.corpora.rows import rows_of

Content: TypeAlias = Literal["smiles", "lines", "polymers"]
# What keeps a line out; every other reason that is counted is a change.
DROPS = ("empty", "unparsable", "duplicate", "duplicate_after_drop")
_EXAMPLES = 3


@dataclass(frozen=True)
class Options:
    """Choices about a user's sequences.

    Attributes:
        content: Molecules, polymers as repeat units, or lines as they are.
        form: Of molecules.
        polymer: Of repeat units.
        merge: Whether equal sequences become one.
    """

    content: Content = "smiles"
    form: Form = field(default_factory=Form)
    polymer: PolymerForm = field(default_factory=PolymerForm)
    merge: bool = True


@dataclass(frozen=True)
class Item:
    """A sequence that was kept.

    Attributes:
        text: As it is modelled.
        row: As it stands in the file.
        flat: For molecules, without stereo marks and isotopes; else the text.
    """

    text: str
    row: SourceRow
    flat: str


@dataclass
class Intake:
    """Sequences that were kept, and what became of every other line.

    Attributes:
        items: Kept sequences, in the order of the file.
        weight: How often each came.
        lines: Rows that were read; as many as `items` and the counts that drop.
        counts: Rows by reason, those that drop and those that tell of a change.
        examples: The first three of each reason.
        example_lines: Their lines.
        left_out: Every row that was dropped.
        canonical: Whether every sequence is as RDKit writes it; lines may be anything.
    """

    items: list[Item] = field(default_factory=list)
    weight: list[int] = field(default_factory=list)
    lines: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    example_lines: dict[str, list[int]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    canonical: bool = False

    @property
    def dropped(self) -> dict[str, int]:
        """Numbers of rows that were dropped, by reason."""
        return {reason: count for reason, count in self.counts.items() if reason in DROPS}

    @property
    def changed(self) -> dict[str, int]:
        """Numbers of kept rows that are written otherwise than in the file, by reason."""
        return {reason: count for reason, count in self.counts.items() if reason not in DROPS}

    def count(self, reason: str, row: SourceRow) -> None:
        """Count a row under a reason."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        shown = self.examples.setdefault(reason, [])
        if len(shown) < _EXAMPLES:
            shown.append(row.text[:SHOWN])
            self.example_lines.setdefault(reason, []).append(row.line)
        if reason in DROPS:
            self.left_out.append(LeftOut(row.line, row.text, reason))

    def keep(self, item: Item, weight: int = 1) -> None:
        """Keep a sequence."""
        self.items.append(item)
        self.weight.append(weight)

    def check(self) -> None:
        """Make sure that no line got lost: those kept and those counted are all that were read."""
        if len(self.items) + sum(self.dropped.values()) != self.lines:
            raise AssertionError(f"{self.lines} rows came in; {len(self.items)} and {self.dropped}")


def read(path: Path, options: Options, column: str = "") -> Intake:
    """Read a file's sequences.

    Args:
        path: Text, `.smi` with names, CSV, TSV, SDF, Parquet or JSON Lines, perhaps with `.gz` behind.
        options: What they are and what is kept of them.
        column: Column, or field of JSON, that holds the sequences.

    Raises:
        ConfigError: The file cannot be read, or has no such column.
    """
    return take(rows_of(path, column, names=options.content != "lines"), options)


def take(rows: Iterable[SourceRow], options: Options) -> Intake:
    """Return the sequences of rows, and what became of every other one."""
    is_written = options.content == "smiles" and options.form.spelling == "canonical"
    intake = Intake(canonical=is_written)
    first: dict[str, int] = {}
    wholes: set[str] = set()
    with _quiet(options.content):
        for row, item, whole, reasons in _read(rows, options):
            intake.lines += 1
            if item is None:
                intake.count(reasons[0], row)
                continue
            if options.merge and item.text in first:
                # What is equal only by what was dropped is another molecule in the file.
                intake.count("duplicate" if whole in wholes else "duplicate_after_drop", row)
                intake.weight[first[item.text]] += 1
                wholes.add(whole)
                continue
            first.setdefault(item.text, len(intake.items))
            wholes.add(whole)
            for reason in reasons:
                intake.count(reason, row)
            intake.keep(item)
    intake.canonical &= "unstable" not in intake.counts
    intake.check()
    return intake


@contextmanager
def _quiet(content: Content) -> Iterator[None]:
    """Keep RDKit from writing a line of its own for every molecule that it rejects; they are counted here instead."""
    if content == "lines":
        yield
        return
    from rdkit import rdBase  # RDKit is heavy

    with rdBase.BlockLogs():
        yield


_Judged: TypeAlias = "tuple[SourceRow, Item | None, str, tuple[str, ...]]"


def _read(rows: Iterable[SourceRow], options: Options) -> Iterator[_Judged]:
    for row in rows:
        if not row.text:
            yield row, None, "", ("empty",)
        elif options.content == "lines":
            yield row, Item(row.text, row, row.text), row.text, ()
        else:
            yield _molecule(row, options)


def _molecule(row: SourceRow, options: Options) -> _Judged:
    if options.content == "polymers":
        found = polymer_written(row.text, options.form, options.polymer)
    else:
        found = written(row.text, options.form)
    if found is None:
        return row, None, "", ("unparsable",)
    reasons = found.changes if found.settled else (*found.changes, "unstable")
    return row, Item(found.text, row, found.flat), found.whole, reasons
