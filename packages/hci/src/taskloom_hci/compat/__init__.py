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
from taskloom_hci.compat.elements import (
    CatSet as CatSet,
    Space as Space,
    array_element as array_element,
    cat_element as cat_element,
    discrete_array_element as discrete_array_element,
)
from taskloom_hci.compat.engines import (
    GoalInferenceWithUserPolicyGiven as GoalInferenceWithUserPolicyGiven,
    RuleObservationEngine as RuleObservationEngine,
    base_assistant_engine_specification as base_assistant_engine_specification,
    base_task_engine_specification as base_task_engine_specification,
    base_user_engine_specification as base_user_engine_specification,
    blind_engine_specification as blind_engine_specification,
    oracle_engine_specification as oracle_engine_specification,
)
from taskloom_hci.compat.people import (
    BIGGain as BIGGain,
    CarefulPointer as CarefulPointer,
    ConstantCDGain as ConstantCDGain,
    ExampleAssistant as ExampleAssistant,
    ExampleUser as ExampleUser,
    FHDT_LQRController as FHDT_LQRController,
    IHCT_LQGController as IHCT_LQGController,
    IHDT_LQRController as IHDT_LQRController,
)
from taskloom_hci.compat.policies import (
    BIGDiscretePolicy as BIGDiscretePolicy,
    ELLDiscretePolicy as ELLDiscretePolicy,
    RLPolicy as RLPolicy,
    SeedLinearFeedback as LinearFeedback,
)
from taskloom_hci.compat.tasks import (
    ClassicControlTask as ClassicControlTask,
    PipeTaskWrapper as PipeTaskWrapper,
    SeedBundle as Bundle,
    SimplePointingTask as SimplePointingTask,
    example_game_state as example_game_state,
)
from taskloom_hci.compat.wrappers import (
    GymWrapper as GymWrapper,
    PettingZooWrapper as PettingZooWrapper,
    TrainGym as TrainGym,
)
from taskloom_hci.errors import (
    ElementAssignmentWarning as StateElementAssignmentWarning,
    LikelihoodError as BadlyDefinedLikelihoodError,
    NotContainedError as StateNotContainedError,
    NotContainedWarning as StateNotContainedWarning,
    SpaceNotSeparableError as SpaceNotSeparableError,
)
from taskloom_hci.games.simple import (
    Coordinated as CoordinatedTask,
    Example as ExampleTask,
)
from taskloom_hci.inference.engine import (
    CascadedInference as CascadedInferenceEngine,
    DualInference as DualInferenceEngine,
)
from taskloom_hci.inference.kalman import (
    GaussianInference as LinearGaussianContinuous,
    SteadyKalman as ContinuousKalmanUpdate,
)
from taskloom_hci.observation.engine import (
    CascadedObservation as CascadedObservationEngine,
)
from taskloom_hci.policies.policy import (
    DualPolicy as DualPolicy,
    RandomPolicy as RandomPolicy,
)
from taskloom_hci.state.elements import (
    Element as StateElement,
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
    "BIGGain",
    "BadlyDefinedLikelihoodError",
    "BaseAgent",
    "BaseInferenceEngine",
    "BaseObservationEngine",
    "BasePolicy",
    "Bundle",
    "CarefulPointer",
    "CascadedInferenceEngine",
    "CascadedObservationEngine",
    "CatSet",
    "ClassicControlTask",
    "ConstantCDGain",
    "ContinuousKalmanUpdate",
    "CoordinatedTask",
    "DualInferenceEngine",
    "DualPolicy",
    "ELLDiscretePolicy",
    "ExampleAssistant",
    "ExampleTask",
    "ExampleUser",
    "FHDT_LQRController",
    "GoalInferenceWithUserPolicyGiven",
    "GymWrapper",
    "IHCT_LQGController",
    "IHDT_LQRController",
    "InteractionTask",
    "LinearFeedback",
    "LinearGaussianContinuous",
    "Numeric",
    "PettingZooWrapper",
    "PipeTaskWrapper",
    "RLPolicy",
    "RandomPolicy",
    "RuleObservationEngine",
    "SimplePointingTask",
    "Simulator",
    "Space",
    "SpaceNotSeparableError",
    "State",
    "StateElement",
    "StateElementAssignmentWarning",
    "StateNotContainedError",
    "StateNotContainedWarning",
    "TrainGym",
    "WrapAsObservationEngine",
    "WrapAsPolicy",
    "array_element",
    "base_assistant_engine_specification",
    "base_task_engine_specification",
    "base_user_engine_specification",
    "blind_engine_specification",
    "box_space",
    "cat_element",
    "discrete_array_element",
    "example_game_state",
    "integer_set",
    "integer_space",
    "oracle_engine_specification",
]
