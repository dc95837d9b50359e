"""From names to commands: those of the table, and the verbs of the installed domains. Each is imported when it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskloom.cli.groups import CommandEntry, command_of, lazy_group, without
from taskloom.cli.table import Command
from taskloom.errors import UnknownNameError
from taskloom.records.names import is_generated
from taskloom.registry.discovery import installed_domains, tasks_of
from taskloom.registry.entries import LoadedTask
from taskloom.registry.resolve import find_domain, find_task, load_task
from taskloom.runs.layout import default_store

if TYPE_CHECKING:
    from taskloom.cli.task_command import TaskCommand

_DOMAIN = "--domain"
"""Option that says the domain of a task in a file."""


def entry_of(command: Command) -> CommandEntry:
    """Return a command as the entry of a group."""
    if command.commands:
        entries = [entry_of(item) for item in command.commands]
        return CommandEntry(
            command.name, command.summary, lambda _: lazy_group(entries, summary=command.summary)
        )
    if command.on_task:
        return CommandEntry(command.name, command.summary, lambda _: _on_task(command))
    return CommandEntry(
        command.name,
        command.summary,
        lambda _: command_of(_function(command.target), summary=command.summary),
    )


def domain_entries() -> list[CommandEntry]:
    """Return the installed domains that have verbs, as entries: `tasks hci play ...`."""
    return [
        CommandEntry(
            item.ref.name,
            _with_verbs(item.ref.summary, item.ref.verbs),
            _domain_loader(item.ref.name),
            "Domains",
        )
        for item in installed_domains()
        if item.ref.verbs
    ]


def _on_task(command: Command) -> Any:  # noqa: ANN401 -- Typer's own class
    entries = [
        CommandEntry(
            item.ref.name, item.ref.summary, _tasks_loader(command, item.ref.name), "Domains"
        )
        for item in installed_domains()
    ]
    return lazy_group(
        entries,
        summary=command.summary,
        usage="DOMAIN TASK|FILE.py:NAME [--name=value ...]",
        footer=f"tasks {command.name} DOMAIN TASK --help shows every parameter of a task.",
        on_unknown=lambda name: _unknown_domain(command.name, name),
        other=lambda name: _of_file(command, name),
        otherwise=(lambda words: _on_sweeps(command, words)) if command.on_sweeps else None,
    )


def _of_file(command: Command, name: str) -> CommandEntry | None:
    """Return the entry of a task in a file, `one.py:Coin`; None for a name of another form."""
    if not (name.endswith(".py") or ".py:" in name):
        return None

    def load(words: Sequence[str]) -> Any:  # noqa: ANN401 -- Typer's own classes
        from taskloom.given.tasks import file_task

        made = task_command_for(
            command, file_task(name, _said_domain(words)), without(words, _DOMAIN)
        )
        made.invocation.words = list(words)
        return made

    return CommandEntry(name, "A task in a file.", load, reads=_DOMAIN)


def _said_domain(words: Sequence[str]) -> str:
    """Return what follows `--domain`: the options of a task in a file depend on it."""
    for word, follower in zip_longest(words, words[1:], fillvalue=""):
        option, equals, value = word.partition("=")
        if option == _DOMAIN:
            return value if equals else follower
    return ""


def _on_sweeps(command: Command, words: Sequence[str]) -> Any:  # noqa: ANN401 -- Typer's own class
    """Return the command for sweeps, if one of the words names one: `tasks study SWEEP...`."""
    from taskloom.sweeps.record import find_sweep  # pydantic is heavy

    store = default_store(_said_store(words))
    names = [word for word in words if not word.startswith("-")]
    # An id that names none is told of by the command, not taken for a domain.
    if not any(is_generated(name) or find_sweep(name, store) is not None for name in names):
        return None
    return command_of(_function(command.on_sweeps), summary=command.summary)


def _said_store(words: Sequence[str]) -> Path | None:
    """Return what `--store` says among words that nothing has read yet."""
    for word, follower in pairwise([*words, ""]):
        name, equals, value = word.partition("=")
        if name == "--store":
            return Path(value if equals else follower)
    return None


def _unknown_domain(command: str, name: str) -> None:
    """Raise what the registry says, unless the domain of a task was left out."""
    try:
        find_domain(name)
    except UnknownNameError as error:
        homes = [
            entry.ref.name
            for entry in installed_domains()
            if any(task.ref.name == name for task in tasks_of(entry.ref.name))
        ]
        if not homes:
            raise
        hint = " or ".join(f"tasks {command} {home} {name}" for home in homes)
        raise UnknownNameError(error.message, hint=f"did you mean {hint}?") from None


def _tasks_loader(command: Command, domain: str) -> Callable[[Sequence[str]], Any]:
    def load(words: Sequence[str]) -> Any:  # noqa: ANN401 -- Typer's own classes
        del words
        entries = [
            CommandEntry(
                item.ref.name,
                item.ref.summary,
                _task_loader(command, domain, item.ref.name),
                "Tasks",
            )
            for item in tasks_of(domain)
        ]
        return lazy_group(
            entries,
            summary=find_domain(domain).ref.summary,
            usage="TASK [--name=value ...]",
            footer=f"tasks {command.name} {domain} TASK --help shows every parameter of a task.",
            on_unknown=lambda name: find_task(domain, name),
        )

    return load


def _task_loader(command: Command, domain: str, task: str) -> Callable[[Sequence[str]], Any]:
    def load(words: Sequence[str]) -> Any:  # noqa: ANN401 -- Typer's own classes
        return task_command_for(command, load_task(find_task(domain, task)), words)

    return load


def task_command_for(command: Command, loaded: LoadedTask, words: Sequence[str]) -> TaskCommand:
    """Return a command on one task; `words` are those behind the task's name."""
    from taskloom.cli.task_command import task_command

    return task_command(_function(command.target), loaded, words)


def _domain_loader(domain: str) -> Callable[[Sequence[str]], Any]:
    def load(words: Sequence[str]) -> Any:  # noqa: ANN401 -- Typer's own classes
        del words
        ref = find_domain(domain).ref
        entries = [
            CommandEntry(verb.name, verb.summary, _verb_loader(domain, verb.name), "Verbs")
            for verb in ref.verbs
        ]
        footer = f"The tasks of {domain}: tasks list {domain}"
        return lazy_group(entries, summary=ref.summary, usage="VERB ...", footer=footer)

    return load


def _verb_loader(domain: str, name: str) -> Callable[[Sequence[str]], Any]:
    def load(words: Sequence[str]) -> Any:  # noqa: ANN401 -- Typer's own classes
        from taskloom.cli.verbs import verb_command

        verb = next(item for item in find_domain(domain).ref.verbs if item.name == name)
        return verb_command(domain, verb, words)

    return load


def _function(target: str) -> Callable[..., Any]:
    module, _, name = target.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


def _with_verbs(summary: str, verbs: Sequence[Any]) -> str:
    return f"{summary} Verbs: {', '.join(verb.name for verb in verbs)}."
