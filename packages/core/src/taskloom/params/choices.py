"""Choice of components, read off the layers before the options of a command can be known."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from taskloom.config import Config
from taskloom.params.layer import COMMAND_LINE, Layer
from taskloom.params.layers import argument_layers, environment_layers, file_layers
from taskloom.params.merge import merge
from taskloom.params.tree import Parameter, walk


def find_choices(
    config_class: type[Config],
    words: Sequence[str] = (),
    *,
    base: Sequence[Layer] = (),
    files: Sequence[Path] = (),
    environ: Mapping[str, str] | None = None,
    source: str = COMMAND_LINE,
) -> dict[str, str]:
    """Return the component chosen at each place, by path, before anything else is known of the command line.

    Args:
        config_class: The task's config class.
        words: The words of a command line; everything but choices of components is passed over.
        base: The lowest layers, as in `resolve`.
        files: Config files.
        environ: The environment; the process's own if None.
        source: Place of the words in messages.

    Raises:
        UnknownNameError: A component does not exist.
        ConfigError: A file cannot be read.
    """
    environment = environment_layers(config_class, os.environ if environ is None else environ)
    below = [*base, *file_layers(files), *environment]
    chosen = merge(config_class, below, lenient=True).chosen
    said: dict[str, str] = {}
    while True:
        # A component may hold places of its own, which are known once it is chosen.
        places = [item for item in walk(config_class, chosen) if item.is_component]
        found = {
            item.path: value
            for item in places
            if (value := said_in(words, item.path, is_part=item.shape.variants is None)) is not None
        }
        if found == said:
            return chosen
        said = found
        chosen = merge(config_class, [*below, *argument_layers(said, source)], lenient=True).chosen


def find_alternatives(
    config_class: type[Config],
    values: Mapping[str, Sequence[str]],
    *,
    files: Sequence[Path] = (),
    environ: Mapping[str, str] | None = None,
    source: str = COMMAND_LINE,
) -> list[dict[str, str]]:
    """Return every combination of components that lists of values lead to: what is chosen at each place, by path.

    Args:
        config_class: The task's config class.
        values: What is said of each parameter, one value or several; everything but choices of components is passed over.
        files: Config files.
        environ: The environment; the process's own if None.
        source: Place of the values in messages.

    Raises:
        UnknownNameError: A component does not exist.
        ConfigError: A file cannot be read.
    """
    lists = {path.removesuffix(".kind"): texts for path, texts in values.items()}
    found: list[dict[str, str]] = []

    def visit(said: dict[str, str]) -> None:
        words = [f"--{path}={text}" for path, text in said.items()]
        chosen = find_choices(config_class, words, files=files, environ=environ, source=source)
        # A component may hold places of its own, which are known once it is chosen.
        places = [item for item in walk(config_class, chosen) if item.is_component]
        waiting = [item.path for item in places if item.path not in said]
        place = next((path for path in waiting if path in lists), None)
        part = next((path for path in _brought_in(places, lists) if path in waiting), None)
        if part is not None:
            visit({**said, part: "{}"})
        elif place is not None:
            for text in dict.fromkeys(lists[place]):
                visit({**said, place: text})
        elif chosen not in found:
            found.append(chosen)

    visit({})
    return found


def _brought_in(places: Iterable[Parameter], paths: Collection[str]) -> list[str]:
    """Return the places of parts that an option below them brings in and that nothing else decides: `saucer.diameter`."""
    return [
        item.path
        for item in places
        if item.shape.variants is None
        and item.path not in paths
        and any(path.startswith(f"{item.path}.") for path in paths)
    ]


class Applicable:
    """Filter of a point's values by the components that the point chooses.

    A sweep over `detector=mahalanobis,spectral` may vary `detector.rank`, which mahalanobis does not have: there it is left out.

    Args:
        config_class: The task's config class.
        values: Every value that any point gives to each parameter.
        files: Config files.
        environ: The environment; the process's own if None.
        source: Place of the values in messages.

    Attributes:
        alternatives: Every combination of components that the values lead to: what is chosen at each place, by path.
    """

    def __init__(
        self,
        config_class: type[Config],
        values: Mapping[str, Sequence[str]],
        *,
        files: Sequence[Path] = (),
        environ: Mapping[str, str] | None = None,
        source: str = COMMAND_LINE,
    ) -> None:
        self._config_class, self._files, self._environ = config_class, files, environ
        self.alternatives = find_alternatives(
            config_class, values, files=files, environ=environ, source=source
        )
        walked = [item for chosen in self.alternatives for item in walk(config_class, chosen)]
        self._anywhere = {item.path for item in walked}
        self._places = {item.path for item in walked if item.is_component}
        self._here: dict[tuple[str, ...], set[str]] = {}

    def to(self, point: Mapping[str, str]) -> dict[str, str]:
        """Return the values of a point without those that belong to a component of other points alone."""
        if len(self.alternatives) == 1:
            return dict(point)
        # of other options the name alone counts: it may bring a part in
        words = tuple(
            f"--{path}={text if self._is_choice(path) else ''}" for path, text in point.items()
        )
        if words not in self._here:
            chosen = find_choices(
                self._config_class, words, files=self._files, environ=self._environ
            )
            self._here[words] = {item.path for item in walk(self._config_class, chosen)}
        elsewhere = self._anywhere - self._here[words]
        return {path: text for path, text in point.items() if not _is_below(path, elsewhere)}

    def outermost_first(self, paths: Iterable[str]) -> list[str]:
        """Return paths of parameters with those that choose components in front, the outer ones before the inner ones."""
        return sorted(paths, key=lambda path: path.count(".") if self._is_choice(path) else 99)

    def _is_choice(self, path: str) -> bool:
        return path.removesuffix(".kind") in self._places


def _is_below(path: str, places: Collection[str]) -> bool:
    """Return whether a path is one of some places, or an element of what is there."""
    names = path.removesuffix(".kind").split(".")
    return any(".".join(names[:count]) in places for count in range(1, len(names) + 1))


def said_in(words: Sequence[str], path: str, *, is_part: bool = False) -> str | None:
    """Return what `--path=value` or `--path value` says last, or None.

    Args:
        words: The words of a command line.
        path: The place of a component.
        is_part: Whether it can hold one thing only, which an option below it brings in: `--saucer.diameter=3`.
    """
    value = None
    for position, word in enumerate(words):
        for option in (f"--{path}", f"--{path}.kind"):
            if word.startswith(f"{option}="):
                value = word[len(option) + 1 :]
            elif word == option and not (rest := [*words[position + 1 :], "--"])[0].startswith(
                "--"
            ):
                value = rest[0]
    if value is None and is_part and any(word.startswith(f"--{path}.") for word in words):
        return "{}"
    return value
