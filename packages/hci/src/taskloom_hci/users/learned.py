"""The user who acts as a trained network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import TypeAdapter, ValidationError
from taskloom import InputPath, OneOf
from typing_extensions import override

from taskloom_hci.errors import BundleConstraintError, HciError
from taskloom_hci.users.base import User

if TYPE_CHECKING:
    from taskloom_hci.bundle.agent import Agent
    from taskloom_hci.exports.learned import Learned
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

        found = learned(self.file, self.role)
        shape = getattr(task, "shape", None)
        if found.table is not None and shape != found.table[1]:
            raise BundleConstraintError(
                [
                    f"The policy in '{self.file}' is a table of a grid of {found.table[1]}, not of {shape}."
                ]
            )
        policy = policy_of(found, task.user_element(), deterministic=self.deterministic)
        body = embodied(USERS, found, task, policy)
        return agent_with(task, policy) if body is None else body


def learned(file: Path, role: Role) -> Learned:
    """Return the policy in a file, if it was trained for this role.

    Raises:
        BundleConstraintError: If there is none, or it was not.
    """
    found = learned_file(file)
    if found.role != role:
        raise BundleConstraintError([f"The policy in '{file}' was trained as the {found.role}."])
    return found


def learned_file(file: Path) -> Learned:
    """Return the policy in a file.

    Raises:
        BundleConstraintError: If there is none.
    """
    from taskloom_hci.exports.learned import load_policy  # torch is heavy

    try:
        return load_policy(file)
    except HciError as error:
        raise BundleConstraintError([str(error)]) from None
    except ModuleNotFoundError:
        raise BundleConstraintError(
            ["A trained policy needs torch to be read: pip install 'taskloom-hci[sb3]'."]
        ) from None


def policy_of(found: Learned, element: Element, *, deterministic: bool) -> Policy:
    """Return what was learned as the policy of an agent with these actions.

    Raises:
        BundleConstraintError: If it was trained for other actions.
    """
    try:
        return found.policy(element, deterministic=deterministic)
    except HciError as error:
        raise BundleConstraintError([str(error)]) from None


def embodied(
    bodies: TypeAdapter[Any], found: Learned, task: InteractionTask, policy: Policy
) -> Agent | None:
    """Return the agent whose place a policy took in training, with that policy; None if its file names none.

    State, observation and inference are the body's; a model of how the body would act says nothing about the network.
    """
    if found.body is None or found.body.get("kind") == "learned":
        return None
    try:
        body: Any = bodies.validate_python(found.body).build(task)
    except ValidationError as error:
        raise BundleConstraintError(
            [
                f"The policy was trained in a body that is not known here: {found.body.get('kind')!r}."
            ]
        ) from error
    body.policy = policy
    if found.role == "user" and hasattr(body, "model"):
        body.model = None
    return cast("Agent", body)


USERS: TypeAdapter[Any] = TypeAdapter(Annotated[User, OneOf("taskloom_hci.users")])
