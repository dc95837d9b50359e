"""Play a task that a (simulated or real) user and an assistant share. Every public name is imported when it is first used.

`ExampleTask`, `ClassicControlTask` and `PipeTaskWrapper` are names of CoopIHC; `taskloom_hci.compat` has the rest of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskloom.lazy import lazy_names

if TYPE_CHECKING:
    from taskloom_hci.assistants.base import Assistant as Assistant
    from taskloom_hci.assistants.big import Big as Big
    from taskloom_hci.assistants.conservative import Conservative as Conservative
    from taskloom_hci.assistants.gain import ConstantGain as ConstantGain
    from taskloom_hci.assistants.learned import LearnedAssistant as LearnedAssistant
    from taskloom_hci.assistants.leitner import Leitner as Leitner
    from taskloom_hci.assistants.map import Map as Map
    from taskloom_hci.assistants.myopic import Myopic as Myopic
    from taskloom_hci.assistants.predict import Predict as Predict
    from taskloom_hci.assistants.random import RandomAssistant as RandomAssistant
    from taskloom_hci.assistants.rollout import Rollout as Rollout
    from taskloom_hci.assistants.rollout_agent import RolloutAssistant as RolloutAssistant
    from taskloom_hci.batch.episodes import Episodes as Episodes, load as load
    from taskloom_hci.batch.kernel import Kernel as Kernel
    from taskloom_hci.batch.kernels import kernel_of as kernel_of
    from taskloom_hci.batch.play import play as play
    from taskloom_hci.bundle.agent import Agent as Agent
    from taskloom_hci.bundle.bundle import Bundle as Bundle
    from taskloom_hci.bundle.simulation import (
        GameAsObservation as GameAsObservation,
        GameAsPolicy as GameAsPolicy,
        RolloutPolicy as RolloutPolicy,
        SimulatedGame as SimulatedGame,
    )
    from taskloom_hci.bundle.turns import StepResult as StepResult, Turn as Turn
    from taskloom_hci.compat.tasks import (
        ClassicControlTask as ClassicControlTask,
        PipeTaskWrapper as PipeTaskWrapper,
    )
    from taskloom_hci.config import HciConfig as HciConfig
    from taskloom_hci.driver import make_bundle as make_bundle, pair as pair
    from taskloom_hci.errors import (
        BufferNotFilledError as BufferNotFilledError,
        BundleConstraintError as BundleConstraintError,
        ElementAssignmentWarning as ElementAssignmentWarning,
        GameOverError as GameOverError,
        HciError as HciError,
        LikelihoodError as LikelihoodError,
        NotContainedError as NotContainedError,
        NotContainedWarning as NotContainedWarning,
        ShapeError as ShapeError,
        SpaceNotSeparableError as SpaceNotSeparableError,
        UnknownKeyError as UnknownKeyError,
        UnstableGainError as UnstableGainError,
        ZeroEvidenceError as ZeroEvidenceError,
    )
    from taskloom_hci.exports.env import GameEnv as GameEnv, as_array as as_array
    from taskloom_hci.exports.learned import load_policy as load_policy, save_policy as save_policy
    from taskloom_hci.exports.register import env_ids as env_ids, make_env as make_env
    from taskloom_hci.exports.sb3 import PointingVecEnv as PointingVecEnv
    from taskloom_hci.exports.vector import PointingVector as PointingVector
    from taskloom_hci.exports.vector_assistant import AssistantVector as AssistantVector
    from taskloom_hci.exports.zoo import GameAEC as GameAEC, GameParallel as GameParallel
    from taskloom_hci.games.simple import Example as ExampleTask  # noqa: F401 -- a name of the seed
    from taskloom_hci.inference.engine import (
        Buffer as Buffer,
        CascadedInference as CascadedInference,
        DualInference as DualInference,
        InferenceEngine as InferenceEngine,
        NoInference as NoInference,
    )
    from taskloom_hci.inference.exact import (
        ExactInference as ExactInference,
        hypotheses as hypotheses,
        posterior as posterior,
    )
    from taskloom_hci.inference.goal import (
        update_beliefs as update_beliefs,
        update_beliefs_in_place as update_beliefs_in_place,
    )
    from taskloom_hci.inference.kalman import (
        GaussianInference as GaussianInference,
        SteadyKalman as SteadyKalman,
    )
    from taskloom_hci.inference.particle import (
        GridInference as GridInference,
        ParticleInference as ParticleInference,
    )
    from taskloom_hci.models.model import (
        UserModel as UserModel,
        choose as choose,
        probabilities as probabilities,
        score as score,
    )
    from taskloom_hci.motor.lqg import LQGProblem as LQGProblem, solve_lqg as solve_lqg
    from taskloom_hci.motor.lqr import (
        lqr_continuous as lqr_continuous,
        lqr_continuous_horizon as lqr_continuous_horizon,
        lqr_discrete as lqr_discrete,
        lqr_discrete_horizon as lqr_discrete_horizon,
    )
    from taskloom_hci.observation.engine import (
        ASSISTANT_VIEW as ASSISTANT_VIEW,
        BLIND as BLIND,
        ORACLE as ORACLE,
        TASK_ONLY as TASK_ONLY,
        USER_VIEW as USER_VIEW,
        CascadedObservation as CascadedObservation,
        ObservationEngine as ObservationEngine,
        RuleObservation as RuleObservation,
        SeeAll as SeeAll,
    )
    from taskloom_hci.policies.feedback import LinearFeedback as LinearFeedback
    from taskloom_hci.policies.information import InformationGain as InformationGain
    from taskloom_hci.policies.likelihood import ModelPolicy as ModelPolicy
    from taskloom_hci.policies.policy import (
        ConstantPolicy as ConstantPolicy,
        DualPolicy as DualPolicy,
        Policy as Policy,
        RandomPolicy as RandomPolicy,
    )
    from taskloom_hci.state.elements import (
        Element as Element,
        array_element as array_element,
        cat_element as cat_element,
        discrete_array_element as discrete_array_element,
    )
    from taskloom_hci.state.filtering import filtered as filtered
    from taskloom_hci.state.saving import (
        state_from_json as state_from_json,
        state_to_json as state_to_json,
    )
    from taskloom_hci.state.spaces import (
        axis_space as axis_space,
        cartesian_product as cartesian_product,
    )
    from taskloom_hci.state.state import State as State
    from taskloom_hci.task import (
        Game as Game,
        InteractionTask as InteractionTask,
        Participant as Participant,
    )
    from taskloom_hci.users.base import User as User
    from taskloom_hci.users.boltzmann import Boltzmann as Boltzmann
    from taskloom_hci.users.careful import Careful as Careful
    from taskloom_hci.users.fitted import Fitted as Fitted
    from taskloom_hci.users.gaze import GazeUser as GazeUser
    from taskloom_hci.users.learned import LearnedUser as LearnedUser
    from taskloom_hci.users.lqg import LQGUser as LQGUser
    from taskloom_hci.users.lqr import LQRUser as LQRUser
    from taskloom_hci.users.memory import Memory as Memory
    from taskloom_hci.users.optimal import Optimal as Optimal
    from taskloom_hci.users.polynomial import Polynomial as Polynomial
    from taskloom_hci.users.random import RandomUser as RandomUser
    from taskloom_hci.users.replay import Replay as Replay

# Homes of the public names: a listing must not import NumPy and gymnasium.
_HOMES = """
assistants.base:Assistant assistants.big:Big assistants.conservative:Conservative assistants.gain:ConstantGain
assistants.learned:LearnedAssistant assistants.leitner:Leitner assistants.map:Map assistants.myopic:Myopic
assistants.predict:Predict assistants.random:RandomAssistant assistants.rollout:Rollout
assistants.rollout_agent:RolloutAssistant batch.episodes:Episodes,load batch.kernel:Kernel batch.kernels:kernel_of
batch.play:play bundle.agent:Agent bundle.bundle:Bundle
bundle.simulation:GameAsObservation,GameAsPolicy,RolloutPolicy,SimulatedGame bundle.turns:StepResult,Turn
compat.tasks:ClassicControlTask,PipeTaskWrapper config:HciConfig driver:make_bundle,pair
errors:BufferNotFilledError,BundleConstraintError,ElementAssignmentWarning,GameOverError,HciError,LikelihoodError
errors:NotContainedError,NotContainedWarning,ShapeError,SpaceNotSeparableError,UnknownKeyError,UnstableGainError
errors:ZeroEvidenceError
exports.env:GameEnv,as_array exports.learned:load_policy,save_policy exports.register:env_ids,make_env
exports.sb3:PointingVecEnv exports.vector:PointingVector exports.vector_assistant:AssistantVector
exports.zoo:GameAEC,GameParallel games.simple:ExampleTask
inference.engine:Buffer,CascadedInference,DualInference,InferenceEngine,NoInference
inference.exact:ExactInference,hypotheses,posterior inference.goal:update_beliefs,update_beliefs_in_place inference.kalman:GaussianInference,SteadyKalman
inference.particle:GridInference,ParticleInference models.model:UserModel,choose,probabilities,score
motor.lqg:LQGProblem,solve_lqg motor.lqr:lqr_continuous,lqr_continuous_horizon,lqr_discrete,lqr_discrete_horizon
observation.engine:ASSISTANT_VIEW,BLIND,ORACLE,TASK_ONLY,USER_VIEW,CascadedObservation,ObservationEngine,RuleObservation,SeeAll
policies.feedback:LinearFeedback policies.information:InformationGain policies.likelihood:ModelPolicy
policies.policy:ConstantPolicy,DualPolicy,Policy,RandomPolicy
state.elements:Element,array_element,cat_element,discrete_array_element state.filtering:filtered
state.saving:state_from_json,state_to_json state.spaces:axis_space,cartesian_product state.state:State task:Game,InteractionTask,Participant users.base:User
users.boltzmann:Boltzmann users.careful:Careful users.fitted:Fitted users.gaze:GazeUser users.learned:LearnedUser users.lqg:LQGUser
users.lqr:LQRUser users.memory:Memory users.optimal:Optimal users.polynomial:Polynomial users.random:RandomUser
users.replay:Replay
"""
_HOME_OF = {
    name: f"taskloom_hci.{module}"
    for module, _, names in (word.partition(":") for word in _HOMES.split())
    for name in names.split(",")
}

__all__ = sorted([*_HOME_OF])  # noqa: PLE0605 -- a list all the same # pyright: ignore[reportUnsupportedDunderAll] -- built from _HOMES

__getattr__, __dir__ = lazy_names("taskloom_hci", _HOME_OF, {"ExampleTask": "Example"})
