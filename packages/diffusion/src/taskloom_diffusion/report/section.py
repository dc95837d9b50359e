"""The domain's section of a run's report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from taskloom.report import charts
from taskloom.report.model import Block, Facts, Fold, Html, Table, Text
from taskloom.statistics.intervals import normal_interval

from taskloom_diffusion.metrics.molecules import parse, properties
from taskloom_diffusion.report.calls import calls_blocks
from taskloom_diffusion.report.conditions import condition_blocks
from taskloom_diffusion.report.densities import densities
from taskloom_diffusion.report.drawings import molecule_grid, shown_steps, text_of, unmasking_table
from taskloom_diffusion.report.published import published
from taskloom_diffusion.report.tables import likelihood_table, sample_table

if TYPE_CHECKING:
    from taskloom.runs.run import Run

NUM_OPEN, NUM_DRAWN = 12, 24
NUM_SEQUENCES = 2
_MOLECULAR = frozenset({"smiles", "qm9", "moses", "polymers"})


def report(run: Run) -> list[Block]:
    """Return loss curves, likelihood by mask rate, samples, properties and the unmasking, as far as the run got."""
    details = _read_json(run, "evaluation")
    samples = _read_lines(run)
    first, *speed = _curves(run.history(), run.metrics)
    likelihood, rates = _likelihood(run, details) if details else ([], [])
    table, drawn, compared = _samples(run, samples) if samples else ([], [], [])
    folded: list[Block] = [_facts(run.metrics)]
    for title, blocks in (
        ("Likelihood", likelihood),
        ("Corpus", _intake(details) if details else []),
        ("Conditions", condition_blocks(_conditions(run), run.metrics)),
        ("Samples", table),
        ("Published figures of the samples", published(_read_json(run, "benchmark"))),
        ("Properties of the samples against the corpus", compared[3:]),
        (
            "Quality against network calls",
            calls_blocks(details["calls"]) if details and details.get("calls") else [],
        ),
        (
            "Unmasking, step by step",
            _unmasking(run, details["unmasking"]) if details.get("unmasking") else [],
        ),
        ("Training", speed),
    ):
        folded += [Fold(title), *blocks] if blocks else []
    return [first, *rates, *drawn, *compared[:3], *folded]


def _conditions(run: Run) -> list[dict[str, Any]]:
    """Return the conditions of the run's model; one of earlier versions has none."""
    arguments = _read_json(run, "model_description").get("arguments", {})
    return list(arguments.get("conditions", ()))


def _facts(metrics: Mapping[str, float]) -> Facts:
    """Return the size of the corpus, and in bold what was left out of it."""
    rows = []
    if "corpus/train" in metrics:
        rows.append(("corpus", f"{metrics['corpus/train']:,.0f} training sequences", False))
    for name, words in (
        ("too_long", "longer than the model"),
        ("left_out", "unreadable, repeated or of another kind, see Corpus"),
    ):
        count = metrics.get(f"corpus/{name}", 0)
        if count:
            rows.append(("left out", f"{count:,.0f} sequences: {words}", True))
    if "model/parameters" in metrics:
        rows.append(("network", f"{metrics['model/parameters']:,.0f} parameters", False))
    return Facts(rows)


