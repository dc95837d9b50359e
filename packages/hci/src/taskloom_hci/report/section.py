"""The domain's section of a report: how long games took, what they earned, and a few of them turn by turn."""

# ruff: noqa: ANN401 -- recordings hold any value

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from taskloom.arrays import load_npz
from taskloom.report import charts
from taskloom.report.model import Block, Chart, Facts, Fold, Table, Text

from taskloom_hci.batch.episodes import load
from taskloom_hci.metrics import interval_words
from taskloom_hci.report.comparison import ended
from taskloom_hci.report.drawings import beliefs, drawing, numbers, rounds_chart, short_name

if TYPE_CHECKING:
    from taskloom.runs.run import Run

# What earns each of the eight rewards, in the order in which a round pays them.
REWARDS = {
    "user_observation": "user seeing",
    "user_inference": "user thinking",
    "user_policy": "user acting",
    "first_task": "task, then",
    "assistant_observation": "assistant seeing",
    "assistant_inference": "assistant thinking",
    "assistant_policy": "assistant acting",
    "second_task": "task, at last",
}
MAX_BARS = 40
ENDS = ("mean", "low", "high")


def report(run: Run) -> list[Block]:
    """Return the blocks of one run."""
    if run.record.task == "study":
        return [Facts([(name, f"{value:.0f}", False) for name, value in run.metrics.items()])]
    blocks: list[Block] = []
    folded: list[Block] = []
    if run.metrics:
        count = (
            f"{run.metrics.get('episodes', 0):,.0f} episodes, each with random numbers of its own"
        )
        blocks.append(Facts([("sample", count, False)]))
    beside = _beside(run)
    bars = [_rounds(run)] if "episodes" in run.artifacts and run.artifacts["episodes"].exists() else []  # fmt: skip
    blocks += beside or bars
    if "baseline" in run.artifacts and run.artifacts["baseline"].exists():
        blocks.append(_differences(run))
    rows = []
    if "timeline" in run.artifacts and run.artifacts["timeline"].exists():
        rows = json.loads(run.read("timeline"))
    first = rows[0]["episode"] if rows else 0
    blocks += _episode([row for row in rows if row["episode"] == first])
    if run.metrics:
        folded += [Fold("Rounds and rewards"), _outcome(run.metrics), *_best(run.metrics)]
        folded += bars if beside else []
        # One source says nothing that the return does not.
        paid = [name for name in REWARDS if run.metrics.get(f"rewards/{name}_reward")]
        (blocks if len(paid) > 1 else folded).append(_rewards(run.metrics))
    if rows:
        folded += [Fold("Turn by turn"), *_turns(rows, first)]
    return [*blocks, *folded]


def _beside(run: Run) -> list[Block]:
    """Return how many episodes were over after each round with the assistant and with the baseline, where rounds are judged."""
    said = run.headline
    if "baseline" not in run.artifacts or said is None or said.baseline is None:
        return []
    if said.metric != "rounds/mean" or not run.artifacts["baseline"].exists():
        return []
    kept = load_npz(io.BytesIO(run.read("baseline")))
    return ended({"this run": kept["value"], said.baseline.name: kept["baseline"]})


def _differences(run: Run) -> Chart:
    """Return the distribution of the paired differences to the baseline, episode by episode."""
    kept = load_npz(io.BytesIO(run.read("baseline")))
    apart = kept["value"] - kept["baseline"]
    less, equal, more = (f"{100 * float(part.mean()):.3g} %" for part in (apart < 0, apart == 0, apart > 0))  # fmt: skip
    return charts.histogram(
        [{"difference": float(value)} for value in apart],
        "difference",
        title="Difference in the same episode",
        caption=(
            f"This run less its baseline: less in {less} of {len(apart):,} episodes, equal in {equal}, "
            f"more in {more}."
        ),
    )


def _outcome(metrics: Mapping[str, float]) -> Table:
    rows: list[tuple[str | float, ...]] = []
    for name, title in (
        ("rounds", "rounds"),
        ("return", "return"),
        ("success", "share that reached the end"),
    ):
        if f"{name}/mean" in metrics:
            rows.append((title, *(_end(metrics, f"{name}/{part}") for part in ENDS)))
    caption = f"Means over {metrics.get('episodes', 0):.0f} episodes with 95 % intervals (shares: Wilson's)."
    return Table(("an episode's", "mean", "low", "high"), rows, caption)


