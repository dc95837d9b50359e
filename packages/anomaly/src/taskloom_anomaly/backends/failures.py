"""The text of a framework's error, shortened for a sentence of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from taskloom.errors import ConfigError, TaskloomError

_LINK = re.compile(r"\s*\(?https?://\S+\)?")
_LONGEST = 240


def reason(error: Exception) -> str:
    """Return an error's text on one line, without links to manuals, cut at a word when it is long."""
    text = _LINK.sub("", " ".join(str(error).split())).rstrip(". ")
    if not text:
        return type(error).__name__
    return text if len(text) <= _LONGEST else text[:_LONGEST].rsplit(" ", 1)[0] + " ..."


@contextmanager
def fitting(shape: tuple[int, ...]) -> Iterator[None]:
    """Turn what a network raises over samples that it cannot take into one sentence.

    Args:
        shape: Shape of one sample.

    Raises:
        ConfigError: The samples do not fit the network.
    """
    try:
        yield
    except TaskloomError:
        raise
    except Exception as error:  # every framework, and every network, has its own
        raise ConfigError(
            f"Samples of the shape {shape} do not fit the network: {reason(error)}."
        ) from None
