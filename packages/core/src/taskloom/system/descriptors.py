"""Descriptors: copies that belong to this process alone, and standard ones that are never missing.

A child that is forked without a new program inherits every descriptor, close-on-exec or not: a copy of stdout that it keeps
open holds up every reader of ours.
"""

from __future__ import annotations

import contextlib
import os

_private: set[int] = set()


def private_copy(descriptor: int) -> int:
    """Return a copy of a descriptor, which forked children close at once.

    Raises:
        OSError: The descriptor is closed.
    """
    copy = os.dup(descriptor)
    _private.add(copy)
    return copy


def close_copy(copy: int) -> None:
    """Close a copy that `private_copy` made."""
    _private.discard(copy)
    os.close(copy)


def open_if_closed(descriptor: int) -> None:
    """Lead a closed descriptor to nowhere: the next file that is opened would be taken for it."""
    try:
        os.fstat(descriptor)
    except OSError:
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != descriptor:
            os.dup2(nowhere, descriptor)
            os.close(nowhere)


def _close_all() -> None:
    for copy in _private:
        with contextlib.suppress(OSError):
            os.close(copy)
    _private.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all)
