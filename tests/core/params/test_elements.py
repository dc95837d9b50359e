"""Lists and tables element by element, and optional models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from taskloom import Component, Config
from taskloom.asking import resolve_values
from taskloom.errors import UsageError
from taskloom.params import find_choices, resolve, walk
from taskloom.params.elements import element, element_rows


class Layer(Component):
    """One layer."""

    width: int = 8
    """Units."""
    depth: int = 1
    """Blocks."""
    label: str | None = None
    """A name."""


class Net(Config):
    """A config with containers of every kind."""

    layers: list[Layer] = [Layer(width=2), Layer(width=3)]  # noqa: RUF012 -- pydantic copies defaults
    """Layers."""
    table: dict[str, int] = {"a": 1, "b": 2}  # noqa: RUF012
    """Numbers."""
    stages: dict[str, Layer] = {}  # noqa: RUF012
    """Layers by name."""
    ints: tuple[int, ...] = (1, 2)
    """Numbers."""
    pair: tuple[int, float] = (1, 2.0)
    """Two numbers."""
    words: list[str] | None = None
    """Words."""
    grid: list[list[int]] = [[1], [2, 3]]  # noqa: RUF012
    """Numbers in rows."""
    opt: Layer | None = None
    """A layer, or nothing."""
    marks: frozenset[str] = frozenset()
    """Words without an order."""


def net(
    *, environ: dict[str, str] | None = None, files: tuple[Path, ...] = (), **given: str
) -> Any:  # noqa: ANN401
    return resolve(Net, environ=environ or {}, files=files, arguments=given).config


def words(*said: str) -> Any:  # noqa: ANN401
    pairs = [word.partition("=")[::2] for word in said]
    return resolve(Net, environ={}, arguments=dict(pairs)).config


@pytest.mark.parametrize(
    ("said", "field", "value"),
    [
        (("layers.0.width=64",), "layers", [Layer(width=64), Layer(width=3)]),
        (("layers.-1.width=64",), "layers", [Layer(width=2), Layer(width=64)]),
        (("layers.2.width=9", "layers.3.depth=2"), "layers", [Layer(width=2), Layer(width=3), Layer(width=9), Layer(depth=2)]),
        (('layers={"width": 5}', "layers.0.label=none"), "layers", [Layer(width=5)]),
        (('layers.0={"depth": 4}',), "layers", [Layer(width=2, depth=4), Layer(width=3)]),
        (("layers.0!",), "layers", [Layer(width=3)]),
        (("layers.0!", "layers.1.width=7"), "layers", [Layer(width=7)]),
        (("layers.0!", "layers.1!"), "layers", []),
        (("table.a=3",), "table", {"a": 3, "b": 2}),
        (("table.a!",), "table", {"b": 2}),
        (('table."a.b"=3', "table.c=4"), "table", {"a": 1, "b": 2, "a.b": 3, "c": 4}),
        (('table={"x": 1}', "table.y=2"), "table", {"x": 1, "y": 2}),
        (("stages.warm.width=3",), "stages", {"warm": Layer(width=3)}),
        (("ints.0=9",), "ints", (9, 2)),
        (("ints.2=9",), "ints", (1, 2, 9)),
        (("ints=5:8", "ints.-1=1"), "ints", (5, 6, 1)),
        (("pair.1=9",), "pair", (1, 9.0)),
        (("words.0=a,b",), "words", ["a,b"]),
        (("grid.1.0=7", "grid.0.1=8"), "grid", [[1, 8], [7, 3]]),
        (("opt.width=3",), "opt", Layer(width=3)),
        (("opt={}", "opt.label=x"), "opt", Layer(label="x")),
    ],
)  # fmt: skip
def test_an_element_is_changed_added_or_taken_out(
    said: tuple[str, ...], field: str, value: object
) -> None:
    assert getattr(words(*said), field) == value


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (("layers.5.width=64",), "--layers.5.width=64: layers has 2 items"),
        (("layers.-3.width=64",), "layers has 2 items"),
        (("layers.x.width=64",), "no parameter 'layers.x'"),
        (("layers.1.8=64",), "no parameter 'layers.1.8'"),
        (('layers={"8": 64}',), "--layers.0.8: no such key; width, depth, label"),
        (("layers.0.width=x",), "--layers.0.width=x: must be an integer (from the command line)"),
        (("pair.2=1",), "pair has 2 items"),
        (("pair.0!",), "pair has 2 items"),
        (("table.z!",), "--table.z!: no such key; table has a, b"),
        (("table.a=x",), "--table.a=x: must be an integer"),
        (("seed.0=1",), "no parameter 'seed.0'"),
        (("marks.0=a",), "no parameter 'marks.0'"),
        (("opt=none", "opt.width=3"), "--opt.width has nothing to belong to: opt is none"),
        (('table."a=3',), "the quotation mark at character 7 is not closed"),
    ],
)
def test_what_is_no_element_is_refused_in_one_sentence(
    said: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(UsageError) as caught:
        words(*said)
    assert sentence in caught.value.message
    assert "\n" not in caught.value.message


def test_the_highest_layer_that_supplies_a_container_wins_whole_and_later_ones_edit_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.toml"
    path.write_text("ints = [7, 8, 9]\n[table]\nx = 1\n")
    environ = {"TASKS__INTS__0": "5", "TASKS__TABLE__Y": "2"}
    found = resolve(Net, environ=environ, files=[path], arguments={"ints.1": "6", "table.x!": ""})
    assert found.config.ints == (5, 6, 9)
    assert found.config.table == {"y": 2}
    assert found.sources["ints"] == "command line"


def test_python_names_elements_too() -> None:
    found = resolve_values(
        Net, {"layers.0.width": 5, "table.a": 7, "layers.0.label": "none"}
    ).config
    assert (found.layers[0], found.table["a"]) == (Layer(width=5, label="none"), 7)


def test_help_lists_the_fields_of_elements_and_finds_their_types() -> None:
    parameters = walk(Net)
    rows = {row.path: row for row in element_rows(parameters)}
    assert set(rows) == {
        f"{name}.{field}"
        for name in ("layers.N", "stages.KEY")
        for field in ("width", "depth", "label")
    }
    assert (rows["layers.N.width"].type, rows["layers.N.width"].help) == ("INT", "Units.")
    known = {item.path: item for item in parameters}
    assert {
        path: found.type if (found := element(known, path)) else None
        for path in ("layers.0.width", "table.a", "pair.1", "grid.0.1", "seed.0", "layers.0.x")
    } == {
        "layers.0.width": "INT",
        "table.a": "INT",
        "pair.1": "FLOAT",
        "grid.0.1": "INT",
        "seed.0": None,
        "layers.0.x": None,
    }


def test_an_option_below_an_optional_model_makes_it_known() -> None:
    assert "opt.width" not in {item.path for item in walk(Net, find_choices(Net, environ={}))}
    chosen = find_choices(Net, ["--opt.width=3"], environ={})
    assert "opt.width" in {item.path for item in walk(Net, chosen)}
