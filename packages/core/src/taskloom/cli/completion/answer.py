"""Answers to a shell that asks what could stand at the end of a line.

Domains and tasks are answered from names; only options and their values import the task, and no answer imports Typer unless
it is about a command's own options.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence

from taskloom.cli.table import COMMANDS, FILES, Command


def answer(environ: Mapping[str, str]) -> int:
    """Print the completions of `_TASKS_LINE` for the shell `_TASKS_COMPLETE`, one a line, and return the exit code."""
    shell = environ["_TASKS_COMPLETE"]
    words, current = split_line(environ.get("_TASKS_LINE", ""))
    found = dict(candidates(words[1:], current))
    if shell == "bash":
        # bash takes what follows the last `=`, `:` or `@` for the word to complete
        breaks = environ.get("COMP_WORDBREAKS", "=:@")
        cut = max((current.rfind(char) + 1 for char in breaks if not char.isspace()), default=0)
        lines = [value if value == FILES else shlex.quote(value[cut:]) for value in found]
    else:
        lines = [f"{value}\t{text}" if text else value for value, text in found.items()]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def split_line(line: str) -> tuple[list[str], str]:
    """Split a command line into whole words and the word that is being typed; an open quote belongs to the latter."""
    for closing in ("", '"', "'"):
        try:
            words = shlex.split(line + closing)
        except ValueError:
            continue
        if closing or (line and not line[-1].isspace()):
            return words[:-1], words[-1] if words else ""
        return words, ""
    return line.split(), ""


def candidates(words: Sequence[str], current: str) -> Iterator[tuple[str, str]]:
    """Yield what the word being typed could become, each with a sentence.

    Args:
        words: The words after `tasks`, without the one being typed.
        current: The word being typed.
    """
    for value, text in _candidates(list(words), current):
        if value == FILES or value.startswith(current):
            yield value, " ".join(text.split())


def _candidates(words: list[str], current: str) -> Iterator[tuple[str, str]]:
    words = [word for word in words if word not in ("--debug", "--strict-plugins")]
    if not words:
        yield from _roots(current)
        return
    name, *rest = words
    command = next((item for item in COMMANDS if item.name == name), None)
    if command is None:
        yield from _verbs(name, rest, current)
    elif command.commands:
        yield from _group(command, rest, current)
    elif command.on_task:
        yield from _on_task(command, rest, current)
    else:
        yield from _plain(command, rest, current)


def _roots(current: str) -> Iterator[tuple[str, str]]:
    yield from ((item.name, item.summary) for item in COMMANDS)
    yield from _domains(with_verbs=True)
    if current.startswith("-"):
        yield from (("--help", "Show help."), ("--version", "Print the version."))


def _domains(*, with_verbs: bool = False) -> Iterator[tuple[str, str]]:
    from taskloom.registry.discovery import installed_domains

    for item in installed_domains():
        if item.ref.verbs or not with_verbs:
            yield item.ref.name, item.ref.summary


def _tasks(domain: str) -> Iterator[tuple[str, str]]:
    from taskloom.registry.discovery import tasks_of

    yield from ((item.ref.name, item.ref.summary) for item in tasks_of(domain))


def _group(command: Command, rest: list[str], current: str) -> Iterator[tuple[str, str]]:
    if not rest:
        yield from ((item.name, item.summary) for item in command.commands)
        return
    inner = next((item for item in command.commands if item.name == rest[0]), None)
    if inner is not None:
        yield from _plain(inner, rest[1:], current)


def _on_task(command: Command, rest: list[str], current: str) -> Iterator[tuple[str, str]]:
    of_file = bool(rest) and (rest[0].endswith(".py") or ".py:" in rest[0])
    if not rest:
        yield from _domains()
        if "/" in current or "." in current:  # no domain has such a name
            yield FILES, ""
    elif len(rest) == 1 and not of_file:
        yield from _tasks(rest[0])
    else:
        # pydantic, and the modules of the task's config
        from taskloom.cli.completion.task import task_candidates

        yield from task_candidates(command, rest, current)


def _plain(command: Command, rest: list[str], current: str) -> Iterator[tuple[str, str]]:
    if current.startswith("-") or _wants_value(rest):
        # Typer knows the options of an ordinary command
        from taskloom.cli.completion.task import command_candidates

        yield from command_candidates(command.target, rest, current)
    elif command.name in ("list", "new") and not rest:
        yield from _domains()
    elif command.name == "completion" and not rest:
        yield from (("bash", ""), ("zsh", ""))
    elif command.takes_runs:
        yield from _run_ids()


def _wants_value(rest: list[str]) -> bool:
    return bool(rest) and rest[-1].startswith("--") and "=" not in rest[-1]


def _run_ids(domain: str = "") -> Iterator[tuple[str, str]]:
    from taskloom.runs.run import list_runs

    yield "@last", "The newest run."
    for run in reversed([run for run in list_runs() if domain in ("", run.domain)][-50:]):
        yield run.id, f"{run.status} {run.summary}"


def _verbs(domain: str, rest: list[str], current: str) -> Iterator[tuple[str, str]]:
    from taskloom.errors import TaskloomError
    from taskloom.registry.resolve import find_domain

    try:
        verbs = find_domain(domain).ref.verbs
    except TaskloomError:
        return
    if not rest:
        yield from ((verb.name, verb.summary) for verb in verbs)
        return
    verb = next((item for item in verbs if item.name == rest[0]), None)
    if verb is None:
        return
    if verb.on == "task" and len(rest) == 1:
        yield from _tasks(domain)
    elif verb.on == "run" and len(rest) == 1 and not current.startswith("-"):
        yield from _run_ids(domain)
    elif verb.on:
        from taskloom.cli.completion.task import verb_candidates

        yield from verb_candidates(domain, verb, rest[1:], current)
    elif current.startswith("-") or _wants_value(rest[1:]):
        from taskloom.cli.completion.task import command_candidates

        yield from command_candidates(verb.target, rest[1:], current)
