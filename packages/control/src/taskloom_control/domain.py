"""The manifest of the control domain; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable

from taskloom.registry.refs import ComponentRef, DomainRef, TaskRef, VerbRef

from taskloom_control.suites.table import SUITES

_OPTIMIZERS = (
    ("ps", "Predictive sampling: keep the best.", "predictive_sampling:PredictiveSampling"),
    ("shooting", "Random shooting over the control range.", "random_shooting:RandomShooting"),
    ("mppi", "Model-predictive path integral control.", "mppi:MPPI"),
    ("smooth_mppi", "Path integral control over the rate of the knots.", "smooth_mppi:SmoothMPPI"),
    ("cem", "Cross-entropy method with memory of its elites.", "cem:CEM"),
    ("icem", "Cross-entropy method with coloured noise and momentum.", "icem:ICEM"),
    ("dial", "Path integral control with annealed noise.", "dial:DIAL"),
    ("cma_es", "Separable covariance matrix adaptation.", "cma_es:CMAES"),
    ("ilqr", "iLQR with bounds on the controls.", "ilqr:ILQR"),
    ("lqr", "Optimal linear feedback around the setpoint.", "lqr:LQR"),
)
_ENGINES = (
    ("threads", "MuJoCo's C rollouts on a pool of threads.", "threads:Threads"),
    ("serial", "MuJoCo's C rollouts on one thread.", "serial:Serial"),
    ("numpy", "The task's own dynamics in NumPy.", "numpy:NumpyDynamics"),
    ("mjx", "MuJoCo in JAX (extra `jax`).", "mjx:MJX"),
)


def _components(kind: str, rows: Iterable[tuple[str, str, str]]) -> tuple[ComponentRef, ...]:
    """Return the references of a kind's rows: name, sentence, class."""
    return tuple(
        ComponentRef(name, summary, f"taskloom_control.{kind}.{target}")
        for name, summary, target in rows
    )


def _task(name: str, summary: str, target: str) -> TaskRef:
    return TaskRef(name, summary, f"taskloom_control.tasks.{target}")


# `goals` is what tasks that turn a cube count beside these, `return` the sum of rewards of a suite's task.
_METRICS = (
    *("success", "held", "cost", "cost_final", "settling_time", "plans", "rollouts", "diverged"),
    *("ess", "clipped", "clamped", "seconds", "unstable", "goals", "return"),
    "track_distance",
    *("violation_max", "violation_share"),
)

DOMAIN = DomainRef(
    name="control",
    summary="Plan with sampling-based model-predictive control on MuJoCo.",
    extra="control",
    tasks=(
        _task("acrobot", "Swing up and balance two links, driven at the elbow.", "acrobot:Acrobot"),
        _task("arm_pick", "Pick and place a cube in four phases.", "arm_pick:ArmPick"),
        _task("ball_in_cup", "Swing a ball on a string into a cup.", "ball_in_cup:BallInCup"),
        _task("cartpole", "Swing up a pole on a cart and hold it.", "cartpole:Cartpole"),
        _task("cylinder_push", "Push a cylinder to a goal.", "cylinder_push:CylinderPush"),
        _task("double_cartpole", "Balance two poles in a row.", "double_cartpole:DoubleCartpole"),
        _task("double_integrator", "Steer a mass to a goal.", "double_integrator:DoubleIntegrator"),
        _task("hand_cube", "Turn a cube on a palm.", "hand_cube:HandCube"),
        _task("hand_cube_down", "Turn a cube held from above.", "hand_cube_down:HandCubeDown"),
        _task("hopper", "Travel forward on one leg.", "hopper:Hopper"),
        _task("lq_point_mass", "Bring a mass to rest, optimally.", "lq_point_mass:LqPointMass"),
        _task("model", "Bring any MJCF model to a goal.", "model:ModelGoal"),
        _task("particle_goal", "Follow a moving mocap target.", "particle_goal:ParticleGoal"),
        _task("pendulum", "Swing up a pendulum.", "pendulum:Pendulum"),
        _task("push_t", "Push a T-shaped block to a pose.", "push_t:PushT"),
        _task("quadruped_stand", "Stand up.", "quadruped_stand:QuadrupedStand"),
        _task("quadruped_trot", "Follow a trot on four legs.", "quadruped_trot:QuadrupedTrot"),
        _task("quadruped_walk", "Walk ahead.", "quadruped_walk:QuadrupedWalk"),
        _task("reacher", "Reach a target with two links.", "reacher:Reacher"),
        _task("track", "Follow a motion with any model.", "track:Track"),
        _task("u_maze", "Leave a U-shaped trap.", "u_maze:UMaze"),
        *SUITES,
    ),
    components={
        "taskloom_control.optimizers": _components("optimizers", _OPTIMIZERS),
        "taskloom_control.engines": _components("engines", _ENGINES),
    },
    verbs=(
        VerbRef(
            "replay",
            "Execute a run again and compare what it did.",
            "taskloom_control.verbs.replay:replay",
            on="run",
        ),
        VerbRef(
            "check", "Look for mistakes in a task.", "taskloom_control.verbs.check:check", on="task"
        ),
        VerbRef(
            "watch",
            "Watch and steer a loop in a browser.",
            "taskloom_control.verbs.watch:watch",
            on="task",
            for_run="taskloom_control.verbs.watch:scrub",
        ),
        VerbRef(
            "render",
            "Make a film, or a picture, of a run.",
            "taskloom_control.verbs.watch:render",
            on="run",
        ),
        VerbRef(
            "serve",
            "Plan for a robot in another process.",
            "taskloom_control.verbs.serve:serve",
            on="task",
        ),
        VerbRef(
            "robot",
            "Simulate a robot that a controller drives.",
            "taskloom_control.verbs.robot:robot",
            on="task",
        ),
        VerbRef("bench", "Measure tasks on test seeds.", "taskloom_control.verbs.bench:bench"),
        VerbRef(
            "tune",
            "Choose settings on tuning seeds, then test them.",
            "taskloom_control.verbs.tune:tune",
            on="task",
        ),
    ),
    report="taskloom_control.report.section:report",
    compare="taskloom_control.report.comparison:compare",
    samples="taskloom_control.report.samples:samples",
    protocol="taskloom_control.task:ControlTask",
    config="taskloom_control.config:ControlConfig",
    driver="taskloom_control.driver",
    loaders={"controller": "taskloom_control.closed_loop.rebuilt:controller_of"},
    metrics=_METRICS,
    lead=("return", "cost"),
    scaffold="taskloom_control/scaffold",
    uncounted=("report", "verbs", "exports", "domain", "bench", "live"),
)
