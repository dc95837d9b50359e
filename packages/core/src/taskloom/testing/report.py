"""Named checks, made one after the other, and the error that says which failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from taskloom.errors import TaskloomError
from taskloom.lifecycle.failure import describe_failure, first_line


class ConformanceError(AssertionError):
    """A plugin does not keep to its contract; the message has one line for each check that failed."""


def complaint_of(check: Callable[[], str | None]) -> str | None:
    """Return what a check finds wrong, as a sentence; None if nothing."""
    try:
        return check()
    except TaskloomError as error:
        return error.message
    except Exception as error:
        return f"it raised {first_line(describe_failure(error))}"


def failing(what: str, checks: Mapping[str, Callable[[], str | None]]) -> list[str]:
    """Make all checks and return the names of those that passed, which is all of them.

    Raises:
        ConformanceError: One failed.
    """
    found = {title: complaint_of(check) for title, check in checks.items()}
    failed = [f"{title}: {complaint}" for title, complaint in found.items() if complaint]
    if failed:
        raise ConformanceError(
            f"{what} fails {len(failed)} of {len(found)} checks:\n" + "\n".join(failed)
        )
    return list(found)
