"""Every task and every trigger at its defaults, once: is it valid, what does the default detector reach, what does it cost.

    OMP_NUM_THREADS=1 python benchmarks/anomaly/defaults.py                 # all, as Markdown tables
    OMP_NUM_THREADS=1 python benchmarks/anomaly/defaults.py tabular warp    # some of them
    python benchmarks/anomaly/defaults.py --json FILE                       # the numbers too
    python benchmarks/anomaly/defaults.py --into docs/reference/anomaly-results.md     # writes the published tables

Each run is a process of its own through `tasks run`; CPU seconds are those of the process, imports and compilation included.
A run whose validity card fails is listed with its error instead of scores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the module beside the folders

from tables import put

CASES: dict[str, list[str]] = {
    "toy_features": ["toy_features"],
    "backdoor, inside": ["backdoor"],
    "backdoor, corner": ["backdoor", "--trigger=corner"],
    "backdoor, patch": ["backdoor", "--trigger=patch"],
    "backdoor, blend": ["backdoor", "--trigger=blend"],
    "backdoor, noise": ["backdoor", "--trigger=noise"],
    "backdoor, sine": ["backdoor", "--trigger=sine"],
    "backdoor, warp": ["backdoor", "--trigger=warp"],
    "backdoor, all to all": ["backdoor", "--behavior=all_to_all"],
    "adversarial_examples, pgd": ["adversarial_examples"],
    "adversarial_examples, fgsm": ["adversarial_examples", "--attack=fgsm"],
    "adversarial_examples, apgd": ["adversarial_examples", "--attack=apgd"],
    "ood_near": ["ood_near"],
    "ood_far": ["ood_far"],
    "quirky_arithmetic": ["quirky_arithmetic"],
    "measurement_tampering": ["measurement_tampering"],
    "mechanism_distinction": ["mechanism_distinction"],
    "tabular, breast_cancer": ["tabular"],
    "tabular, wine": ["tabular", "--source=wine"],
    "tabular, digits8": ["tabular", "--source=digits8"],
    "tabular, shuttle": ["tabular", "--source=shuttle"],
}
SCORES = (
    "| task | validity card | fused AUROC | best baseline | clean twin | specificity | CPU [s] |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
)
LAYERS = ("| task | AUROC by layer | AUROC of control sets |", "| --- | --- | --- |")


def run(words: list[str]) -> dict[str, object]:
    """Run one task with a store of its own; return its metrics, or its error, and the CPU seconds that it took."""
    with tempfile.TemporaryDirectory() as folder:
        before = os.times()
        start = "import sys; from taskloom.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", start, "run", "anomaly", *words, f"--store={folder}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        after = os.times()
        cpu = (
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
        found: dict[str, object] = {"cpu_s": cpu, "error": ""}
        if done.returncode:
            found["error"] = done.stderr.strip().splitlines()[-1]
            return found
        (card,) = Path(folder).rglob("card.json")
        (evaluation,) = Path(folder).rglob("eval.json")
        found["card"] = json.loads(card.read_text())
        found["eval"] = json.loads(evaluation.read_text())
        return found


def row(name: str, found: dict[str, object]) -> str:
    """Return one line of the first table: validity, the fused score, and what to hold it against."""
    cpu = f"{found['cpu_s']:.1f}"
    if found["error"]:
        return f"| {name} | INVALID: {found['error']} | | | | | {cpu} |"
    card = found["card"]
    assert isinstance(card, dict)
    checks = ", ".join(f"{c['name'].replace('_', ' ')} {c['value']:.3f}" for c in card["checks"])
    best = card["best_baseline"]
    base = f"{card['baseline_auroc'][best]:.3f} ({best.replace('input_', '').replace('_', ' ')})"
    twin = card["clean_twin_auroc"].get("fused")
    beside = "" if twin is None else f"{twin:.3f}"
    specificity = card["mechanistic_specificity"]
    return f"| {name} | {checks} | **{card['auroc']:.3f}** | {base} | {beside} | {specificity:.2f} | {cpu} |"


def detail(name: str, found: dict[str, object]) -> str:
    """Return one line of the second table: AUROC by layer, and of every control set."""
    card, evaluation = found["card"], found["eval"]
    assert isinstance(card, dict)
    assert isinstance(evaluation, dict)
    sets = evaluation["anomalous"]
    layers = sets["all"] if "all" in sets else next(iter(sets.values()))
    each = ", ".join(f"{n} {t['auroc']:.3f}" for n, t in layers.items() if n != "fused")
    control = ", ".join(f"{n.replace('_', ' ')} {v:.2f}" for n, v in card["control_auroc"].items())
    return f"| {name} | {each} | {control} |"


def main() -> None:
    """Print the first table, line by line as the runs end, and then the second."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "cases", nargs="*", help="Parts of the names of the cases to run; none runs all."
    )
    parser.add_argument("--json", type=Path, help="File for all numbers.")
    parser.add_argument("--into", type=Path, help="Page whose tables are replaced.")
    arguments = parser.parse_args()
    print("\n".join(SCORES), flush=True)
    everything = {}
    for name, words in CASES.items():
        if arguments.cases and not any(part in name for part in arguments.cases):
            continue
        everything[name] = run(words)
        print(row(name, everything[name]), flush=True)
    details = [detail(name, found) for name, found in everything.items() if not found["error"]]
    print("", *LAYERS, *details, sep="\n")
    if arguments.into:
        rows = [row(name, found) for name, found in everything.items()]
        put(arguments.into, "defaults", [*SCORES, *rows])
        put(arguments.into, "layers", [*LAYERS, *details])
    if arguments.json:
        arguments.json.write_text(json.dumps(everything, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
