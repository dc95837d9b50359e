"""Reading the values of a sweep with the types of the parameters in mind: what is a list, a range, or one text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from taskloom.errors import ConfigError
from taskloom.params.elements import element
from taskloom.params.grammar import UnreadableValueError
from taskloom.params.labels import shown
from taskloom.params.reading import read_value
from taskloom.params.shapes import parts_of
from taskloom.params.tree import Parameter
from taskloom.params.values import write
from taskloom.sweeps.expand import Axis, is_span, parse_axis


class AxisReader:
    """Reader of the values that a command line or a sweep file gives to parameters.

    Args:
        parameters: The parameters that may vary; one that is unknown is taken for a text.
        is_search: Whether the values are those of a search, where `0:1` is a range to draw from.
    """

    def __init__(self, parameters: Sequence[Parameter] = (), *, is_search: bool = False) -> None:
        self._known: Mapping[str, Parameter] = {item.path: item for item in parameters}
        self._is_search = is_search

    def axis(self, path: str, text: str) -> Axis:
        """Return what a text gives to a parameter.

        Raises:
            ConfigError: A range cannot be read, or stands where no number can.
        """
        parameter = self._find(path)
        parts = parts_of(parameter.shape.annotation) if parameter is not None else ()
        is_number = parameter is None or int in parts or float in parts
        if (
            parameter is not None
            and not is_number
            and is_span(text)
            and "TEXT" not in parameter.type
        ):
            raise ConfigError(
                f"--{path}={shown(text)}: a range is for numbers, and {path} is {_kind(parameter)}",
                hint=self._numbers_near(parameter),
            )
        return parse_axis(
            path,
            text,
            is_number=is_number,
            is_integer=parameter is None or float not in parts,
            is_search=self._is_search,
        )

    def text(self, path: str, value: object) -> str:
        """Return a value of a file as the text of a point: a string is itself, whatever signs are in it."""
        parameter = self._find(path)
        if parameter is None or (parameter.is_component and isinstance(value, str)):
            return value if isinstance(value, str) else write(value)
        try:
            return write(read_value(value, parameter.shape, typed=True), parameter.shape)
        except UnreadableValueError:  # told of when the point is resolved
            return value if isinstance(value, str) else write(value)

    def holds_table(self, path: str) -> bool:
        """Return whether a table of a file is one value of a parameter rather than values by name."""
        parameter = self._known.get(path)
        return parameter is not None and not parameter.is_component

    def _find(self, path: str) -> Parameter | None:
        return self._known.get(path.removesuffix(".kind")) or element(self._known, path)

    def _numbers_near(self, parameter: Parameter) -> str:
        """Return a hint at the parameters beside or below one that take a number."""
        place = parameter.path if parameter.is_component else parameter.group
        near = [
            f"--{item.path}"
            for item in self._known.values()
            if item.group == place and {int, float} & set(parts_of(item.shape.annotation))
        ]
        label = f"of {place} " if place else ""
        return f"parameters {label}that take a number: {', '.join(near[:6])}" if near else ""


def _kind(parameter: Parameter) -> str:
    if parameter.choices:
        return f"a choice of {', '.join(parameter.choices)}"
    return f"of type {parameter.type}"
