"""Put a measured table into a page, between the two comments that bear its name; the words around it stay.

<!-- table: success, by benchmarks/control/success.py -->
...
<!-- end of table -->
"""

from __future__ import annotations

import datetime
import re
import subprocess
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


def stamp() -> str:
    """Return the commit and the date of what is measured now."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    today = datetime.date.today()
    return f"{commit}, {today.day} {today:%B %Y}"
