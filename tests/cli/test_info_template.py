"""Config files to edit: what `tasks info --toml` and `--yaml` print is read back to the config that it was printed for."""

from __future__ import annotations

import tomllib

import yaml
from hypothesis import given, strategies as st
from taskloom import Component, Config
from taskloom.cli.commands.info_template import toml_template, yaml_template
from taskloom.params.tree import walk

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=6)
TABLES = st.dictionaries(NAMES, st.lists(st.integers(0, 9), max_size=3), max_size=3)


class Inner(Component):
    """A part with a table in the middle of its fields."""

    first: int = 1
    """A number."""
    table: dict[str, list[int]] = {}  # noqa: RUF012 -- pydantic copies it
    """Lists by name."""
    last: int = 2
    """Another number."""


class Outer(Config):
    """A config with a table before a part, and a number after both."""

    table: dict[str, list[int]] = {}  # noqa: RUF012 -- pydantic copies it
    """Lists by name."""
    inner: Inner = Inner()
    """A part."""
    after: int = 3
    """A number."""


@given(TABLES, TABLES)
def test_a_table_among_the_fields_takes_in_none_of_them(
    outer: dict[str, list[int]], inner: dict[str, list[int]]
) -> None:
    config = Outer(table=outer, inner=Inner(table=inner, last=7), after=8)
    for text in (
        tomllib.loads(toml_template(config, walk(Outer))),
        yaml.safe_load(yaml_template(config, walk(Outer))),
    ):
        assert Outer.model_validate(text) == config
