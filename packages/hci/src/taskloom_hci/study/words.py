"""The page's own words, by language; everything else is the study's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from taskloom_hci.study.config import LANGUAGES

_FILE = Path(__file__).with_name("page") / "words.txt"


@cache
def words() -> Mapping[str, Mapping[str, str]]:
    """Return the words of each language by key."""
    found: dict[str, dict[str, str]] = {language: {} for language in LANGUAGES}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        key, *texts = (part.strip() for part in line.split("|"))
        for language, text in zip(LANGUAGES, texts, strict=True):
            found[language][key] = text
    return MappingProxyType(found)


def word(language: str, key: str, **values: object) -> str:
    """Return a word of the page in a language.

    >>> word("de", "round", n=3)
    'Runde 3'
    """
    return words()[language][key].format(**values)
