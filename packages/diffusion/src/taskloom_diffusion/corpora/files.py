"""A user's own sequences: read by the rules of `intake`, and split into three parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from taskloom.errors import ConfigError

from taskloom_diffusion.corpora.corpus import Corpus, split_by, split_documents
from taskloom_diffusion.corpora.intake import Content, Intake, Item, Options, read
from taskloom_diffusion.corpora.legacy import read_as_before
from taskloom_diffusion.corpora.molecular_form import scaffold
from taskloom_diffusion.corpora.rows import TABLES, column_of, kind_of
from taskloom_diffusion.corpora.split import SplitRule, ranked


def read_file(
    path: Path,
    column: str,
    content: Content,
    holdout_share: float,
    seed: int = 0,
    *,
    validation_share: float = 0.05,
) -> Corpus:
    """Read sequences from a file and split them by their content, as the task `file` does with its defaults.

    Args:
        path: Text, `.smi`, CSV, TSV, SDF, Parquet or JSON Lines, perhaps with `.gz` behind.
        column: Column or field that holds the sequences; empty means that every line is one.
        content: `smiles` and `polymers` are parsed, made canonical and freed of duplicates; `lines` stay as they are.
        holdout_share: Share that is tested on.
        seed: Of the split: `config.split_seed`, never the model's.
        validation_share: Share that curves are drawn on.

    Raises:
        ConfigError: The file cannot be read, has no such column, or too few usable sequences.
    """
    options = Options(content, merge=content != "lines")
    return read_corpus(path, column, options, SplitRule(holdout_share, validation_share, seed))


def read_corpus(
    path: Path,
    column: str,
    options: Options,
    rule: SplitRule,
    *,
    flat_keys: bool = True,
    others: tuple[Path, Path] | None = None,
    blocks: bool = False,
) -> Corpus:
    """Read sequences from a file.

    Args:
        path: Text, `.smi`, CSV, TSV, SDF, Parquet or JSON Lines, perhaps with `.gz` behind.
        column: Column or field that holds the sequences; empty means that every line is one.
        options: What the sequences are, and what is kept of them.
        rule: How they are split.
        flat_keys: Whether mirror images and labelled twins fall into one part.
        others: Files of the validation and the test part, where a file is a part (`by = "file"`).
        blocks: Whether long lines are split in blocks: running text.

    Raises:
        ConfigError: The file cannot be read, has no such column, or too few usable sequences.
    """
    if rule.by == "legacy":
        return read_as_before(path, column, options.content, rule)
    intake = read(path, options, column)
    _check_count(path, column, intake, 1 if others or options.content == "documents" else 2)
    rows = intake.rows
    if others is not None:
        read_too = [(other, read(other, options, column_of(other, column))) for other in others]
        corpus = _of_files(path, intake, read_too)
        for _, other in read_too:
            rows = {**rows, **other.rows}
    else:
        corpus = _split(path, intake, rule, flat_keys=flat_keys, blocks=blocks)
    return replace(
        corpus,
        dropped=intake.dropped,
        changed=intake.changed,
        examples=intake.examples,
        example_lines=intake.example_lines,
        left_out=intake.left_out,
        origin=intake.origin,
        rows=rows,
    )


def _split(path: Path, intake: Intake, rule: SplitRule, *, flat_keys: bool, blocks: bool) -> Corpus:
    items = intake.weighed
    texts = [item.text for item in items]
    keys = [item.flat for item in items] if flat_keys else texts
    if rule.by == "scaffold":
        keys = [scaffold(text) for text in texts]
    elif rule.by.startswith("column:"):
        keys = _cells(path, items, rule.by.removeprefix("column:"))
    elif blocks:
        return split_documents(path.name, texts, rule)
    return split_by(path.name, texts, rule, keys=keys, canonical=intake.canonical)


def _cells(path: Path, items: Sequence[Item], name: str) -> list[str]:
    known = sorted({column for item in items for column in item.row.others})
    if name not in known:
        raise ConfigError(
            f"split: '{path.name}' has no column '{name}' beside the sequences; it has {', '.join(known) or 'none'}"
        )
    return [item.row.others.get(name, "") for item in items]


def _of_files(path: Path, train: Intake, others: Sequence[tuple[Path, Intake]]) -> Corpus:
    """Return a corpus of three files; what stands in two of them is tested on, or validated on, and not trained on."""
    validation, test = ([item.text for item in intake.weighed] for _, intake in others)
    held = {item.flat for _, intake in others for item in intake.items}
    kept = [item.text for item in train.weighed if item.flat not in held]
    both = set(test)
    notes = []
    if len(kept) < len(train.weighed):
        notes.append(
            f"{len(train.weighed) - len(kept)} sequences of '{path.name}' are in a held-out file too and are not trained on"
        )
        for item, rows in zip(train.items, train.sources, strict=True):
            for row in (rows if train.weigh else rows[:1]) if item.flat in held else ():
                train.leave_out("held_out", row)
    twice = sum(text in both for text in validation)
    if twice:
        notes.append(f"{twice} sequences of the validation file are in the test file too, and test")
    notes += [
        f"{verb} of '{other.name}': {intake.sentence(counts)}"
        for other, intake in others
        for verb, counts in (("left out", intake.dropped), ("changed", intake.changed))
        if counts
    ]
    ordered = [
        [texts[i] for i in ranked(texts)]
        for texts in (kept, [text for text in validation if text not in both], test)
    ]
    if not all(ordered):
        raise ConfigError(f"split = 'file': one of the three parts of '{path.name}' is empty")
    return Corpus(
        path.name,
        ordered[0],
        [*ordered[1], *ordered[2]],
        canonical=train.canonical,
        num_validation=len(ordered[1]),
        notes=notes,
        split="file",
    )


def _check_count(path: Path, column: str, intake: Intake, least: int) -> None:
    if len(intake.items) >= least:
        return
    unparsable = intake.examples.get("unparsable")
    first = f"; the first unparsable line is '{unparsable[0]}'" if unparsable else ""
    strange = intake.counts.get("not_utf8", 0)
    first += f"; {_count(strange, 'line')} not in UTF-8: save the file as UTF-8" * bool(strange)
    first += "; its lines end in carriage returns alone, which end no line here" * any(
        "\r" in text for text in unparsable or ()
    )
    # The run's own check keeps a message and drops a hint, so what to do is part of the sentence.
    kind = kind_of(path)
    table = kind in TABLES and not column
    raise ConfigError(
        f"path: '{path}' has {_count(intake.lines, 'line')} and {_count(len(intake.items), 'usable sequence')}; a corpus needs "
        f"at least 3{first}"
        + f"; a {kind[1:].upper()} file needs column=NAME, the column that holds the sequences"
        * table
        + "; they are read as SMILES, and content=lines reads them as they are, with tokenizer=char"
        * (intake.canonical and not intake.items and bool(unparsable) and not table)
    )


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'s' * (number != 1)}"
