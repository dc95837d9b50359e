"""The manifest of the hci domain; imports nothing heavy."""

from __future__ import annotations

from taskloom.registry import ComponentRef, DomainRef, TaskRef, VerbRef

_TASKS = (
    ("example", "A number both agents add to until it is 4.", "simple:Example"),
    ("coordinated", "A number that grows when both agents choose the same.", "simple:Coordinated"),
    ("pointing", "A cursor on a line and a goal only the user knows.", "pointing:Pointing"),
    ("pointing_2d", "A cursor on a grid and a goal only the user knows.", "pointing:Pointing2D"),
    (
        "classic_control",
        "An arm that a user brings to rest through noise.",
        "control:ClassicControl",
    ),
    ("gaze", "A target to find with eyes that see best where they look.", "gaze:Gaze"),
    ("teaching", "Items to practise for an exam.", "teaching:Teaching"),
    ("pipe", "A game that another process keeps.", "pipe:Pipe"),
)

_USERS = (
    ("careful", "Moves towards the goal, with a small rate of errors.", "CarefulConfig"),
    ("boltzmann", "Prefers moves that end closer to the goal.", "BoltzmannConfig"),
    ("optimal", "Takes as few rounds as possible (value iteration).", "OptimalConfig"),
    ("polynomial", "Chooses by a hidden polynomial of the state.", "PolynomialConfig"),
    ("lqr", "Sees the state and controls it optimally.", "LQRConfig"),
    ("lqg", "Estimates the state and controls it optimally.", "LQGConfig"),
    ("gaze", "Looks for a target with noisy eyes.", "GazeConfig"),
    ("memory", "Learns items and forgets them exponentially.", "MemoryConfig"),
    ("replay", "Does again what a recorded user did.", "ReplayConfig"),
    ("learned", "Acts as a trained network.", "LearnedUserConfig"),
    ("random", "Draws every action from its space.", "RandomUserConfig"),
)

_ASSISTANTS = (
    ("random", "Draws every action from its space.", "RandomAssistantConfig"),
    ("gain", "Multiplies every move of the user.", "ConstantGainConfig"),
    ("big", "Asks the most telling question (information gain).", "BigConfig"),
    ("map", "Jumps to the likeliest target.", "MapConfig"),
    ("predict", "Does what it believes the user will do.", "PredictConfig"),
    ("rollout", "Infers what the user is like and simulates what follows.", "RolloutConfig"),
    ("learned", "Acts as a trained network.", "LearnedAssistantConfig"),
    ("leitner", "Teaches with Leitner's boxes.", "LeitnerConfig"),
    ("myopic", "Teaches the weakest item, or a new one.", "MyopicConfig"),
    ("conservative", "Teaches no more than can be mastered.", "ConservativeConfig"),
)

DOMAIN = DomainRef(
    name="hci",
    summary="A task shared by a (simulated or real) user and an assistant.",
    extra="hci",
    tasks=tuple(
        TaskRef(name, summary, f"taskloom_hci.tasks.{target}") for name, summary, target in _TASKS
    ),
    components={
        f"taskloom_hci.{kind}": tuple(
            ComponentRef(name, summary, f"taskloom_hci.{kind}.config:{target}")
            for name, summary, target in rows
        )
        for kind, rows in (("users", _USERS), ("assistants", _ASSISTANTS))
    },
    verbs=(
        VerbRef("play", "Play a task yourself, as the user.", "taskloom_hci.verbs.play:play"),
        VerbRef("sample", "Save trajectories as a data set.", "taskloom_hci.verbs.sample:sample"),
        VerbRef(
            "replay", "Play a finished run again and compare.", "taskloom_hci.verbs.replay:replay"
        ),
    ),
    report="taskloom_hci.report.section:report",
)
