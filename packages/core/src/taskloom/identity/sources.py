"""Sources of the code that ran, each once in a store, and the question whether an edit changes what is computed."""

from __future__ import annotations

import ast
import hashlib
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from taskloom.errors import RunCorruptError
from taskloom.records.files import read_bytes

FOLDER = ".code"
_HEX = frozenset("0123456789abcdef")
_DIGEST_LENGTH = 64


def keep_sources(store: Path, found: Iterable[tuple[str, bytes]]) -> None:
    """Write sources into a store, each under its digest; a store that cannot be written is left alone.

    Args:
        store: The store.
        found: Digest and bytes of each source.
    """
    for sha, source in found:
        path = source_path(store, sha)
        if path is None or path.exists() or any(map(Path.is_symlink, path.parents[:2])):
            continue
        _write(path, source)


def keep_copies(folder: Path, found: Iterable[tuple[str, bytes]]) -> None:
    """Write sources into a run's folder, each under its name; a folder that cannot be written is left alone.

    Args:
        folder: The folder.
        found: Relative name and bytes of each source.
    """
    for name, source in found:
        path = folder / name
        if ".." not in path.parts:
            _write(path, source)


def _write(path: Path, source: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(source)
        os.replace(temporary, path)


def source_path(store: Path, sha: str) -> Path | None:
    """Return the place of a source in a store; None for a text that is no digest."""
    if len(sha) != _DIGEST_LENGTH or not _HEX.issuperset(sha):
        return None
    return store / FOLDER / sha[:2] / sha


def kept_source(store: Path, sha: str) -> bytes | None:
    """Return a source that was kept; None if it was not, or if what stands in its place is another text."""
    path = source_path(store, sha)
    if path is None:
        return None
    try:
        source = read_bytes(Path(os.path.realpath(store)), path.relative_to(store).as_posix())
    except RunCorruptError:
        return None
    return source if hashlib.sha256(source).hexdigest() == sha else None


def is_cosmetic(before: bytes, after: bytes) -> bool:
    """Return whether two sources differ in layout, comments and documentation alone."""
    try:
        return meaning(before) == meaning(after)
    except (SyntaxError, ValueError, RecursionError):
        return False


def meaning(source: bytes) -> str:
    """Return the syntax tree of a source without docstrings and other texts that stand alone."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [item for item in body if not _is_bare_text(item)] or [ast.Pass()]  # type: ignore[attr-defined]  # every node with a list has it
    return ast.dump(tree)


def _is_bare_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
