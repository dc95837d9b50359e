"""Which components are chosen: read off the layers before the options of a command can be known."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from taskloom.config import Config
from taskloom.params.layers import argument_layers, environment_layers, file_layers
from taskloom.params.merge import merge
from taskloom.params.tree import walk


def find_choices(
    config_class: type[Config],
    words: Sequence[str] = (),
    *,
    files: Sequence[Path] = (),
    environ: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the component chosen at each place, by path, before anything else is known of the command line.

    Args:
        config_class: The task's config class.
        words: The words of a command line; everything but choices of components is passed over.
        files: Config files.
        environ: The environment; the process's own if None.

    Raises:
        UnknownNameError: A component does not exist.
        ConfigError: A file cannot be read.
    """
    environment = environment_layers(config_class, os.environ if environ is None else environ)
    below = [*file_layers(files), *environment]
    chosen = merge(config_class, below, lenient=True).chosen
    said: dict[str, str] = {}
    while True:
        # A component may hold places of its own, which are known once it is chosen.
        places = [item.path for item in walk(config_class, chosen) if item.is_component]
        found = {
            path: value
            for path, value in ((path, said_in(words, path)) for path in places)
            if value is not None
        }
        if found == said:
            return chosen
        said = found
        chosen = merge(config_class, [*below, *argument_layers(said)], lenient=True).chosen


def said_in(words: Sequence[str], path: str) -> str | None:
    """Return what `--path=value` or `--path value` says last, or None."""
    value = None
    for position, word in enumerate(words):
        for option in (f"--{path}", f"--{path}.kind"):
            if word.startswith(f"{option}="):
                value = word[len(option) + 1 :]
            elif word == option and position + 1 < len(words):
                value = words[position + 1]
    return value
