"""Tasks of the DeepMind control suite whose solver is not that of their family.

A row of results names the files that its task is written in: a solver of its own is written here, so that the results of the
family stay what they are.
"""

from __future__ import annotations

from taskloom_control.config import AnyOptimizer, ControllerConfig
from taskloom_control.optimizers.mppi import MPPI
from taskloom_control.suites.dm_arms import DmMassConfig, DmPointMassEasy, DmPointMassHard
from taskloom_control.suites.dm_bodies import DmFingerConfig, DmFingerSpin


class DmSpinConfig(DmFingerConfig):
    """The solver of the finger that spins a body: flicks, which are quick, at full force, and found among many."""

    controller: ControllerConfig = ControllerConfig(horizon=0.2, control_freq=50, spline="zero")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=160, num_nodes=4, sigma=1.0, ess=2)
    """Optimizer of the plan."""


class DmFingerFlicks(DmFingerSpin):
    """Spin a body, rewarded above 15 rad/s, by short flicks."""

    def __init__(self, config: DmSpinConfig) -> None:
        super().__init__(config)


class DmPointConfig(DmMassConfig):
    """The solver of the point mass, which is slow at its fastest: strong noise finds the shortest way there."""

    controller: ControllerConfig = ControllerConfig(horizon=0.6, control_freq=50, spline="linear")
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = MPPI(num_rollouts=32, num_nodes=5, sigma=0.5, ess=3, finest=0.05)
    """Optimizer of the plan."""


class DmPointMassStraight(DmPointMassEasy):
    """Move a mass to the middle, one motor an axis, on the shortest way."""

    def __init__(self, config: DmPointConfig) -> None:
        super().__init__(config)


class DmPointMassTurned(DmPointMassHard):
    """Move a mass to the middle with motors of unknown directions, on the shortest way."""

    def __init__(self, config: DmPointConfig) -> None:
        super().__init__(config)
