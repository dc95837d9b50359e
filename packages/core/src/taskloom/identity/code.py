"""Code that ran: the sources of the modules that count, as they were when core first saw them imported.

A module is read once in a process. An edit after its import is an edit of other code than that which runs here, so it must not
be taken for it.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from taskloom.errors import RunCorruptError
from taskloom.identity.absent import absent_modules
from taskloom.identity.canonical import Form
from taskloom.identity.filecache import FileCache, by_time
from taskloom.identity.machine import CUDA, LIBRARIES
from taskloom.identity.roots import CORE, Roots, base_of, module_files
from taskloom.records.documents import read_object
from taskloom.registry.entries import Given
from taskloom.runs.writer import atomic_write_json

NAME = "code.json"
CELL, CELL_FILE = "cell", "cell.py"
"""Root and file of the source of a notebook's class, which lies in no folder."""
FORMAT = 1
DATA_LIMIT = 64 * 2**20  # [bytes]
_SUFFIX = re.compile(rb"\.[A-Za-z0-9]{1,8}\b")
_NO_DATA = (".py", ".pyc", ".pyo", ".pyi", ".nbi", ".nbc")


@dataclass(frozen=True, slots=True)
class CodeFile:
    """A file of the code that ran.

    Attributes:
        dist: The distribution that it belongs to; empty where none is known.
        root: The top-level module beside or in which it lies; of a task that is not installed its folder, or `cell`.
        file: Its path relative to the folder that holds the root, or that is the root.
        sha256: Its digest; size and time of data beyond the limit; empty for a module that was asked for and is not there.
    """

    dist: str
    root: str
    file: str
    sha256: str

    @classmethod
    def from_json(cls, value: Any) -> CodeFile:  # noqa: ANN401 -- what a file holds
        """Return the row that a file holds.

        Raises:
            RunCorruptError: It is none.
        """
        try:
            found = cls(**{name: value[name] for name in ("dist", "root", "file", "sha256")})
        except (TypeError, KeyError):
            raise RunCorruptError("a row of code.json is damaged.") from None
        if not all(isinstance(getattr(found, name), str) for name in cls.__slots__):
            raise RunCorruptError("a row of code.json is damaged.")
        return found


@dataclass(frozen=True, slots=True)
class _Noted:
    sha: str
    source: bytes
    stamp: tuple[int, int]
    spec: object


_noted: dict[str, _Noted] = {}


Counted = Sequence[tuple[str, str]]
"""Name and file of each module that counts."""


def counted_modules(roots: Roots) -> Counted:
    """Return the imported modules that count."""
    return list(_counted(roots))


def note_modules(roots: Roots, counted: Counted | None = None) -> list[str]:
    """Read the sources of imported modules that count and were not read before; return the files that changed since then.

    A module that was imported or reloaded anew has another spec, and is read again.

    Args:
        roots: The code that counts.
        counted: The modules of it, where they are known.
    """
    edited: list[str] = []
    for name, file in counted_modules(roots) if counted is None else counted:
        known = _noted.get(file)
        try:
            found = os.stat(file)
            stamp = (found.st_size, found.st_mtime_ns)
            spec = getattr(sys.modules[name], "__spec__", None)
            if known is not None and known.spec is spec:
                if known.stamp != stamp and _sha(Path(file).read_bytes()) != known.sha:
                    edited.append(file)
                continue
            source = Path(file).read_bytes()
        except OSError:
            continue
        sha = _sha(source)
        if _is_older_code(name, found):
            edited.append(file)
            sha = f"edited:{sha}"  # what was loaded cannot be known any more, and equals nothing
        _noted[file] = _Noted(sha, source, stamp, spec)
    return edited


def _is_older_code(name: str, found: os.stat_result) -> bool:
    """Return whether the bytecode that an import wrote was compiled from another source than that which lies there now."""
    module = sys.modules.get(name)
    cached, file = (str(getattr(module, word, "")) for word in ("__cached__", "__file__"))
    # Where both are one, there is no source.
    if sys.dont_write_bytecode or cached == file or not os.access(cached, os.W_OK):
        return False
    try:
        with open(cached, "rb") as bytecode:
            _, flags, mtime, size = struct.unpack("<4sIII", bytecode.read(16))
    except (OSError, struct.error):
        return False
    now = int(found.st_mtime) & 0xFFFFFFFF, found.st_size & 0xFFFFFFFF
    return flags == 0 and (mtime, size) != now


def loaded_digest(path: str) -> str | None:
    """Return the digest of a module's source as this process loaded it; None if it did not."""
    known = _noted.get(path)
    return known.sha if known else None


