"""The domain's section of a report: how long games took, what they earned, and a few of them turn by turn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from taskloom.report import charts
from taskloom.report.model import Block, Chart, Heading, Table, Text

if TYPE_CHECKING:
    from taskloom.runs import Run

# One number of each, in the order in which a round pays them.
REWARDS = (
    "user_observation",
    "user_inference",
    "user_policy",
    "first_task",
    "assistant_observation",
    "assistant_inference",
    "assistant_policy",
    "second_task",
)
MAX_BARS = 60


def report(run: Run) -> list[Block]:
    """Return the blocks of one run."""
    blocks: list[Block] = []
    if run.metrics:
        blocks += [Heading("How the games went"), _outcome(run.metrics)]
    if "episodes" in run.artifacts and run.artifacts["episodes"].exists():
        blocks.append(_rounds(run))
    if run.metrics:
        blocks += [Heading("What was earned"), _rewards(run.metrics)]
    if "timeline" in run.artifacts and run.artifacts["timeline"].exists():
        rows = json.loads(run.artifacts["timeline"].read_text(encoding="utf-8"))
        blocks += [Heading("Turn by turn"), *_turns(rows)]
    return blocks


def _outcome(metrics: Mapping[str, float]) -> Table:
    rows: list[tuple[str | float, ...]] = []
    for name, title in (
        ("rounds", "rounds"),
        ("return", "return"),
        ("success", "share that reached the end"),
    ):
        if f"{name}/mean" in metrics:
            rows.append((title, *(metrics[f"{name}/{part}"] for part in ("mean", "low", "high"))))
    caption = f"Means over {metrics.get('episodes', 0):.0f} episodes with 95 % intervals (shares: Wilson's)."
    return Table(("an episode's", "mean", "low", "high"), rows, caption)


def _rounds(run: Run) -> Chart:
    # NumPy is only for runs that have episodes.
    import numpy as np
    from taskloom_hci.batch.episodes import load

    rounds = load(run.artifacts["episodes"]).num_rounds
    top = int(rounds.max())
    width = -(-top // MAX_BARS)
    counts = np.bincount((rounds - 1) // width)
    bars = [
        {"rounds": int(i) * width + 1, "episodes": int(count)}
        for i, count in enumerate(counts)
        if count or top < MAX_BARS
    ]
    grouped = f", in groups of {width}" if width > 1 else ""
    mean, low, high = (
        run.metrics.get(f"rounds/{part}", float("nan")) for part in ("mean", "low", "high")
    )
    caption = f"Rounds of {len(rounds)} episodes{grouped}; the mean is {mean:.3f} (95 % interval {low:.3f} to {high:.3f})."
    return charts.bar(bars, "rounds", "episodes", title="Rounds until the end", caption=caption)


def _rewards(metrics: Mapping[str, float]) -> Chart:
    rows = [
        {"source": name.replace("_", " "), "reward": metrics.get(f"rewards/{name}_reward", 0.0)}
        for name in REWARDS
    ]
    return charts.bar(
        rows,
        "source",
        "reward",
        horizontal=True,
        title="Reward by source",
        caption="Mean sum of each of the eight rewards over an episode.",
    )


def _turns(rows: Sequence[dict[str, Any]]) -> Iterator[Block]:
    yield Text(
        "A round has four turns: the user observes, the user acts, the assistant observes, the assistant acts. "
        "The horizontal axis counts turns."
    )
    for episode in sorted({row["episode"] for row in rows}):
        mine = [row for row in rows if row["episode"] == episode]
        numbers = list(_numbers(mine))
        if numbers:
            yield charts.line(
                numbers,
                "turn",
                "value",
                color="entry",
                title=f"Episode {episode}",
                caption=_told(mine),
            )
        yield from _beliefs(mine, episode)
    yield _events([row for row in rows if row["episode"] == rows[0]["episode"]])


def _numbers(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the entries of the state that are one number or a short vector, turn after turn."""
    for count, row in enumerate(rows):
        for key, value in row["state"].items():
            if key.startswith("game_info") or "belief" in key:
                continue
            values = value if isinstance(value, list) else [value]
            if not 1 <= len(values) <= 4 or any(
                isinstance(item, list) or item is None for item in values
            ):
                continue
            for i, item in enumerate(values):
                name = key.replace("__", " ") + (f" {i}" if len(values) > 1 else "")
                yield {"turn": count, "entry": name.replace("task_state ", "task: "), "value": item}


def _beliefs(rows: Sequence[dict[str, Any]], episode: int) -> Iterator[Block]:
    cells = []
    for count, row in enumerate(rows):
        for key, value in row["state"].items():
            if key.endswith("beliefs") and isinstance(value, list):
                cells += [
                    {"turn": count, "hypothesis": i, "belief": round(item, 2)}
                    for i, item in enumerate(value)
                ]
    if cells:
        caption = (
            "How probable the assistant holds each hypothesis about the user after every turn."
        )
        yield charts.heatmap(
            cells,
            "turn",
            "hypothesis",
            "belief",
            title=f"Beliefs in episode {episode}",
            caption=caption,
        )


def _told(rows: Sequence[dict[str, Any]]) -> str:
    last = rows[-1]
    end = "the task ended it" if last["is_done"] else "it was cut off or is unfinished"
    return f"{last['round'] + 1} rounds, {len(rows)} turns; {end}."


def _events(rows: Sequence[dict[str, Any]]) -> Table:
    shown = [
        (
            row["round"],
            row["event"].replace("_", " "),
            _short(row["state"]),
            sum(row["rewards"].values()),
        )
        for row in rows[:40]
    ]
    caption = f"Episode {rows[0]['episode']}" + (", its first 40 turns." if len(rows) > 40 else ".")
    return Table(
        ("round", "turn that was reached", "task state and actions", "reward"), shown, caption
    )


def _short(state: Mapping[str, Any]) -> str:
    parts = []
    for key, value in state.items():
        if key.startswith(("task_state", "user_action", "assistant_action")) and value is not None:
            text = json.dumps(value)
            name = key.replace("task_state__", "").replace("__action", "").replace("_", " ")
            parts.append(f"{name} {text if len(text) <= 30 else text[:27] + '...'}")
    return "; ".join(parts)
