"""The numbers of one episode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from taskloom_control.closed_loop.simulation import Simulation
from taskloom_control.config import ControlConfig
from taskloom_control.planning.splines import num_steps


def settling_step(success: np.ndarray) -> int | None:
    """Return the first index from which `success` holds to the end, or None if it does not hold at the end."""
    if not success.size or not success[-1]:
        return None
    failures = np.flatnonzero(~success)
    return int(failures[-1]) + 1 if failures.size else 0


def episode_metrics(
    simulation: Simulation, arrays: Mapping[str, np.ndarray], config: ControlConfig
) -> dict[str, float]:
    """Return the final metrics; none of them is a wall-clock time, so they repeat with the seed.

    Args:
        simulation: The simulation at its end.
        arrays: What was recorded.
        config: The run's config.
    """
    success = arrays["success"].astype(bool)
    reward = arrays.get("reward", np.zeros(0))
    window = min(num_steps(config.hold, simulation.dt), len(success))
    complete = len(success) > num_steps(config.seconds, simulation.dt)
    held = complete and bool(success[-window:].all())
    solved = held if simulation.task.must_hold else bool(success.any())
    metrics = {"success": float(solved), "held": float(held)}
    if reward.size:
        metrics["cost"] = -float(reward.mean())
        metrics["cost_final"] = -float(reward[-window:].mean())
    settled = settling_step(success)
    if settled is not None:
        metrics["settling_time"] = float(arrays["time"][settled])
    if "plan_time" in arrays:
        metrics |= {
            "plans": float(len(arrays["plan_time"])),
            "rollouts": float(arrays["plan_rollouts"].sum()),
            "diverged": float(arrays["plan_diverged"].sum()),
            "ess": float(arrays["plan_ess"].mean()),
            "clipped": float(arrays["plan_clipped"].mean()),
        }
    if "violation" in arrays:
        metrics["violation_max"] = float(arrays["violation"].max())
        metrics["violation_share"] = float((arrays["violation"] > 0).mean())
    metrics["seconds"] = float(arrays["time"][-1])
    task = simulation.task
    extra: Mapping[str, Any] = {**task.episode_metrics(), **task.recorded_metrics(arrays)}
    return metrics | {name: float(value) for name, value in extra.items()}


def one_line(metrics: Mapping[str, float], digest: str) -> str:
    """Return the sentence that a person reads first."""
    verdict = "solved" if metrics["success"] else "not solved"
    if "return" in metrics:  # a suite's task, which has no other criterion
        verdict = f"return {metrics['return']:.4g}"
    if metrics.get("unstable"):
        verdict = "the simulation became unstable"
    parts = [verdict]
    if "cost" in metrics and "return" not in metrics:
        parts.append(f"mean cost {metrics['cost']:.4g} per step")
    if "settling_time" in metrics:
        parts.append(f"settled after {metrics['settling_time']:.3g} s")
    return f"{', '.join(parts)}; trajectory {digest[:12]}"
