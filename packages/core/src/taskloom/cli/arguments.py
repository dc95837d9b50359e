"""The words of a command line before Typer reads them: switches, `--param name=value`, and options that do not exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from taskloom.errors import UnknownNameError, UsageError
from taskloom.params.elements import container_of, element
from taskloom.params.grammar import UnreadableValueError, items_of, split_option
from taskloom.params.labels import shown
from taskloom.params.shapes import is_list
from taskloom.params.tree import Parameter

PARAM = "--param"
_TRUTHS = ("true", "false", "yes", "no", "on", "off", "1", "0")


class Arguments:
    """A command line taken apart.

    Args:
        parameters: The task's parameters.
        options: The command's own options, and whether each takes a value. They win over a parameter of the same name, which
            `--param` still reaches.
        suggest: Returns what an unknown parameter was meant to be.
        command: The path of the command, for messages.
        positional: Number of words that may stand without an option.
        appends: Whether an option of a list may be repeated; a sweep's option is a list of values as it is.

    Attributes:
        own: The words that belong to the command itself, for Typer.
        values: The parameters that were set, by path; those of a list that is named twice are appended.
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        options: Mapping[str, bool],
        suggest: Callable[[str], str],
        command: str,
        positional: int = 0,
        *,
        appends: bool = True,
    ) -> None:
        self.own: list[str] = []
        self.values: dict[str, str] = {}
        self._options, self._suggest, self._command = options, suggest, command
        self._known = {parameter.path: parameter for parameter in parameters}
        kinds = [item for item in parameters if item.is_component and item.type == "NAME"]
        self._known |= {f"{item.path}.kind": item for item in kinds}
        self._rest: list[str] = []
        self._positional, self._appends = positional, appends

    def read(self, words: Sequence[str]) -> None:
        """Read a command line.

        Raises:
            UnknownNameError: There is no such option.
            UsageError: An option has no value, or a word belongs to nothing.
        """
        self._rest = list(words)
        while self._rest:
            word = self._rest.pop(0)
            name, equals, value = split_option(word)
            if name == PARAM:
                self._set(*_name_and_value(value if equals else self._next(name)))
            elif name in self._options:
                self.own.append(word)
                if self._options[name] and not equals:
                    self.own.append(self._next(name))
            elif name.startswith("--") and len(name) > 2:
                self._read_parameter(name[2:], value if equals else None)
            elif word.startswith("-") and len(word) > 1:
                raise UnknownNameError(f"no option '{word}'", hint=f"{self._command} --help")
            elif self._positional > 0:
                self._positional -= 1
                self.own.append(word)
            else:
                raise UsageError(f"'{word}' is not an option", hint=self._explain_stray(word))

    def _read_parameter(self, path: str, value: str | None) -> None:
        parameter = self._find(path)
        if parameter is None and value is None and self._is_flag(path.removeprefix("no-")):
            self._set(path.removeprefix("no-"), "false")
            return
        if value is None and parameter is not None and parameter.is_flag:
            # `--shade no` gives a value, `--shade --days=3` does not
            value = self._rest.pop(0) if self._rest and self._rest[0].lower() in _TRUTHS else "true"
        if path.endswith("!") and parameter is not None:
            if value:
                raise UsageError(f"--{path} takes the element out, so that no value goes with it")
        elif value is None and parameter is not None:
            value = self._next(f"--{path}")
        self._set(path, value or "")

    def _find(self, path: str) -> Parameter | None:
        return self._known.get(path) or element(self._known, path)

    def _is_flag(self, path: str) -> bool:
        return path in self._known and self._known[path].is_flag

    def _set(self, path: str, value: str) -> None:
        parameter = self._find(path)
        if parameter is None:
            raise UnknownNameError(
                f"no parameter '{shown(path)}' (from the command line)", hint=self._suggest(path)
            )
        held = parameter.path  # `detector.kind` is `detector`
        self.values[held] = value if held not in self.values else self._joined(parameter, value)

    def _joined(self, parameter: Parameter, value: str) -> str:
        """Return the items of a list that is named twice as one text; anything else has one value."""
        before = self.values[parameter.path]
        if not self._appends:
            raise UsageError(
                f"--{parameter.path} is given twice",
                hint=f"several values stand in one option: --{parameter.path}={shown(before)},{shown(value)}",
            )
        if not is_list(container_of(parameter.shape)):
            raise UsageError(
                f"--{parameter.path} is given twice, {shown(before)} and {shown(value)}; it takes one value"
            )
        try:
            return f"[{','.join([*items_of(before), *items_of(value)])}]"
        except UnreadableValueError as error:
            raise UsageError(f"--{parameter.path}={shown(value)}: {error}") from None

    def _next(self, option: str) -> str:
        # The next option is no value: `--name --days=3` has forgotten one. A value that begins so is written `--name=--days`.
        if not self._rest or (self._rest[0].startswith("--") and len(self._rest[0]) > 2):
            raise UsageError(f"{option} needs a value", hint=f"write it as {option}=VALUE")
        return self._rest.pop(0)

    def _explain_stray(self, word: str) -> str:
        path, equals, _ = word.partition("=")
        if path in self._known:
            return f"did you mean --{word}{'' if equals else '=...'}?"
        return f"parameters are written --name=value; {self._command} --help lists them"


def _name_and_value(text: str) -> tuple[str, str]:
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise UsageError(f"{PARAM} {text}: must be name=value")
    return path.removeprefix("--"), value
