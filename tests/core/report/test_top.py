"""The top of a page: verdict, figure, what differs from the defaults, and a command that gives the same config."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import taskloom as tl
from taskloom.asking import resolve_request
from taskloom.headline import Baseline, Headline
from taskloom.params.tree import leaf_texts
from taskloom.registry.resolve import find_task
from taskloom.report import write_report
from taskloom.report.choices import choices_of, command
from taskloom.runs import Run

MakeRun = Callable[..., Run]

HEADLINE = Headline(
    metric="rounds/mean",
    title="Rounds per episode",
    value=3.376,
    low=3.31,
    high=3.44,
    unit="rounds",
    better="lower",
    baseline=Baseline(
        name="no assistant",
        command="--assistant=none",
        value=12.938,
        difference=-9.562,
        difference_low=-10.05,
        difference_high=-9.07,
        paired=True,
        n=1000,
    ),
    verdict="better",
    sentence="Fewer rounds: `tasks sweep` says more.",
)


def made(make_run: MakeRun, **values: object) -> Run:
    """Return a record of pointing with some values that are not its defaults."""
    _, asked = resolve_request("hci/pointing", dict(values), {})
    return make_run(
        domain="hci",
        task="pointing",
        config=asked.config.model_dump(mode="json"),
        metrics={"rounds/mean": 3.376},
        headline=HEADLINE.to_json(),
    )


def test_the_verdict_the_figure_and_the_baseline_come_first(make_run: MakeRun) -> None:
    text = write_report(made(make_run)).read_text(encoding="utf-8")
    top = text[text.index("<header>") : text.index("</header>")]
    for words in (
        "Better than no assistant",
        "Fewer rounds",
        "12.938",
        "no assistant",
        'headline.low">3.310<',
        'headline.high">3.440<',
    ):
        assert words in top
    assert "<code>tasks sweep</code>" in top
    assert 'data-metric="rounds/mean">3.376<' in top


@pytest.mark.parametrize(
    ("values", "has_bars"),
    [
        ({}, True),
        ({"low": None, "high": None, "no_interval": "one episode"}, False),
    ],
)
def test_bars_are_spoken_of_where_there_are_some(
    make_run: MakeRun, values: dict[str, Any], has_bars: bool
) -> None:
    said = replace(HEADLINE, **values)
    run = make_run(metrics={"rounds/mean": 3.376}, headline=said.to_json())
    text = write_report(run).read_text(encoding="utf-8")
    assert ("bars are intervals" in text) is has_bars


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"assistant": "map"},
        {"assistant": "none", "episodes": 7},
        {"user": "boltzmann", "user.lapse": 0.25, "seed": 3},
        {"assistant": "none", "user": "optimal", "cells": 15},
    ],
)
def test_the_command_gives_the_same_config_and_names_no_default(
    make_run: MakeRun, values: dict[str, object]
) -> None:
    run = made(make_run, **values)
    choices = choices_of(run)
    assert choices is not None
    words = shlex.split(command(run, choices))
    assert words[:4] == ["tasks", "run", "hci", "pointing"]
    given = dict(word.removeprefix("--").split("=", 1) for word in words[4:])
    assert set(given) == set(values)
    _, asked = resolve_request("hci/pointing", dict(given), {})
    assert asked.config.model_dump(mode="json") == run.config


def test_a_default_that_was_typed_is_no_difference(make_run: MakeRun) -> None:
    plain = made(make_run)
    choices = choices_of(plain)
    assert choices is not None
    _, asked = resolve_request("hci/pointing", {}, {})
    typed = made(make_run, **leaf_texts_of_values(asked.config))
    assert command(plain, choices) == "tasks run hci pointing"
    assert command(typed, choices_of(typed) or []) == "tasks run hci pointing"


def leaf_texts_of_values(config: object) -> dict[str, object]:
    """Return every plain value of a config as typed; components are left out, their parts are not."""
    texts = leaf_texts(config)  # type: ignore[arg-type]  # any config
    # A value is given here and no text: "none" would be a file of that name.
    return {
        path: text for path, text in texts.items() if not path.endswith(".kind") and text != "none"
    }


def test_a_run_whose_task_is_not_here_shows_what_its_record_says(make_run: MakeRun) -> None:
    run = make_run()
    assert choices_of(run) is None
    text = write_report(run).read_text(encoding="utf-8")
    assert "no baseline: the task names none" in text
    assert "gait.speed" in text


def test_a_task_of_a_file_shows_its_parameters_and_is_not_executed_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = (
        "import taskloom as tl\nclass CoinConfig(tl.Config):\n    p: float = 0.5\n    n: int = 100\n"
        "class Coin:\n    def __init__(self, config: CoinConfig): self.config = config\n"
        "    def run(self, ctx): return tl.Result({'heads': self.config.p * self.config.n})\n"
    )
    (tmp_path / "coin.py").write_text(source)
    run = tl.run("coin.py:Coin", p=0.25, options=tl.RunOptions(quiet=True, report="no"))
    (tmp_path / "coin.py").write_text("raise SystemExit('executed')\n")
    choices = choices_of(run)
    assert choices is not None
    assert {choice.parameter.path: choice.text for choice in choices if not choice.is_default} == {
        "p": "0.25"
    }
    assert command(run, choices) == f"tasks run {tmp_path / 'coin.py'}:Coin --p=0.25"
    page = write_report(run).read_text(encoding="utf-8")
    assert command(run, choices) in page.replace("<span>", "").replace("</span>", "")


def test_the_title_is_the_sentence_of_the_task(make_run: MakeRun) -> None:
    text = write_report(made(make_run)).read_text(encoding="utf-8")
    assert f"<h1>{find_task('hci', 'pointing').ref.summary}</h1>" in text
