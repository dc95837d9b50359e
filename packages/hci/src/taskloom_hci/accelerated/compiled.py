"""Functions that numba compiles, imported at their first use: numba is heavy, and NumPy plays short runs."""

from __future__ import annotations

from taskloom.lazy import lazy_names

_HOMES = {
    "agrees": "gaze_numba",
    "search_compiled": "gaze_numba",
    "roll_out_compiled": "control_numba",
    "imagine_compiled": "imagined_numba",
    "decide_compiled": "imagined_numba",
}

__getattr__, _ = lazy_names(
    __name__, {name: f"taskloom_hci.accelerated.{module}" for name, module in _HOMES.items()}
)