def _curves(
    rows: list[dict[str, float]], metrics: Mapping[str, float] = MappingProxyType({})
) -> list[Block]:
    labels = {"train/loss": "training loss", "validation/nelbo": "held-out bound"}
    # The field is a space, so that the legend has no title: its entries say what they are.
    curves = [
        {"step": row["step"], "nats": row[key], " ": label}
        for row in rows
        for key, label in labels.items()
        if key in row
    ]
    if not curves:
        return [Text("The run ended before the first line of metrics.")]
    speed = [
        {"step": row["step"], "tokens": row["speed/tokens_per_core_second"]}
        for row in rows
        if "speed/tokens_per_core_second" in row
    ]
    if len({row["step"] for row in curves}) == 1:  # no course to draw
        found = [f"{row[' ']} {row['nats']:.4g} nats per token" for row in curves]
        found += [f"{row['tokens']:,.0f} real tokens per core-second" for row in speed]
        return [Text(f"Logged once, at step {curves[0]['step']:.0f}: {', '.join(found)}.")]
    if "baseline/nats_per_token" in metrics:
        steps = [row["step"] for row in rows if labels.keys() & row.keys()]
        label = f"{metrics['baseline/order']:.0f}-gram"
        level = metrics["baseline/nats_per_token"]
        curves += [{"step": end, "nats": level, " ": label} for end in (min(steps), max(steps))]
    blocks: list[Block] = [
        charts.line(
            curves,
            "step",
            "nats",
            color=" ",
            title="Learning",
            y_title="nats per token",
            caption="Training loss, and the bound of the averaged weights on the validation part.",
        )
    ]
    if speed:
        caption = "Real tokens per core-second: padding does not count."
        blocks.append(
            charts.line(speed, "step", "tokens", y_title="tokens / core-s", caption=caption)
        )
    return blocks


def _likelihood(run: Run, details: Mapping[str, Any]) -> tuple[list[Block], list[Block]]:
    """Return the figures in every unit, and the chart by mask rate."""
    bound = details["bound"]
    nats, error = run.metrics.get("nelbo/nats_per_token"), run.metrics.get("nelbo/standard_error")
    blocks: list[Block] = []
    if nats is not None:
        uncertainty = "" if error is None else f" +- {error:.4f}"
        spread = run.metrics.get("nelbo/perplexity_error")
        around = "" if spread is None else f" +- {spread:.3f}"
        blocks.append(
            Text(
                f"{nats:.4f}{uncertainty} nats per token, perplexity {run.metrics['nelbo/perplexity']:.3f}{around}: "
                f"{bound['kind']}, on {bound['sequences']} test sequences of {bound['tokens']} tokens in all."
            )
        )
        blocks.append(likelihood_table(run.metrics))
        blocks += _baseline(run.metrics)
    rates = [{"mask rate": r, "nats": v} for r, v in details["loss_by_mask_rate"]]
    if rates:
        caption = "Cross-entropy of a noised token: what is hard is to guess with little in sight."
        chart = charts.line(
            rates,
            "mask rate",
            "nats",
            title="Cross-entropy by share masked",
            y_title="nats per noised token",
            caption=caption,
        )
        return blocks, [chart]
    return blocks, []


def _baseline(metrics: Mapping[str, float]) -> list[Block]:
    """Return the sentence about the n-gram; runs of earlier versions have none, and one sequence has no error."""
    if "baseline/difference_error" not in metrics:
        return []
    apart, error = metrics["baseline/difference"], metrics["baseline/difference_error"]
    side = "below" if apart < 0 else "above"
    interval = normal_interval(apart, error, 0)
    sure = ", which is within chance" if interval.contains(0.0) else ""
    return [
        Text(
            f"The plainest model to beat, a {metrics['baseline/order']:.0f}-gram of the same tokens with the length given, needs "
            f"{metrics['baseline/nats_per_token']:.4f} nats per token on the same sequences. The model is {abs(apart):.4f} +- "
            f"{interval.half_width or 0.0:.4f} (95 %, paired) {side} it{sure}."
        )
    ]


def _intake(details: Mapping[str, Any]) -> list[Block]:
    """Return what did not get into the corpus as it stood in the file."""
    blocks: list[Block] = []
    examples = details.get("dropped_examples", {})
    for title, name in (
        ("Left out of the corpus", "dropped"),
        ("Changed in the corpus", "changed"),
    ):
        counts = {reason: count for reason, count in details.get(name, {}).items() if count}
        if counts:
            rows = [(r, n, ", ".join(examples.get(r, [])[:3])) for r, n in counts.items()]
            blocks.append(Table(("reason", "sequences", "the first"), rows, f"{title}."))
    notes = [note[0].upper() + note[1:] + "." for note in details.get("notes", [])]
    return [*blocks, *(Text(note) for note in notes)]


