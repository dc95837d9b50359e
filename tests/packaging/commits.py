"""Checks of a commit, for the hooks of `.pre-commit-config.yaml`: sizes of its files, and its message."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

MOST_BYTES = 500_000
SUBJECT, BODY = 72, 100


def too_large(names: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each file that is too large for git."""
    for name in names:
        size = Path(name).stat().st_size if Path(name).is_file() else 0
        if size > MOST_BYTES:
            yield f"{name} has {size} bytes, of at most {MOST_BYTES}"


def faults(message: str, changed: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with a commit's message.

    Args:
        message: The message; lines that begin with `#` are git's own.
        changed: Names of the files that the commit changes.
    """
    lines = [line for line in message.splitlines() if not line.startswith("#")]
    subject = lines[0] if lines else ""
    if not subject.strip():
        yield "the message has no subject"
    if subject.startswith(("Merge ", "Revert ", "fixup!", "squash!")):
        return
    if len(subject) > SUBJECT:
        yield f"the subject has {len(subject)} characters, of at most {SUBJECT}"
    if len(lines) > 1 and lines[1].strip():
        yield "the second line is not empty"
    long = [line for line in lines[1:] if len(line) > BODY and " " in line.strip()]
    if long:
        yield f"a line of the body has {len(long[0])} characters, of at most {BODY}"
    is_touched = any(re.match(r"packages/[^/]+/src/", name) for name in changed)
    is_told = any(name.startswith("changes/") for name in changed) or "No-change:" in message
    if is_touched and not is_told:
        yield "packages/*/src changes: add a fragment to changes/, or 'No-change:' with a reason"


def main(arguments: Sequence[str]) -> int:
    """Print what is wrong, and return how much."""
    kind, *names = arguments
    if kind == "--files":
        found = list(too_large(names))
    else:
        staged = subprocess.run(
            ["git", "diff", "--cached", "--name-only"], check=True, capture_output=True, text=True
        ).stdout.splitlines()
        found = list(faults(Path(names[0]).read_text(encoding="utf-8"), staged))
    for line in found:
        print(f"error: {line}", file=sys.stderr)
    return len(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
