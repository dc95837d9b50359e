"""Numerical settings of a session, such as JAX's double precision, that must not reach a run that is started in it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any


class _Session:
    """The session's own settings while blocks are without them.

    Attributes:
        lock: Held while one of them begins or ends.
        inside: How many blocks there are.
        put_back: What puts each setting back.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.put_back: list[Callable[[], object]] = []


_session = _Session()


@contextmanager
def library_defaults(*, wanted: bool = True) -> Iterator[None]:
    """Give a block the settings with which torch and JAX begin, and put the session's own back afterwards.

    A run's identity knows nothing of them: with `jax_enable_x64` or another default type of torch the same command would give
    other figures from a notebook than from a shell. Only a library that is loaded can have been changed. Runs in several
    threads share a process's settings, so the first one changes them and the last one puts them back.

    Args:
        wanted: Whether to do it; code that a user wrote in the session may mean its settings.
    """
    if not wanted:
        yield
        return
    with _session.lock:
        _session.inside += 1
        if _session.inside == 1:
            _session.put_back = list(_reset())
    try:
        with _of_this_thread():
            yield
    finally:
        with _session.lock:
            _session.inside -= 1
            if _session.inside == 0:
                for put_back in _session.put_back:
                    put_back()


def _reset() -> Iterator[Callable[[], object]]:
    """Set each setting to the library's own default, and yield what puts the session's value back."""
    torch: Any = sys.modules.get("torch")
    if hasattr(torch, "get_float32_matmul_precision"):  # loaded to its end
        yield partial(torch.set_default_dtype, torch.get_default_dtype())
        torch.set_default_dtype(torch.float32)
        yield partial(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
        torch.set_float32_matmul_precision("highest")
    jax: Any = sys.modules.get("jax")
    for name, default in (("jax_enable_x64", False), ("jax_default_matmul_precision", None)):
        if hasattr(getattr(jax, "config", None), name):
            yield partial(jax.config.update, name, getattr(jax.config, name))
            jax.config.update(name, default)


@contextmanager
def _of_this_thread() -> Iterator[None]:
    """Record gradients in the block, on the CPU where no device is named: torch keeps both for each thread."""
    torch: Any = sys.modules.get("torch")
    with ExitStack() as stack:
        if hasattr(torch, "get_default_device"):
            stack.enter_context(torch.enable_grad())
            stack.enter_context(torch.inference_mode(False))
            if torch.get_default_device().type != "cpu":
                stack.enter_context(torch.device("cpu"))
        yield
