"""The options of a study that say what is asked, shared by both forms of `tasks study`, and how its result is printed."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, get_type_hints

import typer

from taskloom.cli.output import print_json, print_table
from taskloom.errors import UsageError
from taskloom.registry.suggest import did_you_mean
from taskloom.statistics.sample_size import SampleSize
from taskloom.studies.asked import asked_question
from taskloom.studies.question import StudyQuestion
from taskloom.studies.study import Study

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
        "--better",
        metavar="higher|lower",
        help="Mark the best, and what is not shown to differ from it.",
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
Until = Annotated[
    str,
    typer.Option(
        "--until",
        metavar="decided|half_width=W",
        help="Add seeds until this is so, with intervals that allow for looking.",
    ),
]
MaxSeeds = Annotated[
    int, typer.Option("--max-seeds", metavar="N", help="Seeds at which it ends in any case.")
]
Scale = Annotated[float, typer.Option("--g", metavar="X", help="Scale of those intervals.")]

_OPTIONS: dict[str, Any] = {
    "metric": Metric,
    "compare": Compare,
    "baseline": Baseline,
    "better": Better,
    "level": Confidence,
    "interval": IntervalMethod,
    "test": TestMethod,
    "correct": Correction,
    "share_of": ShareOf,
    "count_of": CountOf,
    "until": Until,
    "max_seeds": MaxSeeds,
    "g": Scale,
    "required": Required,
    "form": Form,
}
_LOOKING = ("until", "max_seeds", "g")
_PRINTING = {"required": "", "form": "text"}
QUESTION = " ".join(_OPTIONS)
"""The options of the question in the order of help."""
_FORMS = ("text", "csv", "latex")


@dataclass(frozen=True, slots=True)
class StudyWords:
    """Words of a command line that ask for a study.

    Attributes:
        values: Values of the fields of `StudyQuestion`, as they were given.
        required: Half width or difference whose number of seeds is asked for; or empty.
        form: Form of what is printed.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    required: str = _PRINTING["required"]
    form: str = _PRINTING["form"]

    def question(self) -> StudyQuestion:
        """Return the question.

        Raises:
            UsageError: It cannot be meant.
        """
        return asked_question(**self.values)


def takes_question(*, looks: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that gives the body of a command the options of a study, as its keyword `asked`.

        @takes_question(looks=False)
        def study_runs(references: ..., *, asked: StudyWords, store: ... = None) -> None: ...

    Their defaults are those of `StudyQuestion`. A form or a requirement that does not exist is refused before the body runs.

    Args:
        looks: Whether the command runs something, so that a study may stop by looking.
    """
    defaults = {item.name: item.default for item in fields(StudyQuestion)}
    defaults |= {"metric": "", "compare": "", **_PRINTING}
    made = {
        name: inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=option
        )
        for name, option in _OPTIONS.items()
        if looks or name not in _LOOKING
    }

    def decorate(body: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(body, include_extras=True)
        own = [
            parameter.replace(annotation=hints[name])
            for name, parameter in inspect.signature(body).parameters.items()
            if name != "asked"
        ]
        first = [item for item in own if item.kind is not inspect.Parameter.KEYWORD_ONLY]
        every = [*first, *made.values(), *(item for item in own if item not in first)]

        def call(*positional: Any, **given: Any) -> None:  # noqa: ANN401 -- the options of the command
            words = {name: given.pop(name) for name in made}
            asked = StudyWords(words, **{name: words.pop(name) for name in _PRINTING})
            check_form(asked.form, asked.required)
            body(*positional, asked=asked, **given)

        # setattr, since a function has no such attribute for a type checker; Typer reads it through `inspect.signature`
        setattr(call, "__signature__", inspect.Signature(every))  # noqa: B010 -- Typer's own classes
        call.__annotations__ = {item.name: item.annotation for item in every}
        call.__doc__ = body.__doc__
        return call

    return decorate


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


def print_study(study: Study, asked: StudyWords, *, as_json: bool) -> None:
    """Print a study on stdout, and how many seeds it needs if that is asked for."""
    sizes = study.required(**_read_required(asked.required)) if asked.required else {}
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
    sys.stdout.write(forms[asked.form]())
    if sizes and asked.form == "text":
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
