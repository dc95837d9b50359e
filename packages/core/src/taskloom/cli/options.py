"""The options that say how a run is kept and placed: made from the fields of `RunOptions`, for `tasks run` and `tasks sweep`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from taskloom import durations as sizes
from taskloom.cli.annotations import read_folder
from taskloom.cli.task_command import Invocation
from taskloom.context import Resources
from taskloom.errors import UsageError
from taskloom.registry.installed import named_targets
from taskloom.request import Flag, KeptOptions, RunOptions

# The parts of `Resources`, which tasks read and which are no options of their own: type, word, sentence of a run, of a sweep.
_RESOURCES: Mapping[str, tuple[type, str, str, str]] = {
    "cpus": (int, "N", "CPU cores; 0 for all.", "CPU cores for each run."),
    "gpus": (int, "N", "GPUs.", "GPUs for each run."),
    "nodes": (int, "N", "Machines that share the run.", "Machines that share each run."),
    "memory": (str, "SIZE", "Memory: 4G, 512M.", "Memory for each run: 4G, 512M."),
    "time_limit": (
        str,
        "TIME",
        "Ask it to stop after: 90s, 30m, 1h30m.",
        "Ask each run to stop after this: 90s, 30m, 1h30m.",
    ),
}
_DEFAULTS = {"cpus": 0, "gpus": 0, "nodes": 1, "memory": "", "time_limit": ""}


@dataclass(frozen=True, slots=True)
class OptionList:
    """The fields of a class of options, as options of a command.

    Args:
        kind: `RunOptions`, or a subclass.
        without: Fields that the command does not take.
        is_sweep: Whether they count for every run of a sweep.
    """

    kind: type[RunOptions]
    without: frozenset[str] = frozenset()
    is_sweep: bool = False

    def parameters(self) -> dict[str, inspect.Parameter]:
        """Return one keyword parameter with a Typer annotation for each option, by name."""
        hints = get_type_hints(self.kind, include_extras=True)
        sentences = _documented(self.kind)
        found: dict[str, inspect.Parameter] = {}
        for item in fields(self.kind):
            if item.name in self.without:
                continue
            if hints[item.name] is Resources:
                found |= {name: self._resource(name) for name in _RESOURCES}
            else:
                annotation, flag = get_args(hints[item.name])[:2]
                found[item.name] = self._option(item.name, annotation, flag, sentences[item.name])
        return found

    def read(self, given: Mapping[str, Any]) -> RunOptions:
        """Return the options that a command line gave, by the names of the parameters.

        Raises:
            UsageError: A size or a time cannot be read.
        """
        values = dict(given)
        parts = {name: values.pop(name) for name in _RESOURCES if name in values}
        return self.kind(**values, resources=read_resources(**parts))

    def _option(
        self,
        name: str,
        annotation: Any,  # noqa: ANN401 -- any type
        flag: Flag,
        sentence: str,
    ) -> inspect.Parameter:
        default = getattr(self.kind(), name)
        if get_origin(annotation) is Sequence:
            annotation, default = list[str], []
        text = (self.is_sweep and flag.each) or flag.help or sentence
        if flag.names:
            *most, last = named_targets(flag.names) or ("none",)
            text = text.format(names=" or ".join([", ".join(most), last] if most else [last]))
        spelling = flag.spelling or (_dashed(name),)
        parser = read_folder if annotation == Path | None else None
        option = typer.Option(*spelling, metavar=flag.metavar or None, help=text, parser=parser)
        return _parameter(name, default, annotation, option)

    def _resource(self, name: str) -> inspect.Parameter:
        kind, metavar, sentence, each = _RESOURCES[name]
        text = each if self.is_sweep else sentence
        option = typer.Option(_dashed(name), metavar=metavar, help=text)
        return _parameter(name, _DEFAULTS[name], kind, option)


def takes_options(
    order: str = "", *, without: str = "", is_sweep: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that gives the body of a command on a task the run options, after its invocation.

        @takes_options("store name", without="jobs")
        def run(invocation: Invocation, options: RunOptions, *, dry_run: ... = False) -> None: ...

    Args:
        order: The options in the order of help; the command's own ones that it leaves out come first, the others last.
        without: Fields of `RunOptions` that the command does not take.
        is_sweep: Whether they count for every run of a sweep.
    """
    # The domain of a class in a file is read before there are options; see `taskloom.cli.entries`.
    listed = OptionList(RunOptions, frozenset([*without.split(), "task_domain"]), is_sweep)

    def decorate(body: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(body, include_extras=True)
        own = {
            name: parameter.replace(annotation=hints[name])
            for name, parameter in inspect.signature(body).parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }
        made = listed.parameters()
        places = {name: place for place, name in enumerate(order.split())}
        last = len(places)
        every = {**own, **made}
        names = sorted(every, key=lambda name: places.get(name, -1 if name in own else last))

        def call(invocation: Invocation, **given: Any) -> None:  # noqa: ANN401 -- the options of the command
            options = listed.read({name: given.pop(name) for name in made})
            body(invocation, options, **given)

        # setattr, since a function has no such attribute for a type checker; Typer reads it through `inspect.signature`
        signature = inspect.Signature([every[name] for name in names])
        setattr(call, "__signature__", signature)  # noqa: B010 -- Typer's own classes
        call.__annotations__ = {name: every[name].annotation for name in names}
        call.__doc__ = body.__doc__
        return call

    return decorate


def read_resources(*, cpus: int, gpus: int, nodes: int, memory: str, time_limit: str) -> Resources:
    """Return what the options of a run, or of each run of a sweep, allow it.

    Raises:
        UsageError: A size or a time cannot be read.
    """
    return Resources(cpus, gpus, nodes, read_size(memory), read_time(time_limit))


def read_size(text: str) -> int:
    """Return a size such as `4G` or `512M` [bytes]; 0 for an empty text.

    Raises:
        UsageError: It is no size.
    """
    size = _measured(text, sizes.read_size)
    if text and not size:
        raise UsageError(f"--memory is {text!r}; write it as 512M or 4G.")
    return int(size)


def read_time(text: str) -> float:
    """Return a time such as `90s`, `30m` or `1h30m` [s]; a bare number is seconds, an empty text 0.

    Raises:
        UsageError: It is no time.
    """
    seconds = _measured(text, lambda time: sizes.read_duration(time).total_seconds())
    if text and not seconds:
        raise UsageError(f"--time-limit is {text!r}; write it as 90s, 30m or 1h30m.")
    return seconds


def _measured(text: str, reader: Callable[[str], float]) -> float:
    """Return what a reader makes of a text; 0 for what is not positive."""
    try:
        return max(reader(text), 0) if text else 0
    except ValueError:
        return 0


def _parameter(name: str, default: object, annotation: Any, option: Any) -> inspect.Parameter:  # noqa: ANN401 -- Typer's own classes
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[annotation, option],
    )


def _dashed(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _documented(kind: type[RunOptions]) -> dict[str, str]:
    """Return the sentence on each field, from the docstrings of the class and of those that it extends."""
    found: dict[str, str] = {}
    for cls in kind.__mro__:
        if issubclass(cls, KeptOptions):
            _, _, section = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")
            lines = (line.strip().partition(": ") for line in section.splitlines())
            found = {name: sentence for name, _, sentence in lines} | found
    return found
