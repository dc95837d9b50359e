"""Groups of commands that know names and sentences, and import a command when it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from taskloom.cli.help import Help, Panel, Row, show
from taskloom.cli.labels import type_labels
from taskloom.errors import UnknownNameError
from taskloom.registry.suggest import closest


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """One command of a group, not imported.

    Attributes:
        name: The command.
        summary: One sentence.
        load: Makes the command, given the words that follow its name.
        section: The heading it stands under in help.
        reads: Option with a value that `load` alone reads; or empty.
    """

    name: str
    summary: str
    load: Callable[[Sequence[str]], Any]
    section: str = "Commands"
    reads: str = ""


def _refuse(path: str, name: str, entries: Sequence[CommandEntry]) -> NoReturn:
    near = closest(name, [entry.name for entry in entries])
    raise UnknownNameError(
        f"'{path}' has no command '{name}'",
        hint=f"did you mean '{path} {near}'?" if near else f"{path} --help",
    )


class LazyGroup(TyperGroup):
    """A group whose commands are entries."""

    entries: Sequence[CommandEntry] = ()
    summary: str = ""
    usage: str = "COMMAND ..."
    options: Sequence[Row] = ()
    footer: str = ""
    on_unknown: Callable[[str], object] | None = None
    other: Callable[[str], CommandEntry | None] | None = None
    otherwise: Callable[[Sequence[str]], Any] | None = None

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, D102 -- Typer's contract
        del ctx
        return [entry.name for entry in self.entries]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, D102 -- Typer's own classes
        del ctx
        return next((entry.load(()) for entry in self.entries if entry.name == cmd_name), None)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401, D102 -- Typer's own classes
        if not args:
            args = ["--help"]
        return super().parse_args(ctx, self._name_first(args))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401, D102 -- Typer's own classes
        name, *rest = args
        head, slash, tail = name.partition("/")
        if slash and tail and any(entry.name == head for entry in self.entries):
            name, rest = head, [tail, *rest]  # `tasks run hci/pointing`, as listings write it
        for entry in self.entries:
            if entry.name == name:
                return name, entry.load(rest), rest
        if self.other is not None and (found := self.other(name)) is not None:
            return name, found.load(rest), without(rest, found.reads)
        command = None if self.otherwise is None else self.otherwise(args)
        if command is not None:
            return "", command, args
        if self.on_unknown is not None:
            self.on_unknown(name)
        _refuse(ctx.command_path, name, self.entries)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, D102 -- Typer's own classes
        sections = list(dict.fromkeys(entry.section for entry in self.entries))
        panels = [
            Panel(
                name,
                tuple(
                    Row(item.name, help=item.summary)
                    for item in self.entries
                    if item.section == name
                ),
            )
            for name in sections
        ]
        options = (*self.options, Row("--help", help="Show this text."))
        text = Help(
            f"{ctx.command_path} {self.usage}",
            self.summary,
            (*panels, Panel("Options", options)),
            self.footer,
        )
        formatter.write(show(text))

    def _name_first(self, args: list[str]) -> list[str]:
        """Move a leading option behind the command's name: options may come in any order."""
        names = {entry.name for entry in self.entries}
        own = {
            option for param in self.params for option in [*param.opts, *param.secondary_opts]
        } | {"-h", "--help"}
        if args[0].partition("=")[0] in own:
            return args
        position = next(
            (index for index, word in enumerate(args) if word in names or self._takes(word)), None
        )
        if not args[0].startswith("-"):
            return args
        if (
            position is None
        ):  # so that what is refused is the name, and not an option that follows it elsewhere
            position = _meant(args)
        if position is None:
            return args
        return [args[position], *args[:position], *args[position + 1 :]]

    def _takes(self, word: str) -> bool:
        return self.other is not None and self.other(word) is not None


