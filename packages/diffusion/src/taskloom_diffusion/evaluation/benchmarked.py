"""The published figures of a run's samples, against its own held-out molecules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from taskloom import RunContext

from taskloom_diffusion.chemistry.benchmarking import (
    DataPackages,
    MoleculeBenchmark,
    data_packages,
)
from taskloom_diffusion.chemistry.figures import BenchmarkFigure
from taskloom_diffusion.chemistry.molecule_set import MoleculeSet
from taskloom_diffusion.chemistry.reference import (
    MoleculeReference,
    statistics_of,
    training_of,
)
from taskloom_diffusion.chemistry.table import figure_rows
from taskloom_diffusion.config import DiffusionConfig
from taskloom_diffusion.corpora.corpus import Corpus
from taskloom_diffusion.metrics.molecules import MoleculeMetrics

# A covariance of 512 activations needs more molecules than that; below, the Frechet distance says nothing in a report.
_LEAST_FOR_FRECHET = 1000
_IN_REPORT = ("moses", "genmol")
_MOST_DRAWN = 500


def benchmark_run(
    ctx: RunContext, config: DiffusionConfig, texts: Sequence[str], corpus: Corpus
) -> tuple[dict[str, float], dict[str, Path]]:
    """Return figures of a run's samples against its own held-out molecules as metrics, and the file that has them in full.

    Args:
        ctx: Of the run.
        config: Of the run.
        texts: Its samples.
        corpus: Its corpus.
    """
    # Repeat units of polymers have stars, which no figure of whole molecules means anything of.
    if not isinstance(config.metrics, MoleculeMetrics):
        return {}, {}
    molecules, able = MoleculeSet(texts), data_packages()
    able = replace(able, chemnet=able.chemnet and len(molecules) >= _LEAST_FOR_FRECHET)
    if not len(molecules):
        return {}, {}
    # Those of the smallest ranks, as the bound takes them.
    held = [*corpus.test[: config.evaluate.num_holdout]]
    test = statistics_of("Test", held, with_chemnet=able.chemnet)
    if not test.count:
        return {}, {}
    reference = MoleculeReference(
        f"{test.count:,} test molecules of the run", (test,), training_of(corpus.train)
    )
    figures = MoleculeBenchmark(reference, _IN_REPORT, able, keep=False).figures(molecules)
    if not corpus.canonical:
        # Texts as a user wrote them say nothing of which molecules are known; the run's own metrics read each.
        del figures["Novelty"]
    path = ctx.artifact("benchmark.json")
    document = {
        **described(figures, reference, able),
        "distributions": _distributions(molecules, reference),
    }
    path.write_text(json.dumps(document), encoding="utf-8", newline="\n")
    # Of the shares that the suite of metrics has already, its own are the run's.
    new = {name for name in figures if name.partition("/")[2] or name in _NEW}
    found = {
        f"benchmark/{name.partition('/')[0].lower()}": figures[name].value
        for name in figures
        if name in new and np.isfinite(figures[name].value)
    }
    return found, {"benchmark": path}


_NEW = frozenset({"Filters", "logP", "SA", "QED", "weight", "Quality"})


def described(
    figures: Mapping[str, BenchmarkFigure], reference: MoleculeReference, able: DataPackages
) -> dict[str, Any]:
    """Return figures as a document: what was compared with what, by which versions."""
    import rdkit  # RDKit is heavy

    return {
        "format": 1,
        "reference": reference.name,
        "packages": {"rdkit": rdkit.__version__},
        "notes": able.missing(),
        "figures": figure_rows(figures),
    }


def _distributions(
    molecules: MoleculeSet, reference: MoleculeReference
) -> dict[str, dict[str, list[float]]]:
    """Return values of single molecules for pictures: of the samples, and of what they are compared with."""
    test = reference.sets[0]
    ours = molecules.row[:_MOST_DRAWN]
    found = {
        "SA": {
            "corpus": test.values["SA"][:_MOST_DRAWN].tolist(),
            "samples": molecules.values["SA"][ours].tolist(),
        }
    }
    if reference.training is not None:
        # Fresh training molecules say how near molecules of the corpus are to each other.
        fresh = MoleculeSet(reference.training.drawn(len(ours), 0))
        found["nearest"] = {
            "corpus": test.neighbours.nearest(fresh.bits).tolist(),
            "samples": test.neighbours.nearest(molecules.bits)[ours].tolist(),
        }
    return found
