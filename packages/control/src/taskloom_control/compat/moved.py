"""Import paths of earlier versions and their new homes; see `taskloom.moved`."""

from __future__ import annotations

from taskloom.moved import Homes

MOVED: dict[str, Homes] = {
    "taskloom_control.akima": "taskloom_control.planning.akima",
    "taskloom_control.animation": "taskloom_control.report.animation",
    "taskloom_control.closed_loop": {
        "ClosedLoop": "taskloom_control.closed_loop.loop:ClosedLoop",
        "run_task": "taskloom_control.closed_loop.loop:run_task",
    },
    "taskloom_control.controller": "taskloom_control.planning.controller",
    "taskloom_control.drawing": "taskloom_control.report.drawing",
    "taskloom_control.engines.crew": "taskloom_control.engines.pool",
    "taskloom_control.engines.protocol": "taskloom_control.engines.base",
    "taskloom_control.fan": "taskloom_control.report.candidate_traces",
    "taskloom_control.labels": "taskloom_control.closed_loop.labels",
    "taskloom_control.lint": "taskloom_control.closed_loop.checks",
    "taskloom_control.models": "taskloom_control.mjcf",
    "taskloom_control.noise": "taskloom_control.planning.noise",
    "taskloom_control.normalizers": "taskloom_control.planning.normalizers",
    "taskloom_control.offscreen": "taskloom_control.report.offscreen",
    "taskloom_control.optimizers.protocol": "taskloom_control.optimizers.base",
    "taskloom_control.physics": "taskloom_control.mjcf.physics",
    "taskloom_control.problem": "taskloom_control.planning.problem",
    "taskloom_control.replay": "taskloom_control.closed_loop.replay",
    "taskloom_control.report": {
        "report": "taskloom_control.report.section:report",
    },
    "taskloom_control.simulation": "taskloom_control.closed_loop.simulation",
    "taskloom_control.splines": "taskloom_control.planning.splines",
    "taskloom_control.terms": "taskloom_control.report.terms",
    "taskloom_control.timing": "taskloom_control.report.timing",
    "taskloom_control.trajectory": "taskloom_control.closed_loop.trajectory",
}
