"""Layers: defaults < config files < environment < command line."""

from pathlib import Path

import pytest
from taskloom.errors import ConfigError, UnknownNameError
from taskloom.params import leaves, resolve


def _configs():  # noqa: ANN202 -- the garden is importable inside a test only
    from garden_domain.config import FloodedConfig, GrowConfig

    return GrowConfig, FloodedConfig


def test_resolve_gives_the_defaults_without_layers() -> None:
    grow, _ = _configs()
    resolved = resolve(grow, environ={})
    assert resolved.config == grow()
    assert set(resolved.sources.values()) == {"default"}
    assert resolved.notes == []


def test_resolve_prefers_command_line_to_environment_to_later_file_to_earlier_file(
    tmp_path: Path,
) -> None:
    grow, _ = _configs()
    first, second = tmp_path / "a.toml", tmp_path / "b.json"
    first.write_text("days = 10\nshade = true\nlimit = 1.0\nname = 'a'\n")
    second.write_text('{"days": 20, "shade": false, "limit": 2.0}')
    resolved = resolve(
        grow,
        files=[first, second],
        environ={"TASKS__DAYS": "30", "TASKS__SHADE": "true", "PATH": "/bin"},
        arguments={"days": "40"},
    )
    assert resolved.config.days == 40
    assert resolved.config.shade is True
    assert resolved.config.limit == 2.0
    assert resolved.config.name == "a"
    assert resolved.sources["days"] == "command line"
    assert resolved.sources["shade"] == "environment TASKS__SHADE"
    assert resolved.sources["limit"] == f"file {second}"
    assert resolved.sources["name"] == f"file {first}"
    assert resolved.sources["light"] == "default"


def test_resolve_names_a_source_for_every_leaf() -> None:
    grow, _ = _configs()
    resolved = resolve(grow, environ={}, arguments={"spare": "mixed", "saucer.diameter": "1"})
    assert list(resolved.sources) == list(leaves(resolved.config))
    assert resolved.sources["spare.kind"] == "command line"
    assert resolved.sources["spare.inner.kind"] == "default"
    assert resolved.sources["saucer.diameter"] == "command line"
    assert resolved.sources["saucer.soil"] == "default"


def test_resolve_tweaks_the_task_own_default_without_naming_the_component() -> None:
    grow, flooded = _configs()
    tweaked = resolve(grow, environ={}, arguments={"feeder.rate": "0.5"}).config.feeder
    assert (tweaked.kind, tweaked.rate, tweaked.nozzles) == ("drip", 0.5, 6)
    tweaked = resolve(flooded, environ={}, arguments={"feeder.drained": "false"}).config.feeder
    assert (tweaked.kind, tweaked.depth, tweaked.drained) == ("flood", 0.3, False)


def test_resolve_takes_the_components_own_defaults_for_another_choice() -> None:
    _, flooded = _configs()
    assert resolve(flooded, environ={}, arguments={"feeder": "drip"}).config.feeder.nozzles == 4


def test_resolve_keeps_the_component_that_a_lower_layer_chose(tmp_path: Path) -> None:
    grow, _ = _configs()
    path = tmp_path / "a.yaml"
    path.write_text("feeder: flood\n")
    config = resolve(grow, files=[path], environ={}, arguments={"feeder.depth": "2"}).config
    assert (config.feeder.kind, config.feeder.depth) == ("flood", 2.0)


def test_resolve_discards_siblings_of_the_previous_component_with_a_note(tmp_path: Path) -> None:
    grow, _ = _configs()
    path = tmp_path / "a.toml"
    path.write_text("[feeder]\nrate = 0.5\nnozzles = 2\n")
    resolved = resolve(grow, files=[path], environ={}, arguments={"feeder": "flood"})
    assert resolved.config.feeder.kind == "flood"
    assert resolved.notes == [
        f"feeder=flood (command line) discards feeder.rate, feeder.nozzles (file {path})"
    ]


def test_resolve_keeps_siblings_when_the_same_component_is_named_again(tmp_path: Path) -> None:
    grow, _ = _configs()
    path = tmp_path / "a.toml"
    path.write_text("[feeder]\nkind = 'drip'\nnozzles = 2\n")
    resolved = resolve(grow, files=[path], environ={}, arguments={"feeder": "drip"})
    assert resolved.config.feeder.nozzles == 2
    assert resolved.notes == []


