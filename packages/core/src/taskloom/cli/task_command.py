"""A command that has every parameter of one task, and of the components chosen for it, as a real option.

The function behind such a command is an ordinary one whose first parameter is an `Invocation` and whose keyword parameters
have Typer annotations:

    def run(invocation: Invocation, *, dry_run: Annotated[bool, typer.Option("--dry-run", help="...")] = False) -> None: ...

`task_command(run, loaded, words)` gives it a signature with one option more for each parameter of the task.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand
from typer.main import get_command

from taskloom.cli.arguments import PARAM, Arguments
from taskloom.cli.groups import CONTEXT
from taskloom.cli.help import Help, Panel, Row, show
from taskloom.cli.offers import fitting_hint, left_out, offered
from taskloom.errors import ConfigError
from taskloom.params.choices import find_alternatives, find_choices
from taskloom.params.elements import element_rows
from taskloom.params.layer import Layer
from taskloom.params.layers import Resolved, resolve
from taskloom.params.messages import suggestion
from taskloom.params.tree import Parameter, leaf_texts, walk
from taskloom.registry.entries import LoadedTask
from taskloom.registry.suggest import closest

_WIDEST_TYPE = 18
"""Characters of a list of choices that still fits into the column of types."""


@dataclass(slots=True)
class Invocation:
    """One call of a command on a task.

    Attributes:
        loaded: The task.
        words: The words after the task's name.
        chosen: The component at every place where one was chosen, by path.
        alternatives: The same for every combination of components that a sweep visits; a single one for anything else.
        values: The parameters that the command line sets, as text, by path.
        base: The layers below the command line, for a command on a run: the record, and then no environment.
        only: The fields that are options; None for all.
    """

    loaded: LoadedTask
    words: Sequence[str]
    chosen: dict[str, str] = field(default_factory=dict)
    alternatives: Sequence[dict[str, str]] = ()
    values: dict[str, str] = field(default_factory=dict)
    base: Sequence[Layer] = ()
    only: Sequence[str] | None = None

    @property
    def environ(self) -> Mapping[str, str] | None:
        """The environment that counts: none beside a record, else that of the process."""
        return {} if self.base else None

    def offers(self, path: str) -> bool:
        """Return whether a parameter is one of the options."""
        return self.only is None or any(
            path == name or path.startswith(f"{name}.") for name in self.only
        )

    def parameters(self) -> list[Parameter]:
        """Return the parameters of the task, and of all components that are chosen in any combination."""
        found: dict[str, Parameter] = {}
        for chosen in self.alternatives or [self.chosen]:
            for parameter in walk(self.loaded.config_class, chosen):
                if self.offers(parameter.path):
                    found.setdefault(parameter.path, offered(self.loaded, parameter))
        return list(found.values())

    def resolve(self, files: Sequence[Path] = ()) -> Resolved:
        """Merge the layers and validate.

        Raises:
            ConfigError: A file or a value is not accepted.
        """
        try:
            return resolve(
                self.loaded.config_class,
                base=self.base,
                files=files,
                environ=self.environ,
                arguments=self.values,
            )
        except ConfigError as error:
            error.hint = error.hint or fitting_hint(self.loaded, self.chosen, self.values)
            raise


class TaskCommand(TyperCommand):
    """A command whose options are the parameters of a task."""

    invocation: Invocation
    parameters: Sequence[Parameter] = ()
    own_names: frozenset[str] = frozenset()
    summary: str = ""
    footer: str = "Any option order; --config FILE < TASKS__A__B in the environment < --a.b=value."
    own_title: str = "Run options"
    appends: bool = True

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401, D102 -- Typer's contract
        found = self._read(args, ctx.command_path)
        self.invocation.values = found.values
        # Handed on in one spelling, so that Typer sees the options that it declares.
        own = self._own_options()
        given = [
            f"--{path}={value}"
            for path, value in found.values.items()
            if self._is_declared(path, own)
        ]
        return super().parse_args(ctx, [*found.own, *given])

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, D102 -- Typer's own classes
        arguments = self._arguments()
        words = [str(param.metavar or str(param.name).upper()) for param in arguments]
        rows = [
            Row(word, help=str(getattr(param, "help", "") or ""))
            for word, param in zip(words, arguments, strict=True)
        ]
        text = Help(
            " ".join([ctx.command_path, *words, "[--name=value ...]"]),
            self.summary or self.invocation.loaded.entry.ref.summary,
            (
                Panel("Arguments", rows),
                *_all_panels(self.invocation, set(self._own_options())),
                self._own_panel(),
            ),
            self.footer,
        )
        formatter.write(show(text))

    def _read(self, args: Sequence[str], path: str) -> Arguments:
        def suggest(name: str) -> str:
            options = [
                option.removeprefix("--")
                for option in self._own_options()
                if option.startswith("--")
            ]
            if self.invocation.only is not None:
                # Nothing is suggested that this command would refuse.
                near = closest(name, [*(item.path for item in self.parameters), *options])
                return f"did you mean --{near}?" if near else f"{path} --help"
            return suggestion(
                self.invocation.loaded.config_class, name, self.invocation.chosen, options
            )

        positional = len(self._arguments())
        found = Arguments(
            self.parameters, self._own_options(), suggest, path, positional, appends=self.appends
        )
        found.read(args)
        return found

    def _own_options(self) -> dict[str, bool]:
        """Return the command's own options, and whether each takes a value."""
        own = {"--help": False, "-h": False}
        for param in self.params:
            if param.name in self.own_names and param.param_type_name == "option":
                flag = bool(getattr(param, "is_flag", False))
                own |= {option: not flag for option in [*param.opts, *param.secondary_opts]}
        return own

    def _arguments(self) -> list[Any]:
        return [param for param in self.params if param.param_type_name == "argument"]

    def _is_declared(self, path: str, own: dict[str, bool]) -> bool:
        return f"--{path}" not in own and any(f"--{path}" in param.opts for param in self.params)

    def _own_panel(self) -> Panel:
        rows = [
            Row(
                ", ".join([*param.opts, *param.secondary_opts]),
                str(param.metavar or ""),
                help=str(getattr(param, "help", "") or ""),
            )
            for param in self.params
            if param.name in self.own_names and param.param_type_name == "option"
        ]
        rows.append(
            Row(PARAM, "NAME=VALUE", help="Set a parameter; the same as --name=value. Repeatable.")
        )
        rows.append(Row("--help, -h", help="Show this text."))
        return Panel(self.own_title, rows)


