"""A user's own sequences: one a line, or one column of a CSV file, compressed or not."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from taskloom.errors import ConfigError
from taskloom.registry.suggest import did_you_mean

from taskloom_diffusion.corpora.corpus import Corpus, split_corpus
from taskloom_diffusion.corpora.molecules import canonical_unique


def read_file(
    path: Path, column: str, content: Literal["smiles", "lines"], holdout_share: float, seed: int
) -> Corpus:
    """Read sequences from a file.

    Args:
        path: Plain text, CSV or TSV, perhaps with `.gz` behind.
        column: Column of a CSV or TSV file; empty means that every line is a sequence.
        content: `smiles` are parsed, made canonical and freed of duplicates; `lines` stay as they are.
        holdout_share: Share held out.
        seed: Of the split.

    Raises:
        ConfigError: The file cannot be read, has no such column, or no usable sequence.
    """
    try:
        raw = _column(path, column) if column else _lines(path)
    except UnicodeDecodeError:
        raise ConfigError(f"path: '{path}' cannot be read: it is not UTF-8 text") from None
    except (OSError, EOFError, csv.Error, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"path: '{path}' cannot be read: {reason}") from None
    left_out: dict[str, list[str]] = {}
    texts = raw
    if content == "smiles":
        texts, left_out = canonical_unique(raw, keep_plain=False)
    if len(texts) < 2:
        first = (
            f"; the first unparsable line is '{left_out['unparsable'][0]}'"
            if left_out.get("unparsable")
            else ""
        )
        # The run's own check keeps a message and drops a hint, so what to do is part of the sentence.
        kind = Path(path.name.removesuffix(".gz")).suffix
        table = kind in (".csv", ".tsv") and not column
        raise ConfigError(
            f"path: '{path}' has {_count(raw, 'line')} and {_count(texts, 'usable sequence')}; a corpus needs at least 2{first}"
            + f"; a {kind[1:].upper()} file needs column=NAME, the column that holds the sequences"
            * table
        )
    corpus = split_corpus(str(path.name), texts, holdout_share, seed, canonical=content == "smiles")
    corpus.dropped.update({reason: len(items) for reason, items in left_out.items()})
    corpus.examples.update({reason: items[:3] for reason, items in left_out.items()})
    return corpus


def _count(items: Sequence[str], name: str) -> str:
    return f"{len(items)} {name}{'s' * (len(items) != 1)}"


def _text(path: Path) -> str:
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8-sig") as stream:
            return stream.read()
    return path.read_text(encoding="utf-8-sig")


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in _text(path).splitlines() if line.strip()]


def _column(path: Path, column: str) -> list[str]:
    kind = Path(path.name.removesuffix(".gz")).suffix
    rows = list(csv.DictReader(_text(path).splitlines(), delimiter="\t" if kind == ".tsv" else ","))
    names = list(rows[0]) if rows else []
    if column not in names:
        near = did_you_mean(column, names)
        raise ConfigError(
            f"column: '{path.name}' has no column '{column}'; it has {', '.join(names) or 'none'}{'; ' * bool(near)}{near}"
        )
    return [row[column].strip() for row in rows if (row[column] or "").strip()]
