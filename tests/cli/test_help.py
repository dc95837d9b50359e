"""Help: what it shows, plain where nobody watches and drawn on a terminal, with nothing read as markup."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from taskloom.cli.help import Help, Panel, Row, plain, show

GARDEN = Path(__file__).parent / "garden"
Tasks = Callable[..., Any]

GROW = """\
Usage: tasks run garden grow [--name=value ...]

Grow one plant for some days.

Task parameters:
  --seed            INT               0         Root of every random stream of the run.
  --days            INT               3         Days to grow for.  (>= 1, <= 1000)
  --param name=...  TEXT              basil     What to call the plant.
  --shade           BOOL              false     Keep it out of the sun.
  --light           sun|lamp          sun       Where the light comes from.
  --limit           FLOAT or none     none      Height at which it is cut.  (> 0)
  --doses           FLOAT,...         1.0,2.0   Doses of fertiliser.
  --workers         INT               1         Threads.  (>= 1)
  --feeder          drip|flood|mixed  drip      What feeds the plant.
  --spare           NAME              none      What feeds it when the feeder fails.  (one of drip,
                                                flood, mixed, none)
  --saucer          JSON or none      none      What stands below.

pot:
  --pot.diameter    FLOAT             0.2 m     Inner diameter [at the rim].  (> 0)
  --pot.soil        sand|clay         sand      What is in it.

feeder = drip (also: flood, mixed):
  --feeder.rate     FLOAT             0.01 l/h  Water given per hour.  (> 0, <= 1)
  --feeder.nozzles  INT               6         Openings.  (>= 1)

