"""The steps of one person's visit, in their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from taskloom.seeding import derive_seed

from taskloom_hci.study.config import ConditionPart, StudyConfig
from taskloom_hci.study.orders import rows_of, shuffled

PRACTICE_ALONE = "none"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: a page, or a game.

    Attributes:
        kind: Kind of page, or `game`.
        id: Its name, the same in every visit of the same order.
        condition: The condition that it belongs to.
        number: Place among the pages of its kind.
        episode: Number of the game in its block.
        game: Number of the game among those of the study; -1 in practice.
        seed: Seed of the game.
    """

    kind: Literal["eligibility", "consent", "text", "check", "game", "question", "thanks"]
    id: str
    condition: str = ""
    number: int = 0
    episode: int = -1
    game: int = -1
    seed: int = 0

    @property
    def is_practice(self) -> bool:
        """True for a game that does not count."""
        return self.kind == "game" and self.game < 0


def conditions_of(config: StudyConfig, number: int, row: int) -> list[str]:
    """Return the conditions of a person in their order.

    Args:
        config: The study.
        number: Number of the person.
        row: Row of the design that the person has.
    """
    slots = slots_of(config)
    rows = rows_of(len(slots), config.design.order)
    if config.design.between:
        # After all rows, not with each person: else an order would go with a condition.
        slots[-1] = config.design.between[number // len(rows) % len(config.design.between)]
    order = rows[row % len(rows)] or shuffled(
        range(len(slots)), derive_seed(config.seed, "order", number)
    )
    return [slots[i] for i in order]


def slots_of(config: StudyConfig) -> list[str]:
    """Return the places of a person's conditions: those within a person, and one for those between people."""
    design = config.design
    within = list(design.within)
    if not within and not design.between:
        within = [item.name for item in config.condition]
    return [*within, *design.between[:1]]


def num_rows(config: StudyConfig) -> int:
    """Return how many rows the design has."""
    return len(rows_of(len(slots_of(config)), config.design.order))


def plan(config: StudyConfig, number: int, row: int) -> list[Step]:
    """Return the steps of a person's visit."""
    return [*_before(config), *_blocks(config, number, row), *_after(config)]


def _before(config: StudyConfig) -> Iterator[Step]:
    if config.eligibility.age or config.eligibility.keyboard:
        yield Step("eligibility", "eligibility")
    if config.consent.text:
        yield Step("consent", "consent")
    for i in range(len(config.instructions.pages)):
        yield Step("text", f"instructions-{i}", number=i)
    if config.instructions.check:
        yield Step("check", "check")
    for i in range(config.practice.episodes):
        seed = derive_seed(config.seed, "practice", i)
        yield Step("game", f"practice-{i}", practised(config), number=i, episode=i, seed=seed)


def practised(config: StudyConfig) -> str:
    """Return the condition that is practised; with the word for it if it is played without its assistant."""
    name = config.practice.condition
    return name if any(item.name == name for item in config.condition) else PRACTICE_ALONE


def _blocks(config: StudyConfig, number: int, row: int) -> Iterator[Step]:
    parts = {item.name: item for item in config.condition}
    asked = any(question.after == "condition" for question in config.question)
    for block, name in enumerate(conditions_of(config, number, row)):
        yield from _games(config, parts[name], number, block)
        if asked:
            yield Step("question", f"questions-{name}", name, block)


def _games(config: StudyConfig, part: ConditionPart, number: int, block: int) -> Iterator[Step]:
    order = shuffled(
        range(part.episodes), derive_seed(config.seed, f"games of {number} in {block}")
    )
    for episode, game in enumerate(order):
        # The same games for all, in an order of one's own: pairs can be compared, and no order is learnt by heart.
        stream = "games" if config.study.same_games else f"games {number} {block}"
        seed = derive_seed(config.seed, stream, game)
        yield Step("game", f"{part.name}-{episode}", part.name, block, episode, game, seed)


def _after(config: StudyConfig) -> Iterator[Step]:
    if any(question.after == "end" for question in config.question):
        yield Step("question", "questions")
    yield Step("thanks", "thanks")