@pytest.mark.parametrize("order", [("feeder", "feeder.depth"), ("feeder.depth", "feeder")])
def test_resolve_does_not_care_in_which_order_arguments_stand(order: tuple[str, str]) -> None:
    grow, _ = _configs()
    values = {"feeder": "flood", "feeder.depth": "2"}
    config = resolve(grow, environ={}, arguments={name: values[name] for name in order}).config
    assert (config.feeder.kind, config.feeder.depth) == ("flood", 2.0)


def test_resolve_reaches_components_inside_components() -> None:
    grow, _ = _configs()
    arguments = {
        "spare": "mixed",
        "spare.inner": "mixed",
        "spare.inner.inner": "flood",
        "spare.inner.inner.depth": "3",
    }
    assert resolve(grow, environ={}, arguments=arguments).config.spare.inner.inner.depth == 3.0


def test_resolve_brings_an_absent_part_in_and_takes_it_out_again(tmp_path: Path) -> None:
    grow, _ = _configs()
    assert (
        resolve(grow, environ={}, arguments={"saucer.diameter": "3"}).config.saucer.diameter == 3.0
    )
    assert resolve(grow, environ={}, arguments={"saucer": "{}"}).config.saucer.diameter == 0.2
    path = tmp_path / "a.toml"
    path.write_text("[saucer]\ndiameter = 3\n")
    assert (
        resolve(grow, files=[path], environ={}, arguments={"saucer": "none"}).config.saucer is None
    )


def test_resolve_takes_a_component_as_json() -> None:
    grow, _ = _configs()
    config = resolve(grow, environ={}, arguments={"feeder": '{"kind": "flood", "depth": 2}'}).config
    assert (config.feeder.kind, config.feeder.depth) == ("flood", 2.0)


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (
            {"feeder.rate": "7"},
            "--feeder.rate=7: must be <= 1 (default 0.01, from the command line)",
            "",
        ),
        ({"days": "x"}, "--days=x: must be an integer (default 3, from the command line)", ""),
        ({"days": "2.5"}, "--days=2.5: must be an integer (default 3, from the command line)", ""),
        ({"days": ""}, "--days=: must be an integer (default 3, from the command line)", ""),
        (
            {"days": "none"},
            "--days=none: must be an integer (default 3, from the command line)",
            "",
        ),
        (
            {"limit": "inf"},
            "--limit=inf: must be a finite number (default none, from the command line)",
            "",
        ),
        (
            {"limit": "1e999"},
            "--limit=1e999: must be a finite number (default none, from the command line)",
            "",
        ),
        (
            {"seed": str(2**63)},
            f"--seed={2**63}: must fit into 64 bits (default 0, from the command line)",
            "",
        ),
        (
            {"shade": "perhaps"},
            "--shade=perhaps: must be true or false (default false, from the command line)",
            "",
        ),
        (
            {"doses": "1,a"},
            "--doses=1,a: must be a number (item 2: a) (default 1.0,2.0, from the command line)",
            "",
        ),
        (
            {"light": "lamb"},
            "--light=lamb: must be one of sun, lamp (default sun, from the command line)",
            "did you mean --light=lamp?",
        ),
        (
            {"pot.soil": "sandy"},
            "--pot.soil=sandy: must be one of sand, clay (default sand, from the command line)",
            "did you mean --pot.soil=sand?",
        ),
    ],
)
def test_resolve_refuses_a_bad_value_in_one_sentence(
    arguments: dict[str, str], message: str, hint: str
) -> None:
    grow, _ = _configs()
    with pytest.raises(ConfigError) as caught:
        resolve(grow, environ={}, arguments=arguments)
    assert caught.value.message == message
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        ({"dayz": "1"}, "no parameter 'dayz' (from the command line)", "did you mean --days?"),
        (
            {"feeder.rat": "1"},
            "no parameter 'feeder.rat' (from the command line)",
            "did you mean --feeder.rate?",
        ),
        (
            {"nozzles": "1"},
            "no parameter 'nozzles' (from the command line)",
            "did you mean --feeder.nozzles?",
        ),
        (
            {"nozles": "1"},
            "no parameter 'nozles' (from the command line)",
            "did you mean --feeder.nozzles?",
        ),
        (
            {"feeder.depth": "1"},
            "no parameter 'feeder.depth' (from the command line)",
            "--feeder.depth belongs to feeder=flood; feeder is drip",
        ),
        (
            {"feeder": "flod"},
            "--feeder=flod: must be one of drip, flood, mixed (from the command line)",
            "did you mean --feeder=flood?",
        ),
        (
            {"spare.rate": "1"},
            "--spare.rate has nothing to belong to: spare is none (from the command line)",
            "choose one first with --spare=...: drip, flood, mixed",
        ),
        (
            {"feeder": "none"},
            "--feeder=none: must be one of drip, flood, mixed (from the command line)",
            "",
        ),
    ],
)
def test_resolve_refuses_an_unknown_name_with_the_nearest(
    arguments: dict[str, str], message: str, hint: str
) -> None:
    grow, _ = _configs()
    with pytest.raises(UnknownNameError) as caught:
        resolve(grow, environ={}, arguments=arguments)
    assert caught.value.message == message
    assert caught.value.hint == hint


