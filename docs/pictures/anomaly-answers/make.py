"""The pictures and figures of the worked example: `python docs/pictures/anomaly-answers/make.py`, about half a CPU-minute."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "tutorials" / "anomaly-answers.md"
mpl.use("Agg")


def tasks(folder: Path, *words: str) -> str:
    """Call `tasks anomaly` in a folder, and return what it told."""
    code = "import sys; from taskloom.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code, "anomaly", *words], cwd=folder, capture_output=True, text=True, check=True)  # fmt: skip
    return done.stderr


def answers(folder: Path, name: str) -> list[dict]:
    """Return the lines of a file of answers, without their summary."""
    lines = (folder / name).read_text().splitlines()
    return [line for line in map(json.loads, lines) if "p" in line]


def main() -> None:
    """Make the network and its files as the page does, call its commands, and draw."""
    from tempfile import TemporaryDirectory

    import matplotlib.pyplot as plt

    with TemporaryDirectory() as name:
        folder = Path(name)
        (source,) = [block.split("```")[0] for block in PAGE.read_text().split('```python title="digits.py"\n')[1:]]  # fmt: skip
        (folder / "digits.py").write_text(source)
        subprocess.run([sys.executable, "digits.py"], cwd=folder, check=True)
        told = tasks(folder, "score", "digits:network", "labelled.npz", "--trusted=trusted.npy", "--labels=odd", "--out=found")  # fmt: skip
        sys.stdout.write(told)
        found = answers(folder, "found/answers.jsonl")
        new, odd = (np.load(folder / "labelled.npz")[key] for key in ("inputs", "odd"))
        order = sorted(range(len(found)), key=lambda i: (found[i]["p"]["fused"], -found[i]["score"]["fused"]))  # fmt: skip
        figure, axes = plt.subplots(3, 10, figsize=(9, 3.3))
        for axis, i in zip(axes.flat, order, strict=False):
            axis.imshow(new[i].reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
            flag = "flagged" if found[i]["flag"] else ""
            axis.set_title(f"p = {found[i]['p']['fused']:.3f}\n{'odd' if odd[i] else 'normal'} {flag}", fontsize=5.5)  # fmt: skip
            axis.axis("off")
        figure.tight_layout(pad=0.3)
        figure.savefig(HERE / "lowest.png", dpi=130)
        figure, axis = plt.subplots(figsize=(5, 3.2))
        for label, color in ((False, "tab:blue"), (True, "tab:red")):
            p = np.sort([line["p"]["fused"] for line, is_odd in zip(found, odd, strict=True) if is_odd == label])  # fmt: skip
            axis.step(p, np.arange(1, len(p) + 1) / len(p), where="post", color=color, label="odd" if label else "normal")  # fmt: skip
        axis.plot([0.001, 1], [0.001, 1], color="gray", lw=0.8, ls=":")
        axis.set(xscale="log", yscale="log", xlabel="p-value", ylabel="share at or below")
        axis.legend()
        figure.tight_layout()
        figure.savefig(HERE / "p-values.png", dpi=130)
        tasks(folder, "monitor", "found/detector", "stream.npy", "--batch-size=50", "--store=runs", "--alpha=0.01")  # fmt: skip
        (points,) = (folder / "runs").rglob("points.jsonl")
        capital = [json.loads(line) for line in points.read_text().splitlines()]
        alarms = [line["row"] for line in capital if line.get("alarm")]
        sys.stdout.write(f"first alarms at rows {alarms}\n")
        figure, axis = plt.subplots(figsize=(5, 2.8))
        axis.plot([line["log10_e"] for line in capital], lw=1)
        axis.axhline(2, color="tab:red", lw=0.8, ls="--", label="alarm: 100")
        axis.axvline(400, color="gray", lw=0.8, ls=":", label="from here every fifth is odd")
        axis.set(xlabel="point", ylabel="log10 of the capital")
        axis.legend(fontsize=7)
        figure.tight_layout()
        figure.savefig(HERE / "watch.png", dpi=130)


if __name__ == "__main__":
    main()
