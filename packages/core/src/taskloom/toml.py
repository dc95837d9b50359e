"""TOML of another person's: read in a time that grows with its length alone."""

from __future__ import annotations

import re
import tomllib

_MOST_PARTS = 50  # of a dotted key
_DEEPEST = 100
# no part gives back what it took, and an end that is missing is no failure: a text that never ends is scanned once
_TOML_TOKEN = re.compile(
    r'''
    """(?:[^"\\]|\\.|"(?!""))*+(?:"{3,5})?  # texts of several lines
    |\'{3}(?:[^\']|\'(?!\'\'))*+(?:\'{3,5})?
    |"(?:[^"\\\n]|\\.)*+"?  # texts of one line
    |\'[^\'\n]*+\'?
    |\#[^\n]*+|[A-Za-z0-9_-]++|\s++|.
    ''',
    re.DOTALL | re.VERBOSE,
)


class TomlLimitError(ValueError):
    """TOML that is deeper than a config can be; the message completes the sentence "FILE ..."."""


def parse_toml(text: str) -> dict[str, object]:
    """Parse TOML whose keys and brackets are no deeper than a config can be: the parser's time grows with their square.

    Raises:
        TomlLimitError: They are deeper.
        ValueError: It is no TOML.
        RecursionError: The parser meets its end.
    """
    parts, depth, is_joined = 0, 0, False
    for found in _TOML_TOKEN.finditer(text):
        token = found[0]
        if token[0].isspace() and "\n" not in token:
            continue
        if token == ".":
            is_joined = True
            continue
        is_name = token[0] in "\"'" or token[0].isalnum() or token[0] in "_-"
        parts = parts + 1 if is_name and is_joined else int(is_name)
        is_joined = False
        depth += (token in ("[", "{")) - (token in ("]", "}"))
        if parts > _MOST_PARTS:
            raise TomlLimitError(f"has a key of more than {_MOST_PARTS} parts")
        if depth > _DEEPEST:
            raise TomlLimitError("is nested too deeply")
    return tomllib.loads(text)
