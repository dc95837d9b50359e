"""Values of the kinds that are easily forgotten: choices with commas or none, parts that are absent, sets, keys, records."""

from datetime import timedelta
from enum import Enum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ByteSize
from taskloom import Config
from taskloom.errors import ConfigError, UsageError
from taskloom.params import resolve, validate_record
from taskloom.params.choices import Applicable
from taskloom.params.grammar import split
from taskloom.params.shapes import fields_of, shape_of
from taskloom.params.tree import leaf_texts
from taskloom.params.values import write, write_item
from taskloom.secrets.fields import dumped


class Glaze(Enum):
    """Values with commas, and members that are no single values."""

    PLAIN = "plain"
    BLUE = "blue, dark"


class Span(Enum):
    """Members that JSON writes as lists."""

    SHORT = (1, 2)
    LONG = (3, 4)


class Layer(BaseModel, frozen=True, extra="forbid"):
    """A part."""

    width: int = 8
    act: Literal["relu", "tanh"] = "relu"
    inner: "Layer | None" = None


class Odd(Config):
    """Fields of those kinds."""

    glaze: Glaze = Glaze.PLAIN
    glazes: list[Glaze] = []  # noqa: RUF012 -- pydantic copies it
    span: Span = Span.SHORT
    pick: Literal[1, "auto", None] = 1
    word: str = ""
    note: str | None = None
    part: Layer | None = None
    parts: list[Layer | None] = []  # noqa: RUF012 -- pydantic copies it
    names: set[str] = set()  # noqa: RUF012 -- pydantic copies it
    table: dict[int, str] = {}  # noqa: RUF012 -- pydantic copies it
    size: ByteSize = ByteSize(1)
    wait: timedelta = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("words", "sentence", "hint"),
    [
        ({"glaze": "Blue"}, 'one of plain, "blue, dark"', "did you mean --glaze='blue, dark'?"),
        ({"glazes": "plain,blu"}, 'one of plain, "blue, dark" (item 2: blu)', ""),
        ({"parts.0.act": "tan"}, "must be one of relu, tanh", "did you mean --parts.0.act=tanh?"),
        ({"part": "5"}, "must be a table of parameters or none", ""),
        ({"names.0": "a"}, "no parameter 'names.0'", "a set has no places: give all of it"),
        ({"table.x": "a"}, "--table.x=a: the key must be an integer", ""),
        ({"table.1!": ""}, "(from the command line)", ""),
        ({"size": "1e30G"}, "must fit into 64 bits", ""),
    ],
)
def test_a_refusal_names_the_place_and_what_is_allowed(
    words: dict[str, str], sentence: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(Odd, environ={}, arguments=words)
    assert sentence in caught.value.message
    assert hint in caught.value.hint
    assert bool(hint) == bool(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "value"),
    [("pick", None), ("word", "a\nb\x1b[31m"), ("word", "none"), ("span", Span.LONG)],
)
def test_what_is_written_is_printable_and_read_back(name: str, value: object) -> None:
    text = write(value, shape_of(fields_of(Odd)[name]))
    assert text.isprintable()
    assert getattr(resolve(Odd, environ={}, arguments={name: text}).config, name) == value


def test_an_element_makes_an_optional_part_from_its_defaults() -> None:
    config: Any = resolve(Odd, environ={}, arguments={"parts.0.width": "3"}).config
    assert config.parts == [Layer(width=3)]


@pytest.mark.parametrize(
    "words",
    [
        {"span": "LONG", "word": "none", "glazes": '"blue, dark"', "wait": "1h30m"},
        {"pick": "none", "names": "b,a", "table.3": "x", "size": "1K", "part.inner.width": "3"},
    ],
)
def test_a_record_is_read_back_as_it_was_written(words: dict[str, str]) -> None:
    config = resolve(Odd, environ={}, arguments=words).config
    assert validate_record(Odd, dumped(config), "the record") == config


@pytest.mark.parametrize("path", ["part.width", "part.inner.width"])
def test_a_sweep_may_vary_a_part_that_is_absent_by_default(path: str) -> None:
    applicable = Applicable(Odd, {path: ["1", "2"], "pick": ["1", "auto"]}, environ={})
    assert applicable.alternatives[0]["part"]
    assert applicable.to({path: "2", "pick": "1"}) == {path: "2", "pick": "1"}


def test_a_sweep_leaves_out_what_belongs_to_a_part_that_a_point_drops() -> None:
    values = {"part": ["none", "{}"], "part.width": ["1", "2"]}
    applicable = Applicable(Odd, values, environ={})
    assert applicable.to({"part": "none", "part.width": "2"}) == {"part": "none"}
    assert applicable.to({"part": "{}", "part.width": "2"}) == {"part": "{}", "part.width": "2"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("wait", "90m"),
        ("size", "1KiB"),
        ("glaze", '"blue, dark"'),
        ("note", '"none"'),
        ("note", "none"),
    ],
)
def test_a_point_is_told_as_it_is_typed(name: str, text: str) -> None:
    (value,) = split(text)
    config = resolve(Odd, environ={}, arguments={name: value}).config
    assert leaf_texts(config, writer=write_item)[name] == text


@pytest.mark.parametrize(
    ("field", "text", "path"),
    [
        ("word", r'"a\ud800"', "word"),
        ("note", r'"\udfff"', "note"),
        ("names", r'a,"\ud800b"', r"names\.\d"),
        ("table", r'{"1": "x", "2": "\ud83d"}', "table.2"),
    ],
)
def test_a_text_that_no_file_can_hold_is_refused(field: str, text: str, path: str) -> None:
    with pytest.raises(ConfigError, match=rf"{path}: the text .* holds '\\ud\w+', half of a"):
        resolve(Odd, environ={}, arguments={field: text})
    # Both halves make a character, in JSON and in Python.
    assert (
        resolve(Odd, environ={}, arguments={"word": r'"\ud83d\ude00"'}).config.word == "\U0001f600"
    )  # type: ignore[attr-defined]
