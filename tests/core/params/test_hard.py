"""Configs that are harder than most: required fields, later classes, plain unions, validators that misbehave."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field
from taskloom import Component, Config
from taskloom.errors import ConfigError, UnknownNameError
from taskloom.params import json_schema, resolve, to_toml, walk

ENOUGH = {"must": "1", "which": "drip"}


def _hard(**arguments: str) -> Any:  # noqa: ANN401 -- the garden is importable inside a test only
    from garden_domain.hard import HardConfig

    named = {name.replace("__", "."): value for name, value in arguments.items()}
    return resolve(HardConfig, environ={}, arguments={**ENOUGH, **named}).config


def _walked(chosen: dict[str, str] | None = None) -> Any:  # noqa: ANN401
    from garden_domain.hard import HardConfig

    return {parameter.path: parameter for parameter in walk(HardConfig, chosen)}


def test_required_parameters_say_so() -> None:
    from garden_domain.hard import HardConfig

    with pytest.raises(ConfigError) as caught:
        resolve(HardConfig, environ={})
    assert caught.value.message.splitlines() == ["--must must be given", "--which must be given"]
    assert _walked()["must"].default is None
    assert _walked()["which"].default is None
    with pytest.raises(UnknownNameError, match=r"--which.rate has nothing to belong to"):
        resolve(HardConfig, environ={}, arguments={"must": "1", "which.rate": "1"})


def test_component_without_a_default_is_chosen_and_tuned() -> None:
    assert _hard(which__rate="0.5").which.rate == 0.5
    assert "which.rate" in _walked({"which": "drip"})
    assert "which.rate" not in _walked()


def test_union_without_a_discriminator_is_a_choice_too() -> None:
    assert _hard().plain.kind == "flood"
    assert _hard(plain="drip", plain__rate="0.5").plain.rate == 0.5
    with pytest.raises(
        ConfigError,
        match=r"^--plain.depth=-1: must be >= 0 \(default 0.1, from the command line\)$",
    ):
        _hard(plain__depth="-1")


def test_class_that_comes_later_is_found() -> None:
    assert _hard(later__depth="4").later.depth == 4
    assert "later.depth" in _walked({"later": "present"})


def test_choice_or_number_takes_both_and_refuses_in_one_line() -> None:
    assert _hard(number_or_choice="auto").number_or_choice == "auto"
    assert _hard(number_or_choice="2.5").number_or_choice == 2.5
    assert _walked()["number_or_choice"].type == "auto or FLOAT"
    with pytest.raises(ConfigError) as caught:
        _hard(number_or_choice="x")
    assert caught.value.message == (
        "--number_or_choice=x: must be one of auto or a number (default auto, from the command line)"
    )


class NoneSettings(Component):
    """Doing nothing."""

    kind: Literal["none"] = "none"
    idle: Annotated[int, Field(ge=0)] = 1
    """How idle."""


class SomeSettings(Component):
    """Doing something."""

    kind: Literal["some"] = "some"


class HasToBeThere(Config):
    """A union that is not optional, one of whose members is called `none`."""

    what: NoneSettings | SomeSettings = SomeSettings()
    """What to do."""


def test_none_is_a_name_like_any_other_where_something_has_to_stand() -> None:
    found = resolve(HasToBeThere, environ={}, arguments={"what": "none", "what.idle": "3"})
    assert found.config == HasToBeThere(what=NoneSettings(idle=3))
    assert "what.idle" in {parameter.path for parameter in walk(HasToBeThere, {"what": "none"})}
    with pytest.raises(ConfigError, match=r"^--what.idle=-1: must be >= 0"):
        resolve(HasToBeThere, environ={}, arguments={"what": "none", "what.idle": "-1"})
    with pytest.raises(UnknownNameError, match=r"^--which=none: must be one of drip, flood"):
        _hard(which="none")


def test_bounds_inside_an_optional_are_found() -> None:
    share = _walked()["share"]
    assert (share.bounds, share.unit) == ((">= 0", "<= 1", "a multiple of 0.25"), "%")
    assert share.type == "FLOAT or none"
    with pytest.raises(
        ConfigError, match=r"^--share=0.3: must be a multiple of 0.25 \(default none,"
    ):
        _hard(share="0.3")


def test_validator_that_raises_something_else_is_a_sentence() -> None:
    with pytest.raises(ConfigError, match=r"^the config cannot be checked: ZeroDivisionError: "):
        _hard(burst="1")


def test_default_that_a_factory_makes_is_shown() -> None:
    assert _walked()["made"].default == "7"
    assert _hard().made == [7]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90.0), ("1.5", 1.5), ("0:01:30", 90.0), ("PT90S", 90.0)]
)
def test_duration_is_seconds_or_a_clock(text: str, seconds: float) -> None:
    assert _hard(pause=text).pause == timedelta(seconds=seconds)
    with pytest.raises(
        ConfigError, match=r"^--pause=soon: must be a duration: 90, 90s, 1h30m, 2d, 250ms "
    ):
        _hard(pause="soon")


def test_many_problems_are_cut_short() -> None:
    with pytest.raises(ConfigError) as caught:
        _hard(
            must="x",
            share="x",
            seed="x",
            number_or_choice="x",
            pause="x",
            later__depth="x",
            which__rate="x",
        )
    assert len(caught.value.message.splitlines()) == 6
    assert caught.value.message.endswith("\nand 2 more")


def test_rare_types_survive_toml(tmp_path: Path) -> None:
    from garden_domain.hard import HardConfig

    config = _hard(pause="90", later__depth="2", share="0.5", made="1,2")
    assert config.pause == timedelta(seconds=90)
    path = tmp_path / "config.toml"
    path.write_text(to_toml(config))
    assert resolve(HardConfig, files=[path], environ={}).config == config


def test_schema_names_what_is_required() -> None:
    from garden_domain.hard import HardConfig

    schema = json_schema(HardConfig)
    assert schema["required"] == ["must", "which"]
    assert schema["properties"]["share"]["anyOf"][0]["maximum"] == 1


def test_names_in_capitals_are_reached_from_the_environment() -> None:
    from taskloom import Config

    class Shouting(Config):
        Kp: float = 1.0

    assert resolve(Shouting, environ={"TASKS__KP": "2"}).config == Shouting(Kp=2.0)


def test_component_with_a_default_can_be_taken_out() -> None:
    from typing import Annotated

    from garden_domain.feeders import Drip, Feeder
    from taskloom import Config, OneOf

    class Fed(Config):
        helper: Annotated[Feeder, OneOf("garden_domain.feeders")] | None = Drip()

    assert resolve(Fed, environ={}).config.helper.kind == "drip"
    resolved = resolve(Fed, environ={}, arguments={"helper": "none"})
    assert resolved.config.helper is None
    assert resolved.sources["helper"] == "command line"
