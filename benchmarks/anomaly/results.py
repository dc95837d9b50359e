"""The page of what was measured of the anomaly domain's answers, from the files that the benchmarks write.

    python benchmarks/anomaly/results.py --false-alarms fa.json --watch watch.json --cleansing c.json --p-values p.json --cost cost.json --board board
    python benchmarks/anomaly/results.py --into docs/reference/anomaly-answers-results.md

The first command takes figures over into `benchmarks/anomaly/measured.json`, with the commit and the date; a part that was not measured again keeps
its own. The second writes the page.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
KEPT = HERE / "measured.json"
BAR_OF_ATTACK = 0.05


def false_alarms(path: Path) -> list[str]:
    """Return rows of a table: the share of cells inside the band, and the mean rate."""
    found = json.loads(path.read_text())
    rows = []
    for by, words in (("fresh", "on samples that neither network nor fit has seen"), ("trained on", "on samples that the network was trained on, which a run's detector does not do")):  # fmt: skip
        own = [cell for cell in found if cell["by"] == by]
        seeds = len({cell["seed"] for cell in own})
        inside = np.mean([cell["inside"] for cell in own])
        groups = collections.defaultdict(list)
        for cell in own:
            groups[cell["task"]].append(cell["alarms"] / cell["n"] / (cell["k"] / (cell["m"] + 1)))
        each = ", ".join(f"{task} {np.mean(values):.2f}" for task, values in groups.items())
        rows.append(f"| Realised rate of false alarms inside the 95 % beta-binomial band, calibrated {words}: {len(own):,} cells, up to {seeds} seeds | >= 93 % | {100 * inside:.1f} %; realised over stated rate: {each} | `false_alarms.py` |")  # fmt: skip
    return rows


def p_values(path: Path) -> list[str]:
    """Return rows of a table: rates at 1, 5 and 10 %."""
    rows = []
    for row in json.loads(path.read_text()):
        rates = ", ".join(f"{100 * rate:.2f} +- {100 * error:.2f} %" for rate, error in zip(row["rates"], row["errors"], strict=True))  # fmt: skip
        rows.append(f"| p-values of normal inputs at 1, 5, 10 %, `{row['detector']}`, {row['seeds']} seeds (mean and its deviation) | at most 1, 5, 10 % | {rates}; from {row['least']:.3g} to {row['most']:.3g} | `p_values.py` |")  # fmt: skip
    return rows


def watch(path: Path) -> list[str]:
    """Return rows of a table: false alarms and delays."""
    found = json.loads(path.read_text())
    rows = [
        f"| Alarms of the watch on {found['points']:,} normal points at alpha {alpha}, {found['streams']} streams | <= {bar:.4f} | {share:.4f} | `watch.py` |"
        for alpha, share, bar in found["alarms"]
    ]
    bars = {"1.0": (8, 8, None), "0.3": (35, 35, None), "0.1": (170, 130, 80)}
    for odd, delays in found["delays"].items():
        told = ", ".join(f"{value:.0f}" for value in delays)
        bar = ", ".join("-" if value is None else str(value) for value in bars[odd])
        rows.append(f"| Median delay in points, {100 * float(odd):.0f} % odd, AUROC .97, behind 1,000 normal points: alpha .01, alpha .05, mean run 10,000 | {bar} | {told} | `watch.py` |")  # fmt: skip
    return rows


def cleansing(path: Path) -> list[str]:
    """Return rows of a table: the attack before and after, by trigger."""
    groups = collections.defaultdict(list)
    for row in json.loads(path.read_text()):
        groups[row["trigger"]].append(row)
    rows = []
    for trigger, several in groups.items():
        after = [row["activations"]["after"]["attack_success"]["value"] for row in several]
        plain = [row["input"]["after"]["attack_success"]["value"] for row in several]
        before = np.mean([row["before"]["attack_success"]["value"] for row in several])
        recall = np.mean([row["activations"]["recall"] for row in several])
        gone = np.mean([row["activations"]["removed_of_clean"] for row in several])
        clean = np.mean([row["activations"]["after"]["clean_accuracy"]["value"] - row["before"]["clean_accuracy"]["value"] for row in several])  # fmt: skip
        bar = "-" if trigger == "warp" else "<= 5 %"
        kept = sum(value <= BAR_OF_ATTACK for value in after)
        shares = ", ".join(f"{share:.0%}" for share in sorted({row["share"] for row in several}))
        inside = sum(row["activations"]["after"]["clean_accuracy"]["value"] >= row["before"]["clean_accuracy"]["low"] for row in several)  # fmt: skip
        rows.append(
            f"| Attack `{trigger}` after cleansing and retraining, poison {shares}, {len(several)} seeds | {bar} |"
            f" {100 * before:.1f} % before, {', '.join(f'{100 * value:.1f}' for value in after)} % after ({kept} of {len(several)} within the bar);"
            f" recall {100 * recall:.1f} %, of right samples {100 * gone:.2f} % removed, clean accuracy {100 * clean:+.1f} points (within its interval on {inside}); by the input alone"
            f" {', '.join(f'{100 * value:.1f}' for value in plain)} % | `cleansing.py` |"
        )
    return rows


def cost(path: Path) -> list[str]:
    """Return rows of a table: memory and time of `score`."""
    found = json.loads(path.read_text())
    few, many = found["10000"], found["100000"]
    rows = [
        f"| CPU of `score` as a share of the network's, {own['what']}: {own['alone_ms']:.1f} ms an input | <= 1.2 | {own['ratio']:.3f} | `score_cost.py` |"
        for own in found["large"].values()
    ]
    return [
        *rows,
        f"| Peak memory of `score`, 10,000 and 100,000 inputs | flat | {few['mib']:.0f} and {many['mib']:.0f} MiB | `score_cost.py` |",
        f"| CPU of `score` beyond the network, which costs {found['forward_us']:.1f} us | <= 100 us an input | {found['us_each']:.0f} us | `score_cost.py` |",
    ]


def board(path: Path) -> list[str]:
    """Return rows of a table: the defaults and the ensemble against single detectors."""
    whole = json.loads((path / "leaderboard.json").read_text())
    found, tasks = whole["detectors"], whole["tasks"]
    complete = max(row["tasks"] for row in found.values())
    full = {name: row for name, row in found.items() if row["tasks"] == complete}
    order = sorted(full, key=lambda name: -full[name]["auroc"])
    told = ", ".join(f"{name} {full[name]['auroc']:.3f}" for name in order[:6])
    seeds = max(len(row["seeds"]) for task in tasks.values() for row in task["detectors"].values() if "seeds" in row)  # fmt: skip
    rows = [f"| Mean AUROC over {complete} tasks, {seeds} seeds, the first six of {len(full)} detectors that have all | - | {told} | `tasks anomaly leaderboard` |"]  # fmt: skip
    single = [name for name in order if name not in ("ensemble", "default")]
    best = [
        max(row["auroc"] for name, row in task["detectors"].items() if name in single and "auroc" in row)
        for task in tasks.values()
        if not task["invalid_seeds"] and all("auroc" in task["detectors"][name] for name in single)
    ]  # fmt: skip
    room = float(np.mean(best)) - full[single[0]]["auroc"]
    rows.append(f"| The best single detector of each task, chosen in hindsight, above `{single[0]}` on all: the most that any choice among them could gain | - | {room:+.3f} | `tasks anomaly leaderboard` |")  # fmt: skip
    for name in ("mahalanobis", "mahalanobis:mixture"):
        pair = next((row for row in whole["pairs"] if {row["first"], row["second"]} == {"ensemble", name}), None)  # fmt: skip
        if pair is not None and "low" in pair:
            ends = [pair["difference"], pair["low"], pair["high"]]
            gain, low, high = (
                ends if pair["first"] == "ensemble" else (-ends[0], -ends[2], -ends[1])
            )
            what = "the best single detector at its defaults on the development seeds" if name == "mahalanobis" else "the best one on them if modes count"  # fmt: skip
            rows.append(f"| Ensemble above `{name}`, {what}, {pair['n']} pairs of task and seed | >= .01, interval above 0 | {gain:+.3f} ({low:+.3f} to {high:+.3f}) | `tasks anomaly leaderboard` |")  # fmt: skip
    for name, words in (("ensemble", "Ensemble"), ("default", "Default detector of each task")):
        if name in full:
            rows.append(f"| {words}: regret to the best detector of each task, mean and worst | <= .02, .03 | {full[name]['regret_to_best_detector']:.3f}, {full[name]['worst_regret']:.3f} | `tasks anomaly leaderboard` |")  # fmt: skip
    for name, words in (
        ("default", "the default detector of each task"),
        ("mahalanobis", "`mahalanobis`"),
    ):
        if name in found:
            rows.append(f"| Fusion of {words}: regret to the best layer, mean over tasks | <= .01 | {found[name]['regret_to_best_layer']:.3f} | `tasks anomaly leaderboard` |")  # fmt: skip
    # `seconds.json` beside the board: of the first and of the second call, and whether both wrote the same bytes.
    timed = path / "seconds.json"
    if timed.is_file():
        cold, warm, same = (
            json.loads(timed.read_text())[name] for name in ("cold", "warm", "same")
        )
        rows.append(f"| All tasks and detectors, 3 seeds, two processes: first call, again | <= 480 s, 60 s, the same bytes | {cold['wall']:.0f} s ({cold['cpu']:.0f} CPU-s), {warm:.0f} s, {'the same bytes' if same else 'other bytes'} | `tasks anomaly leaderboard` |")  # fmt: skip
    return rows


PARTS: dict[str, Callable[[Path], list[str]]] = {
    "false_alarms": false_alarms,
    "p_values": p_values,
    "watch": watch,
    "cleansing": lambda path: [row for row in cleansing(path) if "`warp`" not in row],
    "warp": lambda path: [row for row in cleansing(path) if "`warp`" in row],
    "cost": cost,
    "board": board,
    "board_time": lambda path: [row for row in board(path) if "two processes" in row],
}


def page(kept: dict[str, Any]) -> str:
    """Return the page."""
    lines = [
        "# Answers of detectors, as measured",
        "",
        "The promises of [scoring](../how-to/score-inputs.md), [watching](../how-to/monitor-stream.md), [cleansing](../how-to/explain-cleanse.md) and",
        "[comparing](../how-to/compare-detectors.md), as measured; the scripts are in `benchmarks/anomaly/`. Figures that are below their bar stand here like the others.",
        "Written by `benchmarks/anomaly/results.py`; the machine had two shared cores.",
        "",
        "| Figure | Bar | Measured | By | Commit, date |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in PARTS:
        if name in kept:
            stamp = f" {kept[name]['commit']}, {kept[name]['date']} |"
            lines += [row + stamp for row in kept[name]["rows"]]
    lines.append("| A torch classifier of one's own, 600 inputs, 15 of them odd, one command at 1 % | all 15, at most 19 others | 15 checkerboards, and 6 others. Of 15 bars inside of the image 2, and 4 others: their AUROC of about 0.96 leaves most below 1 % | the commands of [the page](../tutorials/anomaly-answers.md) as typed | c5249d6f, 30 November 2026 |")  # fmt: skip
    lines.append("| `score` of a file equals `eval-detector` at equal batch size | to the bit | equal | `tests/anomaly/answers/test_score.py` | every day |")  # fmt: skip
    lines.append("| A score does not depend on the batch, of every detector | to the bit, 1e-9 for the libraries' | held | `tests/anomaly/detectors/test_every_detector.py` | every day |")  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in PARTS:
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path)
    parser.add_argument("--into", type=Path)
    asked = vars(parser.parse_args())
    kept: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
    today = datetime.date.today()
    for name, read in PARTS.items():
        if asked[name] is not None:
            kept[name] = {"commit": commit, "date": f"{today.day} {today:%B %Y}", "rows": read(asked[name])}  # fmt: skip
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    if asked["into"] is not None:
        asked["into"].write_text(page(kept), encoding="utf-8")


if __name__ == "__main__":
    main()