def _meant(words: Sequence[str]) -> int | None:
    """Return which of some words may be a name, none of them being a known one: rather not what may be an option's value."""
    plain = [index for index, word in enumerate(words) if not word.startswith("-")]
    apart = [
        index for index in plain if not words[index - 1].startswith("-") or "=" in words[index - 1]
    ]
    return next(iter([*apart, *reversed(plain)]), None)


def without(words: Sequence[str], option: str) -> list[str]:
    """Return words without an option and its value."""
    kept, rest = list[str](), list(words)
    while rest:
        word = rest.pop(0)
        if word == option and rest:
            rest.pop(0)
        elif not option or word.partition("=")[0] != option:
            kept.append(word)
    return kept


class PlainCommand(TyperCommand):
    """An ordinary command, with help like that of every other one."""

    function: Callable[..., Any] | None = None
    footer: str = ""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, D102 -- Typer's contract
        labels = type_labels(self.function) if self.function is not None else {}
        arguments, options, usage = list[Row](), list[Row](), [str(ctx.command_path)]
        for param in self.params:
            if getattr(param, "hidden", False):
                continue
            text = str(getattr(param, "help", "") or "")
            kind = str(param.metavar or labels.get(str(param.name), ""))
            if param.param_type_name == "argument":
                name = str(param.metavar or str(param.name).upper())
                usage.append(name if param.required else f"[{name}]")
                arguments.append(Row(name, help=text))
            else:
                default = "required" if param.required else _default(param.default)
                opts = ", ".join([*param.opts, *param.secondary_opts])
                options.append(Row(opts, kind, default, text))
        options.append(Row("--help, -h", help="Show this text."))
        panels = (Panel("Arguments", arguments), Panel("Options", options))
        formatter.write(
            show(
                Help(
                    " ".join([*usage, "[--name=value ...]"]),
                    str(self.help or ""),
                    panels,
                    self.footer,
                )
            )
        )


def _default(value: object) -> str:
    """Return a default worth showing: an empty one, or a switch that is off, goes without saying."""
    return (
        str(value) if isinstance(value, str | int | float) and value and value is not True else ""
    )


def lazy_group(
    entries: Sequence[CommandEntry],
    *,
    summary: str,
    usage: str = "COMMAND ...",
    footer: str = "",
    options: Sequence[Row] = (),
    on_unknown: Callable[[str], object] | None = None,
    otherwise: Callable[[Sequence[str]], Any] | None = None,
    callback: Callable[..., None] | None = None,
    other: Callable[[str], CommandEntry | None] | None = None,
) -> LazyGroup:
    """Make a group of entries.

    Args:
        entries: Its commands.
        summary: What it is for, one sentence.
        usage: What follows its name.
        footer: A last line of help.
        options: Its own options, for help.
        on_unknown: Called with a name that is no entry; may raise something better than a did-you-mean.
        otherwise: Called before that with all words; may return the command that they are for.
        callback: Receives the group's own options.
        other: Returns the entry of a name that is not listed, such as a file; None for one that it does not know.
    """
    app = typer.Typer(cls=LazyGroup, add_completion=False, context_settings=CONTEXT)
    app.callback(invoke_without_command=False)(callback or _nothing)
    group = get_command(app)
    if not isinstance(group, LazyGroup):
        raise TypeError("Typer did not make a group of our class")
    group.entries, group.summary, group.usage = entries, summary, usage
    group.footer, group.options, group.on_unknown = footer, options, on_unknown
    group.other = other
    group.otherwise = otherwise
    return group


CONTEXT = {"help_option_names": ["--help", "-h"]}


def _nothing() -> None:
    """A group without options of its own."""


def command_of(function: Callable[..., Any], *, summary: str = "", footer: str = "") -> Any:  # noqa: ANN401 -- Typer's own class
    """Turn an ordinary function with Typer annotations into a command; its attribute `settings` adds to Typer's."""
    settings = {**CONTEXT, **getattr(function, "settings", {})}
    app = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=settings)
    app.command(cls=PlainCommand, help=summary or None)(function)
    command = get_command(app)
    if isinstance(command, PlainCommand):
        command.function, command.footer = function, footer
    return command
