"""Sentences about the reading of a network that a process logs once."""

from __future__ import annotations

import logging
from functools import cache

_log = logging.getLogger(__name__)


@cache
def tell_cast(given: str, own: str) -> None:
    """Log that inputs of one precision reach a network in another, once for each pair of the two."""
    _log.warning("Inputs in %s are cast to %s, the precision of the network.", given, own)
