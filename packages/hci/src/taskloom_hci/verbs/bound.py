"""`tasks hci bound`: the distance of an assistant from the best that there can be."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from taskloom.bound import BoundTask
from taskloom.errors import StoreError

from taskloom_hci.batch.play import play
from taskloom_hci.bounds.pointing import RoundBound, bound_of
from taskloom_hci.driver import pair
from taskloom_hci.errors import HciError
from taskloom_hci.inference.optimum import MOST_CUT
from taskloom_hci.metrics import mean_interval

if TYPE_CHECKING:
    from taskloom_hci.config import HciConfig
    from taskloom_hci.task import InteractionTask

# A game is cut off after this many times its limit here, since the bounds know of none.
LIFTED = 20


def bound(
    task: BoundTask[InteractionTask, HciConfig],
    *,
    gap: Annotated[float, typer.Option(min=0, help="Gap that is small enough to stop.")] = 0.01,
    cpu: Annotated[float, typer.Option(min=1, help="Time to refine the grid [s].")] = 60.0,
    at: Annotated[str, typer.Option("--at", help="Cells of the targets: 1,3,5,7.")] = "",
    start: Annotated[int, typer.Option("--start", help="Cell of the start, with --at.")] = -1,
    out: Annotated[Path, typer.Option("--out", help="The file that is written.")] = Path(
        "bound.json"
    ),
) -> None:
    """Bound the mean rounds of the best assistant from both sides, and tell how close the task's own comes."""
    config = task.config
    layout = layout_of(at, start) if at else None
    bundle = pair(task.copy(), config, config.seed)
    try:
        found = bound_of(bundle, gap=gap, cpu=cpu, layout=layout, seed=config.seed)
    finally:
        bundle.close()
    told = asdict(found)
    if found.lower == found.upper:
        typer.echo(f"optimum: {found.lower:.4f} rounds ({found.method})")
    else:
        typer.echo(
            f"optimum: between {found.lower:.4f} and {found.upper:.4f} rounds, gap {100 * found.gap:.2f} % "
            f"({found.method}, M = {found.parts}, {found.points} points; layouts {found.layout}; {found.cpu:.1f} CPU-s)"
        )
    if found.cut:
        typer.echo(f"{100 * found.cut:.2f} % of the games behind the upper bound were cut off")
    if layout is None and config.assistant is not None:
        sentence, mean, share = _own(task, found)
        typer.echo(sentence)
        told |= {
            "assistant": getattr(config.assistant, "kind", ""),
            "rounds": mean,
            "share_cut": share,
        }
    try:
        out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise StoreError(f"'{out}' cannot be written: {error.strerror}.") from None


def layout_of(text: str, start: int) -> tuple[list[int], int]:
    """Return the cells of the targets and the start.

    Raises:
        HciError: If they are no different cells.
    """
    try:
        cells = sorted(int(word) for word in text.split(","))
    except ValueError:
        cells = []
    if not cells or len({*cells, start}) != len(cells) + 1 or min(*cells, start) < 0:
        raise HciError(
            f"--at {text} --start {start} is no layout: write different cells, such as --at 1,3,5,7 --start 4."
        )
    return cells, start


def _own(
    task: BoundTask[InteractionTask, HciConfig], found: RoundBound
) -> tuple[str, float, float]:
    """Return the sentence about the task's own assistant, its mean rounds and the share of games cut off."""
    config = task.config
    bundle = pair(task.copy(), config, config.seed)
    bundle.max_rounds = LIFTED * (bundle.max_rounds or 1)
    try:
        played = play(bundle, config.episodes, config.backend)
    finally:
        bundle.close()
    kind = getattr(config.assistant, "kind", "")
    mean, low, high = mean_interval(played.num_rounds)
    cut = float(played.truncated.mean())
    said = f"{kind}: {mean:.4f} rounds"
    if cut > MOST_CUT:
        return (
            f"{said}; {100 * cut:.2f} % of the games were cut off, so no distance is claimed",
            mean,
            cut,
        )
    ends = ""
    if low is not None and high is not None:
        ends = f" ({_above(low, found):.1f} to {_above(high, found):.1f})"
    where = (
        f"({found.lower:.4f}, exact)"
        if found.method == "exact"
        else f"(lower bound {found.lower:.4f}; between {found.lower:.4f} and {found.upper:.4f})"
    )
    return f"{said}, within {_above(mean, found):.1f} %{ends} of optimal {where}", mean, cut


def _above(rounds: float, found: RoundBound) -> float:
    return 100.0 * (rounds - found.lower) / found.lower
