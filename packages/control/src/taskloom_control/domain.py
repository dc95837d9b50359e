"""The manifest of the control domain; imports nothing heavy."""

from __future__ import annotations

from taskloom.registry import ComponentRef, DomainRef, TaskRef, VerbRef


def _optimizer(name: str, summary: str, target: str) -> ComponentRef:
    return ComponentRef(name, summary, f"taskloom_control.optimizers.{target}")


def _engine(name: str, summary: str, target: str) -> ComponentRef:
    return ComponentRef(name, summary, f"taskloom_control.engines.{target}")


def _task(name: str, summary: str, target: str) -> TaskRef:
    return TaskRef(name, summary, f"taskloom_control.tasks.{target}")


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
        _task("particle_goal", "Follow a moving mocap target.", "particle_goal:ParticleGoal"),
        _task("pendulum", "Swing up a pendulum.", "pendulum:Pendulum"),
        _task("push_t", "Push a T-shaped block to a pose.", "push_t:PushT"),
        _task("quadruped_stand", "Stand up.", "quadruped_stand:QuadrupedStand"),
        _task("quadruped_walk", "Walk ahead.", "quadruped_walk:QuadrupedWalk"),
        _task("reacher", "Reach a target with two links.", "reacher:Reacher"),
        _task("u_maze", "Leave a U-shaped trap.", "u_maze:UMaze"),
    ),
    components={
        "taskloom_control.optimizers": (
            _optimizer(
                "ps",
                "Predictive sampling: try the nominal plan and noisy copies of it, keep the best.",
                "predictive_sampling:PredictiveSampling",
            ),
            _optimizer(
                "shooting",
                "Random shooting: uniform candidates over the whole control range, keep the best.",
                "random_shooting:RandomShooting",
            ),
            _optimizer(
                "mppi",
                "Path integral control (MPPI): the mean of the candidates, weighted by exp(-cost / temperature).",
                "mppi:MPPI",
            ),
            _optimizer(
                "smooth_mppi",
                "Smooth MPPI: path integral control over the rate of the knots, with a cost on their differences.",
                "smooth_mppi:SmoothMPPI",
            ),
            _optimizer(
                "cem",
                "Cross-entropy method: refit mean and spread of the knots to the best candidates.",
                "cem:CEM",
            ),
            _optimizer(
                "icem",
                "iCEM: the cross-entropy method with coloured noise, memory, momentum and a shrinking population.",
                "icem:ICEM",
            ),
            _optimizer(
                "dial",
                "DIAL: path integral control with noise annealed over iterations and growing along the horizon.",
                "dial:DIAL",
            ),
            _optimizer(
                "cma_es",
                "Separable CMA-ES: covariance matrix adaptation with a diagonal covariance.",
                "cma_es:CMAES",
            ),
            _optimizer(
                "ilqr",
                "iLQR with box constraints: second-order improvement along MuJoCo's transition derivatives.",
                "ilqr:ILQR",
            ),
            _optimizer(
                "lqr",
                "LQR: optimal linear feedback of the system linearized at the task's setpoint, over the horizon.",
                "lqr:LQR",
            ),
        ),
        "taskloom_control.engines": (
            _engine(
                "threads",
                "MuJoCo's C rollouts on threads that share one model, the calling thread among them.",
                "threads:Threads",
            ),
            _engine(
                "serial",
                "MuJoCo's C rollouts on the calling thread; quickest for tiny problems.",
                "serial:Serial",
            ),
            _engine(
                "numpy",
                "The task's own dynamics, for tasks that define `dynamics`, in NumPy for all rollouts at once.",
                "numpy:NumpyDynamics",
            ),
            _engine(
                "mjx",
                "MuJoCo in JAX: one jitted scan over all rollouts; needs the extra `jax`.",
                "mjx:MJX",
            ),
        ),
    },
    verbs=(
        VerbRef(
            "replay",
            "Execute a run again and compare what it did.",
            "taskloom_control.verbs:replay",
        ),
        VerbRef("check", "Look for mistakes in a task.", "taskloom_control.verbs:check"),
    ),
    report="taskloom_control.report.section:report",
)
