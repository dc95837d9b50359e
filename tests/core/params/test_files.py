"""Config files: TOML, YAML and JSON, and everything that can be wrong with one."""

import contextlib
import json
import os
import time
from pathlib import Path

import pytest
from taskloom.errors import ConfigError
from taskloom.params import read_file


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", "days = 3\n[feeder]\nkind = 'drip'\nrate = 0.5\n"),
        ("a.yaml", "days: 3\nfeeder:\n  kind: drip\n  rate: 0.5\n"),
        ("a.yml", "{days: 3, feeder: {kind: drip, rate: 0.5}}"),
        ("a.json", '{"days": 3, "feeder": {"kind": "drip", "rate": 0.5}}'),
        ("a", "days = 3\nfeeder = {kind = 'drip', rate = 0.5}\n"),
    ],
)
def test_read_file_reads_the_same_from_every_format(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())  # editors on Windows begin a file so
    assert read_file(path) == {"days": 3, "feeder": {"kind": "drip", "rate": 0.5}}


@pytest.mark.parametrize("name", ["a.toml", "a.yaml"])
def test_read_file_takes_an_empty_file_for_no_parameters(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("# nothing\n")
    assert read_file(path) == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("Off", "Off"),
        ("true", True),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1:30", "1:30"),
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        ("1_000", "1_000"),
        ("2020-01-01", "2020-01-01"),
        ("~", None),
        ("null", None),
        ("", None),
        ("'3'", "3"),
        (".5", 0.5),
        ("-7", -7),
    ],
)
def test_read_file_reads_yaml_scalars_as_yaml_1_2_does(
    tmp_path: Path, text: str, value: object
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"x: {text}\n")
    found = read_file(path)["x"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.toml", "days = ", "is not valid TOML"),
        ("a.toml", "days = 1\ndays = 2\n", "is not valid TOML"),
        ("a.toml", "x = " + "[" * 5000, "nested too deeply"),
        ("a.toml", "x = " + "9" * 5000, "is not valid TOML"),
        ("a.toml", ".".join("a" * 51) + " = 1", "has a key of more than 50 parts"),
        ("a.toml", "[" + " . ".join(['"a"'] * 51) + "]", "has a key of more than 50 parts"),
        ("a.toml", ".".join(["a"] * 400_000) + " = 1", "has a key of more than 50 parts"),
        ("a.yaml", "b: 2\na: [1 2\n", "expected ',' or ']', but got"),
        ("a.yaml", "b: 2\na: ]\n", ", line 2 column 4"),
        ("a.yaml", "a: 1\na: 2\n", "names 'a' twice (line 2)"),
        ("a.yaml", "f:\n  a: 1\n  a: 2\n", "names 'a' twice (line 3)"),
        ("a.yaml", "- 1\n- 2\n", "must hold parameters by name, not 1,2"),
        ("a.yaml", "just text", "must hold parameters by name, not just text"),
        ("a.yaml", "a: &x {<<: *x}", "must merge maps of other places behind << (line 1)"),
        ("a.yaml", "a: {<<: 3}", "must merge maps of other places behind << (line 1)"),
        ("a.yaml", "a: {<<: {b: 1}, <<: {c: 2}}", "names '<<' twice (line 1)"),
        ("a.yaml", "1: 2", "has the key 1: keys must be text"),
        ("a.yaml", "a: !!python/object/apply:os.system [ls]", "is not valid YAML"),
        ("a.yaml", "a: 1\n---\nb: 2\n", "is not valid YAML"),
        ("a.yaml", "a: " + "[" * 5000, "nested too deeply"),
        ("a.yaml", "a: &x [*x]", "found unconstructable recursive node"),
        ("a.yaml", "x: " + "9" * 5000, "a number in it cannot be read"),
        ("a.yaml", "? [1, 2]\n: 3\n", "is not valid YAML"),
        ("a.yaml", "a: !!timestamp x", "is not valid YAML"),
        ("a.yaml", "a: !!bool x", "has '!!bool x', which is neither true nor false"),
        ("a.yaml", "a: !!int x", "a number in it cannot be read"),
        ("a.json", '{"a": 1', "is not valid JSON (expecting ',' delimiter, line 1 column 8)"),
        ("a.json", "[1]", "must hold parameters by name, not 1"),
        ("a.json", '{"a": NaN}', "holds NaN, which is not a finite number"),
        ("a.json", '{"a": 1, "a": 2}', "names 'a' twice"),
        ("a.json", "", "is not valid JSON"),
        ("a.ini", "days = 3", "ends in '.ini': it must end in one of .toml, .json, .yaml, .yml"),
    ],
)
def test_read_file_refuses_a_malformed_file_in_one_sentence(
    tmp_path: Path, name: str, text: str, sentence: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_file(path)
    assert f"config file '{path}'" in caught.value.message
    assert sentence in caught.value.message
    assert "\n" not in caught.value.message


def test_read_file_survives_aliases_that_multiply(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="holds more than 100000 values"):
        read_file(path)


def test_read_file_merges_maps_and_what_is_written_out_wins(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "small: &small {steps: 2, width: 8}\n"
        "wide: &wide {<<: *small, width: 64}\n"
        "both: {<<: [*wide, {width: 1, depth: 3}], steps: 5}\n"
        "<<: *wide\n"
    )
    wide = {"steps": 2, "width": 64}
    assert read_file(path) == {
        "small": {"steps": 2, "width": 8},
        "wide": wide,
        "both": {"steps": 5, "width": 64, "depth": 3},
        **wide,
    }


def test_read_file_survives_merges_that_multiply(tmp_path: Path) -> None:
    lines = ["a0: &a0 {k: 1}"]
    lines += [f"a{n}: &a{n} {{<<: *a{n - 1}, k{n}: 1}}" for n in range(1, 1000)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="merges more than 100000 values"):
        read_file(path)


def test_read_file_takes_dots_and_brackets_of_texts_for_text(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    dots = ".".join("a" * 99)
    path.write_text(
        f'x = """\n{dots} {"[" * 200}"""\ny = "{dots}"\n# {dots}\n"a.b".c = [1.5, 2.5]\n'
    )
    found = read_file(path)
    assert found["y"] == dots
    assert found["a.b"] == {"c": [1.5, 2.5]}


def test_read_file_refuses_what_is_no_text_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a directory: name a file in it"):
        read_file(tmp_path)
    binary = tmp_path / "a.toml"
    binary.write_bytes(b"a = '\xff\xfe'")
    with pytest.raises(ConfigError, match=r"is not UTF-8 text \(byte 5"):
        read_file(binary)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_file(Path("a\0b.toml"))
    with pytest.raises(ConfigError, match="cannot be read: File name too long"):
        read_file(Path("x" * 5000 + ".toml"))


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="a system without device files")
def test_read_file_refuses_a_file_without_end() -> None:
    with pytest.raises(ConfigError, match="is larger than 1048576 bytes"):
        read_file(Path("/dev/zero"))


def test_read_file_takes_a_file_of_exactly_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("days = 3\n".ljust(1 << 20, "#"))
    assert read_file(path) == {"days": 3}
    path.write_text("days = 3\n".ljust((1 << 20) + 1, "#"))
    with pytest.raises(ConfigError, match="is larger than 1048576 bytes"):
        read_file(path)


def test_read_file_suggests_a_file_of_nearly_that_name(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(ConfigError) as caught:
        read_file(tmp_path / "confg.toml")
    assert caught.value.message == f"config file '{tmp_path / 'confg.toml'}' does not exist"
    assert caught.value.hint == f"did you mean '{tmp_path / 'config.toml'}'?"


def test_read_file_reads_a_pipe(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"days = 3\n")
    os.close(writer)
    try:
        assert read_file(Path(f"/dev/fd/{reader}")) == {"days": 3}
        assert read_file(Path(f"/dev/fd/{reader}")) == {
            "days": 3
        }  # a pipe has nothing left to read
    finally:
        os.close(reader)


def test_read_file_reads_numbers_as_json_does(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"a": 0.1, "b": 3, "c": [1.5]}))
    assert read_file(path) == {"a": 0.1, "b": 3, "c": [1.5]}


@pytest.mark.parametrize("word", ['\\"', '"', "'", '"""\n', "'''\n", '"a', '"\\\n', "a.", "#", "["])
@pytest.mark.parametrize("start", ["", 'a = "', 'a = """', "a = '''"])
def test_time_to_refuse_toml_grows_with_its_length_alone(
    tmp_path: Path, start: str, word: str
) -> None:
    path = tmp_path / "a.toml"
    path.write_text(start + word * (80_000 // len(word)))
    begun = time.process_time()
    with contextlib.suppress(ConfigError):
        read_file(path)
    assert time.process_time() - begun < 2.0
