"""One sentence of ours for each thing that pydantic can find wrong, and for classes that no option could serve."""

from __future__ import annotations

import enum
import re
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, Field, create_model
from pydantic_core._pydantic_core import list_all_errors
from taskloom import Component, Config
from taskloom.errors import ConfigError, PluginError
from taskloom.params import read_file, resolve, walk
from taskloom.params.sentences import sentence_of

FOUND = {item["type"]: item for item in list_all_errors()}
# Words of pydantic's own sentences, which speak of classes and of validation.
ITS_WORDS = re.compile(
    r"Input|should|valid\b|validat|extra inputs|unable|dictionary|instance|attribute|sentinel|python|pydantic|argument"
)


@pytest.mark.parametrize("kind", FOUND)
def test_every_finding_of_pydantic_has_a_sentence_of_ours(kind: str) -> None:
    item = FOUND[kind]
    context = item.get("example_context") or {}
    sentence = sentence_of(kind, context)
    assert re.match(r"(must|has|is|no|cannot|contains) ", sentence), sentence
    assert not ITS_WORDS.search(sentence), sentence
    assert sentence != "is not accepted" or kind in ("value_error", "assertion_error")
    assert "\n" not in sentence


class Part(Component):
    """A part."""

    width: Annotated[int, Field(gt=0)] = 1
    """Units."""
    depth: int
    """Blocks."""


class Whole(Config):
    """Parts in a list and in a table."""

    parts: list[Part] = []  # noqa: RUF012 -- pydantic copies defaults
    """Parts."""
    named: dict[str, Part] = {}  # noqa: RUF012
    """Parts by name."""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("parts = [{depth = 1}, {depth = 1, 8 = 2}]", "--parts.1.8: no such key; width, depth"),
        ("named.a = {depth = 1, height = 2}", "--named.a.height: no such key; width, depth"),
        ("parts = [{width = 1}]", "--parts.0.depth must be given"),
        ("parts = [{width = 0, depth = 1}]", "must be > 0 (item 1: 0)"),
        ("parts = 3", "--parts=3: must be a list"),
        ("named = {a = 3}", "--named="),
    ],
)
def test_a_fault_inside_a_list_or_a_table_names_its_place(
    text: str,
    sentence: str,
    tmp_path: Any,  # noqa: ANN401
) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    assert read_file(path)
    with pytest.raises(ConfigError) as caught:
        resolve(Whole, files=[path], environ={})
    assert sentence in caught.value.message
    assert not ITS_WORDS.search(caught.value.message)
    assert "\n" not in caught.value.message


class Twice(enum.Enum):
    """Two members with one written form."""

    ONE = 1
    TEXT = "1"


@pytest.mark.parametrize(
    ("annotation", "sentence"),
    [
        (Twice, "Two choices of the field Held.x are both written '1': <Twice.ONE: 1> and <Twice.TEXT: '1'>."),
        (Literal[1, "1"], "are both written '1': 1 and '1'"),
        (Literal[True, "true"] | None, "are both written 'true'"),
        (list[Literal[2, "2"]], "are both written '2'"),
        (Literal["a"] | Literal["none", "null"] | None, "so that no word is left for None"),
    ],
)  # fmt: skip
def test_a_class_whose_choices_no_option_tells_apart_is_refused(
    annotation: Any,  # noqa: ANN401
    sentence: str,
) -> None:
    held: type[Config] = create_model("Held", __base__=Config, x=(annotation, ...))
    for look in (walk, lambda kind: resolve(kind, environ={}, arguments={"x": "1"})):
        with pytest.raises(PluginError, match=r"Held\.x") as caught:
            look(held)
        assert sentence in str(caught.value)


def test_what_a_validator_of_the_task_says_is_passed_on() -> None:
    def even(value: int) -> int:
        if value % 2:
            raise ValueError("must be even.")
        return value

    kind: type[Config] = create_model(
        "Even", __base__=Config, x=(Annotated[int, AfterValidator(even)], 2)
    )
    with pytest.raises(ConfigError, match=r"^--x=3: must be even \(default 2"):
        resolve(kind, environ={}, arguments={"x": "3"})
