"""Intake of a user's sequences, the only one: each line is kept, or counted with a reason and named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from taskloom_diffusion.corpora.corpus import SHOWN, LeftOut, SourceRow, described
from taskloom_diffusion.corpora.documents import documents_of
from taskloom_diffusion.corpora.molecular_form import MOST_ATOMS, Form, written
from taskloom_diffusion.corpora.polymer_unit import PolymerForm, polymer_written
from taskloom_diffusion.corpora.rows import NOT_UTF8, rows_of

Content: TypeAlias = Literal["smiles", "lines", "documents", "polymers"]
PLAIN = ("lines", "documents")
"""Contents that stay as they are."""
# What keeps a line out; every other reason that is counted is a change.
DROPS = (
    *("empty", "unparsable", NOT_UTF8, "too_long"),
    *("duplicate", "duplicate_after_drop", "held_out"),
)
# Of a file that is weighed by counts, the rows that are in the weight of an equal one.
MERGED = "merged"
_EXAMPLES = 3


@dataclass(frozen=True)
class Options:
    """Choices about a user's sequences.

    Attributes:
        content: Molecules, polymers as repeat units, or lines or documents as they are.
        form: Of molecules.
        polymer: Of repeat units.
        merge: Whether equal sequences become one.
        weigh: Whether one that came several times then weighs as much as all of them.
        pattern: Files of a folder of documents.
    """

    content: Content = "smiles"
    form: Form = field(default_factory=Form)
    polymer: PolymerForm = field(default_factory=PolymerForm)
    merge: bool = True
    weigh: bool = False
    pattern: str = "*.txt*"


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
class Tally:
    """Rows by reason, of those that are left out and of those that are changed.

    Attributes:
        lines: Rows that were read.
        counts: Rows by reason.
        examples: The first three of each reason.
        example_lines: Their lines.
    """

    lines: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    example_lines: dict[str, list[int]] = field(default_factory=dict)

    def count(self, reason: str, row: SourceRow) -> None:
        """Count a row under a reason."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        shown = self.examples.setdefault(reason, [])
        if len(shown) < _EXAMPLES:
            shown.append(row.text[:SHOWN])
            self.example_lines.setdefault(reason, []).append(row.line)

    def sentence(self, counts: Mapping[str, int]) -> str:
        """Return how many rows there are under some reasons, with the first of each."""
        return described(counts, self.examples, self.example_lines)


@dataclass
class Intake(Tally):
    """Sequences that were kept, and what became of every other line.

    As many rows were read as are kept and counted under reasons that drop.

    Attributes:
        items: Kept sequences, in the order of the file.
        sources: The rows of each, where equal ones are merged all of them.
        weigh: Whether merged rows count for the one that stands for them.
        left_out: Every row that was dropped.
        canonical: Whether every sequence is as RDKit writes it; lines may be anything.
    """

    items: list[Item] = field(default_factory=list)
    sources: list[list[SourceRow]] = field(default_factory=list)
    weigh: bool = False
    left_out: list[LeftOut] = field(default_factory=list)
    canonical: bool = False

    @property
    def weight(self) -> list[int]:
        """Times that each kept sequence came."""
        return [len(rows) for rows in self.sources]

    @property
    def weighed(self) -> list[Item]:
        """Kept sequences, each as often as it weighs."""
        if not self.weigh:
            return self.items
        return [
            item for item, times in zip(self.items, self.weight, strict=True) for _ in range(times)
        ]

    @property
    def origin(self) -> dict[str, list[SourceRow]]:
        """The rows that each text of the corpus came from, one for each time that it is in it."""
        found: dict[str, list[SourceRow]] = {}
        for item, rows in zip(self.items, self.sources, strict=True):
            found.setdefault(item.text, []).extend(rows if self.weigh else rows[:1])
        return found

    @property
    def rows(self) -> dict[str, list[SourceRow]]:
        """All rows that each text of the corpus came from."""
        found: dict[str, list[SourceRow]] = {}
        for item, rows in zip(self.items, self.sources, strict=True):
            found.setdefault(item.text, []).extend(rows)
        return found

    @property
    def dropped(self) -> dict[str, int]:
        """Numbers of rows that were dropped, by reason."""
        return {reason: count for reason, count in self.counts.items() if reason in DROPS}

    @property
    def changed(self) -> dict[str, int]:
        """Numbers of kept rows that are written otherwise than in the file, by reason."""
        return {reason: count for reason, count in self.counts.items() if reason not in DROPS}

    def leave_out(self, reason: str, row: SourceRow) -> None:
        """Count a row that is dropped, and name it."""
        self.count(reason, row)
        self.left_out.append(LeftOut(row.line, row.text, reason))

    def keep(self, item: Item) -> None:
        """Keep a sequence."""
        self.items.append(item)
        self.sources.append([item.row])

    def check(self) -> None:
        """Make sure that no line got lost: those kept and those counted are all that were read."""
        if len(self.weighed) + sum(self.dropped.values()) != self.lines:
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
    return take(source_rows(path, options, column), options)


