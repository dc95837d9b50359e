"""The probe domain on the path, and studies of the probe's walk."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_PROBE = str(Path(__file__).parents[2] / "probe")
if _PROBE not in sys.path:
    sys.path.append(_PROBE)


@pytest.fixture(autouse=True)
def _probe_domain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Let the registry of this process and of its children find the probe domain, and work in a folder of its own."""
    from taskloom.registry import refresh

    path = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{_PROBE}{os.pathsep}{path}" if path else _PROBE)
    monkeypatch.delenv("TASKS_STORE", raising=False)
    monkeypatch.chdir(tmp_path)
    refresh()
    yield
    refresh()
