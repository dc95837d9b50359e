"""The verbs, through the command line: on their own folders, and on finished runs by id, `@last` and path."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from taskloom.cli import main

SETTINGS = {
    "data.source": "digits8",
    "data.num_train": "400",
    "data.num_test": "200",
    "model.hidden_dims": "24,16",
    "training.epochs": "15",
    "training.learning_rate": "0.01",
    "training.batch_size": "40",
}
SMALL = [f"--param={name}={value}" for name, value in SETTINGS.items()]
FLOORS = {"min_attack_success": "0", "min_accuracy": "0"}


def call(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        raise SystemExit(main(["anomaly", *words]))
    return int(caught.value.code or 0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run store with one finished run of `backdoor`."""
    folder = tmp_path_factory.mktemp("store")
    settings = [f"--{name}={value}" for name, value in {**SETTINGS, **FLOORS}.items()]
    own = ["--baselines=false", "--control.clean_twin=false", f"--store={folder}"]
    words = ["run", "anomaly", "backdoor", *settings, *own]
    assert main(words) == 0
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


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

    # Its network serves any task with such images; a network of another shape is refused and nothing is left.
    words = ["train-detector", "--model", folder, "--task", "ood_far"]
    assert call(*words, "--dir", str(tmp_path / "far"), "--param", "data.source=digits8") == 0
    assert (tmp_path / "far" / "model" / "model.json").is_file()
    capsys.readouterr()
    assert call(*words, "--dir", str(tmp_path / "none")) == 2
    said = capsys.readouterr().err
    assert "takes samples of the shape (8, 8, 1); the task needs (28, 28, 1)" in said
    # What a verb keeps of the config is a file that `--config` reads.
    invalid = ["--task", "backdoor", "--config", f"{folder}/config.json"]
    assert call("train-detector", "--model", folder, *invalid, "--dir", str(tmp_path / "none")) == 2
    assert "classes" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
    assert call("train-detector", "--model", folder, "--dir", str(tmp_path / "none")) == 2
    assert "--task is missing" in capsys.readouterr().err


@pytest.mark.parametrize("reference", ["@last", "prefix", "path"])
def test_eval_detector_repeats_a_finished_run_and_leaves_it_alone(
    reference: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = store.glob("*-backdoor-*")
    name = {"@last": "@last", "prefix": run.name[:18], "path": str(run)}[reference]
    before = files_of(run)
    assert call("eval-detector", name, f"--store={store}") == 0
    found = json.loads(capsys.readouterr().out)
    kept = json.loads((run / "run.json").read_text())["metrics"]
    assert found["auroc/fused"] == kept["auroc/fused"]
    assert found["control_auroc/noise"] == kept["control_auroc/noise"]
    assert files_of(run) == before


def test_verbs_fit_another_detector_on_the_network_of_a_run(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "detector")
    words = ["--dir", folder, "--model", "@last", "--detector", "knn", f"--store={store}"]
    assert call("train-detector", *words) == 0
    fitted = json.loads(capsys.readouterr().out)
    assert fitted["task"] == "backdoor"
    assert fitted["layers"] == ["dense_0", "dense_1", "logits"]
    assert call("eval-detector", folder) == 0
    first = json.loads(capsys.readouterr().out)
    assert call("eval-detector", folder) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert json.loads((tmp_path / "detector" / "eval.json").read_text())["anomalous"]
    elsewhere = str(tmp_path / "elsewhere")
    assert call("eval-detector", folder, "--max-size", "20", "--dir", elsewhere) == 0
    assert json.loads(capsys.readouterr().out) != first
    assert (tmp_path / "elsewhere" / "scores.npz").is_file()
    # The same network under another task, which asks for a run.
    words = ["--dir", str(tmp_path / "other"), "--task", "backdoor_detection", *params(FLOORS)]
    assert call("train-detector", *words, "--model", "@last", f"--store={store}") == 0
    assert call("make-adversarial-examples", "@last", "--eps=0.5", f"--store={store}") == 0


def test_fit_changes_what_the_record_of_a_run_says_and_nothing_else(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [f"--store={store}", "--detector=knn", "--param=detector.k=3"]
    assert call("fit", "@last", "--dir", str(tmp_path / "plain"), *words) == 0
    # A recorded config is what the record says: with the environment the same bytes come out.
    monkeypatch.setenv("TASKS__FUSION", "max")
    monkeypatch.setenv("TASKS__CALIBRATION_FRACTION", "0.5")
    assert call("fit", "@last", "--dir", str(tmp_path / "again"), *words) == 0
    old = ["--model", "@last", *words]
    assert call("train-detector", "--dir", str(tmp_path / "old"), *old) == 0
    plain = files_of(tmp_path / "plain")
    assert plain == {
        k.replace("/again/", "/plain/"): v for k, v in files_of(tmp_path / "again").items()
    }
    assert plain == {
        k.replace("/old/", "/plain/"): v for k, v in files_of(tmp_path / "old").items()
    }
    config = json.loads((tmp_path / "plain" / "config.json").read_text())
    assert (config["detector"]["k"], config["fusion"]) == (3, "auto")

    capsys.readouterr()
    assert call("fit", "@last", "--dir", str(tmp_path / "no"), f"--store={store}", "--size=3") == 2
    assert not (tmp_path / "no").exists()
    assert call("eval-detector", str(tmp_path / "plain")) == 0


def params(values: dict[str, str]) -> list[str]:
    return [f"--param={name}={value}" for name, value in values.items()]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["make-adversarial-examples", "nowhere"], "'nowhere' is no folder, and no run either"),
        (["make-adversarial-examples", "@last"], "'@last' is no folder, and no run either"),
        (["make-adversarial-examples", "."], "The run path '.' holds no model"),
        (["make-adversarial-examples", ".", "--attack=pgdd"], "holds no model"),
        (["train-classifier", "--dir", "x", "--task", "backdor"], "backdor"),
        (["train-classifier", "--dir", "x", "--param", "seed"], "'seed' is not NAME=VALUE"),
        (["train-classifier", "--dir", "x", "--param", "training.epochs=0"], "training.epochs"),
        (
            ["train-classifier", "--dir", "x", "--task", "backdoor_detection"],
            "trains no network",
        ),
        (["train-detector", "--dir", "x"], "--task is missing"),
        (
            ["train-detector", "--dir", "x", "--task", "backdoor", "--model", "no"],
            "'no' is no fold",
        ),
        (["train-detector", "--dir", "x", "--task", "backdoor", "--model", "."], "holds no model"),
        (["eval-detector", "nowhere"], "nowhere"),
        (["eval-detector", "."], "'.' holds no detector"),
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