def _samples(run: Run, samples: list[str]) -> tuple[list[Block], list[Block], list[Block]]:
    """Return the figures of the samples, the samples themselves, and their properties beside the corpus."""
    judged: list[Block] = [sample_table(run.metrics, len(samples))]
    if run.task not in _MOLECULAR and "samples/valid" not in run.metrics:
        return judged, [_first_or_frequent(samples)], []
    molecules = [m for m in map(parse, samples) if m is not None]
    shown = list(dict.fromkeys(s for s in samples if parse(s) is not None))
    if not shown:
        lines = [(s,) for s in samples[:12]]
        said = "No sample is a valid molecule; these are the first."
        return judged, [Table(("sample",), lines, said)], []
    first = f"The first {min(len(shown), NUM_OPEN)} different valid ones of {len(samples)} samples."
    rest = shown[NUM_OPEN:NUM_DRAWN]
    if rest:
        judged.append(Html(molecule_grid(rest), f"The next {len(rest)}."))
    return judged, [Html(molecule_grid(shown[:NUM_OPEN]), first)], _properties(run, molecules)


def _first_or_frequent(samples: list[str]) -> Table:
    """Return samples as they are, or by how often they came where most are repeated, as over a toy."""
    counts = Counter(samples)
    if len(counts) > len(samples) / 2:
        return Table(("sample",), [(s,) for s in samples[:12]], "The first samples.")
    rows = [(s, n, 100 * n / len(samples)) for s, n in counts.most_common(12)]
    caption = f"The most frequent of {len(counts)} different ones among {len(samples)} samples."
    return Table(("sample", "times", "share [%]"), rows, caption)


_TITLES = {
    "weight": ("molecular weight [Da]", " Da"),
    "logp": ("logP", ""),
    "qed": ("QED (drug-likeness)", ""),
    "heavy_atoms": ("heavy atoms", " atoms"),
}


def _properties(run: Run, molecules: list[Any]) -> list[Block]:
    """Return the distribution of four properties in the samples and in the corpus."""
    reference = _read_json(run, "evaluation").get("reference", [])
    theirs = properties([m for m in map(parse, reference) if m is not None])
    ours = properties(molecules[:500])
    blocks: list[Block] = []
    for name, (title, unit) in _TITLES.items():
        caption = f"{len(theirs[name])} test and {len(ours[name])} generated molecules."
        distance = run.metrics.get(f"samples/distance/{name}")
        if distance is not None:
            caption += f" Wasserstein distance to the training ones: {distance:.3g}{unit}."
        blocks.append(densities(title, {"corpus": theirs[name], "samples": ours[name]}, caption))
    return blocks


def _unmasking(run: Run, states: list[list[list[str]]]) -> list[Block]:
    """Return the first recorded sequences step by step, and the molecules that they end as."""
    blocks: list[Block] = []
    for sequence in range(min(NUM_SEQUENCES, len(states[0]))):
        rows = [state[sequence] for state in states]
        steps = shown_steps(rows)[-1]  # a shorter sequence is done before the others
        caption = (
            f"Sample {sequence + 1}, in {steps} step{'s' * (steps != 1)}: masked tokens are grey, "
            "those that changed since the row above are blue."
        )
        drawn = ""
        if "samples/valid" in run.metrics:
            drawn, end = _end_of(text_of(rows[-1]))
            caption = f"{caption} {end}"
        blocks.append(Html(unmasking_table(rows) + drawn, caption))
    return blocks


def _end_of(smiles: str) -> tuple[str, str]:
    if parse(smiles) is None:
        return "", "It ends as no valid molecule."
    return molecule_grid([smiles]), "It ends as the molecule drawn."


def _read_json(run: Run, name: str) -> dict[str, Any]:
    path = run.artifacts.get(name)
    if path is None or not path.exists():
        return {}
    found: dict[str, Any] = json.loads(run.read(name))
    return found


def _read_lines(run: Run) -> list[str]:
    path = run.artifacts.get("samples")
    if path is None or not path.exists():
        return []
    return run.read("samples").decode().splitlines()
