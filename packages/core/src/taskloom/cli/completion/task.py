"""Completions that need more than names: options, and the values that they take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from taskloom.cli.table import FILES, Command
from taskloom.cli.task_command import TaskCommand
from taskloom.errors import TaskloomError
from taskloom.given.tasks import file_task, is_file
from taskloom.params.elements import next_elements
from taskloom.registry.isolate import load_target
from taskloom.registry.refs import VerbRef
from taskloom.registry.resolve import find_task, load_task


def task_candidates(
    command: Command, words: Sequence[str], current: str
) -> Iterator[tuple[str, str]]:
    """Yield the options of a command on a task, or the values of the option being written.

    Args:
        command: The command.
        words: Domain and task, or a place in a file, and the words before the one being typed.
        current: The word being typed.
    """
    from taskloom.cli.entries import task_command_for

    try:
        if is_file(words[0]):
            loaded, rest = file_task(words[0]), list(words[1:])
        else:
            domain, task, *rest = words
            loaded = load_task(find_task(domain, task))
        made = task_command_for(command, loaded, rest)
    except TaskloomError:  # a line that is wrong already has no completions
        return
    yield from _of_command(made, rest, current)


def verb_candidates(
    domain: str, verb: VerbRef, words: Sequence[str], current: str
) -> Iterator[tuple[str, str]]:
    """Yield the options of a verb on a task or on a run, or the values of the option being written."""
    from taskloom.cli import verbs

    try:
        if verb.on == "task":
            made = verbs.verb_on_task(domain, verb, words[0], words[1:])
        else:
            made = verbs.verb_on_run(domain, verb, words)
    except TaskloomError:
        return
    if isinstance(made, TaskCommand):
        yield from _of_command(made, words, current)


def _of_command(made: TaskCommand, rest: Sequence[str], current: str) -> Iterator[tuple[str, str]]:
    options = _option_table(made, made.own_names)
    for parameter in made.parameters:
        texts = [parameter.help, f"({parameter.type})"]
        values = parameter.choices or (("true", "false") if parameter.is_flag else ())
        if parameter.type == "PATH":
            values = (FILES,)
        options.setdefault(
            f"--{parameter.path}", (" ".join(texts), None if parameter.is_flag else True, values)
        )
    for parameter, ends_here in next_elements(made.parameters, current):
        values = parameter.choices or (("true", "false") if parameter.is_flag else ())
        takes_value = None if parameter.is_flag or not ends_here else True
        options[f"--{parameter.path}"] = (f"({parameter.type})", takes_value, values)
    options["--param"] = (
        "Set a parameter.",
        True,
        tuple(f"{item.path}=" for item in made.parameters),
    )
    yield from _from_options(options, rest, current)


def command_candidates(
    target: str, words: Sequence[str], current: str
) -> Iterator[tuple[str, str]]:
    """Yield the options of an ordinary command or verb."""
    from taskloom.cli.groups import command_of

    try:
        function: Any = load_target(target)
        made = command_of(function)
    except TaskloomError:
        return
    yield from _from_options(
        _option_table(made, {param.name for param in made.params}), words, current
    )


_Options = dict[str, tuple[str, bool | None, tuple[str, ...]]]
"""By name: its sentence; whether it takes a value (None: it may); the values."""


def _option_table(made: Any, names: Any) -> _Options:  # noqa: ANN401 -- Typer's own class
    options: _Options = {"--help": ("Show help.", False, ())}
    for param in made.params:
        if param.name in names:
            flag = bool(getattr(param, "is_flag", False))
            holds_path = param.metavar in ("FILE", "DIR")
            for option in param.opts:
                if option.startswith("--"):
                    text = str(getattr(param, "help", "") or "")
                    options[option] = (text, not flag, (FILES,) if holds_path else ())
    return options


def _from_options(
    options: _Options, words: Sequence[str], current: str
) -> Iterator[tuple[str, str]]:
    before = words[-1] if words else ""
    name, equals, _ = current.partition("=")
    if equals and name in options:
        yield from (
            (value if value == FILES else f"{name}={value}", "") for value in options[name][2]
        )
    elif before in options and options[before][1] and not current.startswith("--"):
        yield from ((value, "") for value in options[before][2])
    else:
        for option, (text, takes_value, _) in options.items():
            yield (f"{option}=" if takes_value else option), text
