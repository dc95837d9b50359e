"""Text and file values to what a config holds, for one parameter of every type."""

from pathlib import Path

import pytest
from taskloom.errors import ConfigError
from taskloom.params import read_file, resolve, to_toml


def _zoo(**arguments: str):  # noqa: ANN202 -- the garden is importable inside a test only
    from garden_domain.zoo import ZooConfig

    return resolve(ZooConfig, environ={}, arguments=arguments).config


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("whole", "-7", -7),
        ("whole", str(2**63 - 1), 2**63 - 1),
        ("real", "1e-3", 0.001),
        ("real", "-2", -2.0),
        ("word", "none", "none"),
        ("word", "1", "1"),
        ("flag", "yes", True),
        ("flag", "off", False),
        ("pick", "bear", "bear"),
        ("pick", "none", "none"),
        ("pick", "null", None),
        ("maybe_word", "none", None),
        ("maybe_word", '"none"', "none"),
        ("maybe_word", "wolf", "wolf"),
        ("maybe_whole", "none", None),
        ("maybe_whole", "None", None),
        ("maybe_whole", "3", 3),
        ("either", "3", 3),
        ("either", "three", "three"),
        ("place", "/tmp/x", Path("/tmp/x")),
        ("pair", "3,4.5", (3, 4.5)),
        ("pair", "[3, 4.5]", (3, 4.5)),
        ("many", "3", [3]),
        ("many", "3, 4", [3, 4]),
        ("words", "", []),
        ("words", "a,b", ["a", "b"]),
        ("words", '["a,b"]', ["a,b"]),
        ("maybes", "none,2", [None, 2.0]),
        ("maybes", "[null, 2]", [None, 2.0]),
        ("table", '{"x": 2}', {"x": 2.0}),
    ],
)
def test_text_becomes_a_value_of_the_parameters_type(name: str, text: str, value: object) -> None:
    found = getattr(_zoo(**{name: text}), name)
    assert found == value
    assert type(found) is type(value) or isinstance(value, Path)


def test_text_chooses_a_member_of_a_closed_union() -> None:
    from garden_domain.zoo import ZooConfig

    config = resolve(
        ZooConfig, environ={}, arguments={"closed": "flood", "closed.depth": "2"}
    ).config
    assert (config.closed.kind, config.closed.depth) == ("flood", 2.0)
    with pytest.raises(
        ConfigError,
        match=r"^--closed.depth=-1: must be >= 0 \(default 0.1, from the command line\)$",
    ):
        resolve(ZooConfig, environ={}, arguments={"closed": "flood", "closed.depth": "-1"})


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("many", "", "must have at least 1 items, not 0"),
        ("many", "1,-1", "must be >= 0 (item 2: -1)"),
        ("pair", "1", "must have 2 items, not 1"),
        ("table", "x", "must be a JSON object"),
        ("table", '{"a": 1, "a": 2}', "names 'a' twice"),
        ("table", '{"a": NaN}', "holds NaN, which is not a finite number"),
        ("table", '{"a": 1e999}', "must be a finite number"),
        ("code", "ABC", "must match ^[a-z]+$"),
        ("word", "", "must have at least 1 characters"),
        ("word", "x" * 21, "must have at most 20 characters"),
        ("maybe_whole", "x", "must be an integer"),
        ("whole", "9" * 5000, "must fit into 64 bits"),
        ("whole", str(-(2**63) - 1), "must fit into 64 bits"),
        ("words", "[" * 100_000, "nested too deeply"),
    ],
)
def test_text_that_is_no_value_is_refused(name: str, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _zoo(**{name: text})
    assert sentence in caught.value.message
    assert caught.value.message.startswith(f"--{name}=")
    assert len(caught.value.message) < 300
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("whole = true", "--whole=true: must be an integer, not true or false"),
        ("real = false", "--real=false: must be a number, not true or false"),
        ("whole = 1.5", "--whole=1.5: must be an integer"),
        ("word = 3", "--word=3: must be text"),
        ("word = 2020-01-01", "--word=2020-01-01: must be text"),
        ("flag = 3", "--flag=3: must be true or false"),
        ("many = 3", "--many=3: must be a list"),
        ("many = [true]", "must be an integer, not true or false"),
        ("table = [1]", "--table=1: must be a table of names and values"),
        ("real = inf", "--real=inf: must be a finite number"),
        ("real = nan", "--real=nan: must be a finite number"),
        ("whole = 99999999999999999999", "must fit into 64 bits"),
        ("whole = 1" + "0" * 99, "--whole=an integer of 329 bits: must fit into 64 bits"),
        ("closed = 3", "--closed=3: must be one of drip, flood"),
        ("closed = {kind = 3}", "--closed=3: must be one of drip, flood"),
        ("herd = [{kind = 'dripp'}]", "--herd="),
        ("herd = [{kind = 'drip', rate = 7}]", "must be <= 1 (item 1: 7)"),
    ],
)
def test_file_value_of_the_wrong_type_is_refused(tmp_path: Path, line: str, sentence: str) -> None:
    from garden_domain.zoo import ZooConfig

    path = tmp_path / "a.toml"
    path.write_text(line)
    with pytest.raises((ConfigError, Exception)) as caught:
        resolve(ZooConfig, files=[path], environ={})
    assert sentence in str(caught.value)
    assert caught.type.__module__ == "taskloom.errors"


def test_config_survives_toml(tmp_path: Path) -> None:
    from garden_domain.config import GrowConfig
    from garden_domain.zoo import ZooConfig

    configs = [
        _zoo(),
        _zoo(
            maybe_word='"none"',
            maybes="none,none",
            pick="none",
            either="7",
            table='{"a b": 1, "none": 2}',
        ),
        _zoo(
            herd='[{"kind": "mixed", "inner": {"kind": "flood"}}]',
            closed="flood",
            words='["none", "a,b", ""]',
        ),
        resolve(
            GrowConfig, environ={}, arguments={"spare": "mixed", "saucer": "{}", "limit": "2"}
        ).config,
        resolve(GrowConfig, environ={}, arguments={"name": 'a "quoted"\nname\t\u00e9 \\'}).config,
    ]
    assert ZooConfig() in configs
    for config in configs:
        path = tmp_path / "config.toml"
        path.write_text(to_toml(config), encoding="utf-8")
        again = resolve(type(config), files=[path], environ={}).config
        assert again == config
        assert again.model_dump_json() == config.model_dump_json()
        assert read_file(path)["seed"] == 0
