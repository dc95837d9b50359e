"""`tasks study SWEEP...`: compare runs that exist."""

from __future__ import annotations

from typing import Annotated

import typer

from taskloom.cli.annotations import AsJson, StoreOption
from taskloom.cli.commands import study_options as given
from taskloom.errors import RunNotFoundError, UsageError
from taskloom.runs.layout import default_store
from taskloom.studies.record import is_study
from taskloom.studies.recorded import open_study, study_of_sweeps
from taskloom.sweeps.record import find_sweep


def study_runs(
    references: Annotated[
        list[str], typer.Argument(metavar="SWEEP...", help="Sweeps and studies: ids or folders.")
    ],
    *,
    metric: given.Metric = "",
    compare: given.Compare = "",
    baseline: given.Baseline = "",
    better: given.Better = "",
    level: given.Confidence = 0.95,
    interval: given.IntervalMethod = "t",
    test: given.TestMethod = "t",
    correct: given.Correction = "holm",
    share_of: given.ShareOf = "",
    count_of: given.CountOf = "",
    required: given.Required = "",
    form: given.Form = "text",
    store: StoreOption = None,
    as_json: AsJson = False,
) -> None:
    """Compare the runs of sweeps; of one study without --metric, print it again as it was asked for."""
    given.check_form(form, required)
    place = default_store(store)
    folders = []
    for name in references:
        folder = find_sweep(name, place)
        if folder is None:
            raise RunNotFoundError(
                f"There is no sweep {name!r} in the store {place}.",
                hint="the folder of a sweep holds a sweep.json",
            )
        folders.append(folder)
    if metric:
        asked = {
            "metric": metric,
            "compare": compare,
            "baseline": baseline,
            "better": better,
            "level": level,
            "interval": interval,
            "test": test,
            "correct": correct,
            "share_of": share_of,
            "count_of": count_of,
        }
        found = study_of_sweeps(folders, given.read_question(asked))
    elif len(folders) == 1 and is_study(folders[0]):
        found = open_study(folders[0])
    else:
        raise UsageError("--metric is missing: the final metric of a run that the study is about.")
    given.print_study(found, form=form, required=required, as_json=as_json)