def test_resolve_names_the_file_and_the_variable_that_hold_a_bad_value(tmp_path: Path) -> None:
    grow, _ = _configs()
    path = tmp_path / "a.toml"
    path.write_text("[feeder]\nrate = 7\n")
    with pytest.raises(
        ConfigError, match=f"--feeder.rate=7: must be <= 1 .default 0.01, from file {path}"
    ):
        resolve(grow, files=[path], environ={})
    with pytest.raises(
        ConfigError, match=r"must be <= 1 .default 0.01, from environment TASKS__FEEDER__RATE"
    ):
        resolve(grow, environ={"TASKS__FEEDER__RATE": "7"})
    with pytest.raises(
        UnknownNameError, match=r"no parameter 'dayz' .from environment TASKS__DAYZ"
    ):
        resolve(grow, environ={"TASKS__DAYZ": "7"})


def test_resolve_reports_every_bad_value_on_a_line_of_its_own() -> None:
    grow, _ = _configs()
    with pytest.raises(ConfigError) as caught:
        resolve(grow, environ={}, arguments={"days": "0", "feeder.nozzles": "0"})
    assert caught.value.message.splitlines() == [
        "--days=0: must be >= 1 (default 3, from the command line)",
        "--feeder.nozzles=0: must be >= 1 (default 6, from the command line)",
    ]


def test_resolve_passes_on_what_a_validator_of_the_task_says() -> None:
    from garden_domain.zoo import ZooConfig

    with pytest.raises(
        ConfigError, match=r"^--even=3: must be even \(default 2, from the command line\)$"
    ):
        resolve(ZooConfig, environ={}, arguments={"even": "3"})
    with pytest.raises(ConfigError, match=r"^whole may not exceed 100 when flag is set$"):
        resolve(ZooConfig, environ={}, arguments={"whole": "101", "flag": "true"})


def test_resolve_shows_nothing_that_a_terminal_obeys() -> None:
    grow, _ = _configs()
    with pytest.raises(ConfigError) as caught:
        resolve(grow, environ={}, arguments={"days": "\x1b[31mred"})
    assert "\x1b" not in caught.value.message
    with pytest.raises(UnknownNameError) as unknown:
        resolve(grow, environ={}, arguments={"\x1b[31mred": "1"})
    assert "\x1b" not in unknown.value.message


def test_component_may_be_named_after_it_is_tuned() -> None:
    from garden_domain.config import GrowConfig

    said = {"feeder.depth": "0.5", "feeder.kind": "flood"}
    by_words = resolve(GrowConfig, environ={}, arguments=said)
    named = {"TASKS__FEEDER__DEPTH": "0.5", "TASKS__FEEDER__KIND": "flood"}
    by_environment = resolve(GrowConfig, environ=named)
    assert by_words.config == by_environment.config
    assert by_words.config.model_dump()["feeder"]["depth"] == 0.5
