"""Import paths of earlier versions and their new homes; see `taskloom.moved`."""

from __future__ import annotations

from taskloom.moved import Homes


def _homes(words: str) -> dict[str, str]:
    """Return new homes by old names, from words `old=new` with the modules of this package."""
    pairs = (word.split("=") for word in words.split())
    return {old: f"taskloom_hci.{home}" for old, home in pairs}


# Modules with one new home each.
_WHOLE = """
agent=bundle.agent batch.belief_numba=accelerated.belief_numba batch.columns_numba=accelerated.columns_numba
batch.control_numba=accelerated.control_numba batch.jit=accelerated.jit batch.jump_numba=accelerated.jump_numba
batch.pointing_numba=accelerated.pointing_numba batch.pointing_numpy=accelerated.pointing_numpy
batch.rules=accelerated.pointing_kernel batch.small=accelerated.small elementary=accelerated.exact_math
compat.doors=compat.wrappers elements=state.elements exports.doors=exports.common filtering=state.filtering games.plot=report.plot information=inference.information
joining=bundle.joining linear=accelerated.exact_linear normal=accelerated.exact_normal random=state.streams run=driver
saving=state.saving spaces=state.spaces timeline=bundle.timeline turns=bundle.turns
"""
# Modules whose names went to several places, or that are still there without some of their names.
_NAMES = {
    "assistants.config": """
        AssistantConfig=assistants.base:Assistant JumpConfig=assistants.base:CursorAssistant
        mode_of=assistants.base:mode_of RandomAssistantConfig=assistants.random:RandomAssistant
        ConstantGainConfig=assistants.gain:ConstantGain BigConfig=assistants.big:Big MapConfig=assistants.map:Map
        LeitnerConfig=assistants.leitner:Leitner MyopicConfig=assistants.myopic:Myopic
        ConservativeConfig=assistants.conservative:Conservative PredictConfig=assistants.predict:Predict
        RolloutConfig=assistants.rollout:Rollout LearnedAssistantConfig=assistants.learned:LearnedAssistant
    """,
    "assistants.coordination": "rollout=assistants.coordinated_rollout:coordinated_rollout",
    "assistants.rollout": "*=assistants.rollout_agent",
    "assistants.teachers": """
        LeitnerBoxes=policies.leitner:LeitnerBoxes LeitnerPolicy=policies.leitner:LeitnerPolicy
        NEW=policies.leitner:NEW myopic=policies.myopic:myopic_teacher *=policies.myopic
    """,
    "batch.control": """
        ControlKernel=accelerated.control_kernel:ControlKernel
        control_kernel=accelerated.control_kernel:control_kernel *=accelerated.control
    """,
    "batch.pointing": """
        PointingKernel=accelerated.pointing_kernel:PointingKernel *=accelerated.pointing
    """,
    "bundle": "Bundle=bundle.bundle:Bundle",
    "models.memory": "Memory=models.memory:MemoryModel",
    "models.optimal": "Optimal=models.optimal:OptimalModel",
    "models.pointing": """
        Careful=models.pointing:CarefulModel Boltzmann=models.pointing:BoltzmannModel
    """,
    "models.polynomial": "Polynomial=models.polynomial:PolynomialModel",
    "shipped": "make_bundle=driver:make_bundle",
    "simulation": "Simulation=bundle.simulation:SimulatedGame *=bundle.simulation",
    "state": "State=state.state:State flatten=state.state:flatten",
    "tasks.control": "ClassicControl=tasks.control:classic_control",
    "tasks.gaze": "Gaze=tasks.gaze:gaze",
    "tasks.pipe": "Pipe=tasks.pipe:pipe",
    "tasks.pointing": "Pointing=tasks.pointing:pointing Pointing2D=tasks.pointing:pointing_2d",
    "tasks.simple": "Example=tasks.simple:example Coordinated=tasks.simple:coordinated",
    "tasks.teaching": "Teaching=tasks.teaching:teaching",
    "users.config": """
        UserConfig=users.base:User CarefulConfig=users.careful:Careful BoltzmannConfig=users.boltzmann:Boltzmann
        RandomUserConfig=users.random:RandomUser PolynomialConfig=users.polynomial:Polynomial
        LQRConfig=users.lqr:LQRUser LQGConfig=users.lqg:LQGUser GazeConfig=users.gaze:GazeUser
        MemoryConfig=users.memory:Memory OptimalConfig=users.optimal:Optimal
        LearnedUserConfig=users.learned:LearnedUser ReplayConfig=users.replay:Replay
    """,
    "users.control": """
        LQRUser=users.linear:LQRAgent LQGUser=users.linear:LQGAgent *=observation.linear
    """,
}

MOVED: dict[str, Homes] = {
    **{f"taskloom_hci.{old}": home for old, home in _homes(_WHOLE).items()},
    **{f"taskloom_hci.{old}": _homes(words) for old, words in _NAMES.items()},
}
