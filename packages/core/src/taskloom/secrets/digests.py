"""The keyed digest of a secret: tells two values apart, and cannot be guessed by a reader of the store.

A plain digest of a short password is found by trying words. The key lies in the configuration folder of the user and never in
a store: beside the digests it would allow guessing again.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import os
import secrets
import sys
from functools import cache
from pathlib import Path

_log = logging.getLogger(__name__)

KEY_BYTES = 32
_DOMAIN = b"taskloom-secret-v1\0"


def keyed_digest(value: str | bytes) -> str:
    """Return the HMAC-SHA256 (hexadecimal) of a secret value under this user's key.

    Where the key can be neither read nor made, one of this process alone stands in, and a line says so once: digests then
    equal those of no other process, so that no run is taken for another.
    """
    return digest_under(_key(), value)


def digest_under(key: bytes, value: str | bytes) -> str:
    """Return the HMAC-SHA256 (hexadecimal) of a secret value under a key.

    >>> digest_under(bytes(range(32)), "sk-test")[:16]
    'b12fa6b1cebcb5df'
    """
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return hmac.new(key, _DOMAIN + data, "sha256").hexdigest()


def key_file() -> Path:
    """Return the path of this user's key.

    Raises:
        RuntimeError: This user has no home folder.
    """
    variable = "APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME"
    set_folder = os.environ.get(variable, "")
    if os.path.isabs(set_folder):
        folder = Path(set_folder)
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Application Support"
    else:
        folder = Path.home() / ".config"
    return folder / "taskloom" / "secret-key"


@cache
def _key() -> bytes:
    try:
        path = key_file()
        with contextlib.suppress(FileExistsError):  # made before, perhaps a moment ago
            if not path.exists():
                _make_key(path)
        return _read_key(path)
    except (OSError, RuntimeError, ValueError) as error:
        _log.warning(
            "the key for secrets cannot be used (%s): runs with secrets are not reused", error
        )
        return secrets.token_bytes(KEY_BYTES)


def _make_key(path: Path) -> None:
    """Make the key file complete under its name, or not at all: two commands may begin at once."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise
        except (
            OSError
        ):  # a file system without hard links; the loser of a race uses the winner's next time
            os.rename(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def _read_key(path: Path) -> bytes:
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        if os.name != "nt" and found.st_mode & 0o077:
            # A copy of the folder may have lost the mode; a key that others read protects nothing from them.
            os.chmod(path, 0o600)
        key = file.read(KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        raise ValueError(f"{path} does not hold {KEY_BYTES} bytes")
    return key
