"""The verbs of a domain as commands: on a task, on a run, or on nothing.

Opening is done here, once: layers, help, did-you-mean, `--store`, damaged runs and runs of another domain. A verb receives what
it works on, and says in its signature what else it wants:

    def play(task: BoundTask[...], *, games: Annotated[int, typer.Option("--games")] = 1) -> None: ...
    def infill(run: Run, task: BoundTask[...], template: Annotated[str, typer.Argument()], *, num: ... = 10) -> None: ...
    def judge(place: Run | Path, *, size: ... = 0) -> None: ...  # with `folders=True` in the manifest
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, cast, get_args, get_type_hints

import typer

from taskloom.bound import BoundTask, require
from taskloom.cli.annotations import ConfigFiles, StoreOption
from taskloom.cli.groups import CommandEntry, command_of, lazy_group
from taskloom.cli.task_command import Invocation, TaskCommand, task_command
from taskloom.config import Config
from taskloom.errors import RunNotFoundError, UsageError
from taskloom.given.tasks import file_task, is_file, recorded_task
from taskloom.lifecycle.lifecycle import construct, read_config
from taskloom.params.layers import record_layer
from taskloom.records.folders import RECORD
from taskloom.records.names import is_generated
from taskloom.registry.discovery import tasks_of
from taskloom.registry.entries import LoadedTask
from taskloom.registry.isolate import load_target
from taskloom.registry.refs import VerbRef
from taskloom.registry.resolve import find_domain, find_task, load_task
from taskloom.runs.run import Run, open_run

_REFERENCE = typer.Argument(metavar="RUN", help="Run id, unique prefix, @last, or run folder.")


def verb_command(domain: str, verb: VerbRef, words: Sequence[str]) -> Any:  # noqa: ANN401 -- Typer's own classes
    """Return the command of a verb; `words` are those behind its name."""
    if verb.on == "task":
        return _group_of_tasks(domain, verb)
    if verb.on == "run":
        return verb_on_run(domain, verb, words)
    return command_of(_function(domain, verb), summary=verb.summary)


def verb_on_task(domain: str, verb: VerbRef, name: str, words: Sequence[str]) -> TaskCommand:
    """Return the command of a verb on one task, with the options of `tasks run`.

    Raises:
        UnknownNameError: There is no such task, or a word chooses a component that does not exist.
        PluginError: The task or the verb cannot be loaded.
    """
    function = _function(domain, verb)

    def body(invocation: Invocation, *, config: list[Any], **given: Any) -> None:  # noqa: ANN401 -- Typer's own classes
        resolved = invocation.resolve(config)
        for note in resolved.notes:
            typer.echo(f"note: {note}", err=True)
        bound = construct(invocation.loaded, resolved.config)
        function(_held(invocation, bound), **given)

    own = {"config": (ConfigFiles, []), **_parameters_behind(function, 1)}
    command = task_command(_with_signature(body, own), _task_named(domain, name), words)
    command.summary, command.own_title = verb.summary, "Options"
    return command


def verb_on_run(domain: str, verb: VerbRef, words: Sequence[str]) -> Any:  # noqa: ANN401 -- a task command, or a plain one
    """Return the command of a verb on the run that `words` name; without a run, one that asks for it.

    Raises:
        RunNotFoundError: There is no such run.
        RunCorruptError: Its record cannot be read.
        UsageError: It is a run of another domain.
        ConfigError: Its task has changed since.
    """
    words = _undotted(words, verb)
    function = _function(domain, verb)
    wants_task = list(inspect.signature(function).parameters)[1:2] == ["task"]
    own = _parameters_behind(function, 1 + wants_task)
    asked = {"reference": (cast("Any", _annotated(_REFERENCE)), inspect.Parameter.empty), **own}
    asked["store"] = (StoreOption, None)
    reference, store = _named_run(words, asked, verb)
    if reference is None:
        return _without_run(domain, verb, asked)
    if verb.folders and _is_plain_folder(reference):
        return _verb_on_folder(verb, function, asked)
    run = _opened(reference, store, verb)
    if run.domain != domain:
        raise UsageError(
            f"The run {run.id} is of the domain '{run.domain}'; 'tasks {domain} {verb.name}' is for runs of '{domain}'."
        )
    loaded = recorded_task(run.record)
    read_config(loaded, run.layout, run.record)

    def body(invocation: Invocation, *, reference: str, store: Any, **given: Any) -> None:  # noqa: ANN401 -- Typer's own classes
        del reference, store  # opened already: the options depend on the record
        resolved = invocation.resolve()
        for note in resolved.notes:
            typer.echo(f"note: {note}", err=True)
        if wants_task:
            bound = construct(invocation.loaded, resolved.config)
            function(run, _held(invocation, bound), **given)
        else:
            function(run, **given)

    base = [record_layer(run.config, f"run {run.id}")]
    command = task_command(
        _with_signature(body, asked), loaded, words, base=base, only=verb.overrides
    )
    command.summary, command.own_title = verb.summary, "Options"
    command.footer = f"Parameters: as recorded in the run {run.id} < --a.b=value."
    if not verb.named:
        return command
    parse, made = command.parse_args, cast("Any", command)
    made.parse_args = lambda ctx, args: parse(ctx, _undotted(args, verb))
    return made


def _undotted(words: Sequence[str], verb: VerbRef) -> list[str]:
    """Return a command line with `--condition.logp=2.5` as `--condition=logp=2.5`, for options whose values have names.

    Raises:
        UsageError: A name has no value.
    """
    found: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        option, dot, name = word.partition(".")
        if not (dot and option.removeprefix("--") in verb.named and option.startswith("--")):
            found.append(word)
            continue
        if "=" not in name:
            if not rest or rest[0].startswith("--"):
                raise UsageError(f"{word} needs a value", hint=f"write it as {word}=VALUE")
            name = f"{name}={rest.pop(0)}"
        found.append(f"{option}={name}")
    return found


def _is_plain_folder(reference: str) -> bool:
    folder = Path(reference)
    return folder.is_dir() and not (folder / RECORD).is_file()


def _opened(reference: str, store: Path | None, verb: VerbRef) -> Run:
    """Return a run by its name; where folders count, by its path without a slash in it, too.

    Raises:
        RunNotFoundError: No run, or more than one, answers to the reference.
        RunCorruptError: The run's record cannot be read.
    """
    if not verb.folders:
        return open_run(reference, store)
    folder = Path(reference)
    try:
        return open_run(str(folder.resolve()) if folder.is_dir() else reference, store)
    except RunNotFoundError as error:
        raise RunNotFoundError(
            f"'{reference}' is no folder, and no run either: {error.message}", hint=error.hint
        ) from None


def _verb_on_folder(verb: VerbRef, function: Callable[..., Any], own: _Own) -> Any:  # noqa: ANN401 -- Typer's own class
    """Return the command of a verb on a folder that is no run: it has the verb's own options."""

    def body(*, reference: str, store: Any, **given: Any) -> None:  # noqa: ANN401 -- Typer's own classes
        del store  # for references to runs
        function(Path(reference), **given)

    return command_of(_with_signature(body, own), summary=verb.summary)


