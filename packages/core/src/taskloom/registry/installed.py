"""The entry points of installed distributions, read straight from their `entry_points.txt`.

`importlib.metadata` answers the same question, but importing it costs three times what the whole of `tasks list` may cost
(it pulls in the e-mail parser and the zip reader). A test holds the two to the same answer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from taskloom.own import FIRST_PARTY
from taskloom.plain import one_line

LONGEST = 200
"""Characters of a name or a summary that are shown."""
_SUFFIXES = (".dist-info", ".egg-info")


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """One line of an `entry_points.txt`.

    Attributes:
        name: Left of the equals sign.
        target: Right of it, `"package.module:attribute"`, without extras.
        distribution: The normalised name of the distribution.
        folder: The distribution's metadata folder.
    """

    name: str
    target: str
    distribution: str
    folder: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed distribution.

    Attributes:
        name: Its normalised name.
        folder: Its metadata folder.
        text: Its `entry_points.txt`; empty without one.
    """

    name: str
    folder: str
    text: str


_found: list[Distribution] | None = None
_frozen = False


def entry_points(group: str) -> list[EntryPoint]:
    """Return the entry points of a group, sorted by name and distribution, without the disabled ones.

    `TASKLOOM_DISABLE_PLUGINS` names distributions or entry points to leave out, separated by commas; `1` leaves out
    everything that is not taskloom's own.
    """
    disabled = os.environ.get("TASKLOOM_DISABLE_PLUGINS", "")
    points = [
        EntryPoint(name, target, distribution.name, distribution.folder)
        for distribution in distributions()
        if f"[{group}]" in distribution.text
        for name, target in _lines(distribution.text, group)
        if not _is_disabled(name, distribution.name, disabled)
    ]
    return sorted(points, key=lambda point: (point.name, point.distribution))


def named_targets(group: str) -> dict[str, str]:
    """Return the target of each name in a group; of two distributions with one name, taskloom's own counts, else the first."""
    found: dict[str, str] = {}
    for point in sorted(
        entry_points(group), key=lambda item: not is_first_party(item.distribution)
    ):
        found.setdefault(point.name, point.target)
    return dict(sorted(found.items()))


def is_first_party(distribution: str) -> bool:
    """Return whether a distribution is one of taskloom's own."""
    return distribution.removeprefix("taskloom-") in (*FIRST_PARTY, "core")


def plugin_packages() -> set[str]:
    """Return the top-level packages that entry points of other distributions than taskloom's own lead to."""
    return {
        target.partition(":")[0].partition(".")[0]
        for distribution in distributions()
        if not is_first_party(distribution.name)
        for group in _groups(distribution.text)
        for _, target in _lines(distribution.text, group)
    }


def summary_of(folder: str) -> str:
    """Return the one-line summary in a distribution's metadata, or an empty string."""
    for name in ("METADATA", "PKG-INFO"):
        try:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    if line.startswith("Summary:"):
                        return one_line(line.removeprefix("Summary:").strip(), LONGEST)
                    if not line.strip():  # the headers end here
                        break
        except OSError:
            continue
    return ""


def forget() -> None:
    """Read the installed distributions anew at the next question; has no effect after `freeze()`."""
    global _found  # noqa: PLW0603 -- the one cache of this module
    if not _frozen:
        _found = None


def freeze() -> None:
    """Take the plugins installed now for the rest of the process, so that a run cannot depend on a later installation."""
    global _frozen  # noqa: PLW0603 -- a process is frozen once
    distributions()
    _frozen = True


def normalised(name: str) -> str:
    """Return a distribution's name as package indexes compare it: lower case, with single hyphens."""
    pieces = name.lower().replace("_", "-").replace(".", "-").split("-")
    return "-".join(piece for piece in pieces if piece)


def distributions() -> list[Distribution]:
    """Return every installed distribution, the first of each name on the path."""
    global _found  # noqa: PLW0603 -- filled at the first question
    if _found is None:
        first: dict[str, Distribution] = {}
        for distribution in _scan():
            # The first one on the path is the one that Python imports.
            first.setdefault(distribution.name, distribution)
        _found = list(first.values())
    return _found


def _scan() -> Iterator[Distribution]:
    for place in dict.fromkeys(sys.path):
        try:
            names = sorted(os.listdir(place or "."))
        except OSError:  # a zip file, or a folder that is gone
            continue
        for file_name in names:
            stem, suffix = os.path.splitext(file_name)
            if suffix in _SUFFIXES:
                folder = os.path.join(place, file_name)
                yield Distribution(normalised(stem.partition("-")[0]), folder, _read(folder))


def _read(folder: str) -> str:
    try:
        with open(os.path.join(folder, "entry_points.txt"), encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):  # most distributions have none
        return ""


def _lines(text: str, group: str) -> Iterator[tuple[str, str]]:
    section = ""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif section == group and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield one_line(name.strip(), LONGEST), value.partition("[")[0].strip()


def _groups(text: str) -> list[str]:
    """Return the groups of taskloom and of its domains in a file of entry points."""
    lines = (line.strip() for line in text.splitlines())
    return [line[1:-1] for line in lines if line.startswith("[taskloom") and line.endswith("]")]


def _is_disabled(name: str, distribution: str, disabled: str) -> bool:
    words = [word.strip() for word in disabled.split(",")]
    if "1" in words and not is_first_party(distribution):
        return True
    return name in words or distribution in [normalised(word) for word in words]
