"""A network of one's own: a detector without a task, reused without training, and nothing that is written over."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import taskloom_anomaly
import torch
from taskloom.cli import main
from taskloom.errors import ConfigError
from taskloom_anomaly.backends.untrained import is_untrained
from taskloom_anomaly.data.arrays import ArrayDataset, as_arrays
from taskloom_anomaly.data.files import read_samples
from taskloom_anomaly.detection.own_network import load_own

NETWORK = """
import torch


def build():
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(6, 12), torch.nn.ReLU(), torch.nn.Linear(12, 3))
    with torch.no_grad():
        for value in module.parameters():
            value.add_(0.3 * torch.randn_like(value))
    return module


def build_other():
    return torch.nn.Sequential(torch.nn.Linear(6, 12), torch.nn.ReLU(), torch.nn.Linear(12, 3))
"""


def rows(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(count, 6)) + shift).astype(np.float32)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a network in a module, and three files of samples."""
    (tmp_path / "own_net.py").write_text(NETWORK, encoding="utf-8")
    np.save(tmp_path / "trusted.npy", rows(200, 0))
    np.save(tmp_path / "normal.npy", rows(60, 1))
    np.save(tmp_path / "odd.npy", rows(60, 2, 2.0))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def call(*words: str) -> int:
    return int(main(["anomaly", *words]))


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_one_verb_fits_and_another_judges_on_other_data(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("fit", "own_net:build", "trusted.npy", "--out", "det") == 0
    before = digests(place / "det")
    capsys.readouterr()
    judged = ("eval-detector", "det", "--normal", "normal.npy", "--anomalous", "odd.npy")
    assert call(*judged) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["auroc/fused"] > 0.9
    assert digests(place / "det") == before
    # Fitted in Python with the same settings, and read back: the same bits.
    trusted = read_samples(place / "trusted.npy")
    fitted = taskloom_anomaly.fit("own_net:build", trusted)
    again = load_own(place / "det", ArrayDataset(rows(60, 1)))
    np.testing.assert_array_equal(again.fused(rows(60, 1)), fitted.fused(rows(60, 1)))
    # Another detector over the same network and samples needs no training, and takes a folder of its own.
    assert call("fit", "own_net:build", "trusted.npy", "--out", "det", "--detector=knn") == 2
    assert "already holds" in capsys.readouterr().err
    assert digests(place / "det") == before
    assert call("fit", "own_net:build", "trusted.npy", "--out", "knn", "--detector=knn") == 0


def test_a_table_needs_no_network(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("fit", "none", "trusted.npy", "--out", "tab") == 0
    capsys.readouterr()
    words = ("eval-detector", "tab", "--normal", "normal.npy", "--anomalous", "odd.npy")
    assert call(*words) == 0
    assert json.loads(capsys.readouterr().out)["auroc/inputs"] > 0.9
    assert call("fit", "none", "trusted.npy", "--out", "msp", "--detector=msp") == 2
    assert "no class scores" in capsys.readouterr().err
    assert not (place / "msp").exists()


def test_a_detector_of_another_network_is_refused(place: Path) -> None:
    assert call("fit", "own_net:build", "trusted.npy", "--out", "det") == 0
    other = torch.nn.Sequential(torch.nn.Linear(6, 3))
    other[0].bias.data += 2  # a fresh one would be told to be random
    with pytest.raises(ConfigError, match="another network"):
        load_own(place / "det", ArrayDataset(rows(5, 1)), other)


@pytest.mark.parametrize("verb", ["train-classifier", "train-detector", "fit"])
def test_no_verb_writes_over_a_folder_of_another(place: Path, verb: str) -> None:
    assert call("fit", "own_net:build", "trusted.npy", "--out", "det") == 0
    (place / "det" / "config.json").write_text("{}", encoding="utf-8")
    before = digests(place / "det")
    words = {
        "train-classifier": ["--dir", "det", "--param=data.source=digits8"],
        "train-detector": ["--dir", "det", "--task=toy_features"],
        "fit": ["own_net:build", "trusted.npy", "--out", "det"],
    }[verb]
    assert call(verb, *words) == 2
    assert digests(place / "det") == before


def test_layers_lists_what_can_be_watched(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("layers", "own_net:build", "--data", "trusted.npy", "--json") == 0
    found = json.loads(capsys.readouterr().out)["layers"]
    assert [row["name"] for row in found] == ["0", "1", "2"]
    assert found[0] == {
        "name": "0", "shape": "(n, d=12)", "evidence": "two axes", "default": True, "why_not": "",
    }  # fmt: skip
    assert call("layers", "own_net:build") == 2
    assert "--data is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fit", "own_net:build", "--out", "x"], "TRUSTED is missing"),
        (["fit", "own_net:nothing", "trusted.npy", "--out", "x"], "cannot be imported"),
        (["fit", "own_net:build", "none.npy", "--out", "x"], "does not exist"),
        (["fit", "own_net:build", "trusted.npy", "--out", "x", "--layers=9"], "no layer '9'"),
        (["fit", "own_net:build", "trusted.npy", "--out", "x", "--axes=0=nt"], "does not fit"),
        (["fit", "nowhere", "trusted.npy", "--out", "x"], "no folder, and no run"),
    ],
)
def test_verbs_say_what_is_wrong(
    words: list[str], message: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*words) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert "Traceback" not in shown
    assert not (place / "x").exists()


def test_inputs_come_as_dictionaries_lists_and_tables(tmp_path: Path) -> None:
    ragged = as_arrays([np.arange(4), np.arange(2)], "rows")
    assert ragged.inputs.mask.tolist() == [[True] * 4, [True, True, False, False]]
    named = as_arrays([({"a": np.ones(3), "b": np.zeros(2)}, 1)] * 4, "items")
    assert list(named.inputs.arrays) == ["a", "b"]
    assert named.labels.tolist() == [1] * 4  # type: ignore[union-attr] # given
    table = tmp_path / "t.csv"
    table.write_text("x,y\n1,2\n3,4\n", encoding="utf-8")
    assert read_samples(table).inputs.tolist() == [[1, 2], [3, 4]]
    table.write_text("x,y\n1,red\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="column 'y' holds 'red'"):
        read_samples(table)
    lines = tmp_path / "t.jsonl"
    lines.write_text('{"input": [1.5, 2], "label": 1}\n{"input": [3, 4], "label": 0}\n')
    assert read_samples(lines).labels.tolist() == [1, 0]  # type: ignore[union-attr] # given


def test_a_default_layer_that_never_varies_is_left_out_and_one_that_was_asked_for_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))
    module[0].bias.data -= 40  # behind the rectifier nothing is left
    detector = taskloom_anomaly.fit(module, rows(100, 0))
    assert list(detector.score(rows(9, 1))) == ["0"]
    assert "All 70 trusted samples are equal in layer '1'. It is not watched." in caplog.text
    with pytest.raises(ConfigError, match="are equal in layer '1'"):
        taskloom_anomaly.fit(module, rows(100, 0), layers=["1"])


def test_a_fresh_network_is_told_from_a_trained_one() -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16), torch.nn.Linear(16, 2)
    )

    def untrained() -> bool:
        values = {k: v.detach().numpy() for k, v in module.named_parameters()}
        return is_untrained(values, outputs_first=True)

    assert untrained()
    x, values = torch.randn(64, 8), list(module.parameters())
    for _ in range(20):
        loss = torch.nn.functional.cross_entropy(module(x), (x[:, 0] > 0).long())
        for value, slope in zip(values, torch.autograd.grad(loss, values), strict=True):
            value.data -= 0.2 * slope
    assert not untrained()
