"""Control tasks of a third party, each right but for one mistake; `good` has none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from taskloom_control.arrays import Array
from taskloom_control.config import ControlConfig
from taskloom_control.task import StagedTask

if TYPE_CHECKING:
    import numpy as np

HERE = Path(__file__).parent


class BenchConfig(ControlConfig):
    """What all tasks of the workshop share."""

    seconds: float = 0.2
    weight: float = 1.0
    """Weight of the squared distance."""


class Good(StagedTask[BenchConfig]):
    """Nothing is wrong with it."""

    model_path = HERE / "cart.xml"

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: Array,
        system_metadata: Array = None,
    ) -> Mapping[str, Array]:
        return {
            "place": config.weight * states[..., 0] ** 2,
            "control": 0.01 * controls[..., 0] ** 2,
        }

    def reset(self, rng: np.random.Generator) -> None:
        self.data.qpos[0] = rng.uniform(0.5, 1.0)

    def success(self) -> bool:
        return abs(float(self.data.qpos[0])) < 0.1


class WrongShape(Good):
    """Forgets to sum over the steps."""

    def reward(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: Array,
        system_metadata: Array = None,
    ) -> Array:
        return -(states[..., 0] ** 2)


class Nan(Good):
    """One of its terms is not a number."""

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: Array,
        system_metadata: Array = None,
    ) -> Array:
        return {"place": states[..., 0] ** 2, "slope": states[..., 0] * float("nan")}


class Peeking(Good):
    """Compares a rollout with the first one of its batch."""

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: Array,
        system_metadata: Array = None,
    ) -> Array:
        return {"place": (states[..., 0] - states[:1, :, 0]) ** 2 + states[..., 1] ** 2}


class Scribbling(Good):
    """Changes the arrays that it is given."""

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: Array,
        system_metadata: Array = None,
    ) -> Array:
        controls *= 0.5
        return {"place": states[..., 0] ** 2 + controls[..., 0] ** 2}


class NumpyOnly(Good):
    """Uses something that only NumPy's arrays can do."""

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: Array,
        system_metadata: Array = None,
    ) -> Array:
        distance = states[..., 0] ** 2
        distance[distance > 1.0] = 1.0
        return {"place": distance}


class Forgetful(Good):
    """Begins its episodes with a generator of its own, not with the one that it is given."""

    def reset(self, rng: np.random.Generator) -> None:
        import numpy as np  # not needed for names and help

        self.data.qpos[0] = np.random.default_rng().uniform(0.5, 1.0)


class Flat(Good):
    """One of its terms has one number per rollout instead of one per step."""

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: Array,
        system_metadata: Array = None,
    ) -> Array:
        return {"place": states[..., 0] ** 2, "end": states[:, -1:, 0] ** 2}


class MissingSensor(Good):
    """Asks for a sensor that the model has under another name."""

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: Array,
        system_metadata: Array = None,
    ) -> Array:
        return {"place": sensors[..., self.sensor("trace_car")][..., 0] ** 2}


class MissingJoint(Good):
    """Asks for a joint that the model has under another name."""

    def costs(
        self,
        states: Array,
        sensors: Array,
        controls: Array,
        config: Array,
        system_metadata: Array = None,
    ) -> Array:
        return {"place": states[..., self.position("slyde")][..., 0] ** 2}


class Uncompiled(Good):
    """Its model has a body without mass."""

    model_path = HERE / "massless.xml"


class Idle(Good):
    """Its model has nothing to control."""

    model_path = HERE / "idle.xml"


class Gone(Good):
    """Its model is not there."""

    model_path = HERE / "gone.xml"


class Nameless(StagedTask[BenchConfig]):
    """Forgets its model."""

    costs = Good.costs


class ManyHanded(Good):
    """Warm-starts more controls than there are."""

    def optimizer_warm_start(self) -> np.ndarray:
        import numpy as np  # not needed for names and help

        return np.zeros(3)


class Drifting(Good):
    """Its dynamics forget the force."""

    def dynamics(self, states: Array, controls: Array, config: BenchConfig) -> Array:
        import numpy as np  # not needed for names and help

        speed = states[:, 1]
        return np.stack([states[:, 0] + 0.05 * speed, speed], axis=1)


class Wandering(Good):
    """Shows a policy something that a seed does not tell."""

    def observe(self) -> np.ndarray:
        import numpy as np  # not needed for names and help

        return np.random.default_rng().normal(size=3)
