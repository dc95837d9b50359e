"""The settings of a store: what may have been written by another person holds no command up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from taskloom.errors import ConfigError
from taskloom.runs.settings import read_settings


def test_a_store_without_settings_has_none(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == {}
    assert read_settings(tmp_path / "absent") == {}


def test_settings_are_read_through_a_link_to_the_store(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "store.toml").write_text('locks = "lease"\n')
    (tmp_path / "link").symlink_to("real")
    assert read_settings(tmp_path / "link") == {"locks": "lease"}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("pipe", "is no regular file"),
        ("folder", "is no regular file"),
        ("link", "is a link or lies behind one"),
        ("noise", "cannot be read"),
        ("no toml", "cannot be read"),
        ("large", "is larger than 1,048,576 bytes"),
        ("deep", "is nested too deeply"),
        ("dotted", "has a key of more than 50 parts"),
    ],
)
def test_settings_that_are_none_are_refused_in_a_sentence(
    tmp_path: Path, kind: str, words: str
) -> None:
    path = tmp_path / "store.toml"
    texts = {
        "noise": b"\xff\x00",
        "no toml": b"locks = \n",
        "large": b"#" * (1 << 20) + b"\n",
        "deep": b"a = " + b"[" * 100_000,
        "dotted": b".".join([b"a"] * 50_000) + b" = 1\n",
    }
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        (tmp_path / "elsewhere").write_text("")
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.write_bytes(texts[kind])
    with pytest.raises(ConfigError) as caught:
        read_settings(tmp_path)
    assert words in caught.value.message
    assert "\n" not in caught.value.message
