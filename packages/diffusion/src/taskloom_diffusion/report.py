"""The domain's section of a run's report."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from taskloom.report import charts
from taskloom.report.model import Block, Heading, Html, Table, Text

if TYPE_CHECKING:
    from taskloom.runs import Run

NUM_DRAWN = 24
NUM_FRAMES = 9
_MOLECULAR = frozenset({"smiles", "qm9", "moses", "polymers"})


def report(run: Run) -> list[Block]:
    """Return loss curves, likelihood by mask rate, samples, properties and the unmasking, as far as the run got."""
    blocks: list[Block] = [Heading("Training"), *_curves(run.history())]
    details = _read_json(run, "evaluation")
    if details:
        blocks += _likelihood(run, details)
    samples = _read_lines(run)
    if samples:
        blocks += _samples(run, samples)
    if details.get("unmasking"):
        blocks += _unmasking(details["unmasking"])
    if run.metrics:
        blocks.append(Table(("metric", "value"), list(run.metrics.items()), "Final metrics."))
    return blocks


def _curves(rows: list[dict[str, float]]) -> list[Block]:
    labels = (("train/loss", "training loss"), ("validation/nelbo", "held-out bound"))
    curves = [
        {"step": row["step"], "nats": row[key], "curve": label}
        for row in rows
        for key, label in labels
        if key in row
    ]
    if not curves:
        return [Text("The run ended before the first line of metrics.")]
    blocks: list[Block] = [
        charts.line(
            curves,
            "step",
            "nats",
            color="curve",
            y_title="nats per token",
            caption="Training loss, and the bound of the averaged weights on held-out sequences.",
        )
    ]
    speed = [
        {"step": row["step"], "tokens": row["speed/tokens_per_core_second"]}
        for row in rows
        if "speed/tokens_per_core_second" in row
    ]
    if speed:
        caption = "Real tokens per core-second: padding does not count."
        blocks.append(
            charts.line(speed, "step", "tokens", y_title="tokens / core-s", caption=caption)
        )
    return blocks


def _likelihood(run: Run, details: Mapping[str, Any]) -> list[Block]:
    bound = details["bound"]
    nats, error = run.metrics.get("nelbo/nats_per_token"), run.metrics.get("nelbo/standard_error")
    blocks: list[Block] = [Heading("Likelihood")]
    if nats is not None and error is not None:
        blocks.append(
            Text(
                f"{nats:.4f} +- {error:.4f} nats per token: {bound['kind']}, on {bound['sequences']} held-out "
                f"sequences of {bound['tokens']} tokens."
            )
        )
    rates = [{"mask rate": r, "nats": v} for r, v in details["loss_by_mask_rate"]]
    if rates:
        caption = "Cross-entropy of a noised token: what is hard is to guess with little in sight."
        blocks.append(charts.line(rates, "mask rate", "nats", caption=caption))
    return blocks


def _samples(run: Run, samples: list[str]) -> list[Block]:
    blocks: list[Block] = [Heading("Samples")]
    if run.task not in _MOLECULAR and "samples/valid" not in run.metrics:
        return [*blocks, Table(("sample",), [(s,) for s in samples[:12]], "The first samples.")]
    # RDKit is imported only for runs over molecules.
    from taskloom_diffusion.metrics.molecules import parse

    molecules = [m for m in map(parse, samples) if m is not None]
    shown = list(dict.fromkeys(s for s in samples if parse(s) is not None))[:NUM_DRAWN]
    if not shown:
        lines = [(s,) for s in samples[:12]]
        return [
            *blocks,
            Table(("sample",), lines, "No sample is a valid molecule; these are the first."),
        ]
    blocks.append(
        Html(
            _grid(shown), f"The first {len(shown)} different valid ones of {len(samples)} samples."
        )
    )
    return [*blocks, *_properties(run, molecules)]


def _grid(smiles: list[str]) -> str:
    """Return molecules drawn as SVG, with their SMILES underneath."""
    cells = "".join(
        f'<figure style="margin:4px;width:160px">{_drawing(s)}'
        f'<figcaption style="font-size:10px;overflow-wrap:anywhere">{html.escape(s)}</figcaption></figure>'
        for s in smiles
    )
    return f'<div style="display:flex;flex-wrap:wrap;background:#fff;color:#000">{cells}</div>'


def _drawing(smiles: str) -> str:
    from rdkit import Chem
    from rdkit.Chem.Draw import rdMolDraw2D

    drawer = rdMolDraw2D.MolDraw2DSVG(160, 120)
    rdMolDraw2D.PrepareAndDrawMolecule(drawer, Chem.MolFromSmiles(smiles))
    drawer.FinishDrawing()
    text: str = drawer.GetDrawingText()
    # An XML declaration has no place inside a page, and RDKit's own namespace is an address.
    return text[text.index("<svg") :].replace("xmlns:rdkit='http://www.rdkit.org/xml'", "")


def _properties(run: Run, molecules: list[Any]) -> list[Block]:
    """Return one histogram of samples and corpus for each of four properties."""
    from taskloom_diffusion.metrics.molecules import parse, properties

    reference = _read_json(run, "evaluation").get("reference", [])
    theirs = properties([m for m in map(parse, reference) if m is not None])
    ours = properties(molecules[:500])
    blocks: list[Block] = []
    for name in ("weight", "logp", "qed", "heavy_atoms"):
        rows = [{name: v, "of": "samples"} for v in ours[name]]
        rows += [{name: v, "of": "corpus"} for v in theirs[name]]
        caption = f"{name}: samples against the corpus."
        blocks.append(charts.histogram(rows, name, color="of", caption=caption))
    return blocks


def _unmasking(states: list[list[list[str]]]) -> list[Block]:
    """Return the first recorded sequences step by step, masks as grey dots."""
    blocks: list[Block] = [Heading("Unmasking, step by step")]
    last = len(states) - 1
    frames = sorted({round(i * last / (NUM_FRAMES - 1)) for i in range(NUM_FRAMES)})
    for sequence in range(min(2, len(states[0]))):
        rows = "".join(
            f"<tr><td style='padding-right:1em'>{frame}</td><td style='font-family:monospace'>"
            f"{_state(states[frame][sequence])}</td></tr>"
            for frame in frames
        )
        blocks.append(Html(f"<table>{rows}</table>", "Step, and what is known after it."))
    return blocks


def _state(tokens: list[str]) -> str:
    shown = (
        "<span style='opacity:.35'>&middot;</span>" if t == "[MASK]" else html.escape(t)
        for t in tokens
        if t != "[PAD]"
    )
    return "".join(shown)


def _read_json(run: Run, name: str) -> dict[str, Any]:
    path = run.artifacts.get(name)
    if path is None or not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _read_lines(run: Run) -> list[str]:
    path = run.artifacts.get("samples")
    if path is None or not path.exists():
        return []
    return path.read_text(encoding="utf-8").splitlines()
