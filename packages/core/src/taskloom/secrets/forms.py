"""The forms in which programs write a text: as it is, in JSON, Python, HTML, addresses, hexadecimal and base64."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

_SHORTEST_CODE = 8
"""Characters of the shortest piece of base64 that is searched for."""


def forms_of(value: str | bytes) -> set[str]:
    """Return the forms in which a secret value may stand in a text."""
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    text = value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")
    return {
        text,
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        repr(text)[1:-1],
        html.escape(text),
        quote(data, safe=""),
        quote(data),
        quote_plus(data),
        data.hex(),
        base64.b64encode(data).decode().rstrip("="),
        *_base64_forms(data),
    }


def _base64_forms(data: bytes) -> Iterator[str]:
    """Yield what is certain of the base64 of any text that holds the data, which may begin at three places of a group."""
    for before in range(3):
        code = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        first = (before * 8 + 5) // 6
        # The last digit depends on what follows, unless the data end with a group.
        last = len(code) if (before + len(data)) % 3 == 0 else len(code) - 1
        if last - first >= _SHORTEST_CODE:
            yield code[first:last]
            yield code[first:last].replace("+", "-").replace("/", "_")
