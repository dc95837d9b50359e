"""The policy of a run, made again from its config: what `Run.load("policy")` gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from taskloom.errors import RunCorruptError
from taskloom.opening import rebuilt_task
from taskloom.seeding import derive_seed

from taskloom_hci.driver import BoundInteraction, pair

if TYPE_CHECKING:
    from taskloom.runs.run import Run

    from taskloom_hci.policies.policy import Policy


def policy_of(run: Run) -> Policy:
    """Return the policy of the assistant of a run, or of its user where it had none, bound to a game at its beginning.

    `policy.act(observation, state, stream)` gives an action for what its agent sees and knows. A learned policy is read from the
    file that the config names, which must be the same as then.

    Args:
        run: The run.

    Raises:
        RunCorruptError: A file that the config names has changed since, or no agent played.
        ConfigError: The task has changed its version or its parameters since.
    """
    bound = cast("BoundInteraction", rebuilt_task(run))
    bundle = pair(bound.task, bound.config, derive_seed(bound.config.seed, "episodes"))
    agent = bundle.assistant or bundle.user
    if agent is None:
        raise RunCorruptError(f"The run {run.id} has neither a user nor an assistant.")
    return agent.policy