def _best(metrics: Mapping[str, float]) -> list[Block]:
    """Return a sentence on how far the mean is from the exact optimum, where that is known."""
    if "optimum/rounds" not in metrics:
        return []
    best, above = metrics["optimum/rounds"], metrics.get("optimum/above")
    words = f"The best assistant there can be takes {best:.4f} rounds on average, exactly"
    if above is None:
        return [Text(f"{words}; too many games were cut off to compare their mean with it.")]
    return [Text(f"{words}: these games are within {100 * max(above, 0.0):.1f} % of optimal.")]


def _end(metrics: Mapping[str, float], name: str) -> str | float:
    """Return the end of an interval; one episode has none, and older runs of one recorded its mean three times."""
    one = metrics.get("episodes") == 1 and not name.startswith("success")
    return "none" if name not in metrics or (one and not name.endswith("/mean")) else metrics[name]


def _rounds(run: Run) -> Chart:
    import numpy as np  # numpy is heavy: only for runs that have episodes

    rounds = load(run.artifacts["episodes"]).num_rounds
    first, last = int(rounds.min()), int(rounds.max())
    width = -(-(last - first + 1) // MAX_BARS)
    groups = [
        (
            str(first + i * width)
            if width == 1
            else f"{first + i * width}-{first + (i + 1) * width - 1}",
            int(count),
        )
        for i, count in enumerate(np.bincount((rounds - first) // width))
    ]
    grouped = f", in groups of {width}" if width > 1 else ""
    mean, low, high = (run.metrics.get(f"rounds/{part}") for part in ENDS)
    middle = "" if mean is None else f"; the mean is {mean:.3f} ({interval_words(low, high)})"
    caption = (
        f"Rounds of {len(rounds)} episodes{grouped}, with 95 % intervals of the shares{middle}."
    )
    return rounds_chart(groups, "Rounds until the end", caption)


def _rewards(metrics: Mapping[str, float]) -> Chart:
    rows = [
        {"source": title, "reward": metrics.get(f"rewards/{name}_reward", 0.0)}
        for name, title in REWARDS.items()
    ]
    chart = charts.bar(
        rows,
        "source",
        "reward",
        horizontal=True,
        title="Reward by source",
        caption="Mean sum of each of the eight rewards over an episode.",
    )
    # The names of the bars say what the axis is; its title would lie across them.
    encoding = chart.spec["encoding"]
    named = {**encoding["y"], "title": None}
    spec = {**chart.spec, "encoding": {**encoding, "y": named}}
    return Chart(spec, chart.caption)


def _turns(rows: Sequence[dict[str, Any]], first: int) -> Iterator[Block]:
    yield Text(
        "A round has four turns: the user observes, the user acts, the assistant observes, the assistant acts. "
        "Charts over time count turns."
    )
    for episode in sorted({row["episode"] for row in rows} - {first}):
        yield from _episode([row for row in rows if row["episode"] == episode])
    yield _events([row for row in rows if row["episode"] == first])


def _episode(rows: Sequence[dict[str, Any]]) -> Iterator[Block]:
    """Yield the drawing of an episode, and what was believed in it."""
    if not rows:
        return
    number = rows[0]["episode"]
    title, told = f"Episode {number}", _told(rows)
    chart = drawing(rows, title, told) or numbers(rows, title, told)
    if chart is not None:
        yield chart
    yield from beliefs(rows, f"Beliefs in episode {number}")


def _told(rows: Sequence[dict[str, Any]]) -> str:
    last = rows[-1]
    end = "the task ended it" if last["is_done"] else "it was cut off or is unfinished"
    rounds = last["round"] + 1
    return f"{rounds} {'round' if rounds == 1 else 'rounds'}, {len(rows)} turns; {end}."


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
            text = json.dumps(_rounded(value))
            parts.append(f"{short_name(key)} {text if len(text) <= 40 else text[:37] + '...'}")
    return "; ".join(parts)


def _rounded(value: Any) -> Any:
    """Return a value with as many digits as a reader wants."""
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
