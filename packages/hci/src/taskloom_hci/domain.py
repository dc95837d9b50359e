"""The manifest of the hci domain; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping

from taskloom.registry.refs import ComponentRef, DomainRef, TaskRef, VerbRef

_TASKS = (
    ("example", "A number both agents add to until it is 4.", "simple:example"),
    ("coordinated", "A number that grows when both agents choose the same.", "simple:coordinated"),
    ("pointing", "A cursor on a line and a goal only the user knows.", "pointing:pointing"),
    ("pointing_2d", "A cursor on a grid and a goal only the user knows.", "pointing:pointing_2d"),
    (
        "classic_control",
        "An arm that a user brings to rest through noise.",
        "control:classic_control",
    ),
    ("gaze", "A target to find with eyes that see best where they look.", "gaze:gaze"),
    ("teaching", "Items to practise for an exam.", "teaching:teaching"),
    ("pipe", "A game that another process keeps.", "pipe:pipe"),
)

# Version 2 of the grid: "up" is up, and width and height are those of the text and of every picture.
_VERSIONS = {"pointing_2d": 2}

_POINTING = ("pointing", "pointing_2d")

_HELPED = ("example", "coordinated", *_POINTING, "teaching", "pipe")

# The tasks that a user or an assistant plays; one that is not named plays any.
_PLAYS: Mapping[str, tuple[str, ...]] = {
    "users.random": tuple(name for name, *_ in _TASKS if name != "teaching"),
    "assistants.random": _HELPED,
    "assistants.learned": _HELPED,
    "careful": _POINTING,
    "boltzmann": _POINTING,
    "optimal": _POINTING,
    "polynomial": ("coordinated",),
    "lqr": ("classic_control",),
    "lqg": ("classic_control",),
    "gaze": ("gaze",),
    "memory": ("teaching",),
    "gain": _POINTING,
    "big": _POINTING,
    "map": _POINTING,
    "predict": ("coordinated",),
    "rollout": (*_POINTING, "coordinated"),
    "leitner": ("teaching",),
    "myopic": ("teaching",),
    "conservative": ("teaching",),
}

_USERS = (
    ("careful", "Pointing towards the goal, with a small rate of errors.", "Careful"),
    ("boltzmann", "Boltzmann-rational pointing: moves that end closer are likelier.", "Boltzmann"),
    ("optimal", "Pointing in the fewest rounds, by value iteration.", "Optimal"),
    ("polynomial", "A choice by a hidden polynomial of the state.", "Polynomial"),
    ("lqr", "Linear-quadratic regulator: `u = -K x` on the state itself.", "LQRUser"),
    ("lqg", "Linear-quadratic-Gaussian control by an estimate of the state.", "LQGUser"),
    ("gaze", "Visual search with eyes that see worse away from the fixation.", "GazeUser"),
    ("memory", "Exponential forgetting, slower for an item seen more often.", "Memory"),
    ("replay", "The actions of a recorded user again, episode by episode.", "Replay"),
    ("learned", "A network of Stable-Baselines3, read without pickle.", "LearnedUser"),
    (
        "fitted",
        "A person whose parameters were fitted: another one each time, one of them, or their mean.",
        "Fitted",
    ),
    ("random", "Actions drawn at random from their space.", "RandomUser"),
)

_ASSISTANTS = (
    ("random", "Actions drawn at random from their space.", "RandomAssistant"),
    ("gain", "A constant gain: every move of the user times a number.", "ConstantGain"),
    ("big", "Bayesian information gain: a jump to the most telling cell.", "Big"),
    ("map", "Maximum a posteriori: a jump to the likeliest target.", "Map"),
    ("predict", "The choice that a user with these coefficients makes.", "Predict"),
    ("rollout", "Roll-outs: every action tried in simulated games.", "Rollout"),
    ("learned", "A network of Stable-Baselines3, read without pickle.", "LearnedAssistant"),
    ("leitner", "Leitner's boxes: an item that was known comes back later.", "Leitner"),
    ("myopic", "The weakest item if it is below mastery, else a new one.", "Myopic"),
    ("conservative", "No more items than can be mastered by the exam.", "Conservative"),
)

_METRICS = (
    *("episodes", "rounds/total", "rounds/sd", "rounds/median", "rewards/*"),
    *("optimum/rounds", "optimum/above"),
    *(
        f"{what}/{end}"
        for what in ("rounds", "return", "success")
        for end in ("mean", "low", "high")
    ),
)

DOMAIN = DomainRef(
    name="hci",
    summary="A task shared by a (simulated or real) user and an assistant.",
    extra="hci",
    tasks=(
        *(
            TaskRef(name, summary, f"taskloom_hci.tasks.{target}", _VERSIONS.get(name, 1))
            for name, summary, target in _TASKS
        ),
        # No game: its run serves games to people.
        TaskRef(
            "study",
            "People play conditions of a task in a browser; made by `tasks hci study FILE.toml`.",
            "taskloom_hci.tasks.study:study",
        ),
    ),
    components={
        f"taskloom_hci.{kind}": tuple(
            ComponentRef(
                name,
                summary,
                f"taskloom_hci.{kind}.{name}:{target}",
                _PLAYS.get(f"{kind}.{name}", _PLAYS.get(name, ())),
            )
            for name, summary, target in rows
        )
        for kind, rows in (("users", _USERS), ("assistants", _ASSISTANTS))
    },
    verbs=(
        VerbRef(
            "play", "Play a task yourself, as the user.", "taskloom_hci.verbs.play:play", "task"
        ),
        VerbRef(
            "study",
            "Serve a study with people to this machine's browser.",
            "taskloom_hci.verbs.study:study",
        ),
        VerbRef(
            "study-export",
            "Write the tables of a study, playing its games again.",
            "taskloom_hci.verbs.study_export:study_export",
            on="run",
        ),
        VerbRef(
            "study-power",
            "Tell how many people a study takes, by simulated users.",
            "taskloom_hci.verbs.study_power:study_power",
        ),
        VerbRef(
            "sample", "Save trajectories as a data set.", "taskloom_hci.verbs.sample:sample", "task"
        ),
        VerbRef(
            "train",
            "Train the user or the assistant of a pointing task.",
            "taskloom_hci.verbs.train:train",
            "task",
        ),
        VerbRef(
            "evaluate",
            "Play a trained policy on fixed games, beside the task's own agent.",
            "taskloom_hci.verbs.evaluate:evaluate",
            "task",
        ),
        VerbRef(
            "recover",
            "Simulate people, fit them, and tell what comes back.",
            "taskloom_hci.verbs.recover:recover",
            "task",
        ),
        VerbRef(
            "compare",
            "Compare assistants over people, or over the same games.",
            "taskloom_hci.verbs.compare:compare",
        ),
        VerbRef(
            "map",
            "Map the rounds lost to assuming what is not true of the user.",
            "taskloom_hci.verbs.map:map_losses",
            "task",
        ),
        VerbRef(
            "bound",
            "Bound the rounds of the best assistant there can be.",
            "taskloom_hci.verbs.bound:bound",
            "task",
        ),
        VerbRef(
            "fit",
            "Fit a user model to recorded decisions of people.",
            "taskloom_hci.verbs.fit:fit",
        ),
        VerbRef(
            "replay",
            "Play a finished run again and compare.",
            "taskloom_hci.verbs.replay:replay",
            on="run",
            overrides=("backend",),
        ),
    ),
    report="taskloom_hci.report.section:report",
    compare="taskloom_hci.report.comparison:compare",
    samples="taskloom_hci.report.samples:samples",
    protocol="taskloom_hci.task:InteractionTask",
    config="taskloom_hci.config:HciConfig",
    driver="taskloom_hci.driver",
    loaders={"policy": "taskloom_hci.exports.rebuilt:policy_of"},
    metrics=_METRICS,
    lead=("rounds/mean", "return/mean"),
    scaffold="taskloom_hci/scaffold",
)
