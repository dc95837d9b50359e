"""Files of named arrays: `.npz` for records, safetensors for parameters; written at once or not at all, read without pickle.

The one module of core that knows numpy and safetensors, inside its functions: core itself requires neither.
"""

from __future__ import annotations

import math
import secrets
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from taskloom.errors import StoreError
from taskloom.system.files import replace

if TYPE_CHECKING:
    import numpy as np

Array: TypeAlias = "np.ndarray"
"""An array, for modules of core that name the type and know nothing of NumPy."""
ARRAYS = 2**30
"""Size of all arrays of one file of a record [bytes]."""
_LONGEST_NAME = 200
_MOST_ARRAYS = 100_000


def save_npz(path: Path, arrays: Mapping[str, np.ndarray], *, compressed: bool = True) -> None:
    """Write arrays into an `.npz` file, replacing it when all of it is on disk.

    Args:
        path: The file; its name is kept as it is.
        arrays: The arrays by name, of numbers, truth values or text.
        compressed: Whether to spend time on a smaller file.

    Raises:
        ValueError: A name is empty or leads elsewhere, or an array holds Python objects.
        StoreError: The file cannot be written; the previous one is intact.

    Example:
        >>> import numpy as np, tempfile
        >>> file = Path(tempfile.mkdtemp()) / "a.npz"
        >>> save_npz(file, {"x": np.arange(3)})
        >>> load_npz(file)["x"].tolist()
        [0, 1, 2]
    """
    import numpy as np  # heavy

    known = {name: np.asarray(array) for name, array in arrays.items()}
    for name, array in known.items():
        _check_name(name)
        if array.dtype.hasobject:
            raise ValueError(
                f"The array '{name}' holds Python objects, which only pickle could write."
            )
    save: Any = np.savez_compressed if compressed else np.savez

    def write(partial: Path) -> None:
        # An open file, because numpy appends `.npz` to a name that does not end so.
        with partial.open("wb") as file:
            # Before NumPy 2.2 these knew no `allow_pickle`, and wrote it as one more array; objects are refused above.
            save(file, **known)

    _replace(path, write)


def load_npz(path: Path | BinaryIO, *, limit: int | None = ARRAYS) -> dict[str, np.ndarray]:
    """Read all arrays of an `.npz` file, their headers first: a few bytes of a record may unpack to more than the memory.

    Args:
        path: The file, or one that is open: of a run, as `taskloom.records.files.open_file` opens it.
        limit: Size of all arrays together above which they are refused [bytes]; None for a file of one's own.

    Raises:
        StoreError: It is missing, is no such file, is too large, or holds pickled objects.
    """
    import numpy as np  # heavy

    try:
        if limit is not None:
            _check_headers(path, limit)
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except Exception as error:  # zipfile, numpy and zlib each have errors of their own for damage
        raise _unreadable(path, error) from error


def _check_headers(path: Path | BinaryIO, limit: int) -> None:
    """Refuse arrays whose headers promise more than the limit, or objects; of the arrays themselves nothing is unpacked.

    Raises:
        ValueError: So they do, or a member of the archive is no array.
    """
    import numpy as np  # heavy

    total = 0
    with zipfile.ZipFile(path) as archive:
        if len(archive.infolist()) > _MOST_ARRAYS:
            raise ValueError(f"it holds more than {_MOST_ARRAYS:,} arrays")
        for member in archive.infolist():
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                read: Any = np.lib.format.read_array_header_2_0
                if version == (1, 0):
                    read = np.lib.format.read_array_header_1_0
                shape, _, dtype = read(file)
            total += math.prod(shape) * dtype.itemsize
            if dtype.hasobject or total > limit:
                told = "Python objects" if dtype.hasobject else f"more than {limit:,} bytes"
                raise ValueError(f"its arrays hold {told}")
    if not isinstance(path, Path):
        path.seek(0)


def save_tensors(
    path: Path, tensors: Mapping[str, np.ndarray], facts: Mapping[str, str] | None = None
) -> None:
    """Write arrays into a safetensors file, replacing it when all of it is on disk.

    Args:
        path: The file.
        tensors: The arrays by name.
        facts: Texts by name, kept in the file's header.

    Raises:
        ValueError: A name is empty or leads elsewhere.
        StoreError: The file cannot be written; the previous one is intact.
    """
    import numpy as np  # heavy
    from safetensors.numpy import save_file  # heavy

    for name in tensors:
        _check_name(name)
    # In C order: safetensors writes memory as it lies, and would transpose any other.
    known = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    _replace(path, lambda partial: save_file(known, partial, dict(facts) if facts else None))


def load_tensors(path: Path | BinaryIO) -> dict[str, np.ndarray]:
    """Read all arrays of a safetensors file; they can be written to.

    Args:
        path: The file, or one that is open: of a run, as `taskloom.records.files.open_file` opens it.

    Raises:
        StoreError: It is missing, or is no such file.
    """
    import numpy as np  # heavy
    from safetensors.numpy import load, load_file  # heavy

    try:
        found = load_file(path) if isinstance(path, Path) else load(path.read())
        return {name: np.array(array, order="C") for name, array in found.items()}
    except (
        Exception
    ) as error:  # safetensors has one error for damage, the system another for absence
        raise _unreadable(path, error) from error


def _check_name(name: str) -> None:
    """Refuse names that a zip archive would turn into another path."""
    parts = name.split("/")
    if (
        not name
        or len(name) > _LONGEST_NAME
        or not name.isprintable()
        or {"", ".", ".."} & {*parts}
    ):
        raise ValueError(
            f"The name {name[:40]!r} of an array is not allowed: 1 to {_LONGEST_NAME} printable characters, no empty part, no '..'."
        )


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(partial)
            replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"Cannot write {path}: {error.strerror or error}.") from error


def _unreadable(file: Path | BinaryIO, error: Exception) -> StoreError:
    path = file if isinstance(file, Path) else "The file"
    if isinstance(error, FileNotFoundError):
        return StoreError(f"There is no file {path}.")
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return StoreError(f"{path} cannot be read: {first.rstrip('.')}.")
