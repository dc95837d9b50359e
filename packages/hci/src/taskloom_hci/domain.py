"""The manifest of the hci domain; imports nothing heavy."""

from __future__ import annotations

from taskloom.registry import ComponentRef, DomainRef, TaskRef

_USERS = "taskloom_hci.users.config"
_ASSISTANTS = "taskloom_hci.assistants.config"

DOMAIN = DomainRef(
    name="hci",
    summary="A task shared by a (simulated or real) user and an assistant.",
    extra="hci",
    tasks=(
        TaskRef(
            "pointing",
            "A cursor on a line and a goal only the user knows.",
            "taskloom_hci.tasks.pointing:Pointing",
        ),
    ),
    components={
        "taskloom_hci.users": (
            ComponentRef(
                "careful",
                "Moves towards the goal, with a small rate of errors.",
                f"{_USERS}:CarefulConfig",
            ),
            ComponentRef(
                "boltzmann",
                "Prefers moves that end closer to the goal.",
                f"{_USERS}:BoltzmannConfig",
            ),
            ComponentRef(
                "random", "Draws every action from its space.", f"{_USERS}:RandomUserConfig"
            ),
        ),
        "taskloom_hci.assistants": (
            ComponentRef("none", "Leaves the user alone.", f"{_ASSISTANTS}:NoAssistantConfig"),
            ComponentRef(
                "gain", "Multiplies every move of the user.", f"{_ASSISTANTS}:ConstantGainConfig"
            ),
            ComponentRef(
                "big",
                "Asks the most telling question (information gain).",
                f"{_ASSISTANTS}:BigConfig",
            ),
            ComponentRef("map", "Jumps to the likeliest target.", f"{_ASSISTANTS}:MapConfig"),
        ),
    },
    report="taskloom_hci.report.section:report",
)
