"""Every interval that a domain prints comes from `taskloom.statistics`; the AUROC's alone stays in its domain."""

from __future__ import annotations

import re
from pathlib import Path

PACKAGES = Path(__file__).parents[3] / "packages"
OWN = re.compile(
    r"1\.96|1\.645|2\.576|\bndtri\b|\.ppf\(|\bstudent_quantile\b|\bnormal_cdf\b|\bstats\.(t|norm|beta|binom)\b"
    r"|from scipy\.stats import [^\n]*\b(t|norm|beta|binom|sem|bootstrap|ttest_\w+)\b"
)
"""Signs of an interval that is worked out on the spot."""
ALLOWED = {"anomaly/src/taskloom_anomaly/metrics/intervals.py"}
"""The interval of the AUROC, which core-next 0.1 leaves in its domain."""


def test_no_domain_works_out_an_interval_of_its_own() -> None:
    found = {
        path.relative_to(PACKAGES).as_posix()
        for domain in ("anomaly", "hci", "diffusion", "control")
        for path in (PACKAGES / domain / "src").rglob("*.py")
        if OWN.search(path.read_text(encoding="utf-8"))
    }
    assert found == ALLOWED
