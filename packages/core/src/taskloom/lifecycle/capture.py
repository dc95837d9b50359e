"""Capture of all that a run prints, and its children: into the run's folder, and on to the terminal's stderr.

Descriptors 1 and 2 of the process become one pipe, which a thread reads. Where `sys.stdout` does not lead to descriptor 1, as in
a notebook, the descriptors are left alone and the streams of Python are copied. A debugger or a prompt gets the terminal back.
"""

from __future__ import annotations

import builtins
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from taskloom.lifecycle.console import Console
from taskloom.lifecycle.copies import Copies
from taskloom.lifecycle.descriptors import Descriptors
from taskloom.lifecycle.output import Output
from taskloom.lifecycle.output_file import SharedFile
from taskloom.lifecycle.terminal import leads_to


@dataclass
class _State:
    """Captures of this process at the moment: the runs of one thread, the innermost last."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    ways: list[Descriptors | Copies] = field(default_factory=list)
    owner: int = 0
    is_listening: bool = False


_STATE = _State()


@contextmanager
def captured(
    console: Console, why_not: str = "", file: SharedFile | None = None
) -> Iterator[Output]:
    """Capture what this process and its children print while the block runs.

    Args:
        console: Where to show it.
        why_not: A reason not to; empty for none.
        file: Where it goes if this process only computes along with the one that has the run.
    """
    reason = why_not or _obstacle()
    with _STATE.lock:
        here = threading.get_ident()
        if _STATE.ways and _STATE.owner != here:
            reason = reason or "another run of this process has the output"
        output = Output(console, reason, file)
        if reason:
            way = None
        else:
            is_own = leads_to(sys.stdout, 1) or sys.stdout is None
            way = Descriptors(output, console) if is_own else Copies(output, console)
            output.settle = way.drain
            _STATE.owner = here
            _STATE.ways.append(way)
    if way is None:
        yield output
        return
    _listen()
    asks = builtins.input
    way.start()
    builtins.input = _asking(asks)
    try:
        yield output
    finally:
        builtins.input = asks
        with _STATE.lock:
            _STATE.ways.remove(way)
        way.stop()


def not_kept(console: Console) -> str:
    """Return why a console keeps no output; empty if it does."""
    return "" if console.keeps_output else "--capture=no"


def _obstacle() -> str:
    """Return why the descriptors must be left alone; empty if nothing is in the way."""
    if sys.gettrace() is not None or os.environ.get("PYTHONBREAKPOINT", "0") not in ("", "0"):
        return "a debugger is at work"
    return ""


def _asking(asks: Any) -> Any:  # noqa: ANN401 -- the builtin function
    """Return an `input` that asks on the terminal."""

    def ask(prompt: object = "", /) -> str:
        if not _STATE.ways:
            return str(asks(prompt))
        with _STATE.ways[-1].released():
            return str(asks(prompt))

    return ask


def _listen() -> None:
    """Hear of debuggers; an audit hook hears before the debugger looks for its terminal, and stays for good."""
    if not _STATE.is_listening:
        _STATE.is_listening = True
        sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    del arguments
    if (
        event in ("builtins.breakpoint", "pdb.Pdb")
        and _STATE.ways
        and _STATE.owner == threading.get_ident()
    ):
        _STATE.ways[-1].release()
