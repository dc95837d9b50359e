"""The options of a study that say what is asked, shared by both forms of `tasks study`, and how its result is printed."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from taskloom.cli.output import print_json, print_table
from taskloom.errors import UsageError
from taskloom.registry.suggest import did_you_mean
from taskloom.statistics.sample_size import SampleSize
from taskloom.studies.question import StudyQuestion
from taskloom.studies.study import Study, named

Metric = Annotated[
    str, typer.Option("--metric", metavar="NAME", help="The final metric that it is about.")
]
Compare = Annotated[
    str,
    typer.Option(
        "--compare",
        metavar="FACTOR,...",
        help="Compare the levels of this factor (else of the only one that varies).",
    ),
]
Baseline = Annotated[
    str,
    typer.Option(
        "--baseline", metavar="LEVEL", help="Hold the others against this level (else all pairs)."
    ),
]
Better = Annotated[
    str,
    typer.Option(
        "--better", metavar="higher|lower", help="Mark the best, and what is not told apart."
    ),
]
Confidence = Annotated[
    float, typer.Option("--level", metavar="SHARE", help="Nominal coverage of every interval.")
]
IntervalMethod = Annotated[
    str,
    typer.Option("--interval", metavar="t|bootstrap", help="Interval; bootstrap from 20 seeds on."),
]
TestMethod = Annotated[
    str, typer.Option("--test", metavar="t|sign-flip|sign", help="Test of no difference.")
]
Correction = Annotated[
    str,
    typer.Option(
        "--correct", metavar="holm|bh|bonferroni|none", help="Correction for several comparisons."
    ),
]
ShareOf = Annotated[
    str,
    typer.Option(
        "--share-of",
        metavar="NAME|N",
        help="The metric is a share of so many trials: a metric, a parameter or a number.",
    ),
]
CountOf = Annotated[
    str,
    typer.Option(
        "--count-of", metavar="NAME|N", help="The metric is a count among so many trials."
    ),
]
Required = Annotated[
    str,
    typer.Option(
        "--required",
        metavar="half_width=W|difference=D",
        help="Say how many seeds reach this half width, or find this difference in 4 of 5 studies.",
    ),
]
Form = Annotated[
    str, typer.Option("--format", metavar="text|csv|latex", help="Form of what is printed.")
]
QUESTION = (
    "metric compare baseline better level interval test correct share_of count_of until max_seeds g "
    "required form"
)
"""The options of the question in the order of help."""
_FORMS = ("text", "csv", "latex")


def read_question(given: dict[str, Any]) -> StudyQuestion:
    """Return the question that options gave.

    Raises:
        UsageError: It cannot be meant.
    """
    return StudyQuestion(**{**given, "compare": named(given["compare"])})


def check_form(form: str, required: str) -> None:
    """Refuse a form or a requirement that does not exist, before anything is run.

    Raises:
        UsageError: So it is.
    """
    if form not in _FORMS:
        raise UsageError(
            f"--format is {form!r}; it must be text, csv or latex.", hint=did_you_mean(form, _FORMS)
        )
    if required:
        _read_required(required)


def print_study(study: Study, *, form: str, required: str, as_json: bool) -> None:
    """Print a study on stdout, and how many seeds it needs if that is asked for."""
    sizes = study.required(**_read_required(required)) if required else {}
    if as_json:
        document = study.to_json()
        if sizes:
            document["required"] = {
                name: {"seeds": size.n, "cautious_seeds": size.cautious_n, "method": size.method}
                for name, size in sizes.items()
            }
        print_json(document)
        return
    forms = {"text": study.text, "csv": study.csv, "latex": study.latex}
    sys.stdout.write(forms[form]())
    if sizes and form == "text":
        sys.stdout.write("\n")
        columns = ("required", "seeds", "if the spread is at its upper 80 % bound", "method")
        print_table(columns, [_size_row(name, size) for name, size in sizes.items()])


def _size_row(name: str, size: SampleSize) -> tuple[str, ...]:
    return name, str(size.n), str(size.cautious_n), size.method


def _read_required(text: str) -> dict[str, float]:
    name, _, value = text.partition("=")
    try:
        if name in ("half_width", "difference"):
            return {name: float(value)}
    except ValueError:
        pass
    raise UsageError(f"--required is {text!r}; write it as half_width=0.1 or difference=0.1.")
