"""`tasks anomaly explain`: the part that was changed is the part that is named, and replacing it takes the score away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import taskloom_anomaly
from taskloom_anomaly.data.arrays import ArrayDataset
from taskloom_anomaly.detection.explaining import explain

Call = Callable[..., tuple[int, list[dict[str, Any]], str]]
Pictures = Callable[..., np.ndarray]


def test_the_column_that_departs_is_named_and_the_nearest_sample_found() -> None:
    rng = np.random.default_rng(0)
    trusted = rng.normal(size=(400, 12))
    detector = taskloom_anomaly.fit(None, trusted)
    odd = trusted[7].copy()
    odd[4] += 9
    found = explain(detector, odd[None], ArrayDataset(trusted))
    assert found.top.tolist() == [4]
    assert found.layer == "inputs"
    assert found.p["inputs"] == 1 / 121
    # What is left is sample 7 with the median in one column.
    assert found.without < 0.3 * found.score
    assert found.p_without > 0.05
    assert "not the reason" not in " ".join(found.sentences())
    # A trusted sample is its own nearest one.
    assert explain(detector, trusted[7:8], ArrayDataset(trusted)).neighbours[0] == (7, 0.0)


def test_the_pixels_of_an_image_are_drawn(call: Call, at_place: Path, pictures: Pictures) -> None:
    images = pictures(3, 11)
    images[1, 2, 1:3] = 1.0
    np.save("marked.npy", images)
    words = ["explain", "det", "marked.npy", "--trusted=trusted.npy", "--row=1"]
    code, lines, told = call(*words, "--out=why")
    assert code == 0
    assert lines[0]["p"]["fused"] == 1 / 121
    assert lines[0]["parts"][0]["at"] in ([2, 1], [2, 2])
    assert "finds the input oddest" in told
    page = (at_place / "why" / "explanation.html").read_text(encoding="utf-8")
    assert page.count("<img ") == 7
    assert call(*words, "--out=why")[0] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["det", "new.npy", "--trusted=trusted.npy", "--row=99"], "There is no row 99: the inputs have 60 rows"),
        (["det", "new.npy", "--trusted=nowhere.npy"], "does not exist"),
        (["det", "new.npy", "--trusted=trusted.npy", "--layer=7"], "no layer '7'"),
    ],
)  # fmt: skip
def test_what_cannot_be_explained_is_one_sentence(
    words: list[str], message: str, call: Call
) -> None:
    code, _, told = call("explain", *words)
    assert code == 2
    assert message in told
