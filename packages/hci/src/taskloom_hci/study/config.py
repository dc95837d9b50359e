"""The config of a study with people: texts and questions, conditions and their order. `tasks hci study FILE.toml` makes it."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field
from taskloom import Component, Config, ExecutionOnly, Unit

Name: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
LANGUAGES = ("en", "de", "fr", "es")
Language: TypeAlias = Literal["en", "de", "fr", "es"]


class CompletionCodes(Component):
    """Codes that a recruiting platform wants to see at the end of a visit."""

    done: Annotated[str, Field(max_length=200)] = ""
    """Code of a visit that was played to its end."""
    screened: Annotated[str, Field(max_length=200)] = ""
    """Code of a visit that ended because the person was not eligible."""


class StudyPart(Component):
    """The study as a whole."""

    title: Annotated[str, Field(max_length=200)] = "Study"
    """Title of the page."""
    people: Annotated[int, Field(ge=1, le=10_000)] = 24
    """People who play to the end; pilots do not count."""
    language: Language = "en"
    """Language of the page's own words."""
    show_belief: bool = False
    """Show what the assistant believes of every target."""
    idle_minutes: Annotated[float, Field(gt=0, le=10_000), Unit("min")] = 30.0
    """Time without a word from a page after which its person counts as gone."""
    same_games: bool = True
    """Play the same games in every condition, each time in another order."""
    completion: CompletionCodes = CompletionCodes()
    """Codes for a recruiting platform."""


class ConsentPart(Component):
    """The first page."""

    text: str = ""
    """Its text, in Markdown; without one there is no such page."""
    required: bool = True
    """End the visit of a person who does not agree."""


class EligibilityPart(Component):
    """Conditions for taking part; who does not meet them is told so, and that is recorded."""

    width: Annotated[int, Field(ge=0, le=10_000), Unit("px")] = 0
    """Least width of the window."""
    height: Annotated[int, Field(ge=0, le=10_000), Unit("px")] = 0
    """Least height of the window."""
    pointer: Literal["any", "fine", "coarse"] = "any"
    """Pointing device: a mouse is fine, a finger is coarse."""
    keyboard: bool = False
    """Ask for a keyboard."""
    age: Annotated[int, Field(ge=0, le=120)] = 0
    """Least age, which is asked for if above 0."""


class CheckPart(Component):
    """A question about the instructions."""

    ask: str
    """The question."""
    options: Annotated[tuple[str, ...], Field(min_length=2, max_length=20)]
    """The answers to choose from."""
    right: Annotated[int, Field(ge=0)]
    """Place of the right answer, from 0."""


class InstructionsPart(Component):
    """Pages that are read before the first game, and questions about them."""

    pages: tuple[str, ...] = ()
    """The pages, in Markdown."""
    check: tuple[CheckPart, ...] = ()
    """Questions; after a wrong answer the pages are shown again."""


class PracticePart(Component):
    """Games before those that count."""

    episodes: Annotated[int, Field(ge=0, le=1000)] = 0
    """Number of games."""
    condition: Name = "none"
    """The condition that is practised; `none` is the first one without its assistant."""


class ConditionPart(Component):
    """One way of playing."""

    name: Name
    """Its name."""
    task: Annotated[str, Field(max_length=100)]
    """The task."""
    settings: str
    """The task's whole config, as JSON."""
    episodes: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Games of a person."""
    seats: tuple[Literal["user", "assistant"], ...] = ("user",)
    """The seats that people take."""
    if_alone: Literal["simulate", "end"] = "simulate"
    """Consequence if the other seat stays empty, or its person leaves: the agent takes it, or the visit ends."""
    limit: Annotated[float, Field(gt=0, le=100_000), Unit("s")] = 120.0
    """Longest wait for the other person."""


class DesignPart(Component):
    """Conditions of each person, and their order."""

    within: tuple[Name, ...] = ()
    """Conditions that every person plays; without a word all of them."""
    between: tuple[Name, ...] = ()
    """Conditions of which each person plays one."""
    order: Literal["latin", "all", "random"] = "latin"
    """Orders: a Williams design, all there are, or one at random for each person."""


class QuestionPart(Component):
    """A question to the person."""

    id: Name
    """Its name, in the table of answers."""
    after: Literal["condition", "end"] = "end"
    """Moment at which it is asked: after every condition, or at the end."""
    ask: str
    """The question."""
    kind: Literal["scale", "choice", "text", "number"] = "scale"
    """Form of the answer."""
    options: tuple[str, ...] = ()
    """The answers to choose from, of a `choice`."""
    low: float = 1
    """Lowest value of a scale or a number."""
    high: float = 7
    """Highest value of a scale or a number."""
    required: bool = True
    """Ask for an answer before the next page."""


class ThanksPart(Component):
    """The last page."""

    text: str = ""
    """Its text, in Markdown; without one a word of thanks."""
    code: bool = False
    """Show a code: that of the platform, or one of the visit."""


class SimulationPart(Component):
    """Simulated participants, who speak to the server as the page does."""

    people: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Number of them; 0 waits for people."""
    user: str = ""
    """The user that they are, as JSON; without a word that of each condition."""


class StudyConfig(Config):
    """A study with people, its texts by content."""

    study: StudyPart = StudyPart()
    """The study as a whole."""
    consent: ConsentPart = ConsentPart()
    """The first page."""
    eligibility: EligibilityPart = EligibilityPart()
    """Conditions for taking part."""
    instructions: InstructionsPart = InstructionsPart()
    """Pages before the first game."""
    practice: PracticePart = PracticePart()
    """Games before those that count."""
    condition: tuple[ConditionPart, ...] = ()
    """The ways of playing."""
    design: DesignPart = DesignPart()
    """Conditions of each person, and their order."""
    question: tuple[QuestionPart, ...] = ()
    """Questions to the person."""
    thanks: ThanksPart = ThanksPart()
    """The last page."""
    simulation: SimulationPart = SimulationPart()
    """Simulated participants."""
    port: Annotated[int, Field(ge=0, le=65_535), ExecutionOnly()] = 0
    """Port on 127.0.0.1; 0 takes a free one, and the same after an interruption."""
    links: Annotated[int, Field(ge=0, le=10_000), ExecutionOnly()] = 0
    """Addresses for one session each, beside the one for all."""
    origin: Annotated[str, Field(max_length=200), ExecutionOnly()] = ""
    """Address of a proxy in front of the server."""
    durable: Annotated[Literal["fsync", "write"], ExecutionOnly()] = "fsync"
    """Safety of an event before it is answered: from a loss of power, or from the death of the process alone."""
    freeze: Annotated[bool, ExecutionOnly()] = False
    """From now on visits count; before, they are pilots."""
