"""Change fragments: their kinds, and that a change of the packages has one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FRAGMENT = re.compile(r"(\d+|\+[a-z0-9-]+)\.(feature|fix|change|removal|numbers|docs)\.md")
SINCE = "changes/.since"


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode:
        pytest.skip(f"git {words[0]}: {done.stderr.strip()[:100]}")
    return done.stdout


def test_fragments_are_named_by_slug_and_kind() -> None:
    odd = [
        path.name for path in (ROOT / "changes").glob("*.md") if not FRAGMENT.fullmatch(path.name)
    ]
    assert odd == []


def test_fragments_are_sentences() -> None:
    for path in (ROOT / "changes").glob("*.md"):
        text = path.read_text(encoding="utf-8").strip()
        assert text.endswith("."), path.name
        assert len(text) <= 1000, path.name


def test_a_commit_that_changes_the_packages_has_a_fragment_or_says_why_not() -> None:
    """Held for the commits after the one that `changes/.since` names."""
    since = (ROOT / SINCE).read_text(encoding="utf-8").split()[0]
    missing = []
    for commit in _git("rev-list", "--no-merges", f"{since}..HEAD").split():
        names = _git("show", "--format=", "--name-only", commit).splitlines()
        if not any(re.match(r"packages/[^/]+/src/", name) for name in names):
            continue
        has_fragment = any(name.startswith("changes/") for name in names)
        if not has_fragment and "No-change:" not in _git("show", "-s", "--format=%B", commit):
            missing.append(_git("show", "-s", "--format=%h %s", commit).strip())
    assert missing == []
