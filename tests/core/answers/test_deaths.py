"""Death of a run at every file that it writes: the same call afterwards goes on with it, or returns it, and makes no second one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, os
from pathlib import Path
import taskloom as tl

Path("one.py").write_text('''
import taskloom as tl

class Coin(tl.Config):
    p: float = 0.5

    def run(self, ctx):
        ctx.log(1, heads=self.p)
        ctx.artifact("toss.txt").write_text("heads")
        return tl.Result({"heads": self.p})
''')

def call(store):
    return tl.run("one.py:Coin", options=tl.RunOptions(store=store, quiet=True, report="no"))

def dies(count, is_after):
    rename, left = os.replace, [count]

    def dying(source, target):
        left[0] -= 1
        if left[0] or is_after:
            rename(source, target)
        if not left[0]:
            os._exit(9)

    os.replace = dying

call("warm")
found = []
for is_after in (False, True):
    for count in range(1, 40):
        store = Path(f"{count}-{is_after}")
        child = os.fork()
        if not child:
            dies(count, is_after)
            call(store)
            os._exit(0)
        died = os.waitpid(child, 0)[1] != 0
        run = call(store)
        runs = [place.name for place in store.iterdir() if (place / "run.json").is_file()]
        rows = [row["step"] for row in run.history()]
        found.append([count, is_after, died, run.status, len(runs), rows])
        if not died:
            break
print(json.dumps(found))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_death_at_any_file_leaves_one_run(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (
        sum(died for _, _, died, *_ in found) >= 16
    )  # of the notes of its claim, its records, its code
    for count, is_after, _, *outcome in found:
        assert outcome == ["finished", 1, [1.0]], (count, is_after)