def task_command(
    body: Callable[..., None],
    loaded: LoadedTask,
    words: Sequence[str],
    *,
    base: Sequence[Layer] = (),
    only: Sequence[str] | None = None,
) -> TaskCommand:
    """Make the command that calls `body` for one task.

    Args:
        body: What the command does; see the module's docstring.
        loaded: The task.
        words: The words that follow the task's name; they say which components are chosen.
        base: The layers below the command line, for a command on a run.
        only: The fields that are options; None for all.

    Raises:
        UnknownNameError: A component does not exist.
        ConfigError: A config file cannot be read.
    """
    own = _own_parameters(body)
    taken = {option for parameter in own.values() for option in _declared(parameter)}
    of_command, spelled = _told_apart(words, taken)
    files = [Path(name) for name in _said("--config", of_command)]
    # A command whose values are lists (`sweep`) says what they are; any of them may choose a component.
    lists = getattr(body, "listed_values", None)
    if lists is None:
        environ: Mapping[str, str] | None = {} if base else None
        alternatives = [
            find_choices(loaded.config_class, spelled, base=base, files=files, environ=environ)
        ]
    else:
        values = lists(spelled, of_command)
        alternatives = find_alternatives(loaded.config_class, values, files=files)
    invocation = Invocation(
        loaded, list(words), alternatives[0], alternatives, base=base, only=only
    )
    parameters = invocation.parameters()

    def call(**given: Any) -> None:  # noqa: ANN401 -- the options of any task
        body(invocation, **{name: given[name] for name in own})

    synthesised = [
        _option(index, parameter)
        for index, parameter in enumerate(parameters)
        if f"--{parameter.path}" not in taken and parameter.path != "help"
    ]
    # setattr, since a function has no such attribute for a type checker; Typer reads it through `inspect.signature`
    setattr(call, "__signature__", inspect.Signature([*own.values(), *synthesised]))  # noqa: B010 -- Typer's own classes
    call.__annotations__ = {}
    app = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=CONTEXT)
    app.command(cls=TaskCommand, help=loaded.entry.ref.summary)(call)
    command = get_command(app)
    if not isinstance(command, TaskCommand):
        raise TypeError("Typer did not make a command of our class")
    command.invocation, command.parameters = invocation, parameters
    command.own_names, command.appends = frozenset(own), lists is None
    return command


