"""From a config class to flat parameters, choices and a schema."""

from pathlib import Path

import pytest
from taskloom.params import find_choices, json_schema, walk


def _by_path(chosen: dict[str, str] | None = None):  # noqa: ANN202 -- the garden is importable inside a test only
    from garden_domain.config import GrowConfig

    return {parameter.path: parameter for parameter in walk(GrowConfig, chosen)}


def test_walk_tells_type_default_bounds_unit_and_sentence() -> None:
    rate = _by_path()["feeder.rate"]
    assert (rate.type, rate.default, rate.bounds, rate.unit) == (
        "FLOAT",
        "0.01",
        ("> 0", "<= 1"),
        "l/h",
    )
    assert (rate.help, rate.group) == ("Water given per hour.", "feeder")
    soil = _by_path()["pot.soil"]
    assert (soil.type, soil.choices, soil.default) == ("sand|clay", ("sand", "clay"), "sand")
    assert _by_path()["limit"].type == "FLOAT or none"
    assert _by_path()["workers"].execution_only
    assert not _by_path()["days"].execution_only
    assert _by_path()["shade"].is_flag


def test_walk_shows_the_task_own_default_of_a_component() -> None:
    assert _by_path()["feeder.nozzles"].default == "6"
    assert _by_path({"feeder": "drip"})["feeder.nozzles"].default == "6"


def test_walk_follows_the_choice_of_a_component() -> None:
    paths = _by_path({"feeder": "flood"})
    assert "feeder.depth" in paths
    assert "feeder.rate" not in paths
    nested = _by_path({"spare": "mixed", "spare.inner": "flood"})
    assert nested["spare.inner.depth"].group == "spare.inner"
    assert nested["spare.inner.depth"].unit == "m"


def test_walk_leaves_an_absent_component_without_parameters() -> None:
    assert not any(path.startswith("spare.") for path in _by_path())
    assert _by_path()["spare"].choices == ("drip", "flood", "mixed", "none")
    assert _by_path()["spare"].default == "none"


def test_walk_describes_every_type() -> None:
    from garden_domain.zoo import ZooConfig

    found = {parameter.path: (parameter.type, parameter.default) for parameter in walk(ZooConfig)}
    assert found["whole"] == ("INT", "1")
    assert found["either"] == ("INT or TEXT", "auto")
    assert found["place"] == ("PATH", "den")
    assert found["pair"] == ("INT,FLOAT", "1,2.5")
    assert found["many"] == ("INT,...", "1,2")
    assert found["table"] == ("JSON", '{"a": 1.0}')
    assert found["closed"] == ("NAME", "drip")
    many = next(parameter for parameter in walk(ZooConfig) if parameter.path == "many")
    assert many.bounds == ("at least 1 items", "each >= 0")


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ([], {}),
        (["--feeder=flood"], {"feeder": "flood"}),
        (["--days", "3", "--feeder", "flood"], {"feeder": "flood"}),
        (["--feeder=drip", "--feeder=flood"], {"feeder": "flood"}),
        (["--feeder.kind=flood"], {"feeder": "flood"}),
        (["--spare.inner=flood", "--spare=mixed"], {"spare": "mixed", "spare.inner": "flood"}),
        (["--nonsense", "--feeder=flood", "stray", "--days=x"], {"feeder": "flood"}),
    ],
)
def test_find_choices_reads_them_off_a_command_line(
    words: list[str], chosen: dict[str, str]
) -> None:
    from garden_domain.config import GrowConfig

    found = find_choices(GrowConfig, words, environ={})
    assert chosen.items() <= found.items()


def test_find_choices_reads_files_and_the_environment(tmp_path: Path) -> None:
    from garden_domain.config import GrowConfig

    path = tmp_path / "a.toml"
    path.write_text("unknown = 1\nfeeder = 'flood'\n[spare]\nkind = 'flood'\n")
    found = find_choices(GrowConfig, files=[path], environ={"TASKS__SPARE": "mixed"})
    assert found["feeder"] == "flood"
    assert found["spare"] == "mixed"


def test_json_schema_holds_units_bounds_and_every_component() -> None:
    from garden_domain.config import GrowConfig

    schema = json_schema(GrowConfig)
    assert schema["properties"]["days"] == {
        "default": 3,
        "description": "Days to grow for.",
        "maximum": 1000,
        "minimum": 1,
        "title": "Days",
        "type": "integer",
    }
    assert schema["$defs"]["Drip"]["properties"]["rate"]["x-unit"] == "l/h"
    assert set(schema["$defs"]) >= {"Drip", "Flood", "Mixed", "Pot"}
    assert schema["additionalProperties"] is False
