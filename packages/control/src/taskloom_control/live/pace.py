"""The pace of a session: simulated time held to the wall clock."""

from __future__ import annotations

import time

# Less than this is not slept over [s], and more than this behind is not made up for [s].
_SHORT, _LOST = 1e-3, 1.0


class WallClockPace:
    """Simulated time against the wall clock.

    Args:
        factor: Simulated time over wall-clock time that is aimed at; 0 goes as fast as it can.
    """

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._mark, self._since = time.perf_counter(), 0.0

    def begin(self, simulated: float) -> None:
        """Count from now on, at a simulated time [s]."""
        self._mark, self._since = time.perf_counter(), simulated

    def rate(self, simulated: float) -> float:
        """Return simulated time over wall-clock time since the beginning, at a simulated time [s]."""
        return (simulated - self._since) / max(time.perf_counter() - self._mark, 1e-9)

    def wait(self, simulated: float) -> None:
        """Wait until a simulated time [s] is due."""
        if not self._factor:
            return
        passed = time.perf_counter() - self._mark
        ahead = (simulated - self._since) / self._factor - passed
        if ahead > _SHORT:
            time.sleep(min(ahead, _LOST))
        elif ahead < -_LOST:
            self.begin(simulated)
