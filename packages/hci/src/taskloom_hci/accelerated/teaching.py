"""Teaching for many episodes at once: what is shown, what the users remember, and what they answer.

The clock of a course does not depend on anything that happens in it, so trial `k` begins at the same time in every episode.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from taskloom_hci.games.teaching import NOTHING, Teaching
from taskloom_hci.models.memory import MemoryModel, log_recall
from taskloom_hci.models.model import choose, probabilities

Float: TypeAlias = NDArray[np.float64]
Int: TypeAlias = NDArray[np.int64]
Draws: TypeAlias = Callable[[int], Float]  # draw number r of every game, (n,)

# The shorter way to the probability of an answer may round otherwise: answers this close to the draw are asked one by one.
CLOSE = 1e-9


class Teacher:
    """An assistant's part in many episodes: it is told the answers, and says what is shown next.

    Attributes:
        same: Whether it shows the same in every episode, whatever is answered.
    """

    same = False

    def begin(self, num_episodes: int) -> None:
        """Start that many episodes."""
        del num_episodes

    def show(self, trial: int, time: float, shown: Int, right: Int) -> Int:
        """Return the items (n,) to show next.

        Args:
            trial: How many trials there were.
            time: The time now [s].
            shown: The items shown last (n,), -1 before the first trial.
            right: What the users answered (n,).
        """
        raise NotImplementedError


class Boxes(Teacher):
    """Leitner's boxes, all episodes side by side; see `policies.leitner`."""

    def __init__(self, num_items: int, shortest: float, inter_trial: float) -> None:
        self.num_items, self.shortest, self.inter_trial = num_items, shortest, inter_trial

    def begin(self, num_episodes: int) -> None:
        """Start with every item in no box."""
        self.rows = np.arange(num_episodes)
        self.boxes = np.full((num_episodes, self.num_items), NOTHING)
        # An item in no box is never due.
        self.due = np.full((num_episodes, self.num_items), np.inf)
        self.fresh = np.zeros(num_episodes, dtype=np.int64)

    def show(self, trial: int, time: float, shown: Int, right: Int) -> Int:
        """Return the items (n,) that are due, or new; see `Teacher`."""
        if trial:
            box = np.maximum(self.boxes[self.rows, shown] + 2 * right - 1, 0)
            self.boxes[self.rows, shown] = box
            # A power of two is exact, so `ldexp` gives the bits of `2.0 ** box`.
            self.due[self.rows, shown] = time + self.shortest * np.ldexp(1.0, box)
        soonest = np.argmin(self.due, axis=1)
        is_due = self.due[self.rows, soonest] <= time + self.inter_trial
        is_due |= self.fresh == self.num_items
        # New items come in their order, so the next one is known by how many there were.
        item = np.where(is_due, soonest, self.fresh)
        self.fresh += ~is_due
        return item


class Course(Teacher):
    """A teacher who does not look at the answers: one course, made once, for all episodes."""

    same = True

    def __init__(self, items: Int) -> None:
        self.items = items

    def show(self, trial: int, time: float, shown: Int, right: Int) -> Int:
        """Return the item of this trial, for every episode; see `Teacher`."""
        del time, right
        return np.full(len(shown), self.items[trial])


class DrawnItems(Teacher):
    """A teacher who shows anything: draw number `trial` of its stream."""

    def __init__(self, num_items: int, draw: Draws) -> None:
        self.num_items, self.draw = num_items, draw

    def show(self, trial: int, time: float, shown: Int, right: Int) -> Int:
        """Return items (n,) that are drawn; see `Teacher`."""
        del time, shown, right
        return np.minimum((self.draw(trial) * self.num_items).astype(np.int64), self.num_items - 1)


@dataclass(slots=True)
class Lessons:
    """Every round of n episodes: each array begins with the axes (n, R).

    Attributes:
        item: The item shown, -1 in the first round.
        seen: How often each item was seen before the round, (n, R, N); likewise when last, `last` [s].
        last: See `seen`.
        item_seen: How often the item that was answered last had been seen before; likewise how long ago, `item_ago` [s].
        item_ago: See `item_seen`.
        answer: Whether the user knew the item.
        learnt: How many items each user would recall at the exam, (n,).
    """

    item: Int
    seen: Int
    last: Float
    item_seen: Int
    item_ago: Float
    answer: Int
    learnt: Int

    def part(self, first: int, last: int) -> Lessons:
        """Return some of the episodes, in the same memory."""
        return Lessons(*(getattr(self, one.name)[first:last] for one in fields(self)))


def empty_lessons(num_episodes: int, rounds: int, items: int) -> Lessons:
    """Return room for the rounds of n episodes."""
    n = num_episodes
    return Lessons(
        np.empty((n, rounds), dtype=np.int64),
        np.empty((n, rounds, items), dtype=np.int64),
        np.empty((n, rounds, items)),
        np.empty((n, rounds), dtype=np.int64),
        np.empty((n, rounds)),
        np.empty((n, rounds), dtype=np.int64),
        np.empty(n, dtype=np.int64),
    )


def times_of(task: Teaching) -> list[float]:
    """Return the time at which each trial of a course begins [s], and 0 before the first: the sums of the task itself."""
    times = [0.0]
    for trial in range(task.num_trials):
        times.append(times[-1] + task.wait_before(trial))
    return times


def answers(model: MemoryModel, seen: Int, ago: Float, draws: Float) -> Int:
    """Return what the users answer (n,), 1 for right, by a uniform draw each (n,)."""
    recall = np.exp(log_recall(seen, ago, model.forgetting, model.repetition))
    wrong = (1.0 - model.lapse) * (1.0 - recall) + model.lapse / 2.0
    given = (wrong <= draws).astype(np.int64)
    # The model goes by logarithms and back; only where that could tip an answer is it asked itself.
    for row in np.flatnonzero(np.abs(wrong - draws) <= CLOSE):
        alone = probabilities(model, {}, {"seen": seen[row], "ago": ago[row]})
        given[row] = choose(alone, draws[row])
    return given


def play_lessons(
    task: Teaching, model: MemoryModel, teacher: Teacher, draws: Draws, out: Lessons
) -> None:
    """Play the episodes of one chunk, into `out`.

    Args:
        task: The task.
        model: How the users remember.
        teacher: The assistant.
        draws: Returns draw number r of every user, (n,).
        out: Room for n episodes.
    """
    n, items = len(out.learnt), task.num_items
    times = times_of(task)
    rows = np.arange(n)
    seen, last = np.zeros((n, items), dtype=np.int64), np.zeros((n, items))
    before, ago = np.zeros(n, dtype=np.int64), np.zeros(n)
    item = np.full(n, NOTHING)
    teacher.begin(n)
    for r, now in enumerate(times):
        # A round is recorded as it began: what is practised below belongs to the next one.
        out.item[:, r], out.seen[:, r], out.last[:, r] = item, seen, last
        out.item_seen[:, r], out.item_ago[:, r] = before, ago
        if r:
            # The answer is about the item as it was known before this presentation.
            before = seen[rows, item]
            ago = np.where(before > 0, now - last[rows, item], 0.0)
            seen[rows, item] += 1
            last[rows, item] = now
        out.answer[:, r] = right = answers(model, before, ago, draws(r))
        if r < task.num_trials:
            item = teacher.show(r, now, item, right)
    out.learnt[:] = task.learnt(seen, last, times[-1], model.forgetting, model.repetition)
