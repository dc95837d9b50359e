"""The domain's section of a report: what is drawn, and that user text is escaped."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from taskloom.report.model import Chart, Fold, Html, Table, Text
from taskloom.runs import open_run
from taskloom_diffusion.report.drawings import molecule_grid, shown_steps, unmasking_table
from taskloom_diffusion.report.section import _curves, _first_or_frequent, report
from taskloom_diffusion.report.tables import likelihood_table, sample_table, share_error
from taskloom_diffusion.tasks.polymers import Polymers, PolymersConfig

STATES = [["[MASK]", "[MASK]", "[PAD]"], ["<b>", "[MASK]", "[PAD]"], ["<b>", " ", "[PAD]"]]


def test_unmasking_hides_masks_and_marks_what_is_new() -> None:
    _, *rows = unmasking_table(STATES).split("</tr>")
    assert [row.count("color:transparent") for row in rows[:3]] == [2, 1, 0]
    assert [row.count("font-weight:600") for row in rows[:3]] == [0, 1, 1]
    assert "&lt;b&gt;" in rows[1]
    assert "<b>" not in "".join(rows)
    assert "&#9251;" in rows[2]


def test_steps_that_change_nothing_are_not_shown() -> None:
    assert shown_steps([["a"], ["a"], ["b"], ["b"]]) == [0, 2]
    many = [[str(i)] for i in range(100)]
    assert len(shown_steps(many)) == 9
    assert (shown_steps(many)[0], shown_steps(many)[-1]) == (0, 99)


def test_molecules_are_drawn_without_an_address_in_the_page() -> None:
    page = molecule_grid(["CCO", "*CC*"])
    assert page.count("<svg") == 2
    assert "rdkit.org" not in page


def test_the_unmasking_says_its_steps_and_draws_where_it_ends(
    trained_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / trained_run.name
    shutil.copytree(trained_run, run)
    path = run / "artifacts" / "evaluation.json"
    details = json.loads(path.read_text())
    masks, end = ["[MASK]", "[MASK]", "[END]"], ["C", "O", "[END]"]
    first = [masks, ["C", "[MASK]", "[END]"], end, end]
    second = [["[MASK]"] * 3, ["C"] * 3, ["C"] * 3, ["C", "(", "C"]]
    details["unmasking"] = [list(pair) for pair in zip(first, second, strict=True)]
    path.write_text(json.dumps(details))
    one, two = [b for b in report(open_run(str(run))) if isinstance(b, Html)][-2:]
    assert "Sample 1, in 2 steps: masked tokens are grey" in one.caption
    assert ("<svg" in one.html, "<svg" in two.html) == (True, False)
    assert "<th>step</th>" in one.html
    assert two.caption.endswith("It ends as no valid molecule.")


def test_section_of_a_run_has_every_part(trained_run: Path) -> None:
    blocks = report(open_run(str(trained_run)))
    folds = [b.title for b in blocks if isinstance(b, Fold)]
    assert folds[0] == "Likelihood"
    assert {"Samples", "Unmasking, step by step"} <= set(folds)
    bound = next(b.text for b in blocks if isinstance(b, Text))
    assert re.search(r"any-order bound, exact count of masks, on [1-6] test sequences", bound)
    charts: list[Any] = [b.spec for b in blocks if isinstance(b, Chart)]
    drawn = {point["c"] for point in charts[0]["data"]["values"]}
    order = open_run(str(trained_run)).metrics["baseline/order"]
    assert drawn == {"training loss", "held-out bound", f"{order:.0f}-gram"}


def test_valid_samples_are_drawn_and_their_properties_compared(
    trained_run: Path, tmp_path: Path
) -> None:
    """The tiny model makes no molecule, so its samples are replaced by real ones."""
    run = tmp_path / trained_run.name
    shutil.copytree(trained_run, run)
    units = Polymers(PolymersConfig(num_polymers=60)).load_corpus().train
    (run / "artifacts" / "samples.txt").write_text("\n".join(units[:40]))
    blocks = report(open_run(str(run)))
    drawn = next(b.html for b in blocks if isinstance(b, Html) and "<svg" in b.html)
    assert drawn.count("<svg") == 12
    charts: list[Any] = [
        b.spec for b in blocks if isinstance(b, Chart) and "x2" in b.spec.get("encoding", {})
    ]
    assert len(charts) == 4
    for chart in charts:
        values = chart["data"]["values"]
        for group in ("corpus", "samples"):
            assert abs(sum(v["y"] for v in values if v["of"] == group) - 1) < 1e-9
    atoms = charts[-1]["data"]["values"][0]
    assert (atoms["x"] % 1, atoms["x2"] % 1) == (0.5, 0.5)
    assert charts[0]["encoding"]["x"]["title"] == "molecular weight [Da]"


def test_samples_that_are_no_molecules_are_shown_as_they_are(trained_run: Path) -> None:
    captions = [b.caption for b in report(open_run(str(trained_run))) if isinstance(b, Table)]
    assert any(re.search("No sample is a valid molecule|first", said) for said in captions)


def test_the_headline_is_the_bound_beside_the_n_gram(trained_run: Path) -> None:
    run = open_run(str(trained_run))
    headline = run.headline
    assert headline is not None
    assert headline.baseline is not None
    assert headline.value == run.metrics["nelbo/nats_per_token"]
    assert headline.baseline.value == pytest.approx(run.metrics["baseline/nats_per_token"])
    assert headline.baseline.difference == run.metrics["baseline/difference"]
    assert headline.sentence.startswith("The model's bound is ")


def test_shares_beside_the_headline_are_of_all_samples_and_of_the_corpus(trained_run: Path) -> None:
    run = open_run(str(trained_run))
    assert run.headline is not None
    companions = run.headline.companions
    labels = ["valid", "valid and unique", "valid, unique and new"]
    assert [figure.label for figure in companions] == labels
    for figure, name in zip(companions, ("valid", "unique", "novel"), strict=True):
        assert figure.text == f"{100 * run.metrics[f'samples/{name}']:.1f} %"
        assert figure.note.endswith("; the corpus 100.0 %")  # of test molecules, none is known


def test_figures_have_units_and_errors_that_agree_with_each_other(trained_run: Path) -> None:
    run = open_run(str(trained_run))
    rows: dict[Any, Any] = {row[3]: row for row in likelihood_table(run.metrics).rows}
    nats, bits = rows["nats per token"], rows["bits per token"]
    assert bits[1] == pytest.approx(nats[1] / math.log(2))
    assert bits[2] == pytest.approx(run.metrics["nelbo/standard_error"] / math.log(2), rel=0.05)
    assert rows["per token"][2] == pytest.approx(run.metrics["nelbo/perplexity_error"], rel=0.05)
    judged = {row[0]: row for row in sample_table(run.metrics, 4).rows}
    assert judged["network calls"][3] == "per sample"
    # None valid of four says little about the rate, and so does the error.
    assert judged["valid"][1:] == (0.0, 15.0, "%")


def test_the_error_of_a_share_is_the_binomial_one_of_many_cases() -> None:
    assert share_error(0.5, 10_000) == pytest.approx(0.005, rel=1e-3)
    assert share_error(0.0, 100) > 0


def test_samples_that_repeat_are_counted() -> None:
    table = _first_or_frequent(["ab"] * 3 + ["b"])
    assert table.rows == [("ab", 3, 75.0), ("b", 1, 25.0)]
    assert [row[0] for row in _first_or_frequent(["ab", "b"]).rows] == ["ab", "b"]


def test_a_single_line_of_metrics_is_a_sentence() -> None:
    row = {"step": 3, "train/loss": 3.1752, "speed/tokens_per_core_second": 23824.0}
    (text,) = _curves([row])
    assert isinstance(text, Text)
    assert text.text == (
        "Logged once, at step 3: training loss 3.175 nats per token, 23,824 real tokens per core-second."
    )
