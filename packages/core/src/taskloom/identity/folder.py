"""Digest of a folder: the names, kinds and contents of everything below it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Set
from pathlib import Path

from taskloom.errors import UsageError
from taskloom.identity.canonical import Form, digest_of
from taskloom.identity.filecache import FileCache

LEFT_OUT = frozenset({".git", "__pycache__", ".DS_Store"})
MOST_FILES = 10_000
MOST_BYTES = 10 * 2**30


def folder_digest(
    folder: Path,
    files: FileCache,
    *,
    field: str = "",
    by_time: bool = False,
    without: Set[str] = frozenset(),
) -> tuple[str, int]:
    """Return the digest of a folder, and the size of all its files [bytes].

    It is that of the sorted rows `[path, kind, size, digest]`; links inside are not followed.

    Args:
        folder: The folder.
        files: The digests that are known.
        field: The field of the config that names it, for messages.
        by_time: Take size and time of a file for its content.
        without: Absolute paths of files and folders to leave out, free of links.

    Raises:
        UsageError: It holds too much, or something that is neither file, folder nor link.
        OSError: Something in it cannot be read.
    """
    entries: list[tuple[str, os.stat_result]] = []
    size = 0
    for name, found in _entries(folder, "", _below(folder, without)):
        entries.append((name, found))
        size += found.st_size if stat.S_ISREG(found.st_mode) else 0
        if not by_time and (len(entries) > MOST_FILES or size > MOST_BYTES):
            raise UsageError(
                f"{field or 'a field'} names the folder '{folder}', which holds more than {MOST_FILES} files or 10 GiB; "
                "--inputs=mtime takes size and time of its files for their content."
            )
    rows: list[Form] = []
    for name, found in entries:
        path = folder / name
        if stat.S_ISREG(found.st_mode):
            sha = f"mtime:{found.st_mtime_ns}" if by_time else files.digest(path, found)
            rows.append([name, "file", found.st_size, sha])
        elif stat.S_ISLNK(found.st_mode):
            rows.append([name, "link", 0, os.readlink(path)])
        elif stat.S_ISDIR(found.st_mode):
            rows.append([name + "/", "folder", 0, ""])
        else:
            raise UsageError(
                f"{field or 'a field'} names the folder '{folder}', in which '{name}' is a pipe, a device or a socket."
            )
    return digest_of(sorted(rows)), size


def _below(folder: Path, paths: Set[str]) -> frozenset[str]:
    """Return those of the paths that lie below a folder, as `_entries` names them."""
    top = os.path.join(os.path.realpath(folder), "") if paths else ""
    below = (path.removeprefix(top) for path in paths if path.startswith(top))
    return frozenset(name.replace(os.sep, "/") for name in below)


def _entries(folder: Path, prefix: str, without: Set[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every file, every link and every empty folder, with its path below the folder."""
    with os.scandir(folder / prefix) as found:
        children = [entry for entry in found if entry.name not in LEFT_OUT]
    for entry in children:
        name = prefix + entry.name
        if name in without:
            continue
        if not entry.is_dir(follow_symlinks=False):
            yield name, entry.stat(follow_symlinks=False)
            continue
        inside = list(_entries(folder, f"{name}/", without))
        if inside:
            yield from inside
        elif not os.listdir(entry.path):
            yield name, entry.stat(follow_symlinks=False)
