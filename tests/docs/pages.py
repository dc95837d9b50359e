"""What a page of the documentation asks its reader to type."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests_sizes import size

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CHECKED = "<!-- outputs are checked -->"
# `console` is run and its output compared, `python` is run in one namespace a page, data are parsed, `text` is output alone.
LANGUAGES = {"console", "python", "toml", "yaml", "json", "text"}
_FENCE = re.compile(r"^( *)(`{3,})([\w-]*)(.*)$")
_TITLE = re.compile(r'title="([^"]+)"')
_OURS = re.compile(r"(\w+=\S+ )*tasks (run|sweep)(?= )")
_NEEDS = re.compile(r"<!-- needs: (\w+) -->")
_COMMENT = re.compile(r"<!-- (not run|smaller|briefer|run as): (.+) -->")
# What may hold an indented block: an item of a list, and the boxes and tabs of the site.
_HOLDS_BLOCKS = re.compile(r"^ *([-*+] |[0-9]+[.)] |!!! |\?\?\?\+? |=== |: )")


def all_pages() -> list[str]:
    """Return every page that a reader may type from, by its path below `docs`."""
    found = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "RELEASING.md",
        *ROOT.glob("packages/*/README.md"),
        *DOCS.rglob("*.md"),
    ]
    return sorted(os.path.relpath(path, DOCS) for path in found)


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
    smaller: str = ""
    instead: str = ""

    @property
    def run(self) -> str:
        """The command as it is run: with the smaller settings of its page, if it has any."""
        if self.instead:
            return self.instead
        words = self.line
        for option in shlex.split(self.smaller):
            name = option.partition("=")[0]
            there = re.compile(rf"{re.escape(name)}(=| )\S+")
            # A new option stands in front: behind, a comment or a second command of the line would swallow it.
            words = (
                there.sub(option, words)
                if there.search(words)
                else _OURS.sub(rf"\g<0> {option}", words)
            )
        return words

    @property
    def fails(self) -> bool:
        """Whether the page shows an error for it."""
        return any(line.startswith("error:") for line in self.shown)


@dataclass(frozen=True)
class Code:
    """Python that the page shows; all of a page runs in one namespace."""

    text: str


@dataclass(frozen=True)
class Fence:
    """A block between two lines of backticks.

    Attributes:
        language: Its language.
        title: The file that it shows, or an empty string.
        lines: What stands in it.
        note: What the comment above it says, by kind: `not run`, `smaller`, `briefer` (smaller, but not in `make soak`), `run as`.
        line: The number of its first line.
    """

    language: str
    title: str
    lines: list[str]
    note: dict[str, str]
    line: int


def fences(page: Path) -> Iterator[Fence]:
    """Yield the fences of a page in order."""
    note: dict[str, str] = {}
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), 1))
    for number, line in lines:
        opened = _FENCE.match(line)
        if not opened:
            said = _COMMENT.match(line.strip())
            note = {said[1]: said[2]} if said else note if not line.strip() else {}
            continue
        indent, ticks, language, rest = opened.groups()
        body = []
        for _, inner in lines:
            if inner.strip() == ticks:
                break
            body.append(inner.removeprefix(indent))
        title = _TITLE.search(rest)
        yield Fence(language, title[1] if title else "", body, note, number)
        note = {}


def needed(page: Path) -> list[str]:
    """Return the modules that a page's tasks need, and that some Python has no package of."""
    return _NEEDS.findall(page.read_text(encoding="utf-8"))


def steps(page: Path) -> Iterator[File | Command | Code]:
    """Yield the files, commands and code of a page in order, without what says why it is not run."""
    is_checked = CHECKED in page.read_text(encoding="utf-8")
    for fence in fences(page):
        if fence.language == "console":
            if "not run" not in fence.note:
                for command in _commands(fence.lines):
                    if _OURS.match(command.line):
                        briefer = fence.note.get("briefer", "") if size("brief_pages") else ""
                        command.smaller = fence.note.get("smaller", briefer)
                        # A JavaScript engine draws a report's charts, and half a second passes until it has started.
                        is_sweep = "tasks sweep" in command.line  # whose runs write none
                        is_brief = size("brief_pages") and not is_checked and not is_sweep
                        shows_one = any(line.startswith("report: ") for line in command.shown)
                        if is_brief and not shows_one and "report" not in page.stem:
                            command.smaller += " --report=no"
                    command.instead = fence.note.get("run as", "")
                    yield command
        elif fence.title:
            yield File(fence.title, "\n".join(fence.lines) + "\n")
        elif fence.language == "python" and "not run" not in fence.note:
            yield Code("\n".join(fence.lines) + "\n")


def refusals(page: Path) -> list[str]:
    """Return what stands on a page in a form that no test would run."""
    found = []
    for fence in fences(page):
        if not fence.title and fence.language not in LANGUAGES:
            found.append(f"line {fence.line}: a fence of {fence.language or 'no language'}")
        if fence.language == "console" and not any(x.startswith("$ ") for x in fence.lines):
            found.append(f"line {fence.line}: a console without a command behind '$ '")
    holder, before, ticks = "", "", ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        opened = _FENCE.match(line)
        if opened and (not ticks or line.strip() == ticks):
            ticks = "" if ticks else opened[2]
        elif not ticks and line.strip():
            if not line.startswith("    "):
                holder = line
            elif not before.strip() and not _HOLDS_BLOCKS.match(holder):
                found.append(f"line {number}: an indented block")
        before = line
    return found


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
