"""The domain's section of a report."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image
from taskloom.registry import find_task, load_task
from taskloom.report.model import Chart, Fold, Heading, Html, Table, Text
from taskloom.runs import Run
from taskloom_anomaly.detection.artifacts import scores_of
from taskloom_anomaly.metrics.ranking import auroc
from taskloom_anomaly.report.png import gallery, png
from taskloom_anomaly.report.section import report


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from taskloom.lifecycle.lifecycle import run_task
    from taskloom.request import RunOptions

    loaded = load_task(find_task("anomaly", "backdoor"))
    config = loaded.config_class.model_validate(
        {
            "data": {"source": "digits8", "num_train": 400, "num_test": 120},
            "model": {"kind": "mlp", "hidden_dims": [16]},
            "training": {"epochs": 3, "batch_size": 40},
            "min_accuracy": 0,
            "min_attack_success": 0,
        }
    )
    return run_task(loaded, config, RunOptions(store=tmp_path_factory.mktemp("store"), quiet=True))


def charts(run: Run) -> list[dict[str, Any]]:
    return [dict(block.spec) for block in report(run) if isinstance(block, Chart)]


def test_report_shows_roc_histograms_layers_mistakes_and_card(run: Run) -> None:
    blocks = report(run)
    titles = [block.text for block in blocks if isinstance(block, Heading)]
    assert titles == ["Normal samples that scored highest", "Anomalies that scored lowest"]
    folds = [block.title for block in blocks if isinstance(block, Fold)]
    assert folds == [
        "Ranking anomalies above normal samples",
        "Scores",
        "Validity card",
        "Training the network",
    ]
    # ROC twice, the layer strip, one histogram for each of dense_0, logits and fused, the training curve.
    assert len(charts(run)) == 2 + 1 + 3 + 1
    pictures = [block for block in blocks if isinstance(block, Html)]
    assert [block.html.count("<img") for block in pictures] == [10, 10]


def test_report_has_one_roc_over_a_logarithmic_axis(run: Run) -> None:
    scales = [
        "log" in json.dumps(spec["encoding"]["x"]) for spec in charts(run) if "encoding" in spec
    ]
    assert scales[0]
    assert sum(scales) == 1


def test_report_shows_what_is_found_without_a_false_alarm(run: Run) -> None:
    # A logarithmic axis has no zero: a detector that never errs would have no curve at all.
    values = charts(run)[0]["data"]["values"]
    assert min(row["x"] for row in values) == pytest.approx(0.5 / 60)
    logarithmic = next(block for block in report(run) if isinstance(block, Chart))
    assert "cannot be drawn" not in logarithmic.caption


def test_report_table_repeats_the_run_metrics(run: Run) -> None:
    tables = [block for block in report(run) if isinstance(block, Table)]
    rows = {(row[0], row[1]): row[2] for row in tables[0].rows}
    assert rows["anomalous: anomalies", "fused"] == run.metrics["auroc/fused"]
    assert rows["control: noise", "fused"] == run.metrics["control_auroc/noise"]
    checks = {row[0]: row[1] for table in tables for row in table.rows}
    assert checks["attack success"] == run.metrics["card/attack_success"]


def test_the_headline_is_the_fused_area_beside_what_the_inputs_alone_show(run: Run) -> None:
    headline = run.headline
    assert headline is not None
    assert headline.baseline is not None
    assert (headline.metric, headline.value) == ("auroc/fused", run.metrics["auroc/fused"])
    best = max(value for name, value in run.metrics.items() if name.startswith("baseline_auroc/"))
    assert headline.baseline.value == best
    assert headline.baseline.difference == run.metrics["gain_over_baseline/auroc"]


def test_the_best_baseline_has_a_curve_beside_the_layers(run: Run) -> None:
    best = run.headline.baseline if run.headline else None
    assert best is not None
    kept = scores_of(run.artifacts["baseline"])
    (name,) = kept["normal"]
    assert auroc(kept["normal"][name], kept["anomalous"][name]) == pytest.approx(best.value)
    curves = {row["c"] for row in charts(run)[0]["data"]["values"]}
    assert curves == {*scores_of(run.artifacts["scores"])["normal"], f"no network: {name}"}


def test_report_keeps_the_order_of_the_network(run: Run) -> None:
    # eval.json is sorted by name, which would put `fused` before `logits`.
    tables = [block for block in report(run) if isinstance(block, Table)]
    layers = [row[1] for row in tables[0].rows]
    assert layers[:3] == ["dense_0", "logits", "fused"]
    strip = charts(run)[2]
    assert [cell["layer"] for cell in strip["data"]["values"]] == layers


def card_of(tmp_path: Path, **changes: object) -> tuple[list[str], list[Table]]:
    """The sentences and tables that a report makes of a card."""
    card: dict[str, object] = {
        "valid": True,
        "checks": [
            {"name": "clean_accuracy", "value": 0.95, "floor": 0.85, "ceiling": None, "ok": True},
            {"name": "robust_accuracy", "value": 0.02, "floor": None, "ceiling": 0.1, "ok": True},
        ],
        "parameters": "trained",
        "samples": {"trusted": 100},
        "baseline_auroc": {"input": 0.6, "predicted_class": 0.5},
        "control_auroc": {"noise": 0.5},
        "auroc": 0.9,
        "mechanistic_specificity": 0.4,
        **changes,
    }
    path = tmp_path / "artifacts" / "card.json"
    path.parent.mkdir()
    path.write_text(json.dumps(card))
    # As a run that failed: it has no list of artifacts.
    found = report(cast("Run", SimpleNamespace(dir=tmp_path, artifacts={}, history=list)))
    tables = [block for block in found if isinstance(block, Table)]
    return [block.text for block in found if isinstance(block, Text)], tables


def test_card_shows_floors_and_ceilings_and_is_silent_when_all_is_well(tmp_path: Path) -> None:
    said, tables = card_of(tmp_path)
    assert said == []
    assert [row[2] for row in tables[0].rows] == [">= 0.85", "<= 0.1"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"auroc": 0.58}, "without looking into the network"),
        ({"control_auroc": {"noise": 0.95}}, "ranks benign shifts high (noise)"),
        ({"parameters": "random"}, "RANDOM parameters"),
        ({"valid": False, "auroc": None, "mechanistic_specificity": None}, "is INVALID"),
    ],
)
def test_card_says_what_its_numbers_mean(
    changes: dict[str, object], sentence: str, tmp_path: Path
) -> None:
    (said,), tables = card_of(tmp_path, **changes)
    assert sentence in said
    judged = [row[0] for table in tables for row in table.rows]
    assert ("this detector" in judged) is (changes.get("auroc", 0.9) is not None)


def test_evaluation_keeps_scores_out_of_its_json(run: Run) -> None:
    # The peer wrote every score of every sample and layer into its evaluation.
    evaluation = json.loads(run.artifacts["eval"].read_text())
    layers = evaluation["anomalous"]["anomalies"]
    values = [value for t in layers.values() for value in t.values()]
    assert all(isinstance(value, float) or value is None for value in values)
    assert run.artifacts["scores"].suffix == ".npz"


def test_report_is_one_page(run: Run) -> None:
    page = (run.dir / "report.html").read_text()
    assert "Validity card" in page
    assert "data:image/png;base64" in page


@pytest.mark.parametrize("channels", [1, 3])
def test_png_is_what_it_was(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    read = np.asarray(Image.open(io.BytesIO(png(pixels)))).reshape(5, 7, channels)
    np.testing.assert_array_equal(read, pixels)


def test_gallery_escapes_captions(tmp_path: Path) -> None:
    del tmp_path
    html = gallery(np.zeros((1, 4, 4, 1), np.float32), ["<script>"])
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
