"""Files as runs read them that were made before there was one set of rules and three parts: such a run keeps its split."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

from taskloom.errors import ConfigError

from taskloom_diffusion.corpora.corpus import Corpus, split_by
from taskloom_diffusion.corpora.molecules import canonical_unique
from taskloom_diffusion.corpora.split import SplitRule


def read_as_before(path: Path, column: str, content: str, rule: SplitRule) -> Corpus:
    """Read a file as version 0.1 did: molecules flat, lines without their indentation, and split by the model's seed.

    Args:
        path: Text, CSV or TSV, perhaps with `.gz` behind.
        column: Column of a table; empty means that every line is a sequence.
        content: `lines`, or molecules under any other name.
        rule: Share that is held out, and the model's seed.

    Raises:
        ConfigError: The file cannot be read, or has no such column.
    """
    try:
        if path.suffix == ".gz":
            whole = gzip.decompress(path.read_bytes()).decode("utf-8-sig")
        else:
            whole = path.read_text(encoding="utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError(f"path: '{path}' cannot be read: {error}") from None
    # That version split at all separators of Unicode, within cells too.
    lines = whole.splitlines()
    if column:
        delimiter = "\t" if Path(path.name.removesuffix(".gz")).suffix == ".tsv" else ","
        rows = list(csv.DictReader(lines, delimiter=delimiter))
        if not rows or column not in rows[0]:
            raise ConfigError(f"column: '{path.name}' has no column '{column}'")
        lines = [row[column] or "" for row in rows]
    texts = [line.strip() for line in lines if line.strip()]
    molecular = content != "lines"
    left_out: dict[str, list[str]] = {}
    if molecular:
        texts, left_out = canonical_unique(texts, keep_plain=False)
    corpus = split_by(path.name, texts, rule, canonical=molecular)
    corpus.dropped.update({reason: len(items) for reason, items in left_out.items()})
    corpus.examples.update({reason: items[:3] for reason, items in left_out.items()})
    return corpus
