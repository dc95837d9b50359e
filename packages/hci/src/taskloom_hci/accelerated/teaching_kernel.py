"""The kernel of teaching: a user who forgets and a teacher as arrays, if they can be, played by the thousand."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Literal

import numpy as np

from taskloom_hci.accelerated.teaching import (
    Boxes,
    Course,
    DrawnItems,
    Draws,
    Float,
    Int,
    Lessons,
    Teacher,
    empty_lessons,
    play_lessons,
    times_of,
)
from taskloom_hci.batch.episodes import Episodes
from taskloom_hci.bundle.agent import Agent
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.bundle.turns import REWARD_NAMES
from taskloom_hci.games.teaching import Teaching
from taskloom_hci.inference.engine import NoInference
from taskloom_hci.models.memory import MemoryModel
from taskloom_hci.observation.engine import RuleObservation
from taskloom_hci.policies.leitner import LeitnerBoxes, LeitnerPolicy
from taskloom_hci.policies.myopic import Bookkeeping, MyopicPolicy
from taskloom_hci.policies.policy import RandomPolicy
from taskloom_hci.policies.recall import Answer, Practice
from taskloom_hci.state.streams import UInt64, stream_keys, uniforms

NUMBERS = 2_000_000  # of a chunk's largest table, rounds times items: what is written stays near the cache


def teaching_kernel(game: Bundle) -> TeachingKernel | None:
    """Return the kernel of a teaching game, or None if one of its agents has no description as arrays."""
    task, user, assistant = game.task, game.user, game.assistant
    if type(task) is not Teaching or user is None or assistant is None:
        return None
    if game.max_rounds is not None and game.max_rounds <= task.num_trials:
        return None  # cut off before the exam
    if not (_is_plain(user) and _is_plain(assistant)) or type(user.policy) is not Answer:
        return None
    model = user.policy.model
    remembered = (user.parameters.get("forgetting"), user.parameters.get("repetition"))
    if type(user.inference_engine) is not Practice or type(model) is not MemoryModel:
        return None
    if remembered != (model.forgetting, model.repetition):
        return None  # the exam goes by the parameters, the answers by the model
    made = _teacher_of(task, assistant)
    return None if made is None else TeachingKernel(task, model, assistant, made)


def _is_plain(agent: Agent) -> bool:
    engine = agent.observation_engine
    sees = type(engine) is RuleObservation and {"task_state", "user_action"} <= set(
        engine.parts or ()
    )
    return type(agent) is Agent and sees


def _teacher_of(task: Teaching, agent: Agent) -> Callable[[Draws], Teacher] | None:
    """Return what makes the teacher of a chunk from the draws of its stream, or None."""
    policy, engine = agent.policy, agent.inference_engine
    if type(policy) is LeitnerPolicy and type(engine) is LeitnerBoxes and policy.task is task:
        return lambda _: Boxes(task.num_items, engine.shortest, task.inter_trial)
    if type(policy) is MyopicPolicy and type(engine) is Bookkeeping and policy.task is task:
        # Its items follow from the clock alone: recall does not depend on what was answered.
        # Made when it is first played: a listing that asks whether there is a kernel must not look ahead to the exam.
        course = lru_cache(1)(
            lambda: Course(np.array(policy.course(times_of(task)), dtype=np.int64))
        )
        return lambda _: course()
    if type(policy) is RandomPolicy and type(engine) is NoInference and not agent.state:
        return partial(DrawnItems, task.num_items)
    return None


class TeachingKernel:
    """Plays teaching for many episodes at once.

    Args:
        task: The task.
        model: How the users remember.
        assistant: The teacher.
        teacher: Makes it anew, as arrays, from what returns its draws.
    """

    compiled = False

    def __init__(
        self,
        task: Teaching,
        model: MemoryModel,
        assistant: Agent,
        teacher: Callable[[Draws], Teacher],
    ) -> None:
        self.task, self.model, self.teacher = task, model, teacher
        self.idle = int(assistant.policy.element.init)

    def play(self, seed: int, episodes: Int, backend: Literal["numpy", "numba"]) -> Episodes:
        """Play the episodes; see `Kernel`."""
        del backend  # NumPy is the only one; another one was refused before
        task, n = self.task, len(episodes)
        rounds = task.num_trials + 1
        size = max(1, NUMBERS // (rounds * task.num_items))
        lessons = empty_lessons(n, rounds, task.num_items)
        user, assistant = (stream_keys(seed, name, episodes) for name in ("user", "assistant"))
        for first in range(0, n, size):
            some = slice(first, first + size)
            teacher = self.teacher(partial(_draw, assistant[some]))
            room = lessons.part(first, first + size)
            play_lessons(task, self.model, teacher, partial(_draw, user[some]), room)
        return self.assemble(episodes, lessons)

    def assemble(self, episodes: Int, out: Lessons) -> Episodes:
        """Return the episodes as the loop would have recorded them."""
        n, rounds = out.item.shape
        items = out.seen.shape[2]
        rewards = np.zeros((n, len(REWARD_NAMES)))
        rewards[:, REWARD_NAMES.index("first_task_reward")] = out.learnt
        shown = np.full((n, rounds), self.idle)
        shown[:, :-1] = out.item[:, 1:]
        return Episodes(
            episode=episodes,
            num_rounds=np.full(n, rounds),
            is_done=np.ones(n, dtype=bool),
            truncated=np.zeros(n, dtype=bool),
            rewards=rewards,
            fixed={},
            rounds={
                "task_state__item": out.item.ravel(),
                "task_state__trial": np.tile(np.arange(rounds), n),
                "task_state__time": np.tile(np.array(times_of(self.task)), n),
                "user_state__seen": out.seen.reshape(-1, items),
                "user_state__last": out.last.reshape(-1, items),
                "user_state__item_seen": out.item_seen.ravel(),
                "user_state__item_ago": out.item_ago.ravel(),
                "user_action": out.answer.ravel(),
                "assistant_action": shown.ravel(),
            },
        )


def _draw(keys: UInt64, number: int) -> Float:
    return uniforms(keys, number)
