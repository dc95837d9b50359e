"""`tasks diffusion schedules`: what every schedule does, as a table or a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from taskloom import Component
from taskloom.errors import MissingExtraError, UsageError
from taskloom.registry.components import load_components
from taskloom.report import charts

from taskloom_diffusion.model.own import OwnPart
from taskloom_diffusion.schedules.coverage import training_gap
from taskloom_diffusion.schedules.inverse import final_noise
from taskloom_diffusion.verbs.output import check_writable, write_output


def schedules(
    out: Annotated[
        Path | None, typer.Option(help="Write a plot: .svg, .png, or .json for Vega-Lite.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare the noise schedules: signal alpha(t) and the weight of the loss -alpha'/(1 - alpha)."""
    check_writable("--out", out)
    table = schedule_table()
    if out is not None:
        _plot(out)
    if as_json:
        typer.echo(json.dumps(table))
        return
    typer.echo(
        f"{'schedule':22}"
        + "".join(f"a({t})".rjust(10) for t in _TIMES)
        + "".join(f"w({t})".rjust(11) for t in _TIMES)
        + "  mask rate at the end  training loss - entropy"
    )
    for row in table:
        typer.echo(
            f"{row['schedule']:22}"
            + "".join(f"{row[f'alpha({t})']:10.6f}" for t in _TIMES)
            + "".join(f"{row[f'weight({t})']:11.6f}" for t in _TIMES)
            + f"  {row['final_mask_rate']:20.6f}  {row['training_gap']:+23.1e}"
        )


_TIMES = (0.25, 0.5, 0.75)


def _named() -> dict[str, type[Component]]:
    """Return the schedules that have a name; one that is given as an object has no curve of its own."""
    found = load_components("taskloom_diffusion.schedules")
    return {name: kind for name, kind in found.items() if not issubclass(kind, OwnPart)}


def schedule_table() -> list[dict[str, Any]]:
    """Return signal and weight of every registered schedule at three times, the mask rate at the end, and the training gap.

    The gap is that of the loss that training minimises, under the mask and with an exact network, to the entropy of a toy of four
    tokens [nats per sequence]; evaluation has none, whatever the schedule.
    """
    import torch

    rows: list[dict[str, Any]] = []
    t = torch.tensor(_TIMES, dtype=torch.float64)
    for name, kind in _named().items():
        schedule: Any = kind()
        alpha = schedule.alpha(t)
        weight = -schedule.dalpha(t) / (1 - alpha)
        row: dict[str, Any] = {"schedule": name}
        for time, a, w in zip(_TIMES, alpha.tolist(), weight.tolist(), strict=True):
            row |= {f"alpha({time})": a, f"weight({time})": w}
        rows.append(
            {
                **row,
                "final_mask_rate": final_noise(schedule),
                "training_gap": training_gap(schedule),
            }
        )
    return rows


def _plot(out: Path) -> None:
    import torch

    t = torch.linspace(0, 1, 101, dtype=torch.float64)
    rows = [
        {"time": time, "mask rate": 1 - alpha, "schedule": name}
        for name, kind in _named().items()
        for time, alpha in zip(t.tolist(), _alpha(kind, t), strict=True)
    ]
    spec = dict(
        charts.line(rows, "time", "mask rate", color="schedule", title="Noise schedules").spec
    )
    # Thirteen curves and more: the usual ten colours would come twice.
    spec["encoding"] = {
        **spec["encoding"],
        "color": {**spec["encoding"]["color"], "scale": {"scheme": "category20"}},
    }
    if out.suffix == ".json":
        write_output("--out", out, json.dumps(spec))
        return
    if out.suffix not in (".svg", ".png"):
        raise UsageError(f"--out '{out}' must end in .svg, .png or .json")
    try:
        import vl_convert
    except ImportError:
        raise MissingExtraError(
            "a picture needs vl-convert-python",
            hint="pip install 'taskloom[report]', or --out FILE.json",
        ) from None
    if out.suffix == ".svg":
        write_output("--out", out, vl_convert.vegalite_to_svg(spec))
    else:
        write_output("--out", out, vl_convert.vegalite_to_png(spec, scale=2))


def _alpha(kind: Any, t: Any) -> list[float]:  # noqa: ANN401 -- a schedule's class and a tensor
    values: list[float] = kind().alpha(t).tolist()
    return values
