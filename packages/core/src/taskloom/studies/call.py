"""Studies from Python: `taskloom.study`.

import taskloom as tl

study = tl.study("hci/pointing", {"assistant": ["big", "none"]}, range(10), metric="rounds/mean", episodes=100)
study.differences[0].words
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any, TypeAlias

from taskloom.asking import (
    Asked,
    find_asked,
    listed_values,
    require_options,
    resolve_values,
    written,
)
from taskloom.config import Config
from taskloom.errors import UsageError
from taskloom.given.files import refuse_while_loading
from taskloom.given.tasks import executor_for
from taskloom.lifecycle.library_defaults import library_defaults
from taskloom.lifecycle.talk import speaking
from taskloom.lifecycle.undisturbed import undisturbed
from taskloom.params.layers import Resolved
from taskloom.params.values import write
from taskloom.placement.options import checked_options
from taskloom.placement.single import PlacementLog
from taskloom.request import RunOptions
from taskloom.studies.analysis import pairs_of
from taskloom.studies.asked import asked_question
from taskloom.studies.looking import StudyLook, blocks, check_seeds, look
from taskloom.studies.perform import begin_study, look_at_study, perform_study
from taskloom.studies.planning import SEED, plan_study
from taskloom.studies.question import Adjustment, Direction, Method, StudyQuestion, Test
from taskloom.studies.study import Study
from taskloom.studies.values import (
    Level,
    Levels,
    StudyRow,
    StudyValues,
    measured,
)
from taskloom.sweeps.ahead import lines_of
from taskloom.sweeps.expand import Choices, Point
from taskloom.sweeps.metric import check_metric
from taskloom.sweeps.record import EXECUTOR

Runner: TypeAlias = Callable[[Any], Mapping[str, float]]
"""Function from a config to final metrics: what a study asks in place of runs of the store."""


def study(
    task: Asked | None,
    factors: Mapping[str, Iterable[object]],
    /,
    seeds: Iterable[int] = range(10),
    *,
    metric: str,
    compare: str | Sequence[str] = (),
    baseline: object = "",
    better: Direction = "",
    level: float = 0.95,
    interval: Method = "t",
    test: Test = "t",
    correct: Adjustment = "holm",
    share_of: str | int = "",
    count_of: str | int = "",
    until: str = "",
    max_seeds: int = 200,
    g: float = 1.0,
    runner: Runner | None = None,
    options: RunOptions = RunOptions(),
    **fixed: object,
) -> Study:
    """Run a task at every combination of levels and with every seed, and return what the runs say; finished runs are reused.

        >>> import taskloom as tl
        >>> effect = {"a": 1.0, "b": 0.0}
        >>> study = tl.study(
        ...     None,
        ...     {"kind": ["a", "b"]},
        ...     range(8),
        ...     metric="score",
        ...     runner=lambda config: {"score": effect[config["kind"]] + 0.1 * config["seed"] ** 2 % 3},
        ... )
        >>> [(cell.levels["kind"], cell.interval.n) for cell in study.table]
        [('a', 8), ('b', 8)]

    Args:
        task: Its name, `domain/task`, or its class; with a runner None will do, and its configs are plain tables.
        factors: The levels of each factor, by dotted path.
        seeds: The seeds, which pair the runs.
        metric: The final metric that the study is about.
        compare: Factors whose levels are compared; without it the only one that varies.
        baseline: The level that the others are held against; without it all pairs are compared.
        better: Direction that is better, which marks the best; without it that of the runs' headline, if it is the metric.
        level: Nominal coverage of every interval.
        interval: `t`, or `bootstrap` from 20 seeds on.
        test: `t`, `sign-flip` or `sign`.
        correct: `holm`, `bh`, `bonferroni` or `none`.
        share_of: Trials that the metric is a share of: a metric, a parameter or a number.
        count_of: The same where the metric is a count of them.
        until: Rule that ends the study: `decided` or `half_width=W`; it goes on after the seeds that are named.
        max_seeds: Seeds at which such a study ends in any case.
        g: Scale of the anytime-valid intervals.
        runner: Function from a config to metrics, called in place of running; nothing is recorded.
        options: How each run is kept and placed.
        **fixed: Values of the config that all runs share.

    Returns:
        The study. A run that failed is counted as missing, and leaves the others alone.

    Raises:
        UnknownNameError: A task, parameter, component, metric, factor or level does not exist.
        UsageError: A word or a number of the question makes no sense; nothing has been run.
        ConfigError: A value is not accepted; nothing has been run.
        StoreError: The store cannot be written.
    """
    question = asked_question(
        metric=metric,
        compare=compare,
        baseline=baseline,
        better=better,
        level=level,
        interval=interval,
        test=test,
        correct=correct,
        share_of=share_of,
        count_of=count_of,
        until=until,
        max_seeds=max_seeds,
        g=g,
    )
    wanted = check_seeds(seeds)
    require_options(options)
    columns = listed_values("factors", factors, fixed)
    if runner is not None:
        return _in_memory(task, columns, wanted, question=question, runner=runner, fixed=fixed)
    if task is None:
        raise UsageError(
            "A study without a task needs a runner: a function from a config to metrics."
        )
    loaded = find_asked(task, options.task_domain)
    every = {**{path: [value] for path, value in fixed.items()}, **columns}
    texts = {path: {write(written(item)): item for item in items} for path, items in every.items()}

    def resolve_point(point: Point) -> Resolved:
        values = {path: texts[path][text] for path, text in point.items() if path != SEED}
        return resolve_values(loaded.config_class, {**values, SEED: int(point[SEED])})

    refuse_while_loading()
    options = checked_options(options, executor=executor_for(loaded, EXECUTOR))
    choices = {path: Choices(tuple(by_text)) for path, by_text in texts.items()}
    defaults = library_defaults(wanted=loaded.given is None)
    with undisturbed(), defaults, speaking(quiet=options.quiet):
        plan = plan_study(
            loaded, choices, {}, wanted[0], options=options, resolve_point=resolve_point
        )
        check_metric(loaded, question.metric, plan.first_config, "metric")
        job = begin_study(plan, question, wanted)
        log = PlacementLog(quiet=options.quiet)
        log.say(f"study {job.sweep.id}: {len(plan.cells)} combinations")
        aheads = look_at_study(job)
        for line in lines_of(aheads):
            log.say(line)
        return perform_study(job, log, aheads)


def _in_memory(
    task: Asked | None,
    factors: Mapping[str, Sequence[object]],
    seeds: Sequence[int],
    *,
    question: StudyQuestion,
    runner: Runner,
    fixed: Mapping[str, object],
) -> Study:
    """Return the study of what a function returns for each config; nothing is recorded."""
    names = tuple(path for path, items in factors.items() if len(items) > 1)
    config_class = None if task is None else find_asked(task).config_class
    cells: dict[Levels, dict[str, object]] = {}
    for items in product(*factors.values()):
        values = dict(zip(factors, items, strict=True))
        key = tuple(_level(values[name]) for name in names)
        if key in cells:
            raise UsageError(f"A level is named twice: {', '.join(map(str, key))}.")
        cells[key] = {**fixed, **values}
    plan = StudyValues(names, tuple(StudyRow(key, 0, 0.0) for key in cells))
    pairs = len(pairs_of(plan, question))
    if question.until and not pairs:
        raise UsageError("A study that looks needs something to compare: name a factor in compare.")
    question.check_size(question.max_seeds if question.until else len(seeds))
    rows: list[StudyRow] = []
    looks: list[StudyLook] = []
    for block in blocks(seeds, question, pairs) if question.until else [seeds]:
        for seed in block:
            for key, values in cells.items():
                rows.append(_asked(runner, config_class, {**values, SEED: seed}, key, question))
        if question.until:
            looks.append(look(StudyValues(names, tuple(rows)), question))
            if looks[-1].decided:
                break
    return Study(StudyValues(names, tuple(rows)), question, looks=tuple(looks)).checked()


def _asked(
    runner: Runner,
    config_class: type[Config] | None,
    values: dict[str, object],
    levels: Levels,
    question: StudyQuestion,
) -> StudyRow:
    seed = values[SEED]
    config = values if config_class is None else resolve_values(config_class, values).config
    metrics = runner(config)
    if not isinstance(metrics, Mapping):
        raise UsageError(
            f"The runner returned a {type(metrics).__name__}; it must return metrics by name."
        )
    return measured(
        levels, seed if isinstance(seed, int) else 0, metrics, values, question=question
    )


def _level(value: object) -> Level:
    return value if isinstance(value, str | int | float | bool | None) else write(written(value))