def _group_of_tasks(domain: str, verb: VerbRef) -> Any:  # noqa: ANN401 -- Typer's own class
    def loader(name: str) -> Callable[[Sequence[str]], Any]:
        return lambda words: verb_on_task(domain, verb, name, words)

    entries = [
        CommandEntry(item.ref.name, item.ref.summary, loader(item.ref.name), "Tasks")
        for item in tasks_of(domain)
    ]

    def other(name: str) -> CommandEntry | None:
        if is_file(name):
            return CommandEntry(name, "", loader(name))
        if verb.for_run and _names_a_run(name):
            own = replace(verb, target=verb.for_run, on="run")
            return CommandEntry(name, "", lambda words: _on_named_run(domain, own, name, words))
        return None

    return lazy_group(
        entries,
        summary=verb.summary,
        usage="TASK [--name=value ...]",
        footer=f"tasks {domain} {verb.name} TASK --help shows every parameter of a task.",
        on_unknown=lambda name: find_task(domain, name),
        other=other,
    )


def _on_named_run(domain: str, verb: VerbRef, name: str, words: Sequence[str]) -> Any:  # noqa: ANN401 -- Typer's own class
    """Return the command of a verb on a run whose name the group has read already."""
    command = verb_on_run(domain, verb, [name, *words])
    parse = command.parse_args
    command.parse_args = lambda ctx, args: parse(ctx, [name, *args])
    return command


