"""The base of every assistant, and of those that put the cursor on a cell."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, ValidationInfo, model_validator
from taskloom import InputPath
from taskloom.config import FROM_RECORD

from taskloom_hci.bundle.component import POINTING, AgentComponent

CursorMode: TypeAlias = Literal["gain", "position"]


class Assistant(AgentComponent):
    """Base of every assistant: parameters, and `build(task)`, which returns the agent that helps.

    Attributes:
        mode: Meaning of its action in a pointing task: a factor of the user's move, or where the cursor goes.
    """

    role: ClassVar[Literal["user", "assistant"]] = "assistant"
    mode: ClassVar[CursorMode] = "gain"

    def cursor_mode(self) -> CursorMode:
        """Return the meaning of its action in a pointing task; a parameter may decide it."""
        return self.mode


class CursorAssistant(Assistant):
    """Base of the assistants that put the cursor on a cell."""

    plays = POINTING
    mode: ClassVar[CursorMode] = "position"
    assumed_error_rate: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Error rate it believes the user to have; by default it knows the user's own model, and takes a user without one for careful."""
    assumed_lapse: Annotated[float, Field(ge=0, lt=1)] = 0.02
    """Probability with which it believes the user to do anything at all; with 0 an action may be impossible."""
    on_zero: Literal["raise", "uniform"] = "raise"
    """Answer to an action of the user that it holds impossible: stop, or start again from a uniform belief."""

    @model_validator(mode="before")
    @classmethod
    def _as_recorded(cls, values: object, info: ValidationInfo) -> object:
        # Runs of version 0.1 were played by assistants that knew of no lapse.
        if info.context == FROM_RECORD and isinstance(values, dict):
            return {"assumed_lapse": 0.0, **values}
        return values


class JumpingAssistant(CursorAssistant):
    """Base of the assistants that believe in a goal and jump by that belief; they may assume the people of a fit."""

    assumes: InputPath | None = None
    """A fit of `tasks hci fit --out`: it believes the user to be a person like those, lapses and all, and learns which."""
    assumed_person: str = "new"
    """Name of a person of that fit, `new` for one who is like them, or `mean`."""
    games_per_person: Annotated[int, Field(ge=1)] = 1
    """With a fit, games in a row with one person, over which it keeps what it learnt of them."""

    @model_validator(mode="after")
    def _goes_by_a_fit(self) -> Self:
        if self.assumes is None and (self.assumed_person != "new" or self.games_per_person != 1):
            raise ValueError(
                "assumed_person and games_per_person are for an assistant that assumes a fit: give it 'assumes'"
            )
        return self


def mode_of(assistant: Assistant | None) -> CursorMode:
    """Return the meaning of an assistant's actions in a pointing task; without one the user moves the cursor itself."""
    return "gain" if assistant is None else assistant.cursor_mode()
