"""The end of a command line that ran in the tests' own process."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from taskloom.cli import main


class Outcome(NamedTuple):
    """Exit code and output of a command line."""

    code: int
    out: str
    err: str


def caller(capture: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Return a function that runs a command line in this process."""

    def call(*words: str) -> Outcome:
        capture.readouterr()
        code = main(words)
        captured = capture.readouterr()
        return Outcome(int(code), captured.out, captured.err)

    return call
