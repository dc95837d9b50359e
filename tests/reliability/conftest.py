"""Makes the probe domain importable here and in the processes that tests start."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_PROBE = str(Path(__file__).parents[1] / "probe")
if _PROBE not in sys.path:
    sys.path.append(_PROBE)


@pytest.fixture
def probe_domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the registry of this process and of its children find the probe domain."""
    from taskloom.registry import refresh

    path = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{_PROBE}{os.pathsep}{path}" if path else _PROBE)
    refresh()
    yield
    refresh()
