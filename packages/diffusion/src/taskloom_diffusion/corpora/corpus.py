"""A corpus: sequences of text split into three parts, with what was left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from taskloom.errors import ConfigError

from taskloom_diffusion.corpora.split import SplitRule, document_blocks, joined_runs, three_parts

# Characters of a text that is shown as an example.
SHOWN = 80


@dataclass(frozen=True)
class SourceRow:
    """One row of a user's file.

    Attributes:
        line: Number of the line that it begins on, from 1; of the record, where records have several lines.
        text: The sequence as it stands there.
        others: What else stands there: a molecule's name, other columns.
        fault: Reason why the sequence cannot be read, if it cannot.
        changes: Of what else stands there, what could not be read as it is.
    """

    line: int
    text: str
    others: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """A line that did not get into a corpus.

    Attributes:
        line: Its number in the file, from 1; 0 where there is no file.
        text: The line.
        reason: In a word or two.
    """

    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class Corpus:
    """Sequences to model.

    Attributes:
        name: Where they come from, for people.
        train: Training sequences, or for running text its training part in one piece.
        holdout: Sequences that are never trained on: those that curves are drawn on first, then those of the test part, on which
            what is reported is measured.
        licence: Under which the data comes.
        dropped: How many were left out, by reason.
        examples: For each reason the first few that were left out, or changed.
        example_lines: Their lines in the file, where there is one.
        canonical: Whether all sequences are canonical SMILES, as RDKit writes them.
        law: The exact probability of every sequence, where it is known (toys); else empty.
        num_validation: How many of the first held-out sequences curves are drawn on; 0 leaves their choice, from the training
            part, to the preparation.
        left_out: Every line that was left out.
        changed: How many sequences are not what the file says, by what changed, examples behind it in `examples`.
        notes: Sentences about the split.
        split: The rule's name: `hash`, `scaffold`, `column:NAME`, `file`, `published`, `drawn` or `legacy`; empty for parts that
            a task made itself, which are then put in the order of their ranks.
        unfinished: Texts that are a part of a document which goes on behind them.
        rows: For each sequence of a user's file, all rows that it came from, those that were merged into it too.
        origin: For each sequence of a user's file, the rows that it came from: one for each time that it is in the corpus.
    """

    name: str
    train: Sequence[str]
    holdout: Sequence[str]
    licence: str = ""
    dropped: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    canonical: bool = False
    law: dict[str, float] = field(default_factory=dict)
    num_validation: int = 0
    left_out: Sequence[LeftOut] = ()
    changed: dict[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    split: str = ""
    origin: Mapping[str, Sequence[SourceRow]] = field(default_factory=dict)
    example_lines: dict[str, list[int]] = field(default_factory=dict)
    unfinished: frozenset[str] = frozenset()
    rows: Mapping[str, Sequence[SourceRow]] = field(default_factory=dict)

    @property
    def validation(self) -> Sequence[str]:
        """Sequences that curves are drawn on."""
        return self.holdout[: self.num_validation]

    @property
    def test(self) -> Sequence[str]:
        """Sequences that reported figures are measured on."""
        return self.holdout[self.num_validation :]

    def describe_dropped(self, *, prefix: bool = True) -> str:
        """Return one sentence on what was left out, or nothing; without the prefix, only what and how many."""
        told = described(self.dropped, self.examples, self.example_lines)
        return f"left out of {self.name}: {told}" if prefix and told else told

    def describe_changed(self) -> str:
        """Return one sentence on what is not written as the file has it, or nothing."""
        told = described(self.changed, self.examples, self.example_lines)
        return f"changed in {self.name}: {told}" if told else ""


def described(
    counts: Mapping[str, int],
    examples: Mapping[str, Sequence[str]],
    lines: Mapping[str, Sequence[int]],
) -> str:
    """Return how many rows there are under each reason, with the first of them if they are lines that the user can mend."""
    parts = []
    for reason, count in counts.items():
        texts, at = examples.get(reason, ())[:3], lines.get(reason, ())
        shown = [f"{text!r} in line {line}" for text, line in zip(texts, at, strict=False) if line]
        if count:
            parts.append(f"{count} {reason}" + f" (first: {', '.join(shown)})" * bool(shown))
    return "; ".join(parts)


def without(corpus: Corpus, reasons: Mapping[str, str]) -> Corpus:
    """Return a corpus without some of its sequences, each of which is counted and named under its reason."""
    if not reasons:
        return corpus
    dropped, examples = dict(corpus.dropped), {k: list(v) for k, v in corpus.examples.items()}
    lines = {k: list(v) for k, v in corpus.example_lines.items()}
    left_out = list(corpus.left_out)
    met: dict[str, int] = {}
    for text in (text for text in (*corpus.train, *corpus.holdout) if text in reasons):
        reason, rows = reasons[text], corpus.origin.get(text, ())
        # A text that came several times has a line of its own each time.
        number = met[text] = met.get(text, -1) + 1
        row = rows[number] if number < len(rows) else SourceRow(0, text)
        dropped[reason] = dropped.get(reason, 0) + 1
        if len(examples.setdefault(reason, [])) < 3:
            examples[reason].append(row.text[:SHOWN])
            lines.setdefault(reason, []).append(row.line)
        left_out.append(LeftOut(row.line, row.text, reason))
    return replace(
        corpus,
        train=[text for text in corpus.train if text not in reasons],
        num_validation=sum(text not in reasons for text in corpus.validation),
        holdout=[text for text in corpus.holdout if text not in reasons],
        dropped=dropped,
        examples=examples,
        example_lines=lines,
        left_out=left_out,
    )


def split_corpus(
    name: str,
    texts: Sequence[str],
    holdout_share: float,
    seed: int = 0,
    *,
    validation_share: float = 0.05,
    licence: str = "",
    canonical: bool = False,
) -> Corpus:
    """Return sequences in three parts, told apart by their content and a seed of the split.

    Args:
        name: Where they come from, for people.
        texts: The sequences.
        holdout_share: Share that is tested on.
        seed: Of the split: `config.split_seed`, never the model's.
        validation_share: Share that curves are drawn on.
        licence: Under which the data comes.
        canonical: Whether all of them are canonical SMILES.

    Raises:
        ConfigError: There are fewer than three different sequences.
    """
    rule = SplitRule(holdout_share, validation_share, seed)
    return split_by(name, texts, rule, licence=licence, canonical=canonical)


def split_by(
    name: str,
    texts: Sequence[str],
    rule: SplitRule,
    *,
    keys: Sequence[str] | None = None,
    licence: str = "",
    canonical: bool = False,
) -> Corpus:
    """Return sequences in the parts of a rule, each in the order of their ranks.

    Args:
        name: Where they come from, for people.
        texts: The sequences.
        rule: Shares and seed.
        keys: What each is told apart by; None is the sequence itself.
        licence: Under which the data comes.
        canonical: Whether all of them are canonical SMILES.

    Raises:
        ConfigError: There are too few sequences.
    """
    if rule.by == "legacy":
        train, test = _by_model_seed(name, texts, rule)
        return Corpus(name, train, test, licence, canonical=canonical, split="legacy")
    parts = three_parts(name, texts, rule, keys)
    chosen = [[texts[i] for i in part] for part in (parts.train, parts.validation, parts.test)]
    return _of_parts(name, chosen, parts.filled, rule.by, licence=licence, canonical=canonical)


def split_documents(name: str, documents: Sequence[str], rule: SplitRule) -> Corpus:
    """Return running text in the parts of a rule: whole documents, and of a large one blocks.

    Raises:
        ConfigError: There are fewer than three documents or blocks.
    """
    pieces, keys = document_blocks(documents)
    parts = three_parts(name, pieces, rule, keys, in_order=True)
    runs = [joined_runs(pieces, keys, part) for part in (parts.train, parts.validation, parts.test)]
    chosen = [[text for text, _ in part] for part in runs]
    corpus = _of_parts(name, chosen, parts.filled, rule.by)
    return replace(
        corpus, unfinished=frozenset(text for part in runs for text, ends in part if not ends)
    )


def _of_parts(
    name: str,
    parts: Sequence[list[str]],
    filled: str,
    split: str,
    *,
    licence: str = "",
    canonical: bool = False,
) -> Corpus:
    train, validation, test = parts
    notes: tuple[str, ...] = ()
    if filled:
        notes = (
            f"no sequence of {name} fell into the {filled} part; it took that of the smallest hash",
        )
    return Corpus(
        name,
        train,
        [*validation, *test],
        licence,
        canonical=canonical,
        num_validation=len(validation),
        notes=notes,
        split=split,
    )


def _by_model_seed(name: str, texts: Sequence[str], rule: SplitRule) -> tuple[list[str], list[str]]:
    """Return the training and the held-out part of runs that were made before there were three."""
    if len(texts) < 2:
        raise ConfigError(
            f"the corpus '{name}' has {len(texts)} usable sequences; it needs at least 2"
        )
    import numpy as np  # heavy for a command that only lists parameters

    order = np.random.default_rng(rule.model_seed).permutation(len(texts))
    num_holdout = min(max(1, round(rule.test * len(texts))), len(texts) - 1)
    shuffled = [texts[int(i)] for i in order]
    return shuffled[num_holdout:], shuffled[:num_holdout]
