"""What a process is told once about how a network is read."""

from __future__ import annotations

import logging
from functools import cache

_log = logging.getLogger(__name__)


@cache
def tell_cast(given: str, own: str) -> None:
    """Log that inputs of one precision reach a network in another, once for each pair of the two."""
    _log.warning("Inputs in %s are cast to %s, the precision of the network.", given, own)
