"""`check_component`: what every component has to keep to, whatever its kind."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import create_model

from taskloom.config import Component, Config, OneOf
from taskloom.params.files import to_toml
from taskloom.params.layers import resolve
from taskloom.params.tree import walk
from taskloom.registry.components import component_refs, load_component
from taskloom.testing.report import failing


def check_component(group: str, name: str, /, **parameters: object) -> list[str]:
    """Check that a component is found by its name, can be chosen, and comes back from files as it was.

    Args:
        group: The entry-point group of its kind: `taskloom_anomaly.detectors`.
        name: Its name in the group; its package must be installed.
        **parameters: Parameters that it needs, or that shall survive a file.

    Returns:
        The names of the checks that passed.

    Raises:
        ConformanceError: A check failed; the message has one line for each.
        UnknownNameError: No such component is installed.
        PluginError: It does not load.
    """
    found = load_component(group, name)
    trial = _Trial(group, name, found, parameters)
    checks: dict[str, Callable[[], str | None]] = {
        "it builds": trial.builds,
        "it implements its kind": partial(_unfinished, found),
        "every parameter has a sentence": trial.sentences,
        "it survives TOML": trial.toml,
        "it survives JSON": trial.json,
        "it is found by its name in help": trial.in_help,
    }
    return failing(f"the component '{name}' of '{group}'", checks)


def _unfinished(found: type[Component]) -> str | None:
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        return f"it lacks {', '.join(missing)}"
    return None if vars(found).get("__doc__") else "its class has no docstring"


class _Trial:
    def __init__(
        self, group: str, name: str, found: type[Component], parameters: dict[str, object]
    ) -> None:
        self._group, self._name = group, name
        self._found, self._parameters = found, parameters

    @property
    def _component(self) -> Component:
        return self._found.model_validate(self._parameters)

    @cached_property
    def _config_class(self) -> type[Config]:
        """A config with one field that any component of the group can fill."""
        kind: Any = Annotated[Component, OneOf(self._group)]
        return create_model("Chosen", __base__=Config, part=(kind, self._component))

    @property
    def _config(self) -> Config:
        return self._config_class.model_validate({"part": self._component})

    def builds(self) -> str | None:
        """Make it twice; parameters alone decide what it is."""
        return None if self._component == self._component else "two made alike are not equal"

    def sentences(self) -> str | None:
        """Look for the sentence under each field."""
        parameters = walk(self._config_class, {"part": self._name})
        silent = [p.path for p in parameters if p.path.startswith("part.") and not p.help.strip()]
        return f"no sentence under the field of {', '.join(silent)}" if silent else None

    def toml(self) -> str | None:
        """Write it as a config file and read it again."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "config.toml"
            path.write_text(to_toml(self._config), encoding="utf-8", newline="\n")
            read = resolve(self._config_class, files=[path], environ={}).config
        return None if read == self._config else f"{self._config!r} came back as {read!r}"

    def json(self) -> str | None:
        """Write it as JSON and read it again."""
        read = self._config_class.model_validate(json.loads(self._config.model_dump_json()))
        return None if read == self._config else f"{self._config!r} came back as {read!r}"

    def in_help(self) -> str | None:
        """Look for it among the choices, with a sentence."""
        refs = {ref.name: ref.summary for ref in component_refs(self._group)}
        choices = [c for p in walk(self._config_class) if p.path == "part" for c in p.choices]
        if self._name not in choices:
            return f"help offers {', '.join(choices) or 'nothing'}"
        return None if refs.get(self._name, "").strip() else "it has no sentence in listings"
