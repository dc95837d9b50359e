"""Complete the configuration: addresses from the project, and the navigation with every page of its folders.

Pages that are not listed stand after those that are, in the order of their titles.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
_FOLDERS = {
    "Tutorials": "tutorials",
    "How-to": "how-to",
    "Concepts": "concepts",
    "Reference": "reference",
    "Migration": "migration",
    "Design": "design",
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Complete the navigation, as mkdocs hands over its configuration."""
    known = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"].get("urls", {})
    # Without an address, which people decide, the site has no link to its repository.
    config.repo_url = known.get("Repository")
    config.site_url = known.get("Documentation", "")
    for section in config.nav or []:
        for title, folder in _FOLDERS.items():
            if isinstance(section, dict) and title in section:
                _complete(section[title], Path(config.docs_dir), folder)
    return config


def _complete(entries: list[Any], docs: Path, folder: str) -> None:
    listed = set(_listed(entries))
    found = sorted((docs / folder).glob("*.md"), key=_title)
    entries += [path for page in found if (path := f"{folder}/{page.name}") not in listed]


def _listed(entries: list[Any]) -> Iterator[str]:
    """Yield the paths of pages in a part of the navigation, those of its groups included."""
    for entry in entries:
        for item in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(item, list):
                yield from _listed(item)
            else:
                yield item


def _title(page: Path) -> str:
    return page.read_text(encoding="utf-8").partition("\n")[0]
