"""Import paths of earlier versions and their new homes; see `taskloom.moved`."""

from __future__ import annotations

from taskloom.moved import Homes

MOVED: dict[str, Homes] = {
    "taskloom_hci.agent": "taskloom_hci.bundle.agent",
    "taskloom_hci.batch.belief_numba": "taskloom_hci.accelerated.belief_numba",
    "taskloom_hci.batch.columns_numba": "taskloom_hci.accelerated.columns_numba",
    "taskloom_hci.batch.control": "taskloom_hci.accelerated.control",
    "taskloom_hci.batch.control_numba": "taskloom_hci.accelerated.control_numba",
    "taskloom_hci.batch.jit": "taskloom_hci.accelerated.jit",
    "taskloom_hci.batch.jump_numba": "taskloom_hci.accelerated.jump_numba",
    "taskloom_hci.batch.pointing": "taskloom_hci.accelerated.pointing",
    "taskloom_hci.batch.pointing_numba": "taskloom_hci.accelerated.pointing_numba",
    "taskloom_hci.batch.pointing_numpy": "taskloom_hci.accelerated.pointing_numpy",
    "taskloom_hci.batch.rules": "taskloom_hci.accelerated.rules",
    "taskloom_hci.batch.small": "taskloom_hci.accelerated.small",
    "taskloom_hci.bundle": {
        "Bundle": "taskloom_hci.bundle.bundle:Bundle",
    },
    "taskloom_hci.elementary": "taskloom_hci.accelerated.exact_math",
    "taskloom_hci.elements": "taskloom_hci.state.elements",
    "taskloom_hci.filtering": "taskloom_hci.state.filtering",
    "taskloom_hci.games.plot": "taskloom_hci.report.plot",
    "taskloom_hci.information": "taskloom_hci.inference.information",
    "taskloom_hci.joining": "taskloom_hci.bundle.joining",
    "taskloom_hci.linear": "taskloom_hci.accelerated.exact_linear",
    "taskloom_hci.normal": "taskloom_hci.accelerated.exact_normal",
    "taskloom_hci.random": "taskloom_hci.state.streams",
    "taskloom_hci.run": "taskloom_hci.driver",
    "taskloom_hci.saving": "taskloom_hci.state.saving",
    "taskloom_hci.simulation": "taskloom_hci.bundle.simulation",
    "taskloom_hci.spaces": "taskloom_hci.state.spaces",
    "taskloom_hci.state": {
        "State": "taskloom_hci.state.state:State",
        "flatten": "taskloom_hci.state.state:flatten",
    },
    "taskloom_hci.timeline": "taskloom_hci.bundle.timeline",
    "taskloom_hci.turns": "taskloom_hci.bundle.turns",
}
