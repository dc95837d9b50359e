"""The page of a fit: people with their intervals, the population, and every check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import htpy as h
from taskloom.report.charts import WIDTH
from taskloom.report.model import Block, Chart, Fold, Table, Text
from taskloom.report.page import page
from taskloom.report.parts import arranged
from taskloom.runs.writer import atomic_write

_MOST_DRAWN = 60
_RARE = 0.05  # of the p of a statistic that is told first


def write_page(path: Path, fits: Sequence[Mapping[str, Any]], words: Sequence[str]) -> None:
    """Write the page.

    Args:
        path: The file.
        fits: Facts of one fit a user model, of the same decisions (`facts_of`).
        words: Lines that compare the models.
    """
    first = fits[0]
    data = first["data"]
    left = "".join(f"; {count} left out ({why})" for why, count in data["left_out"].items())
    models = ", ".join(told["user"] for told in fits)
    header = h.header[
        h.p(".kicker")["taskloom \u00b7 hci \u00b7 fit"],
        h.h1[f"Users as {models}"],
        h.p(".lede")[
            f"{data['used']} of {data['read']} decisions of {data['people']} people{left}."
        ],
    ]
    blocks: list[Block] = [Text(line) for line in words]
    for told in fits:
        blocks += _model(told)
    for told in fits:
        blocks += _folded(told)
    evidence, _, folds = arranged(blocks, path.parent)
    atomic_write(path, page("Fit", header, [("Fit", evidence)], folds=folds))


def _model(told: Mapping[str, Any]) -> Iterator[Block]:
    by = "NUTS" if told["method"] == "nuts" else "an exact grid"
    yield Text(f"{told['user']}: {told['mode']}, by {by}. {_trust(told)}")
    for name in told["priors"]:
        yield _people(told, name)
    yield _score(told)


def _trust(told: Mapping[str, Any]) -> str:
    if told["untrusted"]:
        return "The samples are untrusted: " + "; ".join(told["untrusted"]) + "."
    return " ".join(told["notes"]) or "Every check of the computation was passed."


def _people(told: Mapping[str, Any], name: str) -> Chart:
    """Return the people's means of a parameter with their 90 % intervals, and that of a new person last."""
    rows = [{"person": who, **of[name]} for who, of in told["persons"].items()]
    rows.sort(key=lambda row: row["mean"])
    left = len(rows) - _MOST_DRAWN
    rows = [*rows[:_MOST_DRAWN], {"person": "a new person", **told["new_person"][name]}]
    place = {"field": "person", "type": "nominal", "sort": None, "title": None}
    value = {"type": "quantitative", "title": name, "scale": {"zero": False}}
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": rows},
        "width": WIDTH,
        "height": {"step": 18},
        "layer": [
            {
                "mark": "rule",
                "encoding": {
                    "y": place,
                    "x": {"field": "low", **value},
                    "x2": {"field": "high"},
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 50},
                "encoding": {"y": place, "x": {"field": "mean", **value}},
            },
        ],
    }
    more = f"; {left} people with larger values are in the table" if left > 0 else ""
    prior = f"The prior was {told['priors'][name]}."
    return Chart(
        spec, f"{told['user']}, {name}: mean and 90 % interval of each person{more}. {prior}"
    )


def _score(told: Mapping[str, Any]) -> Table:
    rows: list[list[Any]] = []
    if (unseen := told["held_out"]) is not None:
        rows.append(["last third of the games, by the others", unseen["score"], None, None])
        rows.append(["the same less chance", unseen["above_chance"], None, None])
        if (apart := unseen["above_pooled"]) is not None:
            ends = [apart["estimate"], apart["low"], apart["high"]]
            rows.append(["the same less one fit of all people", *ends])
    if told["left_out_games"] is not None:
        rows.append(["a game, by all others of its person", told["left_out_games"], None, None])
    if told["log_evidence"] is not None:
        rows.append(["log evidence of all decisions", told["log_evidence"], None, None])
    return Table(["score", "nats", "low", "high"], rows, f"{told['user']}: log-probabilities.")


def _folded(told: Mapping[str, Any]) -> Iterator[Block]:
    checks = sorted(told["predictive"], key=lambda one: one["p"])
    rare = sum(one["p"] < _RARE for one in checks)
    yield Fold(f"Repeated data, {told['user']}", f"{rare} of {len(checks)} unlike the data's")
    columns = ["person", "statistic", "data", "repeated, low", "high", "p"]
    keys = ("person", "name", "observed", "low", "high", "p")
    yield Table(
        columns,
        [[one[key] for key in keys] for one in checks],
        "Statistics of the data beside those of data that the fit repeats: middle 90 %, and a two-sided p.",
    )
    yield Fold(f"People, {told['user']}", f"{len(told['persons'])}")
    names = list(told["priors"])
    moments = ("mean", "sd", "low", "high")
    yield Table(
        ["person", *(f"{name}, {what}" for name in names for what in moments)],
        [
            [who, *(of[name][what] for name in names for what in moments)]
            for who, of in told["persons"].items()
        ],
        "Posterior of each person.",
    )
    if told["population"]:
        yield Table(
            ["parameter", "mean", "sd", "deviation", "sd"],
            [
                [one[key] for key in ("name", "mean", "mean_sd", "deviation", "deviation_sd")]
                for one in told["population"]
            ],
            "The population, on the line of each parameter (log or logit).",
        )
