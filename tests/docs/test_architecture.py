"""The picture of the architecture is that of the code, and every arrow goes down."""

from __future__ import annotations

import importlib.util
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def drawing() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "docs_architecture", ROOT / "docs/hooks/architecture.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_no_arrow_goes_up(drawing: ModuleType) -> None:
    sizes, found = drawing.arrows()
    plan = [*([name] for name in drawing.DOMAINS), *drawing.floors()]
    place = {room: row for row, floor in enumerate(plan) for room in floor}
    assert set(place) - set(sizes) == {"sinks"} - set(sizes)
    domains = len(drawing.DOMAINS)
    up = [
        (start, end)
        for start, end in found
        if start in place
        and end in place
        and (place[start] > place[end] or max(place[start], place[end]) < domains)
    ]
    assert up == []


def test_the_picture_shows_every_room_with_its_size(drawing: ModuleType) -> None:
    sizes, _ = drawing.arrows()
    text = " ".join("".join(ET.fromstring(drawing.picture()).itertext()).split())
    assert [room for room in sizes if room and room not in text] == []
    assert f"cli {sizes['cli']}" in text