def forget_source(file: str) -> None:
    """Forget a module that is to be loaded anew."""
    _noted.pop(file, None)


def code_rows(roots: Roots, files: FileCache, counted: Counted | None = None) -> list[CodeFile]:
    """Return every file that counts: the modules imported so far, and the data beside them, sorted.

    Args:
        roots: The code that counts.
        files: The digests that are known.
        counted: The modules of it, where they are known.
    """
    found: dict[tuple[str, str], CodeFile] = {}
    places: dict[str, bool] = {}
    for name, file in counted_modules(roots) if counted is None else counted:
        known, top = _noted.get(file), name.partition(".")[0]
        if known is None:
            continue
        places[top] = base_of(top)[1]
        for row in (_row(roots, top, file, known.sha), *_absent(roots, name, top, file)):
            found[row.root, row.file] = row
    # Flat modules of one folder share what lies beside them.
    owners = {base_of(top)[0] if not is_package else top: top for top, is_package in places.items()}
    for top in owners.values():
        if top != CORE:
            for row in _data(top, places[top], roots, files):
                found[row.root, row.file] = row
    for row in _of_cell(roots, files):
        found[row.root, row.file] = row
    return [found[key] for key in sorted(found)]


def _absent(roots: Roots, name: str, top: str, file: str) -> Iterator[CodeFile]:
    """Yield rows for what a module asks for and does not find, where it would count."""
    for parent, path in absent_modules(name, _noted[file].source, roots.folders_beside(top, file)):
        owner, place = parent.partition(".")[0] or top, f"{path}.py"
        if owner != CORE and (owner in roots.packages or roots.is_beside(owner, place)):
            yield _row(roots, owner, place, "")


def _row(roots: Roots, top: str, file: str, sha: str) -> CodeFile:
    base, _ = base_of(top)
    root = base if roots.is_beside(top, file) else top
    return CodeFile(_dist(roots, top), root, _relative(file, base), sha)


def sources(roots: Roots, counted: Counted) -> Iterator[tuple[str, bytes]]:
    """Yield digest and bytes of the sources that count."""
    for _, file in counted:
        known = _noted.get(file)
        if known is not None:
            yield known.sha, known.source
    if roots.given is not None and roots.given.source:
        source = roots.given.source.encode()
        yield _sha(source), source


def cell_digest(given: Given) -> str:
    """Return the digest of the source of a class of a notebook."""
    return _sha(given.source.encode())


@dataclass(frozen=True, slots=True)
class Code:
    """Everything that ran besides the config: what `code.json` holds.

    Attributes:
        files: The files that count.
        opened: Digests of files that the code read without a field that names them, by absolute path.
        packages: Versions of the distributions that count.
        python: The version of Python that counts: `3.11`.
        device: The kind of device that was used: `cpu`, `cuda` or `mps`.
        could: The kind that its libraries could have used; empty where no such library was imported, or none was noted.
    """

    files: tuple[CodeFile, ...] = ()
    opened: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    device: str = ""
    could: str = ""

    def write(self, folder: Path) -> None:
        """Write `code.json` into a run's folder.

        Raises:
            StoreError: It cannot be written.
        """
        atomic_write_json(folder / NAME, {"format": FORMAT, **asdict(self)})

    def after(self, earlier: Code) -> Code:
        """Return this code of an attempt with what only the attempt before it used: a run depends on both."""
        roots = {row.root for row in self.files}
        # The data beside code is listed whether it was used or not.
        used = (row for row in earlier.files if row.file.endswith(".py") or row.root not in roots)
        files = {(row.root, row.file): row for row in (*used, *self.files)}
        return Code(
            files=tuple(files[key] for key in sorted(files)),
            opened={**earlier.opened, **self.opened},
            packages={**earlier.packages, **self.packages},
            python=self.python,
            device=self.device,
            could=self.could,
        )

    def form(self) -> Form:
        """Return what counts, in canonical form."""
        return {
            "files": [[row.dist, row.file, row.sha256] for row in self.files],
            "opened": sorted(self.opened.values()),
            "packages": dict(self.packages),
            "python": self.python,
            "device": self.device,
        }


