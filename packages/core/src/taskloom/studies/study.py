"""The result of a study: what its runs say of the question, in every form that a person or a program reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from taskloom.errors import ExitCode, MissingExtraError, UnknownNameError, UsageError
from taskloom.registry.isolate import load_target
from taskloom.registry.suggest import did_you_mean
from taskloom.report.write import require_extra
from taskloom.runs.export import to_csv
from taskloom.settling import settled
from taskloom.show.cells import guarded
from taskloom.statistics.sample_size import SampleSize, plan_half_width, plan_power
from taskloom.studies.analysis import LevelComparison, compare_levels
from taskloom.studies.asked import asked_question, require_metric
from taskloom.studies.cells import StudyCell, summarise_cells, summarise_levels
from taskloom.studies.data import cell_rows, comparison_rows, csv_rows, document, value_rows
from taskloom.studies.looking import StudyLook
from taskloom.studies.markup import html_of, latex_of
from taskloom.studies.points import values_of_results
from taskloom.studies.question import Adjustment, Direction, Method, StudyQuestion, Test
from taskloom.studies.tables import text_of
from taskloom.studies.values import StudyValues, rows_of_table
from taskloom.sweeps.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd

_PAGE = "taskloom.studies.page:write_page"


@dataclass(frozen=True, repr=False)
class Study:
    """A study: values by combination and seed, and what they say of the question.

    Attributes:
        values: Values by combination and seed.
        question: What is asked.
        id: Id of the sweep that holds its runs; empty without one.
        task: The task; empty where it is not known.
        looks: Looks of a study that stops by looking, in order.
        exit_code: 0 if every run has finished.
        folder: Folder of its record; None without one.
    """

    values: StudyValues
    question: StudyQuestion
    id: str = ""
    task: str = ""
    looks: tuple[StudyLook, ...] = ()
    exit_code: ExitCode = ExitCode.OK
    folder: Path | None = None

    @classmethod
    def of(
        cls,
        table: Sweep
        | pd.DataFrame
        | Mapping[str, Sequence[object]]
        | Iterable[Mapping[str, object]],
        *,
        metric: str = "value",
        compare: str | Sequence[str] = (),
        factors: Sequence[str] | None = None,
        seed: str = "seed",
        baseline: object = "",
        better: Direction = "",
        level: float = 0.95,
        interval: Method = "t",
        test: Test = "t",
        correct: Adjustment = "holm",
        share_of: str | int = "",
        count_of: str | int = "",
    ) -> Study:
        """Return the study of a table with one row a run; nothing is run.

            >>> rows = [
            ...     {"assistant": a, "seed": s, "value": v + s}
            ...     for a, v in (("big", 1.0), ("none", 2.5)) for s in range(5)
            ... ]
            >>> Study.of(rows, compare="assistant").differences[0].words
            'big - none is the same in every seed: nothing to test'

        Args:
            table: Rows, columns, a data frame, or a sweep.
            metric: Column of the values.
            compare: Factors whose levels are compared; without it the only one that varies.
            factors: Columns that are factors; without it every column that varies and is neither seed nor metric.
            seed: Column of the seed.
            baseline: The level that the others are held against.
            better: Direction that is better: `higher` or `lower`.
            level: Nominal coverage of every interval.
            interval: `t`, or `bootstrap` from 20 seeds on.
            test: `t`, `sign-flip` or `sign`.
            correct: `holm`, `bh`, `bonferroni` or `none`.
            share_of: Trials that the metric is a share of: a column or a number.
            count_of: The same where the metric is a count of them.

        Raises:
            UnknownNameError: There is no such column, factor or level.
            UsageError: The table holds two rows of the same combination and seed, or a word is unknown.
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
        )
        if isinstance(table, Sweep):
            values = values_of_results(table.results, question, factors)
        else:
            values = rows_of_table(_rows(table), question, factors, seed)
        return cls(values, question).checked()

    def checked(self) -> Study:
        """Return the study once its comparisons can be made.

        Raises:
            UnknownNameError: A factor or the baseline does not exist.
            UsageError: A factor has one level, or the bootstrap has too few seeds.
        """
        require_metric(self.values, self.question)
        self.differences  # noqa: B018 -- computed here, so that what cannot be compared is refused at once
        return self

    @property
    def is_looked_at(self) -> bool:
        """True of a study that stops by looking, so that only anytime-valid figures hold."""
        return bool(self.question.until)

    @property
    def table(self) -> tuple[StudyCell, ...]:
        """Every combination with its interval; the best are marked if a direction is better."""
        return self._table

    @cached_property
    def _table(self) -> tuple[StudyCell, ...]:
        return summarise_cells(self.values, self.question, is_looked_at=self.is_looked_at)

    @property
    def levels(self) -> tuple[StudyCell, ...]:
        """Every level of the compared factors, averaged over the other factors within each seed."""
        return self._levels

    @cached_property
    def _levels(self) -> tuple[StudyCell, ...]:
        return summarise_levels(self.values, self.question, is_looked_at=self.is_looked_at)

    @property
    def differences(self) -> tuple[LevelComparison, ...]:
        """Every comparison with its interval, p-value and verdict."""
        return self._differences

    @cached_property
    def _differences(self) -> tuple[LevelComparison, ...]:
        return compare_levels(self.values, self.question, is_looked_at=self.is_looked_at)

    def required(
        self,
        *,
        half_width: float | None = None,
        difference: float | None = None,
        power: float = 0.8,
    ) -> dict[str, SampleSize]:
        """Return how many seeds each comparison needs, taking this study as the pilot; without one, each combination.

            study.required(half_width=0.1)["big - none"].n

        Args:
            half_width: Half width of the interval to reach.
            difference: Or the mean difference to find.
            power: Probability of finding it.

        Raises:
            UsageError: Neither or both are given, a number is out of range, or the study has fewer than two seeds.
        """
        samples = {item.name: list((item.differences or {}).values()) for item in self.differences}
        if not samples:
            cells = self.values.cells
            samples = {self.values.name(key): list(cell.values()) for key, cell in cells.items()}
        level = self.question.level
        half_width = settled("half_width", half_width, float | None)
        difference = settled("difference", difference, float | None)
        power = settled("power", power, float)
        if (half_width is None) == (difference is None):
            raise UsageError(
                "A number of seeds follows from half_width or from difference: give one of them."
            )
        try:
            if half_width is not None:
                return {
                    name: plan_half_width(sample, half_width, level=level)
                    for name, sample in samples.items()
                }
            return {
                name: plan_power(sample, difference or 0.0, power=power, level=level)
                for name, sample in samples.items()
            }
        except ValueError as error:
            raise UsageError(str(error)) from None

    def to_json(self) -> dict[str, Any]:
        """Return the study as JSON values."""
        return document(self)

    def text(self) -> str:
        """Return the tables for a terminal."""
        return text_of(self)

    def csv(self) -> str:
        """Return one row for each combination and each comparison as CSV."""
        return to_csv(csv_rows(self))

    def latex(self) -> str:
        """Return the tables for LaTeX with booktabs."""
        return latex_of(self)

    def frame(self, of: str = "differences") -> pd.DataFrame:
        """Return a data frame.

        Args:
            of: `differences`, `table` (combinations), `levels` or `values` (runs).

        Raises:
            MissingExtraError: pandas is not installed.
            UnknownNameError: There is no such table.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtraError("frame() needs pandas: pip install pandas") from None
        kinds = ("differences", "table", "levels", "values")
        if of not in kinds:
            raise UnknownNameError(
                f"A study has no frame of {of!r}; it has {', '.join(kinds)}.",
                hint=did_you_mean(of, kinds),
            )
        if of == "differences":
            return pd.DataFrame(comparison_rows(self.differences))
        if of == "values":
            return pd.DataFrame(value_rows(self))
        return pd.DataFrame(cell_rows(self.table if of == "table" else self.levels))

    def report(self, output: Path | str | None = None) -> Path:
        """Write the study as one self-contained page and return the file.

        Args:
            output: Where to write; `report.html` in the study's folder, or `study.html` without one.

        Raises:
            MissingExtraError: The extra `report` is not installed.
            StoreError: The file cannot be written.
        """
        require_extra()
        default = Path("study.html") if self.folder is None else self.folder / "report.html"
        write: Any = load_target(_PAGE, what="the page of a study")
        return cast(Path, write(self, Path(output) if output is not None else default))

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        sizes = f"{len(self.values.cells)} combinations, {len(self.values.seeds)} seeds"
        return f"Study({self.id or self.task or 'of a table'}: {self.question.metric}, {sizes})"

    def _repr_html_(self) -> str:
        return guarded(lambda: html_of(self), self.id or "a study")


def _rows(table: Any) -> list[Mapping[str, object]]:  # noqa: ANN401 -- any kind of table
    """Return the rows of any kind of table."""
    records = getattr(table, "to_dict", None)
    if callable(records):
        found: Any = records("records")
        return list(found)
    if isinstance(table, Mapping):
        columns = {name: list(column) for name, column in table.items()}
        if len({len(column) for column in columns.values()}) > 1:
            raise UsageError("The columns of a table have different lengths.")
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    rows = list(table) if isinstance(table, Iterable) else [table]
    if not all(isinstance(row, Mapping) for row in rows):
        raise UsageError(
            "A table is a list of rows by column, a table of columns, a data frame or a sweep."
        )
    return rows
