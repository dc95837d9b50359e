"""The domain's section of a report: what is drawn, and that user text is escaped."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from taskloom.report.model import Chart, Heading, Html, Table, Text
from taskloom.runs import open_run
from taskloom_diffusion.drawings import molecule_grid, shown_steps, unmasking_table
from taskloom_diffusion.report import report
from taskloom_diffusion.tasks.polymers import Polymers, PolymersConfig

STATES = [["[MASK]", "[MASK]", "[PAD]"], ["<b>", "[MASK]", "[PAD]"], ["<b>", " ", "[PAD]"]]


def test_unmasking_hides_masks_and_marks_what_is_new() -> None:
    rows = unmasking_table(STATES).split("</tr>")
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


def test_section_of_a_run_has_every_part(trained_run: Path) -> None:
    blocks = report(open_run(str(trained_run)))
    headings = [b.text for b in blocks if isinstance(b, Heading)]
    assert headings[:3] == ["Training", "Likelihood", "Samples"]
    assert headings[-1] == "Unmasking, step by step"
    bound = next(b.text for b in blocks if isinstance(b, Text))
    assert "any-order bound, exact count of masks, on 4 held-out sequences" in bound
    charts: list[Any] = [b.spec for b in blocks if isinstance(b, Chart)]
    assert {point["c"] for point in charts[0]["data"]["values"]} == {
        "training loss",
        "held-out bound",
    }


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
    assert drawn.count("<svg") == 24
    charts: list[Any] = [b.spec for b in blocks if isinstance(b, Chart)][-4:]
    for chart in charts:
        values = chart["data"]["values"]
        for group in ("corpus", "samples"):
            assert abs(sum(v["y"] for v in values if v["of"] == group) - 1) < 1e-9
    atoms = charts[-1]["data"]["values"][0]
    assert (atoms["x"] % 1, atoms["x2"] % 1) == (0.5, 0.5)
    assert charts[0]["encoding"]["x"]["title"] == "molecular weight [Da]"


def test_samples_that_are_no_molecules_are_shown_as_they_are(trained_run: Path) -> None:
    tables = [b for b in report(open_run(str(trained_run))) if isinstance(b, Table)]
    assert re.search("No sample is a valid molecule|first", tables[0].caption)
