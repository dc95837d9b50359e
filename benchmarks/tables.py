"""Put a measured table into a page, between the two comments that bear its name; the words around it stay.

<!-- table: success, by benchmarks/control/success.py -->
...
<!-- end of table -->
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


def put(page: Path, name: str, lines: Iterable[str]) -> None:
    """Replace the table of that name.

    Args:
        page: A Markdown file.
        name: The name behind `table:` in the comment.
        lines: The lines of the table.

    Raises:
        SystemExit: The page has no such table.
    """
    text = page.read_text(encoding="utf-8")
    place = re.compile(
        rf"(<!-- table: {re.escape(name)}, by [^>]* -->\n).*?(<!-- end of table -->)", re.DOTALL
    )
    if not place.search(text):
        raise SystemExit(f"error: {page} has no '<!-- table: {name}, by ... -->'")
    table = "\n".join(lines)
    page.write_text(
        place.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", text, count=1),
        encoding="utf-8",
    )
