"""The seed system's names (CoopIHC), so that a task written for it runs nearly unchanged.

    from taskloom_hci.compat import Bundle, InteractionTask, discrete_array_element

What is different on purpose is told in the documentation of the domain.
"""

# ruff: noqa: N812 -- re-exports, under the names of the seed system

from __future__ import annotations

from taskloom_hci.bundle.simulation import (
    GameAsObservation as WrapAsObservationEngine,
    GameAsPolicy as WrapAsPolicy,
    SimulatedGame as Simulator,
)
from taskloom_hci.compat.agents import (
    BaseAgent as BaseAgent,
    BaseInferenceEngine as BaseInferenceEngine,
    BaseObservationEngine as BaseObservationEngine,
    BasePolicy as BasePolicy,
)
from taskloom_hci.compat.tasks import (
    ClassicControlTask as ClassicControlTask,
    PipeTaskWrapper as PipeTaskWrapper,
    SeedBundle as Bundle,
    example_game_state as example_game_state,
)
from taskloom_hci.errors import (
    ElementAssignmentWarning as StateElementAssignmentWarning,
    LikelihoodError as BadlyDefinedLikelihoodError,
    NotContainedError as StateNotContainedError,
    NotContainedWarning as StateNotContainedWarning,
    SpaceNotSeparableError as SpaceNotSeparableError,
)
from taskloom_hci.games.pointing import (
    Pointing as SimplePointingTask,
)
from taskloom_hci.games.simple import (
    Coordinated as CoordinatedTask,
    Example as ExampleTask,
)
from taskloom_hci.inference.engine import (
    CascadedInference as CascadedInferenceEngine,
    DualInference as DualInferenceEngine,
)
from taskloom_hci.inference.exact import (
    ExactInference as GoalInferenceWithUserPolicyGiven,
)
from taskloom_hci.inference.kalman import (
    GaussianInference as LinearGaussianContinuous,
    SteadyKalman as ContinuousKalmanUpdate,
)
from taskloom_hci.observation.engine import (
    CascadedObservation as CascadedObservationEngine,
    RuleObservation as RuleObservationEngine,
)
from taskloom_hci.policies.feedback import (
    LinearFeedback as LinearFeedback,
)
from taskloom_hci.policies.information import (
    InformationGain as BIGDiscretePolicy,
)
from taskloom_hci.policies.likelihood import (
    ModelPolicy as ELLDiscretePolicy,
)
from taskloom_hci.policies.policy import (
    DualPolicy as DualPolicy,
    RandomPolicy as RandomPolicy,
)
from taskloom_hci.state.elements import (
    Element as StateElement,
    array_element as array_element,
    cat_element as cat_element,
    discrete_array_element as discrete_array_element,
)
from taskloom_hci.state.spaces import (
    box_space as box_space,
    integer_set as integer_set,
    integer_space as integer_space,
    numeric as Numeric,
)
from taskloom_hci.state.state import (
    State as State,
)
from taskloom_hci.task import (
    InteractionTask as InteractionTask,
)

__all__ = [
    "BIGDiscretePolicy",
    "BadlyDefinedLikelihoodError",
    "BaseAgent",
    "BaseInferenceEngine",
    "BaseObservationEngine",
    "BasePolicy",
    "Bundle",
    "CascadedInferenceEngine",
    "CascadedObservationEngine",
    "ClassicControlTask",
    "ContinuousKalmanUpdate",
    "CoordinatedTask",
    "DualInferenceEngine",
    "DualPolicy",
    "ELLDiscretePolicy",
    "ExampleTask",
    "GoalInferenceWithUserPolicyGiven",
    "InteractionTask",
    "LinearFeedback",
    "LinearGaussianContinuous",
    "Numeric",
    "PipeTaskWrapper",
    "RandomPolicy",
    "RuleObservationEngine",
    "SimplePointingTask",
    "Simulator",
    "SpaceNotSeparableError",
    "State",
    "StateElement",
    "StateElementAssignmentWarning",
    "StateNotContainedError",
    "StateNotContainedWarning",
    "WrapAsObservationEngine",
    "WrapAsPolicy",
    "array_element",
    "box_space",
    "cat_element",
    "discrete_array_element",
    "example_game_state",
    "integer_set",
    "integer_space",
]
