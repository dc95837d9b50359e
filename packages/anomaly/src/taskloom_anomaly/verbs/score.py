"""`tasks anomaly score DETECTOR INPUTS`: scores, p-values and flags of new inputs, and a page that shows them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Annotated, Any, Literal

import numpy as np
import typer
from taskloom.errors import UsageError
from taskloom.registry.isolate import load_target
from taskloom.report.write import require_extra

from taskloom_anomaly.data.sources import STDIN
from taskloom_anomaly.data.streams import RowReading
from taskloom_anomaly.detection.answers import Judge, Rule
from taskloom_anomaly.detection.fusion import FUSED
from taskloom_anomaly.detection.own_network import save
from taskloom_anomaly.detection.scoring import AnswerTally, answer
from taskloom_anomaly.detection.summary import Discovery, sentences, summary_of
from taskloom_anomaly.statistics.conformal import discoveries, require_rate
from taskloom_anomaly.verbs.answering import (
    BatchOption,
    DetectorArgument,
    FprOption,
    LayoutOption,
    ReadyDetector,
    ResizeOption,
    fit_on_files,
    fitted_opened,
    opened,
)
from taskloom_anomaly.verbs.common import (
    DETECTOR_FILES,
    ParamOption,
    StoreOption,
    TextKeyOption,
    arguments_of,
    find_place,
    fresh_folder,
    say_json,
)

ANSWERS, PAGE = "answers.jsonl", "answers.html"
_DETECTOR = "detector"


@dataclass(frozen=True)
class _Wanted:
    """The rule, the bound on false discoveries, and where answers go."""

    rule: Rule
    discovery: Discovery | None
    title: str
    page: bool


def score(
    detector: DetectorArgument,
    inputs: Annotated[
        str,
        typer.Argument(
            help="npy, npz, safetensors, jsonl (of texts, too), csv, a folder of images, or - for JSON lines from standard input."
        ),
    ],
    *,
    fpr: FprOption = 0.01,
    trusted: Annotated[
        Path | None,
        typer.Option(help="Normal samples: fit a detector on the network DETECTOR first, and keep it beside the answers."),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="With --trusted: further normal samples for p-values; a share of them unless given."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "--dir", help="New folder for answers, page and detector; answers go to standard output unless given."),
    ] = None,
    certain: Annotated[
        float | None,
        typer.Option(help="Confidence with which the rate of this calibration set is at most --fpr, such as 0.95."),
    ] = None,
    fdr: Annotated[
        float | None,
        typer.Option(help="Flag so that at most this share of the flagged inputs is expected to be normal, over all inputs together."),
    ] = None,
    fdr_method: Annotated[
        Literal["bh", "ebh"],
        typer.Option(help="Benjamini-Hochberg; or e-BH, valid however inputs depend, which finds nothing but with p-values below fdr^2 / 4."),
    ] = "bh",
    by_class: Annotated[
        bool, typer.Option("--by-class", help="Calibrate every predicted class by itself.")
    ] = False,
    layer: Annotated[
        str, typer.Option(help="Layer whose p-value counts; fused is all together.")
    ] = FUSED,
    statistic: Annotated[
        Literal["cauchy", "fisher"], typer.Option(help="Statistic that joins the layers.")
    ] = "cauchy",
    labels: Annotated[
        str,
        typer.Option(help="Field, column or array with 1 for odd and 0 for normal: AUROC, realised rate and power."),
    ] = "",
    id_key: Annotated[
        str, typer.Option("--id", help="Field, column or array that names an input.")
    ] = "id",
    detector_kind: Annotated[
        str | None, typer.Option("--detector", help="With --trusted: the detector, by name.")
    ] = None,
    layers: Annotated[
        str | None, typer.Option(help="With --trusted: layers to watch, with commas between.")
    ] = None,
    param: ParamOption = None,
    layout: LayoutOption = None,
    resize: ResizeOption = None,
    text_key: TextKeyOption = "text",
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", min=1, help="Longer texts are cut.")
    ] = 128,
    batch_size: BatchOption = 256,
    store: StoreOption = None,
) -> None:  # fmt: skip
    """Score inputs: one line each with scores by layer, p-values and a flag, then a summary; with --out a page, too.

    Rows that cannot be read or scored are lines with an error, the others go on, and the exit code is 1.
    """
    given = {"detector": detector_kind, "layers": layers}
    arguments = {name: value for name, value in given.items() if value is not None}
    arguments |= arguments_of(param)
    if trusted is None and (arguments or calibration is not None):
        raise UsageError("--detector, --layers, --param and --calibration belong to --trusted: the detector is fitted already.")  # fmt: skip
    rule = Rule(require_rate(fpr), certain, by_class, layer, statistic)
    discovery = None if fdr is None else Discovery(require_rate(fdr, "--fdr"), fdr_method)
    source = "standard input" if inputs == STDIN else Path(inputs).name
    wanted = _Wanted(rule, discovery, f"Answers on {source}", out is not None)
    if wanted.page:
        require_extra()
    how = RowReading(text_key=text_key, id_key=id_key, truth_key=labels)
    common: dict[str, Any] = {"batch_size": batch_size, "layout": layout, "resize": resize}

    def perform(folder: Path | None) -> int:
        if trusted is None:
            with opened(find_place(detector, store), inputs, how, **common) as ready:
                return _answer(ready, wanted, folder)
        fitted, config, reference, _ = fit_on_files(
            detector,
            trusted,
            arguments,
            calibration=calibration,
            text_key=text_key,
            max_tokens=max_tokens,
            layout=layout,
            resize=resize,
            store=store,
        )
        with fitted_opened(fitted, inputs, how, **common) as ready:
            errors = _answer(ready, wanted, folder)
        if folder is not None:
            with fresh_folder(folder / _DETECTOR, *DETECTOR_FILES) as own:
                save(fitted, config, own, reference)
        return errors

    if out is None:
        errors = perform(None)
    else:
        with fresh_folder(out, ANSWERS, PAGE, _DETECTOR) as folder:
            errors = perform(folder)
    if errors:
        raise typer.Exit(1)


def _answer(ready: ReadyDetector, wanted: _Wanted, folder: Path | None) -> int:
    """Write the answers, and return the number of rows that could not be scored."""
    judge = Judge(ready.known, wanted.rule, promises=wanted.discovery is None)
    tally = AnswerTally()
    with _sink(folder) as sink, TemporaryFile("w+", encoding="utf-8") as spool:
        # False discoveries are bounded over all inputs together: no flag is known before the last one.
        first = spool if wanted.discovery is not None else sink
        for found in answer(ready.parts, ready.score, judge):
            tally.add(found, wanted.rule.layer)
            first.writelines(f"{json.dumps(line)}\n" for line in found.lines())
        if wanted.discovery is not None:
            bound = _bound(tally, wanted.discovery)
            tally.flag_up_to(bound)
            spool.seek(0)
            sink.writelines(_flagged(spool, wanted.rule.layer, bound))
        summary = summary_of(tally, judge, ready.kind, wanted.discovery)
        sink.write(f"{json.dumps(summary)}\n")
    if folder is not None:
        draw: Any = load_target("taskloom_anomaly.report.answers:write_page")
        draw(folder / PAGE, wanted.title, summary, tally, judge)
        say_json(summary["summary"])
        typer.echo(f"answers: {folder / ANSWERS}\npage: {folder / PAGE}", err=True)
    for sentence in sentences(summary):
        typer.echo(sentence, err=True)
    return tally.num_errors


def _bound(tally: AnswerTally, discovery: Discovery) -> float:
    """Return the largest p-value that is flagged; zero if none is."""
    p = np.repeat(list(tally.p), list(tally.p.values()))
    found = p[discoveries(p, discovery.rate, discovery.method)]
    return float(found.max(initial=0.0))


def _flagged(lines: Iterable[str], layer: str, bound: float) -> Iterator[str]:
    for text in lines:
        line = json.loads(text)
        if "p" in line:
            line["flag"] = line["p"][layer] <= bound
        yield f"{json.dumps(line)}\n"


@contextmanager
def _sink(folder: Path | None) -> Iterator[IO[str]]:
    if folder is None:
        yield sys.stdout
        return
    with (folder / ANSWERS).open("w", encoding="utf-8", newline="\n") as file:
        yield file