def _own_parameters(body: Callable[..., None]) -> dict[str, inspect.Parameter]:
    """Return the keyword parameters of a body, with their annotations evaluated."""
    hints = get_type_hints(body, include_extras=True)
    return {
        name: parameter.replace(annotation=hints[name])
        for name, parameter in inspect.signature(body).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def _declared(parameter: inspect.Parameter) -> list[str]:
    """Return the option names that a Typer annotation declares."""
    names: list[str] = []
    for info in parameter.annotation.__metadata__:
        # Inside `Annotated`, Typer keeps the first name where it keeps a default elsewhere.
        words = (getattr(info, "default", None), *(getattr(info, "param_decls", None) or ()))
        names += [part for word in words if isinstance(word, str) for part in word.split("/")]
    return [name for name in names if name.startswith("-")]


def _option(index: int, parameter: Parameter) -> inspect.Parameter:
    option = typer.Option(
        f"--{parameter.path}", metavar=parameter.type, help=parameter.help, show_default=False
    )
    return inspect.Parameter(
        f"parameter_{index}",
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[str | None, option],
    )


def _all_panels(invocation: Invocation, taken: set[str]) -> list[Panel]:
    """Return one panel for the task, and one for each component of any combination."""
    panels: dict[str, Panel] = {}
    for chosen in invocation.alternatives or [invocation.chosen]:
        known = [
            item
            for item in walk(invocation.loaded.config_class, chosen)
            if invocation.offers(item.path)
        ]
        walked = [offered(invocation.loaded, item) for item in known]
        shown = [*_as_recorded(walked, invocation), *element_rows(walked)]
        left = {item.path: len(left_out(invocation.loaded, item)) for item in known}
        for panel in _panels(shown, chosen, taken, left):
            panels.setdefault(panel.title, panel)
    return list(panels.values())


def _as_recorded(parameters: list[Parameter], invocation: Invocation) -> list[Parameter]:
    """Return the parameters with the values of the record in place of the defaults."""
    if not invocation.base:
        return parameters
    texts = leaf_texts(invocation.resolve().config)
    return [
        replace(item, default=texts[item.path]) if item.path in texts else item
        for item in parameters
    ]


def _panels(
    parameters: Sequence[Parameter],
    chosen: dict[str, str],
    taken: set[str],
    left: Mapping[str, int],
) -> list[Panel]:
    groups = {parameter.group: list[Row]() for parameter in parameters}
    for parameter in parameters:
        groups[parameter.group].append(_row(parameter, chosen, taken))
    places = {parameter.path: parameter for parameter in parameters if parameter.is_component}
    return [
        Panel(_title(group, places.get(group), chosen, left.get(group, 0)), rows)
        for group, rows in groups.items()
    ]


def _title(group: str, place: Parameter | None, chosen: dict[str, str], left: int) -> str:
    if not group:
        return "Task parameters"
    if place is None or place.type != "NAME":
        return group
    now = chosen.get(group, place.default)
    others = ", ".join(name for name in place.choices if name != now)
    told = [f"also: {others}"] if others else []
    told += [f"{left} more do not fit this task: `tasks info`"] if left else []
    return f"{group} = {now} ({'; '.join(told)})" if told else f"{group} = {now}"


def _row(parameter: Parameter, chosen: dict[str, str], taken: set[str]) -> Row:
    name = f"--{parameter.path}"
    if name in taken:
        name = f"{PARAM} {parameter.path}=..."
    default = "required" if parameter.default is None else parameter.default
    if parameter.is_component:
        default = chosen.get(parameter.path, default)
    if parameter.unit:
        default = (
            f"none (in {parameter.unit})" if default == "none" else f"{default} {parameter.unit}"
        )
    kind, bounds = parameter.type, list(parameter.bounds)
    if parameter.choices and parameter.type != "JSON or none":
        kind = "|".join(parameter.choices)
        if len(kind) > _WIDEST_TYPE:
            kind = "NAME"
            bounds.insert(0, f"one of {', '.join(parameter.choices)}")
    return Row(name, kind, default, parameter.help, ", ".join(bounds))


def _told_apart(words: Sequence[str], taken: Set[str]) -> tuple[list[str], list[str]]:
    """Return the words without `--param name=value`, and with them as `--name=value` but without the command's own options.

    A parameter may be called like an option of the command, such as `file`: then each spelling means one of the two.
    """
    of_command, spelled, rest = list[str](), list[str](), list(words)
    while rest:
        word = rest.pop(0)
        if word == PARAM and rest:
            spelled.append(f"--{rest.pop(0)}")
        elif word.startswith(f"{PARAM}="):
            spelled.append(f"--{word.partition('=')[2]}")
        else:
            of_command.append(word)
            if word.partition("=")[0] not in taken:
                spelled.append(word)
    return of_command, spelled


def _said(option: str, words: Sequence[str]) -> list[str]:
    """Return every value given to an option."""
    values = [word.partition("=")[2] for word in words if word.startswith(f"{option}=")]
    return values + [value for word, value in pairwise(words) if word == option]
