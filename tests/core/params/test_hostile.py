"""Hostile config files and values: whatever is written, the answer is a config or one of our own sentences."""

import json
import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from taskloom.errors import ConfigError, UsageError
from taskloom.params import find_choices, read_file, resolve, to_toml
from tests_sizes import size

_SETTINGS = settings(
    max_examples=size("hostile_examples"),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_PATHS = (
    "seed", "whole", "real", "word", "code", "flag", "pick", "maybe_word", "maybe_whole", "either", "place", "pair",
    "many", "words", "maybes", "table", "even", "closed", "closed.kind", "closed.rate", "closed.depth", "herd",
    "closed.rate.deep", "", ".", "..", "whole.", ".whole", "a.b.c", "kind", "__class__", "model_config",
)  # fmt: skip
_ODD_TEXTS = (
    "", "none", "None", "null", "nan", "inf", "-inf", "1e999", "9" * 5000, "-0", "true", "[", "{", "{}", "[]", "[[[[",
    '{"kind": "drip"}', '{"kind": null}', "1,2,", ",", "\x00", "\ud800", "drip", "flood", "0x10", "1_0",
)  # fmt: skip
_TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(_ODD_TEXTS),
    st.integers().map(str),
    st.floats().map(str),
)
_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=10),
        st.just("drip"),
        st.just("mixed"),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(st.sampled_from(["kind", "rate", "inner", "depth"]), st.text(max_size=5)),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)


def _check_message(error: UsageError) -> None:
    assert error.message
    for line in [*error.message.splitlines(), error.hint]:
        assert len(line) < 1000
        assert line.isprintable() or not line
    assert "Traceback" not in error.message
    assert "pydantic" not in error.message


def _resolve(**layers: Any) -> None:  # noqa: ANN401 -- the layers of resolve
    from garden_domain.zoo import ZooConfig

    try:
        config = resolve(ZooConfig, **{"environ": {}, **layers}).config
    except UsageError as error:
        _check_message(error)
    else:
        json.dumps(config.model_dump(mode="json"), allow_nan=False)


@_SETTINGS
@given(st.dictionaries(st.sampled_from(_PATHS), _TEXTS, max_size=4))
def test_any_arguments_give_a_config_or_a_sentence(arguments: dict[str, str]) -> None:
    _resolve(arguments=arguments)


@_SETTINGS
@given(st.dictionaries(st.one_of(st.sampled_from(_PATHS), st.text(max_size=8)), _TEXTS, max_size=3))
def test_any_environment_gives_a_config_or_a_sentence(values: dict[str, str]) -> None:
    _resolve(
        environ={
            f"TASKS__{name.replace('.', '__').upper()}": value for name, value in values.items()
        }
    )


@_SETTINGS
@given(
    st.dictionaries(st.one_of(st.sampled_from(_PATHS), st.text(max_size=8)), _VALUES, max_size=4)
)
def test_any_json_file_gives_a_config_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "hostile.json"
    path.write_text(json.dumps(values))
    _resolve(files=[path])


@_SETTINGS
@given(
    data=st.one_of(
        st.binary(max_size=200), st.text(string.printable, max_size=200).map(str.encode)
    ),
    suffix=st.sampled_from([".toml", ".yaml", ".json"]),
)
def test_any_bytes_give_a_table_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"bytes{suffix}"
    path.write_bytes(data)
    try:
        found = read_file(path)
    except ConfigError as error:
        _check_message(error)
    else:
        assert isinstance(found, dict)
        _resolve(files=[path])


_YAML = st.lists(
    st.sampled_from(
        ["a", "b", ":", " ", "\n", "\n  ", "- ", "&x ", "*x", "[", "]", "{", "}", ",", "!!int ", "!!float ", "!!binary ",
         "!!set ", "!!omap ", "!!timestamp ", "!!python/name:os.system ", "<<: ", "? ", "|", ">", "'", '"', "1", "0o7",
         ".nan", "1e5", "null", "---\n", "...\n", "%YAML 1.1\n", "#", "2020-01-01", "\t", "~", "true"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@_SETTINGS
@given(_YAML)
def test_any_yaml_gives_a_table_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text)
    try:
        read_file(path)
    except ConfigError as error:
        _check_message(error)


@_SETTINGS
@given(
    st.lists(
        st.one_of(
            _TEXTS,
            st.sampled_from(["--feeder", "--spare", "--feeder=mixed", "--spare.inner", "--param"]),
        ),
        max_size=6,
    )
)
def test_any_words_give_choices_or_a_sentence(words: list[str]) -> None:
    from garden_domain.config import GrowConfig

    try:
        find_choices(GrowConfig, words, environ={})
    except UsageError as error:
        _check_message(error)


_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=15)


@_SETTINGS
@given(
    name=_NAMES,
    maybe=st.one_of(st.none(), _NAMES, st.sampled_from(["none", '"none"', '""none""', "None"])),
    maybes=st.lists(
        st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), max_size=4
    ),
    table=st.dictionaries(_NAMES, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    either=st.one_of(
        st.integers(-(2**63), 2**63 - 1), _NAMES, st.sampled_from(["7", "true", "none"])
    ),
    words=st.lists(_NAMES, max_size=3),
    pick=st.sampled_from(["ape", "none", None]),
)
def test_every_config_survives_toml(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    maybe: str | None,
    maybes: list[float | None],
    table: dict[str, float],
    either: int | str,
    words: list[str],
    pick: str | None,
) -> None:
    from garden_domain.zoo import ZooConfig

    config = ZooConfig.model_validate(
        {
            "place": name or "x",
            "maybe_word": maybe,
            "maybes": maybes,
            "table": table,
            "words": words,
        }
        | {"either": either, "pick": pick}
    )
    path = tmp_path_factory.getbasetemp() / "survives.toml"
    path.write_text(to_toml(config), encoding="utf-8", newline="")
    assert resolve(ZooConfig, files=[path], environ={}).config == config
