"""What a page of the documentation asks its reader to type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
CHECKED = "<!-- outputs are checked -->"
_FENCE = re.compile(r"^( *)(`{3,})([\w-]*)(.*)$")
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True)
class File:
    """A file that the page shows in full, under its title."""

    name: str
    text: str


@dataclass
class Command:
    """A command with the output that the page shows for it."""

    line: str
    shown: list[str] = field(default_factory=list)

    @property
    def fails(self) -> bool:
        """Whether the page shows an error for it."""
        return any(line.startswith("error:") for line in self.shown)


def steps(page: Path) -> Iterator[File | Command]:
    """Yield the files and commands of a page in order."""
    lines = iter(page.read_text(encoding="utf-8").splitlines())
    for line in lines:
        opened = _FENCE.match(line)
        if not opened:
            continue
        indent, ticks, language, rest = opened.groups()
        body = []
        for inner in lines:
            if inner.strip() == ticks:
                break
            body.append(inner.removeprefix(indent))
        title = _TITLE.search(rest)
        if language == "console":
            yield from _commands(body)
        elif title:
            yield File(title[1], "\n".join(body) + "\n")


def _commands(body: list[str]) -> Iterator[Command]:
    command: Command | None = None
    continues = False
    for line in body:
        if continues and command is not None:
            command.line += "\n" + line
        elif line.startswith("$ "):
            if command is not None:
                yield command
            command = Command(line.removeprefix("$ "))
        elif command is not None:
            command.shown.append(line)
        continues = line.endswith("\\") and (continues or line.startswith("$ "))
    if command is not None:
        yield command


def matches(shown: list[str], output: str) -> bool:
    """Whether the output is what the page shows: `...` stands for anything, a line of it for any lines."""
    pattern = []
    for line in shown:
        if line.strip() == "...":
            pattern.append(r"(?:.*\n)*?")
        else:
            words = " ".join(line.split())
            pattern.append(r".*?".join(re.escape(piece) for piece in words.split("...")) + r"\n")
    plain = "".join(" ".join(line.split()) + "\n" for line in output.splitlines())
    return re.fullmatch("".join(pattern), plain) is not None
