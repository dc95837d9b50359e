"""Runs of control for `same_bits.py`: every optimizer, engine, spline, normalizer and task."""

from __future__ import annotations

from cases import Command, Entry, Parameters, Stopped, Sweep, component, kinds

_OPTIMIZERS = (
    "ps",
    "shooting",
    "mppi",
    "smooth_mppi",
    "cem",
    "icem",
    "dial",
    "cma_es",
    "ilqr",
    "lqr",
)
_SAMPLING = _OPTIMIZERS[:8]
_QUIET = {"record.animation": False}
_VARIANTS = {
    **{
        f"{name}-iterated": {"optimizer.kind": name, "controller.iterations": 3}
        for name in _SAMPLING
    },
    **{
        f"{name}-ramp": component("optimizer", name, noise_ramp=2.5, keep=3, num_nodes=6)
        for name in _SAMPLING
    },
    "mppi-temperature": component("optimizer", "mppi", ess=0.0, temperature=0.2),
    "smooth_mppi-smooth": component("optimizer", "smooth_mppi", ess=4.0, smoothness=0.5),
    "icem-white": component("optimizer", "icem", beta=0.0, momentum=0.5, decay=1.0),
    "ilqr-iterated": {"optimizer.kind": "ilqr", "controller.iterations": 3},
    "first-iterations": {"controller.first_iterations": 5},
    "seed": {"seed": 11},
    "many": {"optimizer.num_rollouts": 150},
}
_SPLINES = {
    f"{spline}-{normalizer}-{optimizer}": {
        "controller.spline": spline,
        "controller.action_normalizer": normalizer,
        "optimizer.kind": optimizer,
    }
    for spline in ("zero", "linear", "cubic", "akima")
    for normalizer in ("min_max", "none", "running")
    for optimizer in (("cem", "mppi") if normalizer == "running" else ("cem",))
}
_TASKS = (
    "acrobot",
    "arm_pick",
    "ball_in_cup",
    "cartpole",
    "cylinder_push",
    "double_cartpole",
    "double_integrator",
    "hand_cube",
    "hand_cube_down",
    "hopper",
    "lq_point_mass",
    "particle_goal",
    "pendulum",
    "push_t",
    "quadruped_stand",
    "quadruped_walk",
    "reacher",
    "u_maze",
)
_LONG = ("hand_cube", "hand_cube_down")


def _of_task(task: str) -> Sweep:
    """Return a task at its defaults, and with two other planners."""
    points: dict[str, Parameters] = {"default": {}}
    if task not in _LONG:
        points |= {
            name: {"optimizer.kind": name, "controller.iterations": 2} for name in ("ps", "mppi")
        }
    seconds = 0.12 if task in _LONG else 0.3
    return Sweep(f"task-{task}", task, points, {**_QUIET, "seconds": seconds})


ENTRIES: tuple[Entry, ...] = (
    Sweep("optimizers", "cartpole", kinds("optimizer", *_OPTIMIZERS), {**_QUIET, "seconds": 1.0}),
    Sweep("variants", "cartpole", _VARIANTS, {**_QUIET, "seconds": 0.5}),
    Sweep("splines", "cartpole", _SPLINES, {**_QUIET, "seconds": 0.5}),
    Sweep(
        "engines",
        "cartpole",
        {
            "threads": component("engine", "threads", num_threads=2),
            "serial": component("engine", "serial"),
            "mjx": component("engine", "mjx"),
            "threads-many": {
                **component("engine", "threads", num_threads=2),
                "optimizer.num_rollouts": 200,
            },
        },
        {**_QUIET, "seconds": 0.4},
    ),
    Sweep(
        "dynamics",
        "lq_point_mass",
        {
            **kinds("engine", "numpy", "serial"),
            **{
                f"numpy-{name}": {"engine.kind": "numpy", "optimizer.kind": name}
                for name in ("cem", "mppi", "ilqr")
            },
        },
        {**_QUIET, "seconds": 1.0},
    ),
    Sweep(
        "record",
        "cartpole",
        {"fan": {"record.fan_every": 3, "record.fan_size": 4}},
        {"seconds": 0.4},
    ),
    *(_of_task(task) for task in _TASKS),
    Stopped("stopped", "cartpole", {**_QUIET, "seconds": 20.0, "checkpoint_every": 50}, lines=60),
    Command("replay", ("control", "replay", "{run:optimizers/cem}"), stored=True),
    Command("check", ("control", "check", "cartpole", "--json")),
)
