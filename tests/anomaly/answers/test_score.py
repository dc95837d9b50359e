"""`tasks anomaly score`: the same answers from every kind of file, errors that stop nothing, and one command without a task."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import taskloom_anomaly
from safetensors.numpy import save_file
from sklearn.base import clone
from taskloom.errors import ConfigError
from taskloom_anomaly.detection.artifacts import scores_of
from taskloom_anomaly.detection.own_network import load_own

Call = Callable[..., tuple[int, list[dict[str, Any]], str]]
Pictures = Callable[..., np.ndarray]


def test_answers_are_those_of_eval_detector_to_the_bit_and_of_python(
    call: Call, at_place: Path
) -> None:
    code, lines, told = call("score", "det", "new.npy", "--batch-size=1024")
    assert code == 0
    *answers, last = lines
    assert [line["row"] for line in answers] == list(range(60))
    assert [line["row"] for line in answers if line["flag"]] == list(range(55, 60))
    summary = last["summary"]
    assert (summary["n"], summary["flagged"], summary["m"], summary["errors"]) == (60, 5, 120, 0)
    assert "5 of 60 inputs are flagged at a false-positive rate of 1 %" in told
    judged = ["--normal", "new.npy", "--anomalous", "new.npy", "--dir", "judged"]
    assert call("eval-detector", "det", *judged)[0] == 0
    kept = scores_of(at_place / "judged" / "scores.npz")["normal"]
    shutil.rmtree(at_place / "judged")
    for layer, values in kept.items():
        assert [line["score"][layer] for line in answers] == values.tolist()
    new = np.load("new.npy")
    detector = load_own(at_place / "det", new[:5])
    assert detector.pvalue(new).tolist() == [line["p"]["fused"] for line in answers]
    assert detector.pvalue(new, "2").tolist() == [line["p"]["2"] for line in answers]
    assert detector.flag(new, 0.01).tolist() == [line["flag"] for line in answers]
    found = detector.score(new)
    assert found.predicted is not None
    assert found.predicted.tolist() == [line["predicted"] for line in answers]
    assert found.layer["3"].tolist() == found["3"].tolist() == [a["score"]["3"] for a in answers]
    with pytest.raises(ConfigError, match="needs 398"):
        detector.flag(new, 0.01, certain=0.95)


def test_every_kind_of_source_gives_the_same_answers(
    call: Call, at_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = np.load("new.npy")
    save_file({"inputs": new}, at_place / "new.safetensors")
    np.savez_compressed("packed.npz", new)
    np.savez("columns.npz", np.asfortranarray(new))
    wanted = call("score", "det", "new.npy")[1]
    sources = ["new.safetensors", "packed.npz", "columns.npz", "labelled.npz", "new.jsonl", "-"]
    monkeypatch.setattr("sys.stdin", io.StringIO(Path("new.jsonl").read_text()))
    for source in sources:
        code, lines, _ = call("score", "det", source, "--labels=odd")
        assert code == 0, source
        for line, other in zip(lines[:-1], wanted[:-1], strict=True):
            assert line["p"] == other["p"], source
            assert line["score"] == other["score"], source
    # Names are kept where rows have some, and labels give the quality.
    assert lines[0]["id"] == "n0"
    quality = lines[-1]["summary"]["labels"]
    assert (quality["odd"], quality["normal"]) == (5, 55)
    assert quality["power"]["value"] == 1.0
    assert quality["realised_fpr"] == {"value": 0.0, "low": 0.0, "high": pytest.approx(0.0649, abs=1e-4)}  # fmt: skip
    assert quality["auroc"]["fused"]["value"] == 1.0


def test_a_table_is_scored_with_names_and_labels(call: Call) -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(300, 3))
    np.savetxt("trusted.csv", rows, delimiter=",", header="a,b,c", comments="")
    lines = ["name,a,odd,b,c", "x,0.1,0,0.2,0.3", "y,9,1,9,9", "z,0,0,zero,0", "w,1,0"]
    Path("table.csv").write_text("\n".join(lines))
    words = ["none", "table.csv", "--trusted=trusted.csv", "--fpr=0.05", "--id=name"]
    code, found, told = call("score", *words, "--labels=odd")
    assert code == 1
    assert [line.get("id") for line in found[:-1]] == ["x", "y", None, None]
    assert found[2] == {"row": 2, "error": "column 'b' holds 'zero', which is no number"}
    assert found[3] == {"row": 3, "error": "3 cells under 5 columns"}
    assert [line["flag"] for line in found[:2]] == [False, True]
    assert "2 rows could not be scored" in told


@pytest.mark.parametrize("name", ["mahalanobis:mixture", "sklearn:OneClassSVM"])
def test_a_short_name_means_the_same_in_fit_in_score_and_in_python(
    call: Call, at_place: Path, name: str
) -> None:
    folder = at_place / "short"
    assert call("fit", "own_networks:build", "trusted.npy", f"--detector={name}", "--out=short")[0] == 0  # fmt: skip
    stored = call("score", "short", "new.npy")[1][:-1]
    words = ["own_networks:build", "new.npy", "--trusted=trusted.npy", f"--detector={name}"]
    at_once = call("score", *words)[1][:-1]
    assert at_once == stored
    trusted, new = np.load("trusted.npy"), np.load("new.npy")
    own = taskloom_anomaly.fit("own_networks:build", trusted, detector=name)
    assert load_own(folder, new[:5]).detector == own.detector
    shutil.rmtree(folder)
    assert own.score(new)["1"].tolist() == [line["score"]["1"] for line in stored]


def test_one_command_without_a_task_leaves_answers_a_page_and_the_detector(
    call: Call, at_place: Path
) -> None:
    words = ["own_networks:build", "labelled.npz", "--trusted=trusted.npy", "--labels=odd"]
    code, lines, told = call("score", *words, "--out=found")
    assert code == 0
    assert lines[0]["flagged"] == 5
    page = (at_place / "found" / "answers.html").read_text(encoding="utf-8")
    assert "5 of 60 inputs are flagged at a false-positive rate of 1 %" in page
    assert page.count("<img ") == 50
    assert "p = 0.0083, flagged, odd" in page
    assert "page: found/answers.html" in told
    kept = [json.loads(line) for line in Path("found/answers.jsonl").read_text().splitlines()]
    # The detector that was kept gives the same answers again, also from a folder that is its own.
    again = call("score", "found/detector", "labelled.npz", "--labels=odd")[1]
    assert again == kept
    # Nothing is written over.
    assert call("score", *words, "--out=found")[0] == 2
    assert "no calibration" not in told
    assert call("score", "det", "new.npy", "--layers=1")[0] == 2


def test_images_are_read_and_their_axes_found_out(
    call: Call, at_place: Path, pictures: Pictures
) -> None:
    from PIL import Image

    for name, array in (
        ("trusted_images", pictures(340, 0)),
        ("new_images", pictures(20, 1, odd=3)),
    ):
        (at_place / name).mkdir()
        for index, image in enumerate(array):
            pixels = np.round(image * 255).astype(np.uint8)
            Image.fromarray(pixels).save(at_place / name / f"{index:03}.png")
    (at_place / "new_images" / "020.png").write_bytes(b"no image")
    Image.new("L", (9, 4)).save(at_place / "new_images" / "021.png")
    words = ["own_networks:build_images", "new_images", "--trusted=trusted_images"]
    code, lines, _ = call("score", *words)
    assert code == 1
    found = [line.get("id", line["row"]) for line in lines[:-1] if line.get("flag", True)]
    assert found[-5:] == ["017.png", "018.png", "019.png", 20, 21]
    assert len(found) <= 6
    assert "cannot be read" in lines[20]["error"]
    assert (
        "its shape is (1, 4, 9), where the detector was fitted to (1, 4, 4)" in lines[21]["error"]
    )
    assert call("score", *words, "--resize=4,4")[1][21]["row"] == 21


def test_bad_rows_are_named_and_the_rest_goes_on(call: Call, at_place: Path) -> None:
    lines = Path("new.jsonl").read_text().splitlines()[:6]
    bad = ["{", "[1]", '{"input": "text"}', '{"input": [1, 2]}', '{"input": [[1], [2, 3]]}']
    nan = json.dumps({"input": np.full((4, 4), np.nan).tolist()})
    Path("bad.jsonl").write_text("\n".join([*lines[:3], *bad, "", nan, *lines[3:]]))
    code, found, told = call("score", "det", "bad.jsonl", "--batch-size=4", "--labels=odd")
    assert code == 1
    assert [line["row"] for line in found[:-1]] == list(range(12))
    errors = {line["row"]: line["error"] for line in found[:-1] if "error" in line}
    assert sorted(errors) == [3, 4, 5, 6, 7, 8]
    assert "no JSON" in errors[3]
    assert errors[6] == "its shape is (2,), where the detector was fitted to (4, 4)"
    assert errors[8] == "its input holds NaN or infinity"
    assert found[-1]["summary"]["errors"] == 6
    assert "6 rows could not be scored" in told
    whole = call("score", "det", "new.jsonl", "--labels=odd")[1]
    assert [line["p"] for line in found[:-1] if "p" in line] == [line["p"] for line in whole[:6]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["det", "wide.npy"], "its shape is (5, 5), where the detector was fitted to (4, 4)"),
        (["det", "texts.npy"], "which is no number"),
        (["det", "nowhere.npy"], "does not exist"),
        (["det", "own_networks.py"], "ends in none of"),
        (["det", "objects.npy"], "cannot be read"),
        (["det", "empty.jsonl"], "has no row that can be read"),
        (["det", "new.npy", "--fpr=0.001"], "needs 999 calibration samples; there are 120: the lowest possible is 0.0083"),
        (["det", "new.npy", "--certain=0.95"], "needs 398 calibration samples; there are 120. A quarter of them puts the layers on one scale; a single --layer needs 299."),
        (["det", "new.npy", "--certain=0.95", "--layer=1"], "needs 299 calibration samples; there are 120."),
        (["det", "new.npy", "--fpr=2"], "must lie between 0 and 1"),
        (["det", "new.npy", "--layer=5"], "no layer '5'"),
        (["det", "labelled.npz"], "it has the arrays 'inputs', 'odd'"),
        (["nothing", "new.npy"], "no folder, and no run"),
        (["other", "new.npy"], "another network"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence_and_leaves_nothing(
    words: list[str], message: str, call: Call, at_place: Path
) -> None:
    np.save("wide.npy", np.zeros((3, 5, 5), np.float32))
    np.save("texts.npy", np.asarray(["a", "b"]))
    np.save("objects.npy", np.asarray([{}], dtype=object), allow_pickle=True)
    Path("empty.jsonl").write_text("\n")
    if not (at_place / "other").exists():
        shutil.copytree("det", "other")
        network = json.loads(Path("other/network.json").read_text())
        network["target"] = "own_networks:build_other"
        Path("other/network.json").write_text(json.dumps(network))
    code, _, told = call("score", *words, "--out=left")
    assert code == 2
    assert message in told
    assert not (at_place / "left").exists()


def test_false_discoveries_are_bounded_over_the_whole_file(call: Call) -> None:
    plain = call("score", "det", "labelled.npz", "--fdr=0.2", "--labels=odd", "--batch-size=7")[1]
    p = np.array([line["p"]["fused"] for line in plain[:-1]])
    flags = [line["flag"] for line in plain[:-1]]
    assert flags == (p <= p[flags].max()).tolist()
    assert flags == [False] * 55 + [True] * 5
    summary = plain[-1]["summary"]
    assert (summary["flagged"], summary["fewest_discoverable"]) == (5, 3)
    assert summary["labels"]["power"]["value"] == 1.0
    # e-BH needs p-values below q^2 / 4, which 120 samples cannot give.
    words = ["--fdr=0.05", "--fdr-method=ebh", "--labels=odd"]
    code, found, told = call("score", "det", "labelled.npz", *words)
    assert (code, found[-1]["summary"]["flagged"]) == (0, 0)
    assert "fewer than 10 odd inputs among 60 cannot be found" in told


def test_another_calibration_set_needs_no_fit(
    call: Call, at_place: Path, pictures: Pictures
) -> None:
    np.save("held.npy", pictures(1000, 9))
    before = {path.name: path.read_bytes() for path in (at_place / "det").iterdir()}
    code, lines, _ = call("calibrate", "det", "held.npy", "--out=calibrated")
    assert (code, lines[0]["calibration"]) == (0, 1000)
    assert {path.name: path.read_bytes() for path in (at_place / "det").iterdir()} == before
    found = call("score", "calibrated", "new.npy", "--fpr=0.001")[1]
    assert found[-1]["summary"]["m"] == 1000
    assert found[-1]["summary"]["flagged"] == 5
    # A quarter of them is the scale, and the others carry the confidence.
    found = call("score", "calibrated", "new.npy", "--fpr=0.01", "--certain=0.95")[1]
    assert found[-1]["summary"]["m"] == 750
    assert found[-1]["summary"]["flagged"] == 5
    # Its own samples have the p-values of their ranks among themselves: nothing is fitted, nothing is rounded.
    own = load_own(at_place / "calibrated", pictures(5, 9))
    np.testing.assert_array_equal(own.score(np.load("held.npy"))["1"], own.calibration["1"])
    shutil.copytree("calibrated", "again")
    Path("half.jsonl").write_text('{"input": [1]}\n' + Path("new.jsonl").read_text())
    assert call("calibrate", "again", "half.jsonl")[0] == 2
    assert call("calibrate", "again", "trusted.npy")[0] == 0
    assert call("score", "again", "new.npy")[1][-1]["summary"]["m"] == 400


def test_activations_of_others_are_scored_without_the_network(call: Call, at_place: Path) -> None:
    """A file whose arrays are the detector's layers is scored as it is; the network is gone."""
    new = np.load("new.npy")
    detector = load_own(at_place / "det", new[:5])
    features = next(detector.extractor.batches(detector.samples(new)))
    arrays = {name: np.asarray(value) for name, value in features.activations.items()}
    np.savez("activations.npz", **arrays)
    shutil.copytree("det", "alone")
    Path("alone/network.json").unlink()
    wanted = call("score", "det", "new.npy")[1]
    found = call("score", "alone", "activations.npz")[1]
    assert [line["p"] for line in found[:-1]] == [line["p"] for line in wanted[:-1]]


def test_the_detector_has_the_form_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    rows, odd = rng.normal(size=(400, 4)), np.full((3, 4), 8.0)
    found = clone(taskloom_anomaly.OutlierDetector(fpr=0.02)).fit(rows)
    assert found.predict(odd).tolist() == [-1, -1, -1]
    normal = rng.normal(size=(200, 4))
    assert (found.predict(normal) == -1).mean() < 0.08
    assert ((found.decision_function(normal) < 0) == (found.predict(normal) == -1)).all()
    assert found.score_samples(odd).max() < np.median(found.score_samples(normal))
    with pytest.raises(ConfigError, match="needs 199 calibration samples"):
        taskloom_anomaly.OutlierDetector(fpr=0.005).fit(rows)
