"""Opening of what lies below a folder that another person may have made: no link is followed, at the end or on the way.

A folder is opened by descriptor, and each part of a name below the one before, so nothing that is swapped meanwhile leads
elsewhere. Where the system has no such calls, each part is looked at first and compared with what was opened.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from taskloom.system.files import NO_FOLLOW

HAS_RELATIVE_OPEN: bool = {os.open, os.stat} <= set(getattr(os, "supports_dir_fd", ()))
NOT_REGULAR = "is no regular file"
_KEPT_SHUT: int = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0)
_KEPT_SHUT |= getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
# Without O_NONBLOCK the opening of a named pipe would wait for a writer for ever.
_FILE: int = os.O_RDONLY | NO_FOLLOW | _KEPT_SHUT | getattr(os, "O_NONBLOCK", 0)
_FOLDER: int = os.O_RDONLY | NO_FOLLOW | _KEPT_SHUT | getattr(os, "O_DIRECTORY", 0)
_REPARSE_POINT = 0x400  # of Windows: junctions are no symbolic links, and lead on as well


@dataclass(frozen=True, slots=True)
class NameBelow:
    """A name in a folder that is held open.

    Attributes:
        name: The last part of the name; the whole path where the system has no descriptors of folders.
        folder: The descriptor of the folder, or None.
    """

    name: str
    folder: int | None

    def status(self) -> os.stat_result:
        """Return what the system knows of the name itself.

        Raises:
            OSError: There is nothing of this name, or it cannot be looked at.
        """
        return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)

    def open_regular(self) -> int:
        """Open a regular file for reading and return its descriptor.

        Raises:
            OSError: It is a link (`ELOOP`), no regular file (`EINVAL`), or the system refuses.
        """
        # Looked at before as well: the mere opening of a device may do something.
        seen = self.status()
        _check_regular(seen)
        descriptor = os.open(self.name, _FILE, dir_fd=self.folder)
        try:
            found = os.fstat(descriptor)
            _check_regular(found)
            if self.folder is None and not os.path.samestat(seen, found):
                raise OSError(errno.ELOOP, "changed while it was opened")
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def siblings(self) -> dict[str, os.stat_result]:
        """Return what lies in the folder of the name, by name.

        Raises:
            OSError: The folder cannot be read.
        """
        where = self.folder if self.folder is not None else os.path.dirname(self.name)
        with os.scandir(where) as entries:
            return {entry.name: entry.stat(follow_symlinks=False) for entry in entries}


@contextmanager
def place_of(folder: Path, name: str) -> Iterator[NameBelow]:
    """Hold open the folder in which a name below another folder lies.

    Args:
        folder: The folder; no link itself.
        name: The name below it, with `/` between parts.

    Raises:
        OSError: A folder on the way is missing, a link (`ELOOP` or `ENOTDIR`), or no folder.
        ValueError: The name is empty, absolute, or leads out.
    """
    parts = name.split("/")
    if not {"", ".", ".."}.isdisjoint(parts) or "\0" in name:
        raise ValueError("is no name below the run folder")
    if not HAS_RELATIVE_OPEN:
        path = Path(folder)
        for part in ("", *parts[:-1]):
            path = path / part
            _check_folder(os.lstat(path))
        yield NameBelow(str(path / parts[-1]), None)
        return
    descriptor = os.open(folder, _FOLDER)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield NameBelow(parts[-1], descriptor)
    finally:
        os.close(descriptor)


def leads_on(found: os.stat_result) -> bool:
    """Return whether a name stands for another: a link, or a junction of Windows."""
    return stat.S_ISLNK(found.st_mode) or bool(
        getattr(found, "st_file_attributes", 0) & _REPARSE_POINT
    )


def _check_regular(found: os.stat_result) -> None:
    if leads_on(found):
        raise OSError(errno.ELOOP, "is a link")
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, NOT_REGULAR)


def _check_folder(found: os.stat_result) -> None:
    if leads_on(found):
        raise OSError(errno.ELOOP, "is a link")
    if not stat.S_ISDIR(found.st_mode):
        raise OSError(errno.ENOTDIR, "is no folder")
