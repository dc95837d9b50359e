"""The manifest of the hci domain; imports nothing heavy."""

from __future__ import annotations

from taskloom.registry import ComponentRef, DomainRef, TaskRef

_TASKS = "taskloom_hci.tasks"
_USERS = "taskloom_hci.users.config"
_ASSISTANTS = "taskloom_hci.assistants.config"


def _task(name: str, summary: str, target: str) -> TaskRef:
    return TaskRef(name, summary, f"{_TASKS}.{target}")


def _user(name: str, summary: str, target: str) -> ComponentRef:
    return ComponentRef(name, summary, f"{_USERS}:{target}")


def _assistant(name: str, summary: str, target: str) -> ComponentRef:
    return ComponentRef(name, summary, f"{_ASSISTANTS}:{target}")


DOMAIN = DomainRef(
    name="hci",
    summary="A task shared by a (simulated or real) user and an assistant.",
    extra="hci",
    tasks=(
        _task("example", "A number both agents add to until it is 4.", "simple:Example"),
        _task(
            "coordinated",
            "A number that grows when both agents choose the same.",
            "simple:Coordinated",
        ),
        _task(
            "pointing", "A cursor on a line and a goal only the user knows.", "pointing:Pointing"
        ),
        _task(
            "pointing_2d",
            "A cursor on a grid and a goal only the user knows.",
            "pointing:Pointing2D",
        ),
    ),
    components={
        "taskloom_hci.users": (
            _user(
                "careful", "Moves towards the goal, with a small rate of errors.", "CarefulConfig"
            ),
            _user("boltzmann", "Prefers moves that end closer to the goal.", "BoltzmannConfig"),
            _user("polynomial", "Chooses by a hidden polynomial of the state.", "PolynomialConfig"),
            _user("random", "Draws every action from its space.", "RandomUserConfig"),
        ),
        "taskloom_hci.assistants": (
            _assistant("none", "Leaves the user alone.", "NoAssistantConfig"),
            _assistant("random", "Draws every action from its space.", "RandomAssistantConfig"),
            _assistant("gain", "Multiplies every move of the user.", "ConstantGainConfig"),
            _assistant("big", "Asks the most telling question (information gain).", "BigConfig"),
            _assistant("map", "Jumps to the likeliest target.", "MapConfig"),
        ),
    },
    report="taskloom_hci.report.section:report",
)
