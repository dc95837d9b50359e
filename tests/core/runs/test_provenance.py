"""Provenance: what it finds, how long it may take, and what it must never record."""

import subprocess
import time
from pathlib import Path

import pytest
from taskloom.runs.provenance import PATCH_LIMIT, gather, installed_distributions, strip_credentials


def _repository(folder: Path) -> None:
    for words in (
        ["init", "-q", "-b", "trunk"],
        ["config", "user.email", "a@example.invalid"],
        ["config", "user.name", "A"],
        ["remote", "add", "origin", "https://user:hunter2@example.invalid/repo.git"],
        ["commit", "-q", "--allow-empty", "-m", "start"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)


def test_gather_reads_git_and_strips_credentials(tmp_path: Path) -> None:
    _repository(tmp_path)
    found = gather(tmp_path, budget=20.0)
    git = found.environment["git"]
    assert len(git["sha"]) == 40
    assert git["branch"] == "trunk"
    assert git["dirty"] is False
    assert git["remote"] == "https://example.invalid/repo.git"
    assert "hunter2" not in str(found)


def test_gather_keeps_the_uncommitted_difference(tmp_path: Path) -> None:
    _repository(tmp_path)
    (tmp_path / "a.py").write_text("one\n")
    subprocess.run(["git", "add", "a.py"], cwd=tmp_path, check=True)
    found = gather(tmp_path, budget=20.0)
    assert found.environment["git"]["dirty"] is True
    assert "+one" in found.patch


def test_gather_leaves_out_a_difference_that_is_too_long(tmp_path: Path) -> None:
    _repository(tmp_path)
    (tmp_path / "a.txt").write_text("line of text\n" * (PATCH_LIMIT // 10))
    subprocess.run(["git", "add", "a.txt"], cwd=tmp_path, check=True)
    found = gather(tmp_path, budget=20.0)
    assert found.patch == ""
    assert "left out" in found.environment["git"]["patch"]


def test_gather_outside_of_a_repository(tmp_path: Path) -> None:
    assert gather(tmp_path, budget=20.0).environment["git"] == {}


def test_gather_returns_in_time_when_git_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = tmp_path / "git"
    hanging.write_text("#!/bin/sh\nsleep 30\n")
    hanging.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    began = time.monotonic()
    found = gather(tmp_path, budget=0.2)
    assert time.monotonic() - began < 10
    assert "git" in found.environment["missing"]


def test_gather_records_only_listed_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = gather(tmp_path, budget=20.0)
    assert found.environment["variables"]["OMP_NUM_THREADS"] == "3"
    assert "planted-secret" not in str(found)


def test_installed_distributions_agree_with_the_standard_library() -> None:
    import sys
    from importlib.metadata import version

    found = installed_distributions(sys.path)
    for name in ("pydantic", "typer", "pytest"):
        assert found[name] == version(name)


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ("https://u:p@h/x", "https://h/x"),
        ("a ssh://git@h/x b http://t@h", "a ssh://h/x b http://h"),
        ("git@host:repo.git", "git@host:repo.git"),
        ("--url=postgres://me:pw@db:5432/x", "--url=postgres://db:5432/x"),
    ],
)
def test_strip_credentials(text: str, stripped: str) -> None:
    assert strip_credentials(text) == stripped