def source_rows(path: Path, options: Options, column: str = "") -> Iterator[SourceRow]:
    """Yield the rows of a file, or of a folder of documents, as they stand there.

    Raises:
        ConfigError: It cannot be read, or has no such column.
    """
    if options.content == "documents":
        return documents_of(path, column, options.pattern)
    return rows_of(path, column, names=options.content != "lines")


def take(rows: Iterable[SourceRow], options: Options) -> Intake:
    """Return the sequences of rows, and what became of every other one."""
    is_written = options.content == "smiles" and options.form.spelling == "canonical"
    intake = Intake(weigh=options.weigh, canonical=is_written)
    first: dict[str, int] = {}
    wholes: set[str] = set()
    for found in judged(rows, options):
        intake.lines += 1
        row, item = found.row, found.item
        if item is None:
            intake.leave_out(found.reasons[0], row)
            continue
        if options.merge and item.text in first:
            if options.weigh:
                intake.count(MERGED, row)
            else:
                # What is equal only by what was dropped is another molecule in the file.
                known = found.whole in wholes
                intake.leave_out("duplicate" if known else "duplicate_after_drop", row)
            intake.sources[first[item.text]].append(row)
            wholes.add(found.whole)
            continue
        first.setdefault(item.text, len(intake.items))
        wholes.add(found.whole)
        for reason in found.reasons:
            intake.count(reason, row)
        intake.keep(item)
    intake.canonical &= "unstable" not in intake.counts
    intake.check()
    return intake


@contextmanager
def _quiet(content: Content) -> Iterator[None]:
    """Keep RDKit from writing a line of its own for every molecule that it rejects; they are counted here instead."""
    if content in PLAIN:
        yield
        return
    from rdkit import rdBase  # RDKit is heavy

    with rdBase.BlockLogs():
        yield


@dataclass(frozen=True)
class JudgedRow:
    """A row, and what is to become of it.

    Attributes:
        row: As it stands in the file.
        item: The sequence; None if it is left out.
        whole: The sequence before anything was dropped of it.
        reasons: Why it is left out, or what of it is changed.
    """

    row: SourceRow
    item: Item | None
    whole: str = ""
    reasons: tuple[str, ...] = ()


def judged(rows: Iterable[SourceRow], options: Options) -> Iterator[JudgedRow]:
    """Yield what is to become of each row, one after the other: a file may be larger than the memory."""
    with _quiet(options.content):
        for row in rows:
            yield _judged(row, options)


def _judged(row: SourceRow, options: Options) -> JudgedRow:
    if row.fault:
        return JudgedRow(row, None, reasons=(row.fault,))
    if not row.text:
        return JudgedRow(row, None, reasons=("empty",))
    if options.content in PLAIN:
        return JudgedRow(row, Item(row.text, row, row.text), row.text, row.changes)
    return _molecule(row, options)


def _molecule(row: SourceRow, options: Options) -> JudgedRow:
    if options.content == "polymers":
        found = polymer_written(row.text, options.form, options.polymer)
    else:
        found = written(row.text, options.form)
    if found is None:
        # RDKit is not asked about molecules that no model can hold.
        large = len(row.text) > MOST_ATOMS and len(row.text.split()) == 1
        return JudgedRow(row, None, reasons=("too_long" if large else "unparsable",))
    changes = (*found.changes, *row.changes)
    reasons = changes if found.settled else (*changes, "unstable")
    return JudgedRow(row, Item(found.text, row, found.flat), found.whole, reasons)
