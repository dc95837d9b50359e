"""Each run that the README and `make demo` show beats its baseline or solves its task: listed every day, run by `make soak`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from taskloom.cli import main
from taskloom.runs.run import list_runs

ROOT = Path(__file__).parents[2]
DOMAINS = ("anomaly", "hci", "diffusion", "control")
# The verdict that each ended in when `make soak` last ran it.
SHOWN = {
    "anomaly backdoor": "better",
    "hci pointing": "better",
    "diffusion smiles": "better",
    "control cartpole": "solved",
}

# A task of one's own has no baseline, and the README says so.
WITHOUT = "coin.py --tosses=7"


def shown() -> set[str]:
    """Return the runs that the README and the demo show, a value that is the default left out."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text += (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.findall(r"(?:\$ |`|\$\(BIN\)/)tasks run ([^`\n]*)", text)
    commands = {re.sub(r" --store.*| --assistant=big", "", words).strip() for words in found}
    assert {words for words in commands if words.partition(" ")[0] not in DOMAINS} <= {
        WITHOUT,
        "coin.py",
    }
    assert "It names no baseline, so its run ends without a verdict." in text
    return {words for words in commands if words.partition(" ")[0] in DOMAINS}


def test_each_run_that_is_shown_is_known_to_beat_its_baseline() -> None:
    assert shown() == set(SHOWN)
    assert set(SHOWN.values()) <= {"better", "solved"}


@pytest.mark.soak
@pytest.mark.parametrize("words", SHOWN)
def test_a_run_that_is_shown_ends_as_it_is_listed(words: str, tmp_path: Path) -> None:
    assert main(["run", *words.split(), "--store", str(tmp_path), "-q"]) == 0
    (run,) = list_runs(tmp_path)
    assert run.headline is not None
    assert run.headline.verdict == SHOWN[words], run.headline.sentence
