"""The hint of an error of ours is a part of its traceback: in a script, at a prompt, below a cell."""

from __future__ import annotations

import traceback

import pytest
import taskloom as tl
from taskloom.errors import StoreError, UnknownNameError
from taskloom.lifecycle.failure import trimmed_traceback


def test_a_traceback_ends_with_the_closest_match() -> None:
    with pytest.raises(UnknownNameError) as told:
        tl.run("hci/pointing", asistant="big")
    assert "assistant" in told.value.hint
    lines = traceback.format_exception_only(told.value)
    assert lines[-1].strip() == told.value.hint
    assert told.value.hint not in trimmed_traceback(told.value)  # a record has it beside


def test_a_hint_that_is_given_later_takes_the_place_of_the_first() -> None:
    error = StoreError("Cannot write.", hint="one")
    error.add_note("of another")
    error.hint = "two"
    assert error.__notes__ == ["of another", "two"]
    error.hint = ""
    assert error.__notes__ == ["of another"]
