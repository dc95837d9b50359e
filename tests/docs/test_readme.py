"""README: its length, its first commands, and the verdicts of what it asks its reader to run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
DEMO = re.findall(r"tasks (run \S.*?) --store", MAKEFILE)


def test_it_is_short_and_begins_with_the_two_targets() -> None:
    assert len(TEXT.splitlines()) <= 150
    commands = re.findall(r"^\$ (.+)$", TEXT, flags=re.MULTILINE)
    assert commands[0].split()[:2] == ["make", "demo"]
    assert commands[1].split()[:2] == ["make", "test"]


def test_installation_and_use_share_no_fence() -> None:
    for fence in re.findall(r"(?s)```console\n(.*?)```", TEXT):
        assert not ("pip install" in fence and "$ tasks" in fence)


def test_the_table_of_domains_and_the_demo_run_the_same_tasks() -> None:
    named = re.findall(r"^\| \[\w+\]\(.*`tasks (run [^`]+)` \|$", TEXT, flags=re.MULTILINE)
    assert named == DEMO
    assert len(DEMO) == 4


@pytest.mark.soak
@pytest.mark.parametrize("words", DEMO)
def test_a_first_run_beats_its_baseline(words: str, tmp_path: Path) -> None:
    """At full size: a first example that fails by its own word teaches the wrong thing."""
    line = "import sys; from taskloom.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", line, *words.split(), "--store", str(tmp_path), "--json", "--quiet"],
        capture_output=True,
        text=True,
        check=True,
    )
    headline = json.loads(done.stdout)["headline"]
    assert headline["verdict"] in ("better", "solved")
    # The sentence that README shows is that of this run.
    assert "hci" not in words or headline["sentence"] in TEXT
