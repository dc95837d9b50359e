"""The user who acts as a trained network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from taskloom import InputPath
from typing_extensions import override

from taskloom_hci.errors import BundleConstraintError, HciError
from taskloom_hci.users.base import User

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.policies.policy import Policy
    from taskloom_hci.state.elements import Element
    from taskloom_hci.task import InteractionTask, Role


class LearnedUser(User):
    """A network of Stable-Baselines3, read without pickle."""

    kind: Literal["learned"] = "learned"
    file: InputPath = Path("policy.zip")
    """The file that `taskloom_hci.exports.learned.save_policy` wrote."""
    deterministic: bool = True
    """Take the best action instead of drawing one."""

    @override
    def build(self, task: InteractionTask) -> Agent:
        from taskloom_hci.users.pointing import agent_with  # gymnasium is heavy

        element = task.user_element()
        policy = learned_policy(self.file, self.role, element, deterministic=self.deterministic)
        return agent_with(task, policy)


def learned_policy(file: Path, role: Role, element: Element, *, deterministic: bool) -> Policy:
    """Return the policy in a file, if it was trained for this role and these actions.

    Raises:
        BundleConstraintError: If there is none, or it was not.
    """
    from taskloom_hci.exports.learned import load_policy  # torch is heavy

    try:
        found = load_policy(file)
        if found.role != role:
            raise HciError(f"The policy in '{file}' was trained as the {found.role}.")
        return found.policy(element, deterministic=deterministic)
    except HciError as error:
        raise BundleConstraintError([str(error)]) from None
    except ModuleNotFoundError:
        raise BundleConstraintError(
            ["A trained policy needs torch to be read: pip install 'taskloom-hci[sb3]'."]
        ) from None
