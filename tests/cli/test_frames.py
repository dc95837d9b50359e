"""The place from which an unforeseen error came: a plugin's file and line, and no one's who did not raise it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from taskloom.asking import written
from taskloom.cli import boundary
from taskloom.cli.frames import foreign_place


class Odd:
    """An array of a plugin that fails when it is read."""

    def tolist(self) -> list[float]:
        raise ZeroDivisionError("odd")


def place_of(raises: Callable[[], object]) -> str:
    with pytest.raises(Exception, match=r".*") as raised:
        raises()
    error = raised.value
    # The first frame is this test, which calls as `tasks` would.
    assert error.__traceback__ is not None
    error.__traceback__ = error.__traceback__.tb_next.tb_next  # type: ignore[union-attr]
    return foreign_place(error)


def test_an_error_in_a_plugin_is_placed_there_though_taskloom_called_it() -> None:
    place = place_of(lambda: written(Odd()))
    assert place.startswith(f"{__file__}:")
    line = int(place.rpartition(":")[2])
    assert "ZeroDivisionError" in Path(__file__).read_text().splitlines()[line - 1]


def test_an_error_in_taskloom_or_in_a_library_that_it_called_is_no_plugins() -> None:
    assert place_of(lambda: boundary.readable([None])) == ""  # type: ignore[list-item]
    assert place_of(lambda: json.loads("{")) == ""


def test_the_hint_names_the_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        return len(written(Odd()))

    assert boundary.guarded(command) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: ZeroDivisionError: odd\n")
    assert f"this is a defect of a plugin, at {__file__}:" in told
