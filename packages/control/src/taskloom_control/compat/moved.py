"""Import paths of earlier versions and their new homes; see `taskloom.moved`."""

from __future__ import annotations

from taskloom.moved import Homes

# Names of the package itself.
RENAMED: Homes = {
    "OptimizerConfig": "taskloom_control.optimizers.base:Optimizer",
    "Plan": "taskloom_control.planning.plan:ControlPlan",
    "SamplingConfig": "taskloom_control.optimizers.base:SamplingOptimizer",
}
MOVED: dict[str, Homes] = {
    "taskloom_control.akima": "taskloom_control.planning.akima",
    "taskloom_control.animation": "taskloom_control.report.animation",
    "taskloom_control.arrays": "taskloom_control.task",
    "taskloom_control.closed_loop": {
        "ClosedLoop": "taskloom_control.closed_loop.loop:ClosedLoop",
        "run_task": "taskloom_control.driver:run",
    },
    "taskloom_control.controller": {
        "Plan": "taskloom_control.planning.plan:ControlPlan",
        "*": "taskloom_control.planning.controller",
    },
    "taskloom_control.drawing": "taskloom_control.report.drawing",
    "taskloom_control.engines.arrays": "taskloom_control.engines.numpy",
    "taskloom_control.engines.config": {
        "EngineConfig": "taskloom_control.engines.base:Engine",
        "Mjx": "taskloom_control.engines.mjx:MJX",
        "NumpyDynamics": "taskloom_control.engines.numpy:NumpyDynamics",
        "Serial": "taskloom_control.engines.serial:Serial",
        "Threads": "taskloom_control.engines.threads:Threads",
    },
    "taskloom_control.engines.crew": {
        "Batch": "taskloom_control.engines.pool:RolloutBatch",
        "Crew": "taskloom_control.engines.pool:RolloutPool",
    },
    "taskloom_control.engines.protocol": {
        "Engine": "taskloom_control.engines.base:RolloutEngine",
        "Rollouts": "taskloom_control.engines.base:Rollouts",
    },
    "taskloom_control.fan": "taskloom_control.report.candidate_traces",
    "taskloom_control.labels": "taskloom_control.closed_loop.labels",
    "taskloom_control.lint": "taskloom_control.closed_loop.checks",
    "taskloom_control.models": "taskloom_control.mjcf.files",
    "taskloom_control.noise": "taskloom_control.planning.noise",
    "taskloom_control.normalizers": "taskloom_control.planning.normalizers",
    "taskloom_control.offscreen": "taskloom_control.report.offscreen",
    "taskloom_control.optimizers.config": {
        "Cem": "taskloom_control.optimizers.cem:CEM",
        "CmaEs": "taskloom_control.optimizers.cma_es:CMAES",
        "Dial": "taskloom_control.optimizers.dial:DIAL",
        "Icem": "taskloom_control.optimizers.icem:ICEM",
        "Ilqr": "taskloom_control.optimizers.ilqr:ILQR",
        "Lqr": "taskloom_control.optimizers.lqr:LQR",
        "Mppi": "taskloom_control.optimizers.mppi:MPPI",
        "OptimizerConfig": "taskloom_control.optimizers.base:Optimizer",
        "PredictiveSampling": "taskloom_control.optimizers.predictive_sampling:PredictiveSampling",
        "RandomShooting": "taskloom_control.optimizers.random_shooting:RandomShooting",
        "SamplingConfig": "taskloom_control.optimizers.base:SamplingOptimizer",
        "SmoothMppi": "taskloom_control.optimizers.smooth_mppi:SmoothMPPI",
    },
    "taskloom_control.optimizers.protocol": {
        "Draw": "taskloom_control.optimizers.knots:Draw",
        "Sampler": "taskloom_control.optimizers.base:SamplingOptimizer",
        "Shape": "taskloom_control.optimizers.knots:KnotShape",
        "*": "taskloom_control.optimizers.base",
    },
    "taskloom_control.physics": "taskloom_control.mjcf.physics",
    "taskloom_control.problem": {
        "Problem": "taskloom_control.planning.problem:PlanningProblem",
        "*": "taskloom_control.planning.problem",
    },
    "taskloom_control.replay": "taskloom_control.closed_loop.replay",
    "taskloom_control.report": {
        "report": "taskloom_control.report.section:report",
    },
    "taskloom_control.simulation": "taskloom_control.closed_loop.simulation",
    "taskloom_control.splines": "taskloom_control.planning.splines",
    "taskloom_control.terms": "taskloom_control.report.terms",
    "taskloom_control.timing": "taskloom_control.report.timing",
    "taskloom_control.trajectory": {
        "Recorder": "taskloom_control.closed_loop.trajectory:TrajectoryRecorder",
        "load_arrays": "taskloom.arrays:load_npz",
        "save_arrays": "taskloom.arrays:save_npz",
        "*": "taskloom_control.closed_loop.trajectory",
    },
}
