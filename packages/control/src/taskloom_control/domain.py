"""The manifest of the control domain; imports nothing heavy."""

from __future__ import annotations

from taskloom.registry import ComponentRef, DomainRef, TaskRef, VerbRef


def _optimizer(name: str, summary: str, config: str) -> ComponentRef:
    return ComponentRef(name, summary, f"taskloom_control.optimizers.config:{config}")


def _engine(name: str, summary: str, config: str) -> ComponentRef:
    return ComponentRef(name, summary, f"taskloom_control.engines.config:{config}")


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
            _optimizer("ps", "Predictive sampling: keep the best.", "PredictiveSampling"),
            _optimizer("shooting", "Random shooting over the control range.", "RandomShooting"),
            _optimizer("mppi", "Path integral control.", "Mppi"),
            _optimizer("smooth_mppi", "Path integral control over rates.", "SmoothMppi"),
            _optimizer("cem", "Cross-entropy method with elite memory.", "Cem"),
            _optimizer("icem", "CEM with coloured noise and momentum.", "Icem"),
            _optimizer("dial", "Path integral control with annealed noise.", "Dial"),
            _optimizer("cma_es", "Separable covariance matrix adaptation.", "CmaEs"),
            _optimizer("ilqr", "iLQR with box constraints.", "Ilqr"),
            _optimizer("lqr", "Linear feedback around the setpoint.", "Lqr"),
        ),
        "taskloom_control.engines": (
            _engine("threads", "MuJoCo's C rollouts on a pool of threads.", "Threads"),
            _engine("serial", "MuJoCo's C rollouts on one thread.", "Serial"),
            _engine("numpy", "The task's own dynamics in NumPy.", "NumpyDynamics"),
            _engine("mjx", "MuJoCo in JAX (extra `jax`).", "Mjx"),
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
