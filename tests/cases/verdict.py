"""What a case ends with, and the mark of those that still come out wrong."""

from __future__ import annotations

import pytest


class WrongAnswer(AssertionError):  # noqa: N818 -- the name says what happened
    """The program ran to its end and said something else than it must."""


def verdict(right: bool, came_out: object, must: object) -> None:
    """Raise `WrongAnswer` with what came out and what must, unless it is right."""
    if right:
        return
    line = " ".join(str(came_out).split()) or "nothing"
    raise WrongAnswer(f"{line[:400]}, must be {must}")


def told(error: Exception) -> str:
    """Return what an error says; one that means that the case cannot run at all is raised again."""
    if isinstance(error, ImportError | NameError):
        raise error
    return f"{type(error).__name__}: {error}"


def wrong_until(issue: str) -> pytest.MarkDecorator:
    """Return the mark of cases that the issue of this title mends.

    Any other exception than a wrong answer stays red: a case that cannot run shows nothing.
    """
    return pytest.mark.xfail(strict=True, raises=WrongAnswer, reason=issue)


RECORDS = wrong_until("Records that can be trusted")
CONTRACT = wrong_until("Control: one contract for plan and plant")
