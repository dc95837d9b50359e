"""A user's file that a trained model judges: read by the same rules, in the same form, as the file it was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from taskloom.errors import ConfigError, UsageError

from taskloom_diffusion.config import DiffusionConfig, LengthPolicy
from taskloom_diffusion.corpora.corpus import SourceRow
from taskloom_diffusion.corpora.intake import Options, judged, source_rows
from taskloom_diffusion.corpora.molecular_form import FLAT
from taskloom_diffusion.corpora.rows import column_of
from taskloom_diffusion.metrics.molecules import MoleculeMetrics
from taskloom_diffusion.tokenizers.base import FittedTokenizer
from taskloom_diffusion.tokenizers.extent import Measured, measure
from taskloom_diffusion.training.batches import DOCUMENTS, misfit, pieces


@dataclass(frozen=True)
class Line:
    """A line of a file as a model is given it.

    Attributes:
        row: As it stands in the file.
        parts: In tokens: the sequence, or the windows of a text; empty if it is left out.
        reasons: Why it is left out, or what of it is changed.
        complaint: About tokens that the model lacks, in a sentence.
        is_lossy: Whether the tokenizer does not give the sequence back as it was.
    """

    row: SourceRow
    parts: Sequence[Measured] = ()
    reasons: tuple[str, ...] = ()
    complaint: str = ""
    is_lossy: bool = False


def reading_of(config: DiffusionConfig) -> Options:
    """Return how a file is read for a model: as its own corpus was, and flat where that was."""
    options = getattr(config, "options", None)
    if options is not None:
        found: Options = options()
        # Runs of earlier versions were flat, whatever the fields say that they did not have.
        return replace(found, form=FLAT) if config.split == "legacy" else found
    return (
        Options("smiles", FLAT) if isinstance(config.metrics, MoleculeMetrics) else Options("lines")
    )


@dataclass(frozen=True)
class JudgedFile:
    """A file to judge.

    Attributes:
        path: The file.
        column: Of a table; empty takes that of the model's own file.
        config: Of the model.
        tokenizer: Of the model.
        as_written: Whether molecules are judged as the file spells them.
    """

    path: Path
    column: str
    config: DiffusionConfig
    tokenizer: FittedTokenizer
    as_written: bool = False

    def lines(self, start: int = 0) -> Iterator[Line]:
        """Yield every line from a number on, repeats too, one after the other: the file may be larger than the memory.

        Raises:
            UsageError: The file cannot be read.
        """
        # Every line has an answer of its own, repeats too.
        options = replace(reading_of(self.config), merge=False, weigh=False)
        if self.as_written:
            options = replace(options, form=replace(options.form, spelling="as_written"))
        column = self.column or column_of(self.path, getattr(self.config, "column", ""))
        rows = source_rows(self.path, options, column)
        try:
            # Rows that have an answer are skipped before RDKit is asked about them.
            for found in judged(islice(rows, start, None), options):
                if found.item is None:
                    yield Line(found.row, reasons=found.reasons)
                else:
                    yield self._cut(found.row, found.item.text, found.reasons)
        except ConfigError as error:
            raise UsageError(error.message.replace("path: ", "--file ", 1)) from None

    def _cut(self, row: SourceRow, text: str, changes: tuple[str, ...]) -> Line:
        policy, longest = self.config.length_policy, self.config.max_length
        try:
            measured = measure(self.tokenizer, text)
        except ConfigError as error:
            return Line(row, reasons=("unknown_token",), complaint=error.message)
        fault = misfit(len(measured.ids), policy, longest)
        if fault:
            return Line(row, reasons=(fault,))
        # What is not given back was not coded: figures per character are then no code length.
        is_lossy = self.tokenizer.decode(measured.ids) != text
        cut: LengthPolicy = "document" if policy in DOCUMENTS else policy
        parts = pieces(measured, self.tokenizer, cut, longest)
        return Line(row, parts, changes, is_lossy=is_lossy)

    def refuse_unknown(self) -> None:
        """Refuse the file if the model lacks tokens for a line of it, before anything is answered.

        Raises:
            ConfigError: It does; the message has the number of such lines and the first of them.
        """
        lines = strange = 0
        first = ""
        for line in self.lines():
            lines += 1
            strange += bool(line.complaint)
            first = first or line.complaint
        if strange:
            raise ConfigError(
                f"--file: {strange} of {lines} lines of '{self.path}' cannot be read; the first: {first}"
            )

    def nothing_left(self) -> UsageError:
        """Return the error of a file of which no line can be judged."""
        window = self.config.length_policy == "window"
        needed = f"{'a whole window of' if window else 'between 1 and'} {self.config.max_length}"
        return UsageError(f"no line of '{self.path}' has {needed} tokens")
