"""The pages of a study, and the answers that they take."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from taskloom_hci.study.config import QuestionPart, StudyConfig
from taskloom_hci.study.markdown import to_html
from taskloom_hci.study.plan import Step
from taskloom_hci.study.words import word

LONGEST_ANSWER = 2000
OLDEST = 120


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a page.

    Attributes:
        id: Its name.
        kind: `agree`, `choice`, `scale`, `number` or `text`.
        ask: The question.
        options: The answers of a choice.
        low: Lowest value; likewise `high`.
        high: See `low`.
        required: Whether there must be an answer.
    """

    id: str
    kind: str
    ask: str
    options: tuple[str, ...] = ()
    low: float = 0
    high: float = 0
    required: bool = True


class Pages:
    """The pages of one study.

    Args:
        config: The study.
    """

    def __init__(self, config: StudyConfig) -> None:
        self.config = config
        self.language = config.study.language

    def message(self, step: Step, *, code: str = "") -> dict[str, Any]:
        """Return what is sent to show a page."""
        fields = [asdict(item) for item in self.fields(step)]
        return {
            "type": "page",
            "id": step.id,
            "kind": step.kind,
            "html": self._html(step, code),
            "fields": fields,
        }

    def fields(self, step: Step) -> list[Field]:
        """Return the fields of a page."""
        if step.kind == "eligibility":
            return self._about_the_person()
        if step.kind == "consent":
            required = self.config.consent.required
            return [Field("agree", "agree", self._word("agree"), required=required)]
        if step.kind == "check":
            checks = self.config.instructions.check
            return [Field(f"check-{i}", "choice", c.ask, c.options) for i, c in enumerate(checks)]
        return [_field(item) for item in self._questions(step)]

    def closing(self, key: str, code: str = "") -> dict[str, Any]:
        """Return the page that ends a visit with a word of the page's own."""
        return {
            "type": "page",
            "id": key,
            "kind": "thanks",
            "html": f"<h2>{html.escape(self._word(key))}</h2>{self._code(code)}",
            "fields": [],
        }

    def is_right(self, values: Mapping[str, Any]) -> bool:
        """Return whether all questions about the instructions were answered rightly."""
        checks = self.config.instructions.check
        return all(values.get(f"check-{i}") == check.right for i, check in enumerate(checks))

    def is_eligible(self, values: Mapping[str, Any]) -> bool:
        """Return whether what a person told of themselves lets them take part."""
        asked = self.config.eligibility
        old_enough = not asked.age or values.get("age", 0) >= asked.age
        return old_enough and (not asked.keyboard or values.get("keyboard") == 0)

    def _about_the_person(self) -> list[Field]:
        asked, fields = self.config.eligibility, []
        if asked.age:
            fields.append(Field("age", "number", self._word("age"), low=0, high=OLDEST))
        if asked.keyboard:
            options = (self._word("yes"), self._word("no"))
            fields.append(Field("keyboard", "choice", self._word("keyboard"), options))
        return fields

    def _questions(self, step: Step) -> list[QuestionPart]:
        if step.kind != "question":
            return []
        when = "condition" if step.condition else "end"
        return [item for item in self.config.question if item.after == when]

    def _html(self, step: Step, code: str) -> str:
        config = self.config
        if step.kind == "consent":
            return to_html(config.consent.text)
        if step.kind == "text":
            return to_html(config.instructions.pages[step.number])
        if step.kind == "thanks":
            text = to_html(config.thanks.text)
            return (text or f"<h2>{html.escape(self._word('thanks'))}</h2>") + self._code(code)
        title = "before" if step.kind == "eligibility" else "questions"
        return f"<h2>{html.escape(self._word(title))}</h2>"

    def _code(self, code: str) -> str:
        if not code:
            return ""
        return f'<p class="code">{html.escape(self._word("code", n=code))}</p>'

    def _word(self, key: str, **values: object) -> str:
        return word(self.language, key, **values)


def _field(item: QuestionPart) -> Field:
    return Field(item.id, item.kind, item.ask, item.options, item.low, item.high, item.required)


def wrong_fields(fields: list[Field], values: Mapping[str, Any]) -> list[str]:
    """Return the names of the fields whose answer is none that fits, and of answers to no field."""
    known = {item.id for item in fields}
    wrong = [name for name in values if name not in known]
    for item in fields:
        value = values.get(item.id)
        if value is None:
            wrong += [item.id] if item.required and item.kind != "agree" else []
        elif not _fits(item, value):
            wrong.append(item.id)
    return wrong


def _fits(item: Field, value: object) -> bool:
    if item.kind == "agree":
        return type(value) is bool
    if item.kind == "text":
        return isinstance(value, str) and len(value) <= LONGEST_ANSWER
    if item.kind == "choice":
        return type(value) is int and 0 <= value < len(item.options)
    if item.kind == "scale" and type(value) is not int:
        return False
    is_number = type(value) in (int, float) and math.isfinite(float(str(value)))
    return is_number and item.low <= float(str(value)) <= item.high
