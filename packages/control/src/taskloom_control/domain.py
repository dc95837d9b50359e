"""The manifest of the control domain; imports nothing heavy."""

from __future__ import annotations

from taskloom.registry import ComponentRef, DomainRef, TaskRef


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
    tasks=(_task("cartpole", "Swing up a pole on a cart and hold it.", "cartpole:Cartpole"),),
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
    report="taskloom_control.report:report",
)
