"""Opening of files below a run folder: regular files only, and no link is followed, neither at the end nor on the way."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

from taskloom.errors import RunCorruptError
from taskloom.records.limits import DOCUMENT
from taskloom.system.below import NOT_REGULAR, leads_on, place_of

Kind: TypeAlias = Literal["file", "folder", "missing", "other"]
"""Kinds of what a name stands for; links, pipes, sockets and devices are all `other`."""

UNREADABLE = "cannot be read"
"""Words in the reason of a damage that may pass without a change of the file: a permission, a disk."""


def open_file(folder: Path, name: str) -> BinaryIO:
    """Open a regular file below a run folder for reading.

    Args:
        folder: The run folder.
        name: The file's name below it, with `/` between folders.

    Raises:
        RunCorruptError: It is missing, cannot be read, is no regular file, or lies behind a link.
    """
    try:
        with place_of(folder, name) as place:
            return os.fdopen(place.open_regular(), "rb")
    except (OSError, ValueError) as error:
        raise damage(folder, name, error) from None


def read_bytes(folder: Path, name: str, limit: int = DOCUMENT) -> bytes:
    """Return the content of a regular file below a run folder.

    Args:
        folder: The run folder.
        name: The file's name below it.
        limit: Size above which the file is refused [bytes].

    Raises:
        RunCorruptError: As `open_file`, or the file is too large.
    """
    try:
        with open_file(folder, name) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise damage(folder, name, error) from None
    if len(data) > limit:
        raise damage(folder, name, ValueError(f"is larger than {limit:,} bytes"))
    return data


def stat_file(folder: Path, name: str) -> os.stat_result | None:
    """Return what the system knows of a regular file below a run folder; None for anything else."""
    try:
        with place_of(folder, name) as place:
            found = place.status()
    except (OSError, ValueError):
        return None
    return found if _kind(found) == "file" else None


def kind_of(folder: Path, name: str) -> Kind:
    """Return what a name below a run folder stands for; what lies behind a link or cannot be looked at is `other`."""
    try:
        with place_of(folder, name) as place:
            return _kind(place.status())
    except FileNotFoundError:
        return "missing"
    except (OSError, ValueError):
        return "other"


def name_below(path: Path, folder: Path) -> str:
    """Return the name of a path below a run folder; empty if it leads elsewhere. No link is looked at.

    Args:
        path: A path, absolute or relative to the folder.
        folder: The run folder, absolute.
    """
    whole = os.path.normpath(folder / path)
    root = os.path.normpath(folder)
    return whole[len(root) + 1 :].replace(os.sep, "/") if whole.startswith(root + os.sep) else ""


def list_folder(folder: Path, name: str = "") -> dict[str, Kind]:
    """Return the kinds of what lies in a folder below a run folder, by name.

    Args:
        folder: The run folder.
        name: The folder's name below it; empty for the run folder itself.

    Raises:
        FileNotFoundError: There is no such folder.
        RunCorruptError: It cannot be read, is no folder, or lies behind a link.
    """
    try:
        # A name more than the folder's own: what is opened is then the folder itself.
        with place_of(folder, f"{name}/x" if name else "x") as place:
            return {entry: _kind(found) for entry, found in place.siblings().items()}
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise damage(folder, name, error) from None


def walk_files(folder: Path, name: str) -> Iterator[str]:
    """Yield the names of all files below a folder, relative to it.

    Raises:
        RunCorruptError: Something there is neither a regular file nor a folder, or cannot be read.
    """
    waiting = [""]
    while waiting:
        inner = waiting.pop()
        for entry, kind in list_folder(folder, "/".join(filter(None, (name, inner)))).items():
            found = f"{inner}/{entry}" if inner else entry
            if kind == "folder":
                waiting.append(found)
            elif kind == "file":
                yield found
            else:
                raise RunCorruptError(
                    f"{folder / name / found} is no plain file; a checkpoint holds only plain files."
                )


def damage(folder: Path, name: str, error: Exception) -> RunCorruptError:
    """Return the error of a file that cannot be read or does not hold what it should."""
    path = folder / name
    if isinstance(error, FileNotFoundError):
        return RunCorruptError(f"{path} is missing.", reason=f"{name} missing")
    if not isinstance(error, OSError):
        told = str(error)
    elif error.errno in (errno.ELOOP, errno.ENOTDIR):  # a link to a folder is either, by system
        told = "is a link or lies behind one, or its folder is none"
    elif error.errno == errno.EINVAL and error.strerror == NOT_REGULAR:
        told = NOT_REGULAR
    else:
        told = f"{UNREADABLE}: {(error.strerror or str(error)).lower()}"
    return RunCorruptError(f"{path} {told}.", reason=f"{name} {told}")


def _kind(found: os.stat_result) -> Kind:
    if leads_on(found):
        return "other"
    if stat.S_ISREG(found.st_mode):
        return "file"
    return "folder" if stat.S_ISDIR(found.st_mode) else "other"