Run options:
"""


def test_help_of_a_task_shows_every_parameter_in_panels(tasks: Tasks) -> None:
    outcome = tasks("run", "garden", "grow", "--help")
    assert outcome.code == 0
    assert outcome.out.startswith(GROW)
    assert outcome.out.index("Run options:") < outcome.out.index("--config")
    assert "--force" in outcome.out


def test_help_of_a_task_follows_the_components_chosen(
    tasks: Tasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tasks("run", "garden", "grow", "--help", "--feeder=flood").out
    assert "feeder = flood (also: drip, mixed):" in text
    assert "--feeder.depth" in text
    assert "--feeder.rate" not in text
    (tmp_path / "a.toml").write_text("feeder = 'flood'\n")
    assert "feeder = flood" in tasks("run", "garden", "grow", "--config=a.toml", "--help").out
    assert (
        "feeder = flood" in tasks("run", "garden", "grow", "--param", "feeder=flood", "--help").out
    )
    monkeypatch.setenv("TASKS__SPARE", "mixed")
    text = tasks("run", "garden", "grow", "--help", "--spare.inner=flood").out
    assert "spare = mixed (also: drip, flood, none):" in text
    assert "spare.inner = flood (also: drip, mixed):" in text
    assert "0.1 m" in text


def test_help_lists_every_command_and_the_domains_with_verbs(tasks: Tasks) -> None:
    text = tasks("--help").out
    for name in ("list", "info", "run", "check", "runs", "report", "doctor", "completion"):
        assert f"\n  {name} " in text
    assert "  garden " in text
    assert "Verbs: water, taste, regrow, weigh, sniff, prune." in " ".join(text.split())
    assert tasks("-h").out == text
    assert tasks().out == text


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("runs",),
        ("runs", "ls"),
        ("run",),
        ("run", "garden"),
        ("check", "garden"),
        ("doctor",),
        ("report",),
    ],
)
def test_every_command_has_help(tasks: Tasks, words: tuple[str, ...]) -> None:
    outcome = tasks(*words, "--help")
    assert outcome.code == 0
    assert "Usage: tasks " + " ".join(words) in outcome.out
    assert outcome.err == ""


def test_help_tells_what_has_no_default(tasks: Tasks) -> None:
    text = tasks("run", "garden", "hard", "--help").out
    assert re.search(r"--must +INT +required +Has no default. +\(>= 0\)", text)
    assert re.search(r"--which +drip.flood.mixed +required", text)


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", "a \\xb5-config"), ("utf-8", "a \u00b5-config")]
)
def test_listing_survives_a_terminal_of_few_characters(
    tasks_process: Callable[..., subprocess.CompletedProcess[str]], encoding: str, shown: str
) -> None:
    done = tasks_process("list", "garden", env={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, "")
    assert shown in done.stdout
    help_text = tasks_process("run", "garden", "hard", "--help", env={"PYTHONIOENCODING": encoding})
    assert (help_text.returncode, help_text.stderr) == (0, "")


def test_help_wraps_within_its_width() -> None:
    row = Row(
        "--a-rather-long-option-name-that-spills", "FLOAT", "0.1 m", "A sentence. " * 20, "> 0"
    )
    text = plain(
        Help("tasks x", "Do it.", [Panel("P", [row, Row("--b", "INT", "1", "Short.")])]), width=80
    )
    assert max(len(line) for line in text.splitlines()) <= 80


def test_help_on_a_terminal_is_drawn_and_keeps_brackets() -> None:
    parent, child = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(GARDEN), "TERM": "xterm", "COLUMNS": "120"}
    line = "import sys; from taskloom.cli import main; sys.exit(main())"
    words = [sys.executable, "-c", line, "run", "garden", "grow", "--help"]
    with subprocess.Popen(words, stdout=child, stderr=child, env=env):
        os.close(child)
        shown = b""
        while True:
            try:
                data = os.read(parent, 65536)
            except OSError:  # the other end is closed
                break
            if not data:
                break
            shown += data
    os.close(parent)
    text = shown.decode()
    assert "[at the rim]" in text
    assert "feeder = drip (also: flood, mixed)" in text
    assert "\u256d" in text  # the corner of a box


def test_help_of_an_ordinary_command_looks_like_every_other(tasks: Tasks) -> None:
    assert tasks("garden", "water", "--help").out == (
        "Usage: tasks garden water PLANT [--name=value ...]\n\n"
        "Water a plant by hand.\n\n"
        "Arguments:\n"
        "  PLANT                   The plant.\n\n"
        "Options:\n"
        "  --litres    FLOAT  1.0  How much.\n"
        "  --help, -h              Show this text.\n"
    )


def test_help_leaves_out_what_is_hidden(tasks: Tasks) -> None:
    told = tasks("resume", "--help").out
    assert "RUN|SWEEP" in told
    assert "PARAMETERS" not in told


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_help_on_a_terminal_of_any_width_shows_every_word(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("taskloom.cli.help.on_terminal", lambda: True)
    rows = [
        Row("--opt.inner.width", "INT", "8", "Width of the innermost layer there is.", ">= 1"),
        Row("--layers", "JSON or none", '{"width": 8, "act": "relu"}', "Layers, outermost first."),
    ]
    told = show(Help("tasks run garden grow", "Grow.", [Panel("Options", rows)]))
    words = [
        "Width",
        "of",
        "the",
        "innermost",
        "layer",
        "there",
        "is.",
        "Layers,",
        "outermost",
        "first.",
    ]
    assert "\N{HORIZONTAL ELLIPSIS}" not in told
    assert all(word in told for word in words)
    bare = re.sub(r"\x1b\[[0-9;]*m", "", told)
    assert max(map(len, bare.splitlines())) <= width


@pytest.mark.parametrize(
    "words", ["run hci gaze", "run diffusion smiles", "sweep control cartpole", "runs ls"]
)
def test_help_has_the_same_words_at_every_width_and_no_line_is_wider(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    told = {}
    for width in (40, 60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        told[width] = tasks(*words.split(), "--help").out
        assert max(map(len, told[width].splitlines())) <= width
    assert len({"".join(text.split()) for text in told.values()}) == 1


def test_help_and_info_tell_what_does_not_fit(tasks: Tasks) -> None:
    assert "more do not fit this task: `tasks info`" in tasks("run", "hci", "gaze", "--help").out
    assert "big does not fit: it plays pointing" in tasks("info", "hci", "gaze").out
    refused = tasks("run", "hci", "gaze", "--assistant=big")
    assert refused.code == 2
    assert "The assistant 'big' plays pointing tasks, not Gaze" in refused.err
    assert "--assistant takes none here." in refused.err
