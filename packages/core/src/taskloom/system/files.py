"""Files: opened without following links, renamed although a scanner holds them, named as every system allows."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from pathlib import Path, PurePosixPath

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


def open_beneath(root: Path, name: str) -> int:
    """Open a regular file below a folder for reading; no part of its name may be a link, and nothing waits.

    Args:
        root: A folder, reached by whatever name.
        name: A relative name with `/` between folders and without `..`.

    Returns:
        The descriptor.

    Raises:
        OSError: There is none, it leads out of the folder (`ELOOP`), or it is no regular file (`EINVAL`).
    """
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or name.startswith("/"):
        raise OSError(errno.ELOOP, "leads out of the folder", name)
    descriptor = _walk(root, parts) if _walks_by_descriptor() else _check_and_open(root, parts)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no regular file", name)
    return descriptor


def _walks_by_descriptor() -> bool:
    return bool(NO_FOLLOW and _FOLDER and os.open in getattr(os, "supports_dir_fd", ()))


def _walk(root: Path, parts: tuple[str, ...]) -> int:
    folder = os.open(root, os.O_RDONLY | _FOLDER | _CLOSE_ON_EXEC)
    try:
        for part in parts[:-1]:
            flags = os.O_RDONLY | _FOLDER | NO_FOLLOW | _CLOSE_ON_EXEC
            inner = os.open(part, flags, dir_fd=folder)
            os.close(folder)
            folder = inner
        flags = os.O_RDONLY | NO_FOLLOW | _NO_WAIT | _CLOSE_ON_EXEC
        return os.open(parts[-1], flags, dir_fd=folder)
    finally:
        os.close(folder)


def _check_and_open(root: Path, parts: tuple[str, ...]) -> int:
    """Open by name where there are no folder descriptors: each part is looked at, and the opened file must be the seen one."""
    path = root
    for part in parts[:-1]:
        path = path / part
        status = _plain_status(path)
        if status is None or not stat.S_ISDIR(status.st_mode):
            raise OSError(errno.ENOTDIR, "is no folder", str(path))
    path = path / parts[-1]
    status = _plain_status(path)
    if status is None:
        raise FileNotFoundError(errno.ENOENT, "is missing", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    return open_plain(path, os.O_RDONLY | _NO_WAIT)


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
    deadline = time.monotonic() + (_SCANNER_PATIENCE if os.name == "nt" else 0.0)
    while True:
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.02)


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
