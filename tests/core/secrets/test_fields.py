"""Secrets in configs: how they are given, what a dump holds, and how a value comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, SecretBytes, SecretStr
from taskloom import Config, ExecutionOnly, Secret
from taskloom.errors import ConfigError
from taskloom.params import resolve, to_toml, validate_record
from taskloom.secrets import fields, redaction, references
from taskloom.secrets.fields import dumped, held, restored, settled


class Server(BaseModel):
    token: SecretStr | None = None


class Keys(Config):
    key: Annotated[SecretStr, Secret(counts=False)] = SecretStr("none")
    many: tuple[SecretStr, ...] = ()
    table: dict[str, SecretStr] | None = None
    data: SecretBytes = SecretBytes(b"")
    server: Server = Server()
    servers: tuple[Server, ...] = ()
    note: str = ""
    jobs: Annotated[int, ExecutionOnly()] = 1


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the values of a test to it: elsewhere they are texts like any other."""
    known, in_configs = redaction.Redactor(), redaction.Redactor(shortest=8)
    for module in (redaction, references):
        monkeypatch.setattr(module, "KNOWN", known)
    for module in (redaction, references, fields):
        monkeypatch.setattr(module, "IN_CONFIGS", in_configs)


def given(**arguments: str) -> Keys:
    config = resolve(Keys, environ={}, arguments=arguments).config
    assert isinstance(config, Keys)
    return config


def test_a_plain_value_reaches_the_config_and_no_dump() -> None:
    config = given(key="sk-LEAKED-12", note="with sk-LEAKED-12 in it")
    assert config.key.get_secret_value() == "sk-LEAKED-12"
    assert dumped(config)["key"] == "<secret>"
    assert "sk-LEAKED" not in to_toml(config) + str(dumped(config)) + repr(config.key)


def test_a_reference_is_read_and_dumped_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MY_KEY", "from-env")
    monkeypatch.chdir(tmp_path)
    Path("key").write_text("from-file\n")
    config = given(key="env:MY_KEY", many="file:key,env:MY_KEY")
    assert config.key.get_secret_value() == "from-env"
    assert [item.get_secret_value() for item in config.many] == ["from-file", "from-env"]
    # The file is the same one on resume, wherever that begins.
    assert dumped(config)["many"] == [f"file:{tmp_path / 'key'}", "env:MY_KEY"]
    monkeypatch.setenv("MY_KEY", "changed")
    again = validate_record(Keys, dumped(config), "the record")
    assert isinstance(again, Keys)
    assert again.key.get_secret_value() == "changed"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"key": "env:NO_SUCH_VARIABLE"}, "no variable 'NO_SUCH_VARIABLE'"),
        ({"key": "file:/no/such/file"}, "cannot be read: No such file"),
        ({"key": "<secret>"}, "was not kept"),
        ({"key": "-"}, "no terminal to ask on"),
    ],
)
def test_what_cannot_be_read_is_refused(
    values: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ConfigError, match=message):
        given(**values)


def test_a_plain_value_on_the_command_line_gets_a_note() -> None:
    notes = resolve(
        Keys, environ={"TASKS__TABLE": '{"a": "xyz"}'}, arguments={"many": "a1,b2"}
    ).notes
    assert [note.split(" is visible")[0] for note in notes] == [
        "the value of many.0",
        "the value of many.1",
    ]


def test_values_at_any_depth_come_back_in_another_process() -> None:
    layers: dict[str, Any] = {
        "key": "sk-LEAKED-12",
        "many": ["one1", "two2"],
        "table": {"a": "three3"},
        "data": "four4",
        "server": {"token": "five5"},
        "servers": [{"token": "six6"}, {}],
        "note": "sk-LEAKED-12",
    }
    config = settled(Keys.model_validate(layers))
    dump = dumped(config)
    assert not any(
        word in str(dump) for word in ("LEAKED", "one1", "three3", "four4", "five5", "six6")
    )
    again = validate_record(Keys, restored(dump, held(config)), "the record")
    assert again == config
    assert dumped(again) == dump


def test_a_value_that_no_record_holds_is_asked_for_by_reference() -> None:
    with pytest.raises(ConfigError, match=r"--server\.token .* was not kept") as raised:
        validate_record(Keys, {"server": {"token": "<secret>"}}, "the record")
    assert "--server.token=env:NAME" in raised.value.hint


def test_a_default_stays_the_default_of_the_class() -> None:
    config = given(note="x")
    assert dumped(config)["key"] == "<default secret>"
    assert held(config) == []
    assert validate_record(Keys, dumped(config), "the record") == config
    assert redaction.KNOWN.text("none") == "none"


def test_references_in_python_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "from-env")
    config = settled(
        Keys(key=SecretStr("env:MY_KEY"), server=Server(token=SecretStr("env:MY_KEY")))
    )
    assert config.key.get_secret_value() == "from-env"
    assert dumped(config)["server"] == {"token": "env:MY_KEY"}


def test_rules_of_a_field_are_about_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    class Long(Config):
        key: Annotated[SecretStr, Field(min_length=12)] = SecretStr("no such value")

    monkeypatch.setenv("MY_KEY", "sk-LEAKED-12")
    assert resolve(Long, environ={}, arguments={"key": "env:MY_KEY"}).config
    with pytest.raises(ConfigError, match="at least 12"):
        resolve(Long, environ={}, arguments={"key": "short"})


def test_a_set_is_dumped_in_one_order() -> None:
    class Holds(Config):
        words: frozenset[str] = frozenset()
        numbers: frozenset[int] = frozenset()

    words = [f"word{number}" for number in range(50)]
    found = dumped(Holds(words=frozenset(words), numbers=frozenset(range(1000, 1050))))
    assert found["words"] == sorted(words)
    assert found["numbers"] == list(range(1000, 1050))
