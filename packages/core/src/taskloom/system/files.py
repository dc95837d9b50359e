"""Files: opened without following links, renamed although a scanner holds them, named as every system allows."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from pathlib import Path

# 0 where the system lacks the flag. O_BINARY exists on Windows only, which would otherwise translate line ends.
NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_CLOSE_ON_EXEC: int = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0)
_BINARY: int = getattr(os, "O_BINARY", 0)
_NO_WAIT: int = getattr(os, "O_NONBLOCK", 0)
_FOLDER: int = getattr(os, "O_DIRECTORY", 0)

_SCANNER_PATIENCE = 2.0  # [s]
_REPARSE_POINT = 0x400  # of Windows: links, junctions, placeholders of synchronised folders
_BUSY = {errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK}
# A file of such a name is a device on Windows, whatever its suffix.
_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"}
_DEVICES |= {f"{port}{number}" for port in ("com", "lpt") for number in "0123456789"}
_FORBIDDEN = set('<>:"|?*\\')


def open_plain(path: Path, flags: int, mode: int = 0o666) -> int:
    """Open a file whose name is no link, and keep it from child processes.

    Args:
        path: The file; folders above it may be links.
        flags: The `os.O_*` flags that every system has.
        mode: Permissions of a file that is made, before the umask.

    Returns:
        The descriptor.

    Raises:
        OSError: It is a link (`ELOOP`), or the system refuses.
    """
    found = None if NO_FOLLOW else _plain_status(path)
    descriptor = os.open(path, flags | NO_FOLLOW | _CLOSE_ON_EXEC | _BINARY, mode)
    if found is not None and not os.path.samestat(found, os.fstat(descriptor)):
        os.close(descriptor)
        raise OSError(errno.ELOOP, "replaced while it was opened", str(path))
    return descriptor


def open_regular(path: Path) -> int:
    """Open a file for reading, which must be no link, pipe or device; nothing waits.

    Raises:
        OSError: It is none (`ELOOP`, `EINVAL`), or the system refuses.
    """
    descriptor = open_plain(path, os.O_RDONLY | _NO_WAIT)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    return descriptor


def _plain_status(path: Path) -> os.stat_result | None:
    """Return the status of what the name itself names; None if there is nothing, an error if it is a link."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode) or getattr(status, "st_file_attributes", 0) & _REPARSE_POINT:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return status


def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Read up to `size` bytes from an offset [bytes]; the position of the descriptor may move."""
    if hasattr(os, "pread"):
        return os.pread(descriptor, size, offset)
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, size)


def write_at(descriptor: int, data: bytes, offset: int) -> int:
    """Write at an offset [bytes] and return the number of bytes written; the position of the descriptor may move."""
    if hasattr(os, "pwrite"):
        return os.pwrite(descriptor, data, offset)
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.write(descriptor, data)


def fsync_folder(folder: Path) -> None:
    """Make a rename inside the folder durable; systems and file systems that cannot are left alone."""
    if not _FOLDER:
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | _FOLDER | _CLOSE_ON_EXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def replace(source: Path, target: Path) -> None:
    """Rename a file or folder, over a file that exists; on Windows for 2 s again while a scanner or reader holds it open.

    Raises:
        OSError: The system refuses.
    """
    deadline = time.monotonic() + (_SCANNER_PATIENCE if _has_scanners() else 0.0)
    while True:
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.02)


def _has_scanners() -> bool:
    return os.name == "nt"


def is_flocked(descriptor: int) -> bool | None:
    """Return whether another descriptor holds an exclusive lock of the file; None where the system or file system cannot tell."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        # Shared, and for an instant: two that ask at once do not see each other.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    except OSError as error:
        return True if error.errno in _BUSY else None
    return False


def unportable(part: str) -> str:
    """Return the reason why a file name is none on some system; empty if every system takes it.

    unportable("nul.txt")
    'is the name of a device on Windows'
    """
    if part.split(".", maxsplit=1)[0].rstrip(" ").lower() in _DEVICES:
        return "is the name of a device on Windows"
    if part.endswith((".", " ")):
        return "ends in a dot or a blank, which Windows drops"
    odd = sorted(_FORBIDDEN & set(part))
    return f"holds {odd[0]!r}, which Windows refuses" if odd else ""
