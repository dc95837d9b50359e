"""The errors of this domain, and the exit code that each one ends a command with.

HciError                      1   a TaskloomError and a ValueError: one sentence for the user
|-- NotContainedError         1   a value outside the space of its element
|-- ShapeError                1   a value whose shape does not fit its element
|-- UnknownKeyError           1   a state, an agent or a reset that is asked for a name it does not have
|-- SpaceNotSeparableError    1   a category has no axes to index
|-- BundleConstraintError     3   a task, a user and an assistant that do not fit together; lists every problem
|-- GameOverError             1   a step after the end of the game
|-- LikelihoodError           1   action probabilities that do not sum to one
|-- ZeroEvidenceError         1   an action that every hypothesis rules out
|-- UnstableGainError         1   a feedback gain that does not stabilise its system
`-- BufferNotFilledError      1   an inference that needs more observations than there were
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from taskloom.errors import ExitCode, TaskloomError
from taskloom.registry.suggest import did_you_mean


class HciError(TaskloomError, ValueError):
    """Base of every error of this domain."""


class NotContainedError(HciError):
    """A value lies outside the space of its element."""


class ShapeError(HciError):
    """A value has a shape or a type that its element cannot take."""


class UnknownKeyError(HciError, KeyError):
    """A name that the state, agent or game does not have."""

    def __str__(self) -> str:  # KeyError would print the repr of its argument
        return str(self.args[0])


class SpaceNotSeparableError(HciError):
    """A category has no axes to index."""


class BundleConstraintError(HciError):
    """A task, a user and an assistant do not fit together.

    Attributes:
        problems: Every reason, one sentence each.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.CHECK_FAILED

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("These cannot play together: " + " ".join(problems))
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type[BundleConstraintError], tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


class GameOverError(HciError):
    """The game has ended and must be reset before it goes on."""


class LikelihoodError(HciError):
    """Action probabilities do not sum to one, or are not probabilities."""


class ZeroEvidenceError(HciError):
    """An observation that has probability zero under every hypothesis."""


class UnstableGainError(HciError):
    """A feedback gain does not stabilise its system."""


class BufferNotFilledError(HciError):
    """An inference needs more observations than there were."""


class NotContainedWarning(UserWarning):
    """A value outside its space was kept because its element says so."""


class ElementAssignmentWarning(UserWarning):
    """An element was assigned over another one with a different space; only its value was taken."""


def with_nearest(sentence: str, word: str, options: Iterable[str]) -> str:
    """Return a sentence about a word that is not known, with the option that is nearest to it behind.

    >>> with_nearest("There is no user 'carefull'", "carefull", ["careful", "random"])
    "There is no user 'carefull'; did you mean 'careful'?"
    """
    meant = did_you_mean(word, options)
    return f"{sentence}; {meant}" if meant else f"{sentence}."
