"""The garden domain on the path, as if it were installed."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from taskloom.registry import refresh

GARDEN = Path(__file__).parents[2] / "cli" / "garden"


@pytest.fixture(autouse=True, scope="module")
def _garden() -> Iterator[None]:
    sys.path.insert(0, str(GARDEN))
    refresh()
    yield
    sys.path.remove(str(GARDEN))
    refresh()
