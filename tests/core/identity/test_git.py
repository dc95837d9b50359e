"""Git is asked while the run goes on: slow answers arrive, and what is missing is said."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from taskloom.identity.git import GitQuestion, Repository, difference, repository_of

Repo = Callable[..., str]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    top = tmp_path / "repository"
    top.mkdir()
    (top / "a.py").write_text("one = 1\n")
    for words in (
        ["init", "-q", "-b", "trunk"],
        ["config", "user.email", "a@example.invalid"],
        ["config", "user.name", "A"],
        ["remote", "add", "origin", "https://user:hunter2@example.invalid/repo.git"],
        ["add", "a.py"],
        ["commit", "-q", "-m", "start"],
    ):
        subprocess.run(["git", *words], cwd=top, check=True)
    return top


def slow_git(folder: Path, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a git on the path that sleeps before it answers."""
    folder.mkdir()
    (folder / "git").write_text(f'#!/bin/sh\nsleep {seconds}\nexec {shutil.which("git")} "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def ask(top: Path, seconds: float) -> Repository:
    return GitQuestion(top).answer(time.monotonic() + seconds)


def test_commit_branch_and_remote_are_found_without_credentials(repository: Path) -> None:
    facts = ask(repository, 200).facts
    assert len(facts.pop("sha")) == 40
    assert facts == {
        "branch": "trunk",
        "dirty": False,
        "remote": "https://example.invalid/repo.git",
    }


def test_patch_holds_only_the_files_that_are_asked_for(repository: Path) -> None:
    (repository / ".env").write_text("TOKEN=hunter2\n")
    subprocess.run(["git", "add", ".env"], cwd=repository, check=True)
    (repository / "a.py").write_text("one = 2\n")
    found = ask(repository, 200)
    assert sorted(found.changed) == [".env", "a.py"]
    patch = difference(found, ["a.py"], time.monotonic() + 200)
    assert "+one = 2" in patch
    assert "hunter2" not in patch
    assert difference(found, [], time.monotonic() + 200) == ""


@pytest.mark.parametrize("seconds", [0, 0.5])
def test_slow_git_is_waited_for(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    slow_git(tmp_path / "bin", seconds, monkeypatch)
    assert ask(repository, 200).facts["branch"] == "trunk"


def test_git_that_does_not_answer_is_said(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_git(tmp_path / "bin", 300, monkeypatch)
    began = time.monotonic()
    found = ask(repository, 0.3)
    assert time.monotonic() - began < 100
    assert (found.facts, found.missing) == ({}, "git did not answer in 5 s")


def test_no_git_is_said(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "cannot be started" in ask(repository, 5).missing


def test_repository_is_found_without_asking_git(repository: Path, tmp_path: Path) -> None:
    (repository / "sub").mkdir()
    assert repository_of(repository / "sub") == repository
    assert repository_of(tmp_path) is None
