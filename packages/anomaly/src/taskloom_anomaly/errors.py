"""Errors of the domain beside those of core."""

from __future__ import annotations

from taskloom.errors import RunFailedError


class InvalidTaskError(RunFailedError):
    """A task that is not what it claims to be: an attack did not take, or a network did not learn; scores would mean nothing."""
