"""The text of a framework's error, shortened for a sentence of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from taskloom.errors import ConfigError, TaskloomError

from taskloom_anomaly.data.named import Inputs, flat_rows

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


def not_numbers(given: Inputs, layer: str, value: np.ndarray) -> str:
    """Return the sentence about NaN or infinity: the place, and whether it came in with the samples or arose in the network.

    Args:
        given: The inputs.
        layer: The layer; empty for the logits.
        value: Its activation, of which some entries are no numbers.
    """
    where = f"layer '{layer}'" if layer else "the logits"
    bad = _bad_rows(value)
    inputs = flat_rows(given)
    origin = (
        "the inputs of these samples already hold it"
        if inputs.dtype.kind == "f" and _bad_rows(inputs)[bad].all()
        else "their inputs are numbers, so it arises in the network"
    )
    return f"NaN or infinity in {where} on {bad.sum()} of {len(value)} samples: {origin}; scores would mean nothing."


def _bad_rows(value: np.ndarray) -> np.ndarray:
    return np.asarray((~np.isfinite(value)).reshape(len(value), -1).any(axis=1))
