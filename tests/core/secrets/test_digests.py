"""The keyed digest: the vector of the specification, a key that is the user's alone, and what stands in for it."""

from __future__ import annotations

import logging
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from taskloom.secrets import digests
from taskloom.secrets.digests import digest_under, key_file, keyed_digest


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    digests._key.cache_clear()
    yield tmp_path
    digests._key.cache_clear()


def test_a_digest_equals_the_vector() -> None:
    expected = "b12fa6b1cebcb5df4081f6ce0458c1d60619f4b3da7976fd4399c4c6f95dbe9d"
    assert digest_under(bytes(range(32)), "sk-test") == expected
    assert digest_under(bytes(range(32)), b"sk-test") == expected


def test_the_key_is_made_once_for_its_owner_alone() -> None:
    first = keyed_digest("sk-test")
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600
    assert len(key_file().read_bytes()) == 32
    assert [path.name for path in key_file().parent.iterdir()] == [key_file().name]
    digests._key.cache_clear()
    assert keyed_digest("sk-test") == first != keyed_digest("sk-other")


def test_a_key_that_others_may_read_is_closed_to_them() -> None:
    keyed_digest("sk-test")
    key_file().chmod(0o644)
    digests._key.cache_clear()
    keyed_digest("sk-test")
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600


def test_processes_that_begin_at_once_share_one_key() -> None:
    program = "from taskloom.secrets.digests import keyed_digest; print(keyed_digest('sk-test'))"
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in running}) == 1


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_a_key_that_cannot_be_used_is_told_once_and_equals_no_other(
    content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    key_file().parent.mkdir(parents=True)
    key_file().write_bytes(content)
    with caplog.at_level(logging.WARNING):
        first = keyed_digest("sk-test")
        assert keyed_digest("sk-test") == first
    assert len(caplog.records) == 1
    digests._key.cache_clear()
    assert keyed_digest("sk-test") != first
    assert key_file().read_bytes() == content
