"""Attack success before and after a training set is cleansed: `python benchmarks/anomaly/cleansing.py --out FILE`.

For every trigger and seed the network is poisoned at 5 % of the images, or at the least multiple of 5 % at which the attack succeeds in
.9 of cases; the set is cleansed at 1 % with 200 trusted images, and the network is trained again on what is kept. Bar: an attack success of at
most 5 % after retraining, and a clean accuracy inside of the interval that it had. `warp` and the input baseline are reported without a bar.
About twelve CPU-minutes at five seeds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from taskloom.lifecycle.scratch import ScratchContext
from taskloom.opening import open_task
from taskloom_anomaly.backends.resolve import as_handle
from taskloom_anomaly.detection.answers import Rule
from taskloom_anomaly.detection.cleansing import (
    attack_of,
    cleanse_by_activations,
    cleanse_by_input,
    retrained,
    trusted_of,
)
from taskloom_anomaly.detection.features import extractor_for

TRIGGERS = ("inside", "blend", "noise", "sine", "patch", "corner", "warp")
SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
SUCCEEDS = 0.9


def poisoned(
    trigger: str, seed: int, shares: tuple[float, ...] = SHARES
) -> tuple[Any, Any, float, dict[str, Any]]:
    """Return the task, its network, the share of poison at which the attack succeeds, and how well it does."""
    for share in shares:
        bound: Any = open_task("anomaly/backdoor", {"trigger": {"kind": trigger}, "seed": seed, "poison_fraction": share})  # fmt: skip
        task = bound.task
        with tempfile.TemporaryDirectory() as folder:
            task.prepare(ScratchContext(Path(folder), seed))
        handle = as_handle(task.build_model(), task.build_params(), task.build_train_data().inputs[:5])  # fmt: skip
        before = attack_of(task, handle)
        if before["attack_success"]["value"] >= SUCCEEDS or share == shares[-1]:
            break
    return task, handle, share, before


def cell(trigger: str, seed: int, known: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the figures of one trigger and seed.

    Args:
        trigger: The trigger.
        seed: The seed.
        known: The same cell of an earlier version: what no activation enters is taken from it, once the poisoned network is found to be the same.
    """
    shares = (known["share"],) if known else SHARES
    task, handle, share, before = poisoned(trigger, seed, shares)
    if known and before != known["before"]:
        known = None
    data, config = task.build_train_data(), task.config
    trusted, rule = trusted_of(task, 200), Rule(0.01)
    extractor = extractor_for(handle, config.layers, config.reduction, config.batch_size)
    found = cleanse_by_activations(extractor, data, trusted, rule)
    row: dict[str, Any] = {"trigger": trigger, "seed": seed, "share": share, "before": before}
    row["activations"] = {**found.figures(), "after": attack_of(task, retrained(task, found.kept))}
    if known:
        return {**row, "input": known["input"]}
    name, plain = cleanse_by_input(data, trusted, rule)
    row["input"] = {**plain.figures(), "score": name, "after": attack_of(task, retrained(task, plain.kept))}  # fmt: skip
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--triggers", nargs="+", default=list(TRIGGERS))
    parser.add_argument(
        "--out", type=Path, help="File of the cells; those that it holds are not computed again."
    )
    parser.add_argument("--known", type=Path, help="File of an earlier version's cells: what no activation enters is taken from there.")  # fmt: skip
    asked = parser.parse_args()
    rows = json.loads(asked.out.read_text()) if asked.out and asked.out.is_file() else []
    done = {(row["trigger"], row["seed"]) for row in rows}
    earlier = json.loads(asked.known.read_text()) if asked.known else []
    known = {(row["trigger"], row["seed"]): row for row in earlier}
    # Seed by seed, so that what is there after an interruption has every trigger.
    for seed in range(asked.seeds):
        for trigger in asked.triggers:
            if (trigger, seed) in done:
                continue
            row = cell(trigger, seed, known.get((trigger, seed)))
            rows.append(row)
            if asked.out:
                asked.out.write_text(json.dumps(rows))
            own, plain = row["activations"], row["input"]
            print(
                f"{trigger} {seed}: poison {row['share']:.2f}, attack {row['before']['attack_success']['value']:.3f} ->"
                f" {own['after']['attack_success']['value']:.3f} (recall {own['recall']:.3f}, {own['poisoned_left']} left, removed of clean"
                f" {own['removed_of_clean']:.4f}), clean {row['before']['clean_accuracy']['value']:.3f} ->"
                f" {own['after']['clean_accuracy']['value']:.3f}; {plain['score']}: {plain['after']['attack_success']['value']:.3f}"
                f" (recall {plain['recall']:.3f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
