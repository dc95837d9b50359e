"""Commands that help, hints, docstrings and pages name: each exists, and those in a footer run."""

from __future__ import annotations

import ast
import contextlib
import io
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from taskloom.cli import main
from taskloom.cli.table import COMMANDS
from taskloom.registry import FIRST_PARTY, find_domain

ROOT = Path(__file__).parents[2]
PLACES = {"DOMAIN": "hci", "TASK": "example"}
SUBCOMMANDS = {group.name: {item.name for item in group.commands} for group in COMMANDS}
VERBS = {name: {verb.name for verb in find_domain(name).ref.verbs} for name in FIRST_PARTY}


def texts() -> Iterator[tuple[str, str]]:
    """Yield every text of the sources with its place; what an f-string fills in is `*`."""
    for path in sorted(ROOT.glob("packages/*/src/**/*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inner = {
            id(part)
            for node in ast.walk(tree)
            if isinstance(node, ast.JoinedStr)
            for part in node.values
        }
        for node in ast.walk(tree):
            where = f"{path.name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.JoinedStr):
                parts = [p.value if isinstance(p, ast.Constant) else "*" for p in node.values]
                yield where, "".join(map(str, parts))
            elif (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in inner
            ):
                yield where, node.value


def prose() -> Iterator[tuple[str, str]]:
    """Yield every page, without its fences: those are run."""
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("packages/*/README.md"),
        *ROOT.glob("docs/**/*.md"),
    ]:
        yield path.name, re.sub(r"(?s)```.*?```", "", path.read_text(encoding="utf-8"))


def commands(text: str) -> list[str]:
    """Return the commands in a text: those in backticks, and those with which a hint begins."""
    begun = re.findall(r"^tasks [^;,]*|(?<=; )tasks [^;,]*", text) if "\n" not in text else []
    return [*re.findall(r"`(tasks [^`\n]+)`", text), *begun]


def complaint(command: str) -> str:
    """Return what is wrong with a command, or an empty string."""
    words = command.split()[1:]
    first, second = (*words, "", "")[:2]
    if not first or first.startswith(("-", "*")) or first.isupper():
        return ""
    if first in VERBS:
        is_known = second in VERBS[first] or not re.match(r"[a-z]", second)
        return "" if is_known else f"no verb {first} {second}"
    if first not in SUBCOMMANDS:
        return f"no command {first}"
    subcommands = SUBCOMMANDS[first]
    # A listing of alternatives, `runs ls|show`, names several at once.
    named = [word for word in second.split("|") if re.fullmatch(r"[a-z-]+", word)]
    unknown = [word for word in named if subcommands and word not in subcommands]
    return f"no command {first} {', '.join(unknown)}" if unknown else ""


def test_every_command_that_a_text_names_exists() -> None:
    named = [(where, command) for where, text in (*texts(), *prose()) for command in commands(text)]
    assert len(named) > 100
    found = [(*item, problem) for item in named if (problem := complaint(item[1]))]
    assert found == []


@cache
def help_of(*words: str) -> str:
    """Return what a command says of itself."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main([*words, "--help"]) == 0
    return out.getvalue()


@pytest.mark.parametrize("group", ["", *(name for name, members in SUBCOMMANDS.items() if members)])
def test_the_commands_of_a_footer_run(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    footer = help_of(*([group] if group else [])).rstrip().rpartition("\n\n")[2]
    # What follows a command in the sentence is lower-case prose: "tasks list shows ...".
    found = re.findall(r"\btasks ((?:[a-z-]+)(?: (?:[A-Z]+|--[a-z]+))*)", footer)
    for command in found:
        words = [PLACES.get(word, word) for word in command.split()]
        assert main(words) == 0, command
    capsys.readouterr()
    assert group or len(found) >= 2
