"""Pages made from notebooks: the words as they are, the code in fences. What a cell prints, the reader's own kernel shows."""

from __future__ import annotations

import json
from pathlib import Path

DOCS = Path(__file__).parents[1]


def pages() -> dict[str, str]:
    """Return a page for each notebook below `docs`, by its path."""
    return {
        path.relative_to(DOCS).with_suffix(".md").as_posix(): page_of(path)
        for path in sorted(DOCS.rglob("*.ipynb"))
    }


def page_of(path: Path) -> str:
    """Return a notebook as a page."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    parts = [_part(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    return "\n\n".join(parts) + "\n"


def _part(kind: str, source: str) -> str:
    return f"```python\n{source}\n```" if kind == "code" else source