def _names_a_run(name: str) -> bool:
    """Return whether a word is no task's name but that of a run: its id, `@last`, or its folder."""
    return name.startswith("@") or is_generated(name) or (Path(name) / RECORD).is_file()


def _task_named(domain: str, name: str) -> LoadedTask:
    if not is_file(name):
        return load_task(find_task(domain, name))
    loaded = file_task(name)
    if loaded.entry.domain != domain:
        raise UsageError(f"{name} is of the domain '{loaded.entry.domain}', not of '{domain}'.")
    return loaded


def _function(domain: str, verb: VerbRef) -> Callable[..., Any]:
    found: Any = load_target(verb.target, what=f"Verb '{domain} {verb.name}'")
    return cast("Callable[..., Any]", found)


def _held(invocation: Invocation, bound: BoundTask[Any, Config]) -> BoundTask[Any, Config]:
    """Return the task if it fits the protocol of its domain: a verb may call every method of it."""
    if find_domain(invocation.loaded.entry.domain).ref.protocol:
        require(invocation.loaded, bound.task)
    return bound


_Own = Mapping[str, tuple[Any, Any]]
"""Annotation and default of each parameter of a command by name."""


def _parameters_behind(function: Callable[..., Any], first: int) -> dict[str, tuple[Any, Any]]:
    """Return the parameters of a verb behind the first ones, which core fills in.

    Only their annotations are evaluated: those of the first ones may name what is imported for type checkers only.
    """
    parameters = list(inspect.signature(function).parameters.values())[first:]

    def holder() -> None:
        """Carry the annotations to `get_type_hints`."""

    holder.__annotations__ = {item.name: item.annotation for item in parameters}
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    hints = get_type_hints(holder, globalns=scope, include_extras=True)
    return {item.name: (hints[item.name], item.default) for item in parameters}


def _with_signature(body: Callable[..., None], own: _Own) -> Callable[..., None]:
    """Give a command's body the parameters that Typer makes arguments and options of."""
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(name, kind, default=default, annotation=annotation)
        for name, (annotation, default) in own.items()
    ]
    body.__annotations__ = {name: annotation for name, (annotation, _) in own.items()}
    # setattr, since a function has no such attribute for a type checker
    setattr(body, "__signature__", inspect.Signature(parameters))  # noqa: B010 -- Typer's own classes
    return body


def _annotated(info: Any) -> object:  # noqa: ANN401 -- Typer's own class
    return Annotated[str, info]


def _named_run(words: Sequence[str], own: _Own, verb: VerbRef) -> tuple[str | None, Any]:
    """Return the first word that is no option and no option's value, and the value of `--store`."""
    values = {"--param"}
    for annotation, _ in own.values():
        kind, *infos = get_args(annotation)
        if kind is not bool:
            values |= {word for info in infos for word in getattr(info, "param_decls", None) or ()}
            values |= {str(getattr(info, "default", "")) for info in infos}
    store: Path | None = None
    reference: str | None = None
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        is_override = any(
            name == f"--{field}" or name.startswith(f"--{field}.") for field in verb.overrides
        )
        if not equals and (name in values or is_override) and rest:
            value = rest.pop(0)
        if name == "--store" and value:
            store = Path(value)
        elif not word.startswith("-") and reference is None:
            reference = word
    return reference, store


def _without_run(domain: str, verb: VerbRef, own: _Own) -> Any:  # noqa: ANN401 -- Typer's own class
    """Return a command that has the verb's own options in its help and refuses to do anything without a run."""

    def missing(**given: Any) -> None:  # noqa: ANN401 -- Typer's own classes
        """Stand in for the verb: Typer refuses a call without the argument before it gets here."""
        del given

    footer = ""
    if verb.overrides:
        fields = ", ".join(f"--{field}" for field in verb.overrides)
        footer = (
            f"With a run, its recorded parameters below {fields} are options too: "
            f"tasks {domain} {verb.name} RUN --help. As recorded < --a.b=value."
        )
    return command_of(_with_signature(missing, own), summary=verb.summary, footer=footer)
