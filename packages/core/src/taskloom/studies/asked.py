"""From what a person asks, at the command line or in Python, to the question of a study; and whether its runs can answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from taskloom.errors import UnknownNameError
from taskloom.registry.suggest import did_you_mean
from taskloom.settling import settled
from taskloom.studies.question import StudyQuestion
from taskloom.studies.values import NOT_FINITE, StudyValues, label_of


def asked_question(
    *,
    metric: str,
    compare: str | Sequence[str] = (),
    baseline: object = "",
    share_of: str | int = "",
    count_of: str | int = "",
    **others: Any,  # noqa: ANN401 -- the remaining fields, as they are
) -> StudyQuestion:
    """Return the question.

        asked_question(metric="return", compare="user, assistant", share_of=100)

    Args:
        metric: Final metric of a run.
        compare: Names of factors, or a text with commas between them.
        baseline: A level of any type; an empty text is none.
        share_of: A name or a number.
        count_of: Likewise.
        **others: The remaining fields of `StudyQuestion`, as they are.

    Raises:
        UsageError: It cannot be meant.
    """
    listed = compare.split(",") if isinstance(compare, str) else compare
    words = settled("compare", listed, Sequence[str])
    return StudyQuestion(
        metric=metric,
        compare=tuple(word.strip() for word in words if word.strip()),
        baseline="" if isinstance(baseline, str) and not baseline else label_of(baseline),
        share_of=str(share_of),
        count_of=str(count_of),
        **others,
    )


def require_metric(values: StudyValues, question: StudyQuestion) -> None:
    """Refuse a metric that no run has; a run that lacks what others have is missing, as one that failed.

    Raises:
        UnknownNameError: So it is; the message lists the metrics that there are.
    """
    lacking = [row.known for row in values.rows if row.known is not None]
    if lacking and not any(
        row.value is not None or row.reason.startswith(NOT_FINITE) for row in values.rows
    ):
        names = list(dict.fromkeys(name for known in lacking for name in known))
        raise UnknownNameError(
            f"The runs have no metric '{question.metric}'; they have {', '.join(names) or 'none'}.",
            hint=did_you_mean(question.metric, names),
        )
