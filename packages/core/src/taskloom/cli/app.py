"""The command tree, built from the table of commands and the installed domains."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from taskloom.cli.entries import domain_entries, entry_of
from taskloom.cli.groups import lazy_group
from taskloom.cli.help import Row
from taskloom.cli.table import COMMANDS
from taskloom.own import FIRST_PARTY
from taskloom.registry.resolve import find_domain


def run(words: list[str]) -> int:
    """Run a command line with Typer and return its exit code; errors are raised."""
    code = build().main(args=words, prog_name="tasks", standalone_mode=False)
    return code if isinstance(code, int) else 0


def build() -> Any:  # noqa: ANN401 -- Typer's own class
    """Return the root command."""
    return lazy_group(
        [*(entry_of(command) for command in COMMANDS), *domain_entries()],
        summary="Run typed research tasks, and keep a record of every run.",
        footer="tasks list shows the installed tasks; tasks run DOMAIN TASK --help shows what a task takes.",
        options=(
            Row("--version", help="Print the version."),
            Row("--debug", help="Print tracebacks; also TASKLOOM_DEBUG=1."),
            Row(
                "--strict-plugins",
                help="Let the error of a broken plugin through; also TASKLOOM_STRICT_PLUGINS=1.",
            ),
        ),
        on_unknown=_domain_without_verbs,
        callback=_root,
    )


def _version(wanted: bool) -> None:
    if wanted:
        from taskloom import __version__

        typer.echo(f"taskloom {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_version)] = False,
    strict_plugins: Annotated[bool, typer.Option("--strict-plugins")] = False,
) -> None:
    """Options before the command."""
    del version
    if strict_plugins:
        os.environ["TASKLOOM_STRICT_PLUGINS"] = "1"


def _domain_without_verbs(name: str) -> None:
    """A domain that is missing, or that has no verbs, deserves better than a did-you-mean among commands."""
    from taskloom.errors import UsageError
    from taskloom.registry.discovery import domain_names

    if name in FIRST_PARTY or name in domain_names():
        find_domain(name)
        raise UsageError(f"domain '{name}' has no verbs of its own", hint=f"tasks run {name} TASK")
