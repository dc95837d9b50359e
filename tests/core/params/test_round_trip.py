"""What is written is read back as the same value: every type, from every source."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from pydantic import ByteSize, create_model
from taskloom import Component, Config
from taskloom.asking import resolve_values
from taskloom.params import resolve, to_toml, walk, write
from taskloom.params.grammar import bare_item, split
from taskloom.params.reading import read_text
from taskloom.params.shapes import fields_of, shape_of, shape_of_type
from taskloom.params.values import table_of, write_item
from taskloom.sweeps.axes import AxisReader
from taskloom.sweeps.planfile import read_plan
from tests_sizes import size


class Colour(enum.Enum):
    """Values that are numbers."""

    RED = 1
    BLUE = 2


class Corner(enum.Enum):
    """Values that no option can hold."""

    NEAR = (0, 0)
    FAR = (1, 1)


class Level(enum.IntEnum):
    """Values that are integers."""

    LOW = -1
    HIGH = 1


class Pace(float, enum.Enum):
    """Values with a fraction."""

    SLOW = 0.5
    FAST = 2.0


class Layer(Component):
    """A nested model."""

    width: int = 8
    label: str | None = None
    parts: tuple[float, ...] = ()


TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12),
    st.sampled_from(
        [
            *("none", "null", "None", '"none"', "true", "1", "1.5", "0:3", "log:1:2", 'it"s', '"a', "a,b", "[1]", "(", "{}", " a "),
            *("", "90s", "2026-11-21", "10:30", "-", "--x", "auto", "a\\", '"a","b"', "RED", "NONE", "Null", "1GiB", ",", "\t", "[", '["a"]'),
        ]
    ),
)  # fmt: skip
WHOLE = st.integers(-(2**63), 2**63 - 1)
REAL = st.floats(allow_nan=False, allow_infinity=False)
DURATION = st.timedeltas(timedelta(days=-(10**6)), timedelta(days=10**6))
PATHS = TEXTS.filter(bool).map(lambda text: Path(str(PurePosixPath(text))))
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)
LAYERS = st.builds(
    Layer,
    width=st.integers(0, 99),
    label=st.none() | TEXTS,
    parts=st.lists(REAL, max_size=2).map(tuple),
)
TYPES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "text": (str, TEXTS),
    "maybe_text": (str | None, st.none() | TEXTS),
    "whole": (int, WHOLE),
    "real": (float, REAL),
    "truth": (bool, st.booleans()),
    "maybe_whole": (int | None, st.none() | WHOLE),
    "levels": (Literal[1, 2, 3], st.sampled_from([1, 2, 3])),
    "mixed": (Literal[True, False, "auto"], st.sampled_from([True, False, "auto"])),
    "words": (Literal["none", "auto"] | None, st.sampled_from(["none", "auto", None])),
    "colour": (Colour, st.sampled_from(Colour)),
    "corner": (Corner, st.sampled_from(Corner)),
    "level": (Level, st.sampled_from(Level)),
    "pace": (Pace, st.sampled_from(Pace)),
    "maybe_colour": (Colour | None, st.none() | st.sampled_from(Colour)),
    "whole_or_text": (int | str, WHOLE | TEXTS),
    "any_of_four": (bool | int | float | str, st.booleans() | WHOLE | REAL | TEXTS),
    "word_or_real": (Literal["auto"] | float, st.just("auto") | REAL),
    "real_or_none": (float | None, st.none() | REAL),
    "duration": (timedelta, DURATION),
    "duration_or_text": (timedelta | str, DURATION | TEXTS),
    "date_or_text": (date | str, st.dates() | TEXTS),
    "date": (date, st.dates()),
    "moment": (datetime, MOMENTS),
    "time": (time, st.times()),
    "path": (Path, PATHS),
    "path_or_text": (Path | str, PATHS.filter(lambda path: bare_item(str(path))) | TEXTS),
    "maybe_path": (Path | None, st.none() | PATHS),
    "size": (ByteSize, st.integers(0, 2**50).map(ByteSize)),
    "texts": (list[str], st.lists(TEXTS, max_size=4)),
    "tuple_of_texts": (tuple[str, ...], st.lists(TEXTS, max_size=4).map(tuple)),
    "maybe_texts": (list[str | None], st.lists(st.none() | TEXTS, max_size=4)),
    "list_or_none": (list[str] | None, st.none() | st.lists(TEXTS, max_size=3)),
    "wholes": (list[int], st.lists(WHOLE, max_size=4)),
    "truths": (tuple[bool, ...], st.lists(st.booleans(), max_size=3).map(tuple)),
    "pair": (tuple[int, str], st.tuples(WHOLE, TEXTS)),
    "set_of_texts": (frozenset[str], st.frozensets(TEXTS, max_size=3)),
    "colours": (list[Colour], st.lists(st.sampled_from(Colour), max_size=3)),
    "durations": (list[timedelta], st.lists(DURATION, max_size=2)),
    "nested": (list[list[str]], st.lists(st.lists(TEXTS, max_size=2), max_size=3)),
    "deep": (list[list[list[int]]], st.lists(st.lists(st.lists(WHOLE, max_size=2), max_size=2), max_size=2)),
    "text_or_texts": (str | list[str], TEXTS | st.lists(TEXTS, max_size=3)),
    "whole_or_wholes": (int | list[int], WHOLE | st.lists(WHOLE, max_size=3)),
    "table": (dict[str, float], st.dictionaries(TEXTS, REAL, max_size=3)),
    "table_of_texts": (dict[str, str | None], st.dictionaries(TEXTS, st.none() | TEXTS, max_size=3)),
    "table_of_lists": (dict[str, list[int]], st.dictionaries(TEXTS, st.lists(WHOLE, max_size=2), max_size=2)),
    "layers": (list[Layer], st.lists(LAYERS, max_size=2)),
    "named_layers": (dict[str, Layer], st.dictionaries(TEXTS, LAYERS, max_size=2)),
}  # fmt: skip


def config_of(annotation: Any) -> type[Config]:  # noqa: ANN401 -- any type
    """Return a config with one required field `x` of that type."""
    made: type[Config] = create_model("Held", __base__=Config, x=(annotation, ...))
    return made


CONFIGS = {name: config_of(annotation) for name, (annotation, _) in TYPES.items()}


def by_words(config: Config, folder: Path) -> Config:
    """Write the value as an option."""
    del folder
    kind = type(config)
    text = write(config.x, shape_of(fields_of(kind)["x"]))
    return resolve(kind, environ={}, arguments={"x": text}).config


def by_variable(config: Config, folder: Path) -> Config:
    """Write the value as a variable of the environment."""
    del folder
    kind = type(config)
    text = write(config.x, shape_of(fields_of(kind)["x"]))
    return resolve(kind, environ={"TASKS__X": text}).config


def by_sweep(config: Config, folder: Path) -> Config:
    """Write the value as one of two of an axis."""
    del folder
    kind = type(config)
    item = write_item(config.x, shape_of(fields_of(kind)["x"]))
    assert split(f"{item}, {item}") == [item, item]
    axis = AxisReader(walk(kind)).axis("x", f"{item},{item}")
    return resolve(kind, environ={}, arguments={"x": axis.values[0]}).config


def by_sweep_file(config: Config, folder: Path) -> Config:
    """Write the value into the list of an axis in a file."""
    kind = type(config)
    path = folder / "sweep.json"
    held = table_of(config)["x"]
    path.write_text(json.dumps({"parameters": {"x": [held, held]}}), encoding="utf-8")
    axis = read_plan(path, AxisReader(walk(kind))).axes["x"]
    return resolve(kind, environ={}, arguments={"x": axis.values[1]}).config


def by_file(ending: str, render: Callable[[Config], str]) -> Callable[[Config, Path], Config]:
    """Return what writes the config into a file and reads it."""

    def read(config: Config, folder: Path) -> Config:
        path = folder / f"config{ending}"
        path.write_text(render(config), encoding="utf-8", newline="")
        return resolve(type(config), files=[path], environ={}).config

    return read


def by_call(config: Config, folder: Path) -> Config:
    """Give the value to a call from Python."""
    del folder
    return resolve_values(type(config), {"x": config.x}).config


def as_json(config: Config) -> str:
    """Return a config as JSON, which YAML 1.2 is a superset of."""
    return json.dumps(table_of(config))


SOURCES: dict[str, Callable[[Config, Path], Config]] = {
    "command line": by_words,
    "environment": by_variable,
    "sweep": by_sweep,
    "sweep file": by_sweep_file,
    "TOML": by_file(".toml", to_toml),
    "YAML": by_file(".yaml", as_json),
    "JSON": by_file(".json", as_json),
    "Python": by_call,
}


@pytest.mark.parametrize("name", TYPES)
def test_what_is_written_is_read_back(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("round")
    kind = CONFIGS[name]

    @settings(
        max_examples=size("round_trips"),
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(value=TYPES[name][1])
    def check(value: Any) -> None:  # noqa: ANN401 -- of any type
        config = kind(x=value)
        for source, passed in SOURCES.items():
            found = passed(config, folder)
            assert found == config, source
            assert type(found.x) is type(config.x), source  # type: ignore[attr-defined]

    check()


@settings(max_examples=size("text_round_trips"), deadline=None, derandomize=True)
@given(st.lists(st.text(max_size=8) | TEXTS, max_size=6))
def test_every_list_of_texts_is_read_back(texts: list[str]) -> None:
    """Hold the rule for all texts, those with lone surrogates too, as an argument of undecodable bytes has them."""
    shape = shape_of(fields_of(CONFIGS["texts"])["x"])
    text = write(texts, shape)
    assert read_text(text, shape) == texts
    items = split(",".join(map(write_item, texts)))
    assert [read_text(item, shape_of_type(str)) for item in items] == (texts or [""])


def test_what_is_equal_but_of_another_type_is_told_apart() -> None:
    for name, texts in (
        ("any_of_four", {"1": 1, "1.0": 1.0, "true": True, '"1"': "1", "yes": "yes"}),
        ("mixed", {"true": True, "yes": True, "0": False, "auto": "auto"}),
        ("colour", {"2": Colour.BLUE, "BLUE": Colour.BLUE}),
        ("corner", {"FAR": Corner.FAR}),
        ("duration_or_text", {"90s": timedelta(seconds=90), '"90s"': "90s", "soon": "soon"}),
        ("date_or_text", {"2026-11-21": date(2026, 11, 21), "20261121": "20261121"}),
    ):
        for text, value in texts.items():
            found = resolve(CONFIGS[name], environ={}, arguments={"x": text}).config.x
            assert found == value
            assert type(found) is type(value)
    assert math.isclose(
        resolve(CONFIGS["size"], environ={}, arguments={"x": "1.5GiB"}).config.x, 1.5 * 2**30
    )
