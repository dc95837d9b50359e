"""Configs of a control run: the solver, and what is recorded. No back-end is imported."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from taskloom import Component, Config, ExecutionOnly, OneOf, Unit

from taskloom_control.engines.base import Engine
from taskloom_control.engines.threads import Threads
from taskloom_control.optimizers.base import Optimizer, SamplingOptimizer
from taskloom_control.optimizers.predictive_sampling import PredictiveSampling
from taskloom_control.planning.robust import RobustConfig
from taskloom_control.planning.splines import SplineName

NormalizerName = Literal["none", "min_max", "running"]
Seconds = Annotated[float, Field(gt=0, le=3600), Unit("s")]
AnyOptimizer = Annotated[Optimizer, OneOf("taskloom_control.optimizers")]
"""The type of a field that holds an optimizer: a task redeclares the field to choose another default."""


class ControllerConfig(Component):
    """The receding-horizon controller."""

    horizon: Annotated[float, Field(gt=0, le=60), Unit("s")] = 1.0
    """Length of a plan."""
    control_freq: Annotated[float, Field(gt=0, le=1000), Unit("Hz")] = 25.0
    """Plans per simulated second."""
    iterations: Annotated[int, Field(ge=1, le=1000)] = 1
    """Optimizer iterations per plan."""
    first_iterations: Annotated[int, Field(ge=0, le=10000)] = 0
    """Iterations of the first plan, which has no warm start; 0 means `iterations`."""
    spline: SplineName = "zero"
    """Order of the spline between knots; `zero` holds each knot."""
    foresees: Literal["none", "forces"] = "none"
    """Knowledge of what disturbs the system: `forces` tells the planner the applied forces of the moment, `none` does not."""
    unlimited_scale: Annotated[float, Field(gt=0)] = 1.0
    """Noise of 1 for an actuator without a control range, in its own unit; a bounded force of the model goes before it."""
    feedback: Literal["none", "ilqr"] = "none"
    """Reaction to the state between two plans: `ilqr` executes the plan with iLQR's gains, `none` as it is."""
    penalty: Annotated[float, Field(ge=0)] = 100.0
    """Cost of a candidate's violation of the task's constraints, by its size and for each step; iLQR keeps them instead."""
    action_normalizer: NormalizerName = "min_max"
    """Coordinates of the knots: `min_max` scales noise to the control range, `none` leaves actuator units, `running`
    standardizes by the knots seen so far."""


class Push(Component):
    """A push that a body of the plant gets."""

    time: Annotated[float, Field(ge=0), Unit("s")] = 0.0
    """Time at which it begins."""
    duration: Annotated[float, Field(gt=0), Unit("s")] = 0.1
    """Time that it lasts."""
    body: str = ""
    """Body that is pushed, by its name in the simulated model."""
    force: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Force at the body's centre of mass, in the world's axes [N]."""
    torque: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Torque, in the world's axes [N m]."""


class PlantConfig(Component):
    """Imperfections of the simulated plant, of which the planner is told nothing; all are zero unless they are asked for."""

    latency: Annotated[float, Field(ge=0, le=10), Unit("s")] = 0.0
    """Age of an estimate when it arrives."""
    jitter: Annotated[float, Field(ge=0, le=10), Unit("s")] = 0.0
    """Further age, uniform between 0 and this; estimates keep their order."""
    dropout: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Probability that a message is lost, an estimate or a plan."""
    noise: dict[str, Annotated[float, Field(ge=0)]] = Field(default={})
    """Standard deviation of the estimated position by joint; a rotation vector for free and ball joints [rad or m]."""
    velocity_noise: dict[str, Annotated[float, Field(ge=0)]] = Field(default={})
    """Standard deviation of the estimated velocity by joint [rad/s or m/s]."""
    bias: dict[str, float] = Field(default={})
    """Constant error of the estimated position by joint [rad or m]."""
    mass_scale: Annotated[float, Field(gt=0)] = 1.0
    """Masses and inertias of the plant over those of its model."""
    friction_scale: Annotated[float, Field(ge=0)] = 1.0
    """Friction of the plant over that of its model."""
    pushes: tuple[Push, ...] = ()
    """Pushes from outside."""
    predict: bool = True
    """Roll the estimate forward over its measured age before it is planned from; without an age this changes nothing."""

    @property
    def delays(self) -> bool:
        """True where messages take time or are lost."""
        return bool(self.latency or self.jitter or self.dropout)

    @property
    def estimates(self) -> bool:
        """True where the planner gets anything but the plant's own state of the moment."""
        return bool(self.delays or self.noise or self.velocity_noise or self.bias)


