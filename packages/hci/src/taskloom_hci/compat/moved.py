"""Import paths of earlier versions and their new homes; see `taskloom.moved`."""

from __future__ import annotations

from taskloom.moved import Homes


def _homes(words: str) -> dict[str, str]:
    """Return the new home of each name, from words `old=module:new` with the modules of this package."""
    pairs = (word.split("=") for word in words.split())
    return {old: f"taskloom_hci.{home}" for old, home in pairs}


MOVED: dict[str, Homes] = {
    "taskloom_hci.agent": "taskloom_hci.bundle.agent",
    "taskloom_hci.assistants.config": _homes(
        """
        AssistantConfig=assistants.base:Assistant JumpConfig=assistants.base:CursorAssistant
        mode_of=assistants.base:mode_of RandomAssistantConfig=assistants.random:RandomAssistant
        ConstantGainConfig=assistants.gain:ConstantGain BigConfig=assistants.big:Big
        MapConfig=assistants.map:Map LeitnerConfig=assistants.leitner:Leitner
        MyopicConfig=assistants.myopic:Myopic
        ConservativeConfig=assistants.conservative:Conservative
        PredictConfig=assistants.predict:Predict RolloutConfig=assistants.rollout:Rollout
        LearnedAssistantConfig=assistants.learned:LearnedAssistant
        """
    ),
    "taskloom_hci.assistants.coordination": _homes(
        """
        rollout=assistants.coordinated_rollout:coordinated_rollout
        """
    ),
    "taskloom_hci.assistants.rollout": _homes("*=assistants.rollout_agent"),
    "taskloom_hci.assistants.teachers": _homes(
        """
        LeitnerBoxes=policies.leitner:LeitnerBoxes LeitnerPolicy=policies.leitner:LeitnerPolicy
        NEW=policies.leitner:NEW myopic=policies.myopic:myopic_teacher *=policies.myopic
        """
    ),
    "taskloom_hci.batch.belief_numba": "taskloom_hci.accelerated.belief_numba",
    "taskloom_hci.batch.columns_numba": "taskloom_hci.accelerated.columns_numba",
    "taskloom_hci.batch.control": _homes(
        """
        ControlKernel=accelerated.control_kernel:ControlKernel
        control_kernel=accelerated.control_kernel:control_kernel *=accelerated.control
        """
    ),
    "taskloom_hci.batch.control_numba": "taskloom_hci.accelerated.control_numba",
    "taskloom_hci.batch.jit": "taskloom_hci.accelerated.jit",
    "taskloom_hci.batch.jump_numba": "taskloom_hci.accelerated.jump_numba",
    "taskloom_hci.batch.pointing": _homes(
        """
        PointingKernel=accelerated.pointing_kernel:PointingKernel *=accelerated.pointing
        """
    ),
    "taskloom_hci.batch.pointing_numba": "taskloom_hci.accelerated.pointing_numba",
    "taskloom_hci.batch.pointing_numpy": "taskloom_hci.accelerated.pointing_numpy",
    "taskloom_hci.batch.rules": "taskloom_hci.accelerated.pointing_kernel",
    "taskloom_hci.batch.small": "taskloom_hci.accelerated.small",
    "taskloom_hci.bundle": _homes("Bundle=bundle.bundle:Bundle"),
    "taskloom_hci.elementary": "taskloom_hci.accelerated.exact_math",
    "taskloom_hci.elements": "taskloom_hci.state.elements",
    "taskloom_hci.filtering": "taskloom_hci.state.filtering",
    "taskloom_hci.games.plot": "taskloom_hci.report.plot",
    "taskloom_hci.information": "taskloom_hci.inference.information",
    "taskloom_hci.joining": "taskloom_hci.bundle.joining",
    "taskloom_hci.linear": "taskloom_hci.accelerated.exact_linear",
    "taskloom_hci.models.memory": _homes("Memory=models.memory:MemoryModel"),
    "taskloom_hci.models.optimal": _homes("Optimal=models.optimal:OptimalModel"),
    "taskloom_hci.models.pointing": _homes(
        """
        Careful=models.pointing:CarefulModel Boltzmann=models.pointing:BoltzmannModel
        """
    ),
    "taskloom_hci.models.polynomial": _homes("Polynomial=models.polynomial:PolynomialModel"),
    "taskloom_hci.normal": "taskloom_hci.accelerated.exact_normal",
    "taskloom_hci.random": "taskloom_hci.state.streams",
    "taskloom_hci.run": "taskloom_hci.driver",
    "taskloom_hci.saving": "taskloom_hci.state.saving",
    "taskloom_hci.shipped": _homes("make_bundle=driver:make_bundle"),
    "taskloom_hci.simulation": _homes(
        "Simulation=bundle.simulation:SimulatedGame *=bundle.simulation"
    ),
    "taskloom_hci.spaces": "taskloom_hci.state.spaces",
    "taskloom_hci.state": _homes("State=state.state:State flatten=state.state:flatten"),
    "taskloom_hci.tasks.control": _homes("ClassicControl=tasks.control:classic_control"),
    "taskloom_hci.tasks.gaze": _homes("Gaze=tasks.gaze:gaze"),
    "taskloom_hci.tasks.pipe": _homes("Pipe=tasks.pipe:pipe"),
    "taskloom_hci.tasks.pointing": _homes(
        "Pointing=tasks.pointing:pointing Pointing2D=tasks.pointing:pointing_2d"
    ),
    "taskloom_hci.tasks.simple": _homes(
        "Example=tasks.simple:example Coordinated=tasks.simple:coordinated"
    ),
    "taskloom_hci.tasks.teaching": _homes("Teaching=tasks.teaching:teaching"),
    "taskloom_hci.timeline": "taskloom_hci.bundle.timeline",
    "taskloom_hci.turns": "taskloom_hci.bundle.turns",
    "taskloom_hci.users.config": _homes(
        """
        UserConfig=users.base:User CarefulConfig=users.careful:Careful
        BoltzmannConfig=users.boltzmann:Boltzmann RandomUserConfig=users.random:RandomUser
        PolynomialConfig=users.polynomial:Polynomial LQRConfig=users.lqr:LQRUser
        LQGConfig=users.lqg:LQGUser GazeConfig=users.gaze:GazeUser
        MemoryConfig=users.memory:Memory OptimalConfig=users.optimal:Optimal
        LearnedUserConfig=users.learned:LearnedUser ReplayConfig=users.replay:Replay
        """
    ),
    "taskloom_hci.users.control": _homes(
        """
        LQRUser=users.linear:LQRAgent LQGUser=users.linear:LQGAgent *=observation.linear
        """
    ),
}
