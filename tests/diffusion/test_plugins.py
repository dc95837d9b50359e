"""A third party's schedule, loss and tasks, found by their entry points in a fresh process, train a model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parent / "plugin" / "lab_noise.py"
LETTERS = PLUGIN.with_name("lab_letters.py")
TINY = ["diffusion", "toy", "--num_sequences=200", "--train.batch_size=16", "--train.checkpoint_every=2",
        "--evaluate.num_samples=20", "--evaluate.num_holdout=20", "--schedule=square_root",
        "--time_sampler=low_discrepancy", "--loss=function"]  # fmt: skip
ENTRY_POINTS = """[taskloom_diffusion.schedules]
square_root = lab_noise:SquareRoot
[taskloom_diffusion.loss_functions]
focal = lab_noise:focal
one_number = lab_noise:one_number
[taskloom.tasks]
diffusion.letters = lab_letters:Letters
diffusion.nothing = lab_letters:Nothing
diffusion.foreign = lab_letters:Foreign
"""
LITTLE = ["--denoiser.width=16", "--denoiser.num_layers=1", "--denoiser.num_heads=2", "--train.batch_size=4",
          "--evaluate.num_samples=4", "--evaluate.num_holdout=4", "--train.steps=4", "--train.checkpoint_every=2"]  # fmt: skip
# Several command lines in one fresh process; None stands for a change of the environment.
SCRIPT = """
import contextlib, io, json, os, sys
from taskloom.cli import main
done = []
for words in json.loads(sys.argv[1]):
    os.environ["SPOIL"] = "1" if words[0] == "spoiled" else ""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words[words[0] == "spoiled":])
    done.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(done))
"""


def install(site: Path) -> Path:
    """Lay a distribution out as pip does: a module, and a folder that says what it registers."""
    for module in (PLUGIN, LETTERS):
        shutil.copy(module, site / module.name)
    facts = site / "lab_noise-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-noise\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(ENTRY_POINTS)
    return site


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, str]]:
    """What each of a few command lines did."""
    site = install(tmp_path_factory.mktemp("site"))
    store = ["--store", str(tmp_path_factory.mktemp("store"))]
    lines = {
        "train": ["run", *TINY, "--loss.name=focal", "--train.steps=3", "--json", *store],
        "schedules": ["diffusion", "schedules", "--json"],
        "typo": ["run", *TINY, "--loss.name=focall", *store],
        "shape": ["run", *TINY, "--loss.name=one_number", "--train.steps=3", *store],
        "spoiled": ["spoiled", "run", *TINY, "--loss.name=focal", "--train.steps=4", *store],
        "resumed": ["resume", "@last", *store],
        "letters": ["run", "diffusion", "letters", *LITTLE, "--train.devices=2", "--json", *store],
        "sample": ["diffusion", "sample", "@last", "--num=3", "--sampler=random", *store],
        "info": ["info", "diffusion", "letters"],
        "nothing": ["run", "diffusion", "nothing", *store],
        "foreign": ["check", "diffusion", "foreign"],
    }
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(list(lines.values()))],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(site)}, timeout=300,
    )  # fmt: skip
    return dict(zip(lines, json.loads(finished.stdout), strict=True))


def test_a_plugins_schedule_and_loss_train_a_model(
    done: dict[str, tuple[int, str, str]],
) -> None:
    code, out, err = done["train"]
    assert code == 0, err
    config = json.loads(out)["config"]
    assert config["schedule"] == {"kind": "square_root"}
    assert config["loss"] == {"kind": "function", "name": "focal"}


def test_a_plugins_schedule_is_listed_with_the_others(
    done: dict[str, tuple[int, str, str]],
) -> None:
    rows = {row["schedule"]: row for row in json.loads(done["schedules"][1])}
    assert rows["square_root"]["alpha(0.25)"] == 0.5


def test_a_mistyped_loss_function_gets_its_name(done: dict[str, tuple[int, str, str]]) -> None:
    code, _, err = done["typo"]
    assert code == 2
    assert "registered: focal, one_number; did you mean 'focal'?" in " ".join(err.split())


def test_a_loss_of_the_wrong_shape_is_one_sentence(done: dict[str, tuple[int, str, str]]) -> None:
    code, _, err = done["shape"]
    assert code != 0
    assert "Traceback" not in err
    assert "'one_number' must return one loss per row, (16,), not ()" in " ".join(err.split())


def test_a_loss_that_is_not_a_number_leaves_a_run_that_can_go_on(
    done: dict[str, tuple[int, str, str]],
) -> None:
    code, _, err = done["spoiled"]
    assert code == 1
    assert "the training loss became nan in step 1" in " ".join(err.split())
    assert "Traceback" not in err
    code, _, err = done["resumed"]
    assert code == 0, err


def test_a_schedule_needs_a_dozen_lines() -> None:
    text = PLUGIN.read_text()
    schedule = text[text.index("class SquareRoot") : text.index("def focal")]
    assert len([line for line in schedule.splitlines() if line.strip()]) <= 12


def test_a_task_in_polydiffs_form_is_trained_sampled_and_described(
    done: dict[str, tuple[int, str, str]],
) -> None:
    """Its class has no base of ours, and the processes of one training find it by its name."""
    code, out, err = done["letters"]
    assert code == 0, err
    metrics = json.loads(out)["metrics"]
    assert metrics["corpus/train"] == 18
    assert metrics["nelbo/nats_per_token"] > 0
    code, out, err = done["sample"]
    assert (code, len(out.splitlines())) == (0, 3), err
    assert "18" in next(line for line in done["info"][1].splitlines() if "training" in line)


def test_a_class_without_a_corpus_is_refused_with_what_it_lacks(
    done: dict[str, tuple[int, str, str]],
) -> None:
    code, _, err = done["nothing"]
    assert code == 4
    assert "it is a Nothing, and it lacks load_corpus" in " ".join(err.split())


def test_a_network_that_is_no_model_of_the_domain_is_refused(
    done: dict[str, tuple[int, str, str]],
) -> None:
    code, out, err = done["foreign"]
    assert code == 3
    assert "must return a subclass of DiffusionModule" in " ".join((out + err).split())