class RecordConfig(Component):
    """Record of a run besides the trajectory."""

    animation: Annotated[bool, ExecutionOnly()] = True
    """Draw an animation of the closed loop."""
    fan_every: Annotated[int, Field(ge=0), ExecutionOnly()] = 25
    """Keep the candidate traces of every so many plans; 0 keeps none."""
    fan_size: Annotated[int, Field(ge=1, le=256), ExecutionOnly()] = 16
    """Candidate traces kept of such a plan."""


class ControlConfig(Config):
    """Base of every control task's config: the solver that is paired with the system."""

    seconds: Seconds = 10.0
    """Simulated time of the closed loop."""
    hold: Annotated[float, Field(gt=0), Unit("s")] = 2.0
    """Length of the final window in which a task that must be held has to be held."""
    keyframe: str = ""
    """Keyframe of the model that an episode begins at; empty takes `home` if there is one, `none` the model's own start."""
    controller: ControllerConfig = ControllerConfig()
    """The receding-horizon controller."""
    optimizer: AnyOptimizer = PredictiveSampling()
    """Optimizer of the plan."""
    engine: Annotated[Engine, OneOf("taskloom_control.engines")] = Threads()
    """Engine that rolls candidate plans out."""
    plant: PlantConfig = PlantConfig()
    """Imperfections of the simulated plant."""
    robust: RobustConfig | None = None
    """Models besides the planning model that a plan has to hold for."""
    record: RecordConfig = RecordConfig()
    """Record of the run."""
    baseline: bool = True
    """Simulate the same start with the controls at rest, for the headline."""
    checkpoint_every: Annotated[int, Field(ge=0), ExecutionOnly()] = 0
    """Publish a checkpoint after every so many plans; 0 only when the run is asked to stop."""

    @model_validator(mode="after")
    def _components_fit(self) -> Self:
        """Refuse components that cannot work with the rest of the config."""
        for part in (self.optimizer, self.engine):
            if reason := part.check(self):
                raise ValueError(reason)
        if self.controller.feedback == "ilqr" and not self.optimizer.has_gains:
            raise ValueError(
                "controller.feedback=ilqr executes the gains of iLQR, which this optimizer has none of; "
                "choose optimizer=ilqr, or controller.feedback=none"
            )
        if self.robust is not None and (reason := self._why_not_robust(self.robust)):
            raise ValueError(reason)
        return self

    def _why_not_robust(self, robust: RobustConfig) -> str:
        """Return why no robust plan can be made with optimizer and engine, or an empty string."""
        if not isinstance(self.optimizer, SamplingOptimizer):
            return "robust planning judges candidates, which this optimizer has none of; choose a sampling optimizer"
        if not self.engine.takes_models:
            return "robust planning needs an engine that rolls out several models; choose engine 'threads' or 'serial'"
        if robust.budget == "same":
            each = robust.candidates(self.optimizer.num_rollouts)
            try:
                self.optimizer.with_rollouts(each)
            except ValueError:
                return (
                    f"{self.optimizer.num_rollouts} rollouts leave {each} candidates to be judged under {robust.models} models, too few for "
                    "the optimizer; raise optimizer.num_rollouts, or choose robust.budget=times_models"
                )
        return ""
