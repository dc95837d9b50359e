"""Verbs of the domain: on a task, shipped or of a plugin, and on a run."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from taskloom_hci.batch.episodes import load
from taskloom_hci.batch.play import play
from taskloom_hci.driver import make_bundle

Tasks = Callable[..., Any]
CASES = Path(__file__).parent / "cases"


def test_sample_saves_the_episodes_of_the_task(tasks: Tasks) -> None:
    words = ("--assistant=big", "--user.error_rate=0.1", "--seed=5", "--episodes=20")
    done = tasks("hci", "sample", "pointing", *words, "--out", "d.npz")
    assert (done.code, done.err) == (0, "")
    user = {"kind": "careful", "error_rate": 0.1}
    bundle = make_bundle("pointing", seed=5, assistant={"kind": "big"}, user=user)
    assert load(Path("d.npz")).digest() == play(bundle, 20, full=True).digest()
    assert "20 episodes" in done.out
    assert tasks("hci", "sample", "example", "--episodes=3", "--out=d.jsonl").code == 0
    rows = [json.loads(line) for line in Path("d.jsonl").read_text().splitlines()]
    assert {row["episode"] for row in rows} == {0, 1, 2}


def test_the_spelling_of_version_0_1_still_samples_and_names_the_new_one(tasks: Tasks) -> None:
    done = tasks("hci", "sample", "pointing", "20", "--out", "old.npz", "--param", "assistant=big")
    assert (done.code, done.err) == (0, "note: write --episodes=20 instead of 20\n")
    new = tasks("hci", "sample", "pointing", "--episodes=20", "--out=new.npz", "--assistant=big")
    assert new.code == 0
    assert load(Path("old.npz")).digest() == load(Path("new.npz")).digest()


def test_a_minari_data_set_holds_the_games_of_one_agent(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    import minari  # of an extra

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(Path.cwd() / "sets"))
    # The eyes look where numbers of 64 bits say, and a learner's have 32: the games must not differ for it.
    for task, role, words in (
        ("pointing", "assistant", ["--assistant=big", "--out=d.npz"]),
        ("gaze", "user", ["--out=d.npz"]),
    ):
        to = f"hci/{task}-v0"
        words += ["--episodes=6", "--seed=4", f"--minari={to}", f"--role={role}"]
        done = tasks("hci", "sample", task, *words)
        assert done.code == 0, done.err
        kept, played = list(minari.load_dataset(to).iterate_episodes()), load(Path("d.npz"))
        acted = played.num_rounds - (played.is_done if role == "assistant" else 0)
        assert [len(one.rewards) for one in kept] == acted[acted > 0].tolist()
        earned = [float(one.rewards.sum()) for one in kept]
        assert earned == pytest.approx(played.returns[acted > 0].tolist(), abs=1e-9)
    game = minari.load_dataset("hci/pointing-v0").recover_environment()
    seen, _ = game.reset(seed=4)
    first = next(iter(minari.load_dataset("hci/pointing-v0").iterate_episodes())).observations
    assert {name: seen[name].tolist() for name in seen} == {
        name: values[0].tolist() for name, values in first.items()
    }
    again = tasks("hci", "sample", "pointing", "--minari=hci/pointing-v0")
    assert (again.code, "raise its version" in again.err) == (2, True)
    wrong = tasks("hci", "sample", "pointing", "--minari=../pointing-v0")
    assert (wrong.code, "takes a name such as" in wrong.err) == (2, True)


@pytest.mark.parametrize(
    ("task", "words", "code", "sentence"),
    [
        ("pointin", ["--out=d.npz"], 2, "did you mean 'pointing'"),
        ("pointing", ["--out=d.csv"], 2, "npz or .jsonl"),
        ("pointing", ["--out=no/d.npz"], 5, "does not exist"),
        ("pointing", [], 2, "--out"),
        ("pointing", ["--out=d.npz", "--user=memory"], 2, "plays the teaching task"),
        ("pointing", ["--out=d.npz", "--cells=x"], 2, "cells"),
        ("pointing", ["--out=d.npz", "--cels=9"], 2, "did you mean --cells?"),
        ("example", ["--out=d.npz", "--backend=numba", "--episodes=3"], 1, "no kernel for numba"),
        ("classic_control", ["--out=d.npz", "--assistant=random"], 3, "has no assistant"),
    ],
)
def test_bad_words_are_one_sentence_with_an_exit_code(
    tasks: Tasks, task: str, words: list[str], code: int, sentence: str
) -> None:
    done = tasks("hci", "sample", task, *words)
    assert (done.code, done.out) == (code, "")
    assert sentence in " ".join(done.err.split())
    assert "Traceback" not in done.err
    assert list(Path().iterdir()) == []


def test_a_person_can_be_the_user(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = make_bundle("pointing", seed=3)
    bundle.reset()
    start, goal = int(bundle.task.state["position"]), int(bundle.user.state["goal"])  # type: ignore[union-attr] # there is one
    moves = ["1" if goal > start else "-1"] * abs(goal - start)
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(["7", "what", *moves, "0"]) + "\n"))
    done = tasks("hci", "play", "pointing", "--assistant=none", "--seed=3")
    assert done.code == 0
    assert done.out.count("not possible") == 2
    assert f"done after {abs(goal - start) + 1} rounds, return -{abs(goal - start) + 1}" in done.out


def test_a_person_may_stop(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("q\n"))
    done = tasks("hci", "play", "pointing", "--assistant=none", "--games", "2")
    assert done.code == 0
    assert done.out.endswith("stopped\n")
    assert done.out.count("you know") == 1


@pytest.fixture
def run(tasks: Tasks) -> str:
    """Return the id of a finished run."""
    done = tasks("run", "hci", "pointing", "--assistant=big", "--episodes=30", "--json")
    return str(json.loads(done.out)["id"])


def test_a_run_plays_again_by_any_backend(
    tasks: Tasks, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKS__SEED", "9")  # a recorded config is the record's
    for words in ((run,), ("@last", "--backend=loop"), ("--backend", "numpy", run)):
        done = tasks("hci", "replay", *words)
        assert done.code == 0
        assert "30 episodes" in done.out
        assert "identical" in done.out


def test_a_run_of_an_earlier_version_plays_again_to_the_bit(tasks: Tasks, tmp_path: Path) -> None:
    """Recorded before assistants knew of lapses: its config names none, which counts as no lapse."""
    shutil.copytree(CASES / "recorded", tmp_path / "store")
    (folder,) = (tmp_path / "store").iterdir()
    assert "assumed_lapse" not in (folder / "run.json").read_text(encoding="utf-8")
    done = tasks("hci", "replay", folder.name, "--store", str(tmp_path / "store"))
    assert (done.code, "12 episodes, 38 rounds: identical" in done.out) == (0, True)
    assert "ad4f517bf1cbe035bc2675145b66df4c" in done.out


def test_a_replay_tells_episodes_that_differ(tasks: Tasks, run: str) -> None:
    other = make_bundle("pointing", seed=1)
    (kept,) = Path().rglob("episodes.npz")
    play(other, 30).save(kept)
    done = tasks("hci", "replay", run)
    assert done.code == 3
    assert "DIFFERENT" in done.out
    kept.unlink()
    assert tasks("hci", "replay", run).code == 5


def test_a_replay_offers_the_backend_and_nothing_else(tasks: Tasks, run: str) -> None:
    done = tasks("hci", "replay", run, "--cells=9")
    assert done.code == 2
    assert "--backend" in tasks("hci", "replay", run, "--help").out
