"""The garden domain on the path, as if it were installed."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from taskloom.registry import refresh

if "tests_sizes" not in sys.modules:  # tests are no package; what they share is loaded by its path
    _spec = importlib.util.spec_from_file_location(
        "tests_sizes", Path(__file__).parents[2] / "sizes.py"
    )
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules["tests_sizes"] = _module = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_module)

GARDEN = Path(__file__).parents[2] / "cli" / "garden"


@pytest.fixture(autouse=True, scope="module")
def _garden() -> Iterator[None]:
    sys.path.insert(0, str(GARDEN))
    refresh()
    yield
    sys.path.remove(str(GARDEN))
    refresh()