def read_code(folder: Path) -> Code | None:
    """Read the code of a run; None if none was written.

    Raises:
        RunCorruptError: The file is damaged.
    """
    path = folder / NAME
    if path.is_symlink() or not path.is_file():
        return None
    value = read_object(folder, NAME)
    tables: dict[str, Any] = {name: value.get(name) for name in ("opened", "packages")}
    texts: dict[str, Any] = {name: value.get(name) for name in ("python", "device")}
    if "could" not in value:  # an older taskloom did not note it: whatever the machine had was used
        value["could"] = (
            CUDA if any(name in LIBRARIES for name in value.get("packages") or ()) else ""
        )
    texts["could"] = value["could"]
    files = value.get("files")
    if not isinstance(files, list) or not all(isinstance(item, str) for item in texts.values()):
        raise RunCorruptError(f"{path} is damaged: a field is of another type.")
    for table in tables.values():
        if not isinstance(table, dict) or not all(isinstance(x, str) for x in table.values()):
            raise RunCorruptError(f"{path} is damaged: a field is no table of texts.")
    return Code(tuple(CodeFile.from_json(row) for row in files), **tables, **texts)


def place_of(row: CodeFile, given: Given | None = None) -> Path | None:
    """Return where a file of code would be found now; None where its root is not installed.

    Args:
        row: The file.
        given: Place of the task that is asked for, if it is not installed: its folder may be another one than then.
    """
    if row.root == CELL:
        return None
    if os.path.isabs(row.root):
        base = given.base if given is not None and given.base else row.root
    else:
        base = base_of(row.root)[0] if row.root.isidentifier() else ""
    return Path(os.path.normpath(os.path.join(base, row.file))) if base else None


def code_paths(code: Code) -> list[Path]:
    """Return the place of each file of code, in their order."""
    return [place_of(row) or Path(row.file) for row in code.files]


def _counted(roots: Roots) -> Iterator[tuple[str, str]]:
    return (found for found in module_files(list(sys.modules)) if roots.count(*found))


def _data(top: str, is_package: bool, roots: Roots, files: FileCache) -> Iterator[CodeFile]:
    """Yield the files of a package that are no Python; of a flat module those beside it that its source may mean."""
    base, _ = base_of(top)
    dist, size = _dist(roots, top), 0
    is_beside = roots.given is not None and base == roots.given.base
    if is_package:
        entries = sorted(_walk(os.path.join(base, top)), key=lambda entry: entry.path)
    elif is_beside or f"{base}{os.sep}" in roots.folders:
        meant = _meant(base)
        entries = [entry for entry in _here(base) if _is_meant(entry.name, meant)]
    else:
        return
    root = base if is_beside else top
    for entry in entries:
        try:
            found = entry.stat()
            size += found.st_size
            sha = files.digest(Path(entry.path), found) if size <= DATA_LIMIT else by_time(found)
        except OSError:
            continue
        yield CodeFile(dist, root, _relative(entry.path, base), sha)


def _of_cell(roots: Roots, files: FileCache) -> Iterator[CodeFile]:
    """Yield the source of a class of a notebook, and the files beside the notebook that it may mean."""
    given = roots.given
    if given is None or not given.source:
        return
    yield CodeFile("", CELL, CELL_FILE, cell_digest(given))
    meant = given.source.encode()
    for entry in _here(given.base):
        if _is_meant(entry.name, meant):
            with suppress(OSError):
                found = entry.stat()
                is_small = found.st_size <= DATA_LIMIT
                sha = files.digest(Path(entry.path), found) if is_small else by_time(found)
                yield CodeFile("", given.base, entry.name, sha)


def _meant(folder: str) -> bytes:
    """Return the sources of the flat modules of a folder, in which names and suffixes of its data stand."""
    return b"\n".join(
        known.source for file, known in _noted.items() if os.path.dirname(file) == folder
    )


def _is_meant(name: str, source: bytes) -> bool:
    suffix = os.path.splitext(name)[1].encode()
    is_named = re.search(rb"(?<!\w)" + re.escape(name.encode()) + rb"(?!\w)", source)
    return bool(is_named) or (len(suffix) > 1 and suffix in _SUFFIX.findall(source))


def _walk(folder: str) -> Iterator[os.DirEntry[str]]:
    yield from _here(folder)
    try:
        with os.scandir(folder) as found:
            folders = [entry.path for entry in found if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for path in folders:
        if not os.path.basename(path).startswith((".", "__pycache__")):
            yield from _walk(path)


def _here(folder: str) -> list[os.DirEntry[str]]:
    """Return the data files directly in a folder."""
    try:
        with os.scandir(folder) as found:
            return [
                entry
                for entry in found
                if not entry.name.startswith(".")
                and not entry.name.endswith(_NO_DATA)
                and entry.is_file()
            ]
    except OSError:
        return []


def _dist(roots: Roots, top: str) -> str:
    return "taskloom-core" if top == CORE else roots.packages.get(top, "")


def _relative(file: str, base: str) -> str:
    return os.path.relpath(file, base).replace(os.sep, "/")


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
