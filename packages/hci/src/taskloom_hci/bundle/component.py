"""The parameters of an agent: the games it plays, and the agent that it makes for one."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, TypeVar

from taskloom import Component, Config

from taskloom_hci.errors import BundleConstraintError

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.games.pointing import Pointing
    from taskloom_hci.task import InteractionTask

    G = TypeVar("G", bound=InteractionTask)


class Games(NamedTuple):
    """The games that an agent plays.

    Attributes:
        rule: The end of the sentence about any other game, with `{}` for the name of its class.
        names: Names of the games' classes; none stands for every game.
        reads: Entries of the task's state that it reads.
    """

    rule: str
    names: tuple[str, ...]
    reads: tuple[str, ...] = ()


ANY = Games("", ())
POINTING = Games("plays pointing tasks, not {}.", ("Pointing",))
COORDINATED = Games("plays the coordinated task, not {}.", ("Coordinated",), ("x",))
CONTROL = Games("plays classic control tasks, not {}.", ("ClassicControl",), ("x",))
GAZE = Games("plays the gaze task, not {}.", ("Gaze",), ("fixation", "target"))
TEACHING = Games("plays the teaching task, not {}.", ("Teaching",), ("item", "trial", "time"))


class AgentComponent(Component):
    """Base of users and assistants.

    Attributes:
        role: Which of the two it is.
        plays: The games it plays.
    """

    role: ClassVar[Literal["user", "assistant"]]
    plays: ClassVar[Games] = ANY

    @classmethod
    def fits(cls, config_class: type[Config]) -> str:
        """Return the reason why it plays no game with such a config, else an empty string.

        A config that names no game (a plugin's) may be of any; `build` then looks at the game itself.
        """
        game: str = getattr(config_class, "game_class", "")
        known = game and cls.plays.names
        return cls.misfit(game) if known and game not in cls.plays.names else ""

    def check(self, config: Config) -> str:
        """Return the reason why it does not fit this config, else an empty string."""
        return self.fits(type(config))

    @classmethod
    def misfit(cls, game: str) -> str:
        """Return the sentence about a game that it does not play."""
        kind = cls.model_fields["kind"].default
        return f"The {cls.role} '{kind}' {cls.plays.rule.format(game)}"

    def require(self, task: InteractionTask, game: type[G]) -> G:
        """Return the task if it is such a game.

        Raises:
            BundleConstraintError: If it is another one.
        """
        if not isinstance(task, game):
            missing = [f"task_state.{key}" for key in self.plays.reads if key not in task.state]
            lacks = ", ".join(missing) or f"the rules of {game.__name__}: derive it from that class"
            raise BundleConstraintError([self._misfit_of(task, lacks)])
        return task

    def _misfit_of(self, task: InteractionTask, lacks: str) -> str:
        """Return the sentence about a task that it does not play; a shipped one is another game, and lacks nothing."""
        sentence = self.misfit(type(task).__name__)
        is_shipped = type(task).__module__.startswith("taskloom_hci.")
        return sentence if is_shipped else f"{sentence} It lacks {lacks}."

    def require_pointing(self, task: InteractionTask) -> Pointing:
        """Return the pointing task that it sees in a task, which may be of a class of its own with the same state and actions.

        Raises:
            BundleConstraintError: If it is no such task; the sentence lists what it lacks.
        """
        from taskloom_hci.games.likeness import pointing_in  # gymnasium is heavy

        found = pointing_in(task)
        if isinstance(found, list):
            raise BundleConstraintError([self._misfit_of(task, "; ".join(found))])
        return found

    @abstractmethod
    def build(self, task: InteractionTask) -> Agent:
        """Return the agent that will play `task`.

        Raises:
            BundleConstraintError: If it cannot play that task.
        """
