"""Refuse a site that fetches something: pages are read from the disk, with the network off."""

from __future__ import annotations

import re
from typing import Any

from mkdocs.exceptions import PluginError

_FETCHED = re.compile(
    r"<(?:script|img|iframe)\b[^>]*\bsrc=\"?https?://|<link\b[^>]*stylesheet[^>]*https?://"
)


def on_post_page(output: str, *, page: Any, config: Any) -> str:  # noqa: ANN401 -- mkdocs hands them over
    """Look through a page that was made."""
    del config
    found = _FETCHED.search(output)
    if found:
        raise PluginError(
            f"{page.file.src_uri} fetches from outside: {output[found.start() :][:120]}"
        )
    return output
