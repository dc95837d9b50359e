"""The verbs, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from taskloom.cli import main

SMALL = [
    "--param", "data.source=digits8", "--param", "data.num_train=400", "--param", "data.num_test=200",
    "--param", "model.hidden_dims=24,16", "--param", "training.epochs=15",
    "--param", "training.learning_rate=0.01", "--param", "training.batch_size=40",
]  # fmt: skip


def call(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        raise SystemExit(main(["anomaly", *words]))
    return int(caught.value.code or 0)


def test_verbs_train_attack_and_refuse_to_overwrite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "classifier")
    assert call("train-classifier", "--dir", folder, *SMALL) == 0
    trained = json.loads(capsys.readouterr().out)
    assert trained["epochs"] == 15
    assert trained["accuracy"] > 0.8
    assert call("make-adversarial-examples", folder, "--attack", "fgsm", "--eps", "0.5") == 0
    made = json.loads(capsys.readouterr().out)
    assert made["new_accuracy"] <= 0.1 < made["original_accuracy"]
    assert call("train-classifier", "--dir", folder, *SMALL) == 2
    assert "already holds a 'model/model.json'" in capsys.readouterr().err


def test_verbs_fit_a_detector_and_score_with_it_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "detector")
    floors = ["--param", "min_attack_success=0", "--param", "min_accuracy=0"]
    words = ["--dir", folder, "--task", "backdoor", *SMALL, *floors]
    assert call("train-detector", *words) == 0
    assert json.loads(capsys.readouterr().out)["layers"] == ["dense_0", "dense_1", "logits"]
    assert call("eval-detector", folder) == 0
    first = json.loads(capsys.readouterr().out)
    assert call("eval-detector", folder) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert json.loads((tmp_path / "detector" / "eval.json").read_text())["anomalous"]
    assert call("eval-detector", folder, "--max-size", "20") == 0
    assert json.loads(capsys.readouterr().out) != first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["make-adversarial-examples", "nowhere"], "The run path 'nowhere' does not exist"),
        (["train-classifier", "--dir", "x", "--task", "backdor"], "backdor"),
        (["train-classifier", "--dir", "x", "--param", "seed"], "'seed' is not NAME=VALUE"),
        (["train-classifier", "--dir", "x", "--param", "training.epochs=0"], "training.epochs"),
        (["eval-detector", "nowhere"], "nowhere"),
    ],
)
def test_verbs_say_what_is_wrong_in_one_sentence(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(*words) != 0
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not (tmp_path / "x").exists()
