"""The table of the detectors' page names every detector."""

from __future__ import annotations

import re
from pathlib import Path

from taskloom_anomaly.detectors.base import GROUP
from taskloom_anomaly.domain import DOMAIN

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "anomaly-detectors.md"


def test_detectors_page_names_every_detector() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    named = set(re.findall(r"`(\w+)`", " ".join(rows)))
    assert {ref.name for ref in DOMAIN.components[GROUP]} <= named
