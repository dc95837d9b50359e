"""Fit a user model to what was recorded, and let an assistant assume the fit."""

import subprocess
import sys

import taskloom as tl


def tasks(*words: str) -> str:
    """Return what a command of `tasks` prints."""
    line = "import sys; from taskloom.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", line, *words], check=True, capture_output=True, text=True
    )
    return done.stdout


people = {"user.error_rate": 0.2, "episodes": 200, "baseline": False}
recorded = tl.run("hci/pointing", {**people, "record": "all"})
print(tasks("hci", "fit", recorded.id, "--user=careful", "--out=fit.npz").splitlines()[0])

known = {"user.error_rate": 0.2, "episodes": 300, "baseline": False, "assistant": "big"}
for name, assumed in (
    ("5 %", {"assistant.assumed_error_rate": 0.05}),
    ("the fit", {"assistant.assumes": "fit.npz"}),
):
    run = tl.run("hci/pointing", {**known, **assumed})
    print(f"rounds where the assistant assumes {name}: {run.metrics['rounds/mean']:.2f}")
