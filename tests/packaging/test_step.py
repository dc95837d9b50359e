"""Setting up says what it does: each step with its number, what is fetched and how large it is, and why it failed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STEP = Path(__file__).parents[2] / "tools" / "step.py"


@pytest.mark.parametrize("code", [0, 3])
def test_a_step_tells_what_is_fetched_and_keeps_the_rest_for_a_failure(code: int) -> None:
    lines = ["Collecting torch", "  Downloading torch-2.13.0-cp311.whl (180.5 MB)", "  Using cached six-1.17.whl (11 kB)"]  # fmt: skip
    program = f"print({chr(10).join(lines)!r}); raise SystemExit({code})"
    command = [sys.executable, str(STEP), "set-up 3/4: torch", sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code
    shown = done.stdout.splitlines()
    assert shown[:2] == ["set-up 3/4: torch", "    Downloading torch-2.13.0-cp311.whl (180.5 MB)"]
    assert ("Collecting torch" in shown) == bool(code)
    assert shown[-1].strip().startswith("failed" if code else "done in 0 s, 181 MB")
