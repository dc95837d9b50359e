"""A trained policy beside the agent that a task has by itself, on the same games."""

from __future__ import annotations

from pathlib import Path

from taskloom.bound import BoundTask
from taskloom.statistics.differences import paired_difference

from taskloom_hci.assistants.learned import LearnedAssistant
from taskloom_hci.batch.play import play
from taskloom_hci.config import HciConfig
from taskloom_hci.driver import pair
from taskloom_hci.inference.optimum import optimum_of
from taskloom_hci.metrics import interval_words, mean_interval
from taskloom_hci.task import InteractionTask
from taskloom_hci.users.learned import LearnedUser, learned_file


def evaluation(task: BoundTask[InteractionTask, HciConfig], policy: Path) -> list[str]:
    """Play the episodes of a task with a policy and with the task's own agent; return the comparison, a line each.

    Args:
        task: The task, with how many episodes.
        policy: A file of `save_policy`.

    Raises:
        BundleConstraintError: If there is no such policy, or it does not fit the task.
    """
    config = task.config
    role = learned_file(policy).role
    agent = LearnedUser(file=policy) if role == "user" else LearnedAssistant(file=policy)
    own = pair(task.task, config, config.seed)
    rounds = play(own, config.episodes, config.backend).num_rounds
    optimum = optimum_of(own) if role == "assistant" else None
    own.close()
    mine = pair(task.copy(), config.model_copy(update={role: agent}), config.seed)
    try:
        played = play(mine, config.episodes).num_rounds
    finally:
        mine.close()
    mean, low, high = mean_interval(played)
    best = "" if optimum is None else f", {100 * (mean - optimum) / optimum:.1f} % above optimal"
    lines = [
        f"{role} of {policy.name}: {mean:.3f} rounds ({interval_words(low, high)}){best}",
        f"the task's own {role}: {rounds.mean():.3f} rounds",
    ]
    if len(rounds) > 1:
        both = (dict(enumerate(one.tolist())) for one in (played, rounds))
        spread = paired_difference(*both, of="episode").interval
        words = interval_words(spread.low, spread.high)
        lines.append(f"difference, game by game: {spread.estimate:+.3f} ({words})")
    return lines
