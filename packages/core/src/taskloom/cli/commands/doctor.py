"""`tasks doctor`: look at the installation, and say what is wrong and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from taskloom.cli.annotations import StoreOption
from taskloom.cli.commands.doctor_checks import Fact, installation, machine, plugins, shell
from taskloom.cli.commands.doctor_plugins import manifest_output
from taskloom.cli.commands.doctor_store import store_facts
from taskloom.cli.output import one_line, print_json
from taskloom.errors import CheckFailedError

_MARKS = {"ok": " ", "wrong": "!", "note": "-"}


def doctor(
    plugins: Annotated[
        bool, typer.Option("--plugins", help="Import every task, component and verb as well.")
    ] = False,
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Look at the installation, and say what is wrong."""
    facts = list(_facts(store, thorough=plugins))
    wrong = [fact for fact in facts if fact.state == "wrong"]
    if as_json:
        print_json({"ok": not wrong, "facts": [asdict(fact) for fact in facts]})
    else:
        _print(facts)
    if wrong:
        count = "one thing is" if len(wrong) == 1 else f"{len(wrong)} things are"
        raise CheckFailedError(f"{count} wrong: {', '.join(fact.name for fact in wrong)}")


def _facts(store: Path | None, *, thorough: bool) -> Iterator[Fact]:
    yield from _examined("installation", installation())
    yield from _examined("machine", machine())
    yield from _examined("plugins", plugins(thorough=thorough))
    yield from _examined("plugins", manifest_output())
    yield from _examined("store", store_facts(store))
    yield from _examined("shell", shell())


def _examined(area: str, facts: Iterator[Fact]) -> Iterator[Fact]:
    """Let one thing that cannot be looked at hide no other."""
    try:
        yield from facts
    except Exception as error:  # whatever an examination raises is something it found
        yield Fact(area, "examination", "wrong", f"{type(error).__name__}: {error}")


def _print(facts: Sequence[Fact]) -> None:
    width = max(len(fact.name) for fact in facts)
    for area in dict.fromkeys(fact.area for fact in facts):
        typer.echo(f"{area}:")
        for fact in facts:
            if fact.area == area:
                typer.echo(
                    f"{_MARKS[fact.state]} {fact.name:<{width}}  {one_line(fact.text)}".rstrip()
                )
                if fact.remedy:
                    typer.echo(f"  {'':<{width}}  {fact.remedy}")
