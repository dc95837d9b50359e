"""The long description of the distribution `taskloom`: the README, whose links lead somewhere from any page that shows it.

Links of the README are relative, so that they work in a checkout. The page of a package index has no such files. The address
of the repository is read from `[project.urls]`, key `Repository`; while there is none, a link becomes its text and a picture
is left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


def with_absolute_links(text: str, repository: str = "") -> str:
    """Return a Markdown text without a relative link.

    Args:
        text: The text.
        repository: Address of the repository; empty if there is none.
    """

    def replaced(match: re.Match[str]) -> str:
        target = match["target"]
        if target.startswith(("https://", "http://", "mailto:", "#")):
            return match[0]
        if not repository:
            return "" if match["picture"] else match["text"]
        kind = "raw" if match["picture"] else "blob"
        return f"{match['picture']}[{match['text']}]({repository.rstrip('/')}/{kind}/main/{target})"

    return _LINK.sub(replaced, text)


class CustomMetadataHook(MetadataHookInterface):
    """Fills the field `readme`, which the project declares as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Put the text in."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        repository = metadata.get("urls", {}).get("Repository", "")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": with_absolute_links(text, repository),
        }
