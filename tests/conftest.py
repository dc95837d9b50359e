"""What every test may rely on: the one before it left nothing behind in the registry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from taskloom import registry
from taskloom.registry import installed


@pytest.fixture(autouse=True)
def _thawed_registry() -> Iterator[None]:
    """Undo what a worker does to its process: it freezes the registry for good, and tests share a process."""
    yield
    if installed._frozen:
        installed._frozen = False
        registry.refresh()
