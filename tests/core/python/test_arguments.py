"""Arguments of another type than a call takes: one sentence of ours, and nothing is made."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import taskloom as tl
from taskloom.errors import TaskloomError, UsageError
from taskloom.records.options import read_option
from taskloom.request import KeptOptions

ODD: tuple[Any, ...] = (
    *(None, True, False, 3, -1, 2.0, 2.5, float("nan"), float("inf"), "", "yes", "1h", "a\0b"),
    *(b"x", [], ["a"], ("a", 1), [1], {"a": 1}, {"a"}, object(), Path("x"), tl.Resources(), tl.Run),
    *(np.int64(2), np.float32(0.5), np.str_("yes"), np.True_, np.array([1, 2]), np.array(4)),
)


@pytest.mark.parametrize("owner", [tl.RunOptions, tl.Resources])
def test_an_option_of_any_value_is_refused_or_can_be_recorded(owner: type) -> None:
    refused: list[tuple[str, str]] = []
    for field in fields(owner):
        for value in ODD:
            try:
                made = owner(**{field.name: value})
            except UsageError as error:
                refused.append((field.name, error.message))
                continue
            options = made if owner is tl.RunOptions else tl.RunOptions(resources=made)
            written = json.loads(json.dumps(asdict(options), default=str, allow_nan=False))
            for kept in fields(KeptOptions):
                if value != -1:  # a number out of range is refused by `checked_options`
                    read_option(written, kept.name)
    assert all(name in told and "\n" not in told for name, told in refused)
    assert len(refused) > 10 * len(fields(owner))


def test_a_text_is_a_list_of_one_and_a_number_of_a_library_is_a_number() -> None:
    options = tl.RunOptions(tags="pilot", jobs=np.int64(2), store="")
    assert (options.tags, options.jobs, options.store) == (("pilot",), 2, None)
    assert type(options.jobs) is int
    with pytest.raises(UsageError, match=r"RunOptions\.report is False; write it as 'no'"):
        tl.RunOptions(report=False)  # type: ignore[arg-type]  # the mistake


Call = Callable[[], object]
ONE = "one.py:Coin"
TABLE = [{"kind": kind, "seed": seed, "value": 1.0} for kind in "ab" for seed in range(3)]


def asked(*words: Any, **named: Any) -> object:  # noqa: ANN401 -- a call with any mistake
    run: Any = tl.run
    return run(*words, **named)


def swept(axes: Any, **named: Any) -> object:  # noqa: ANN401 -- likewise
    return tl.sweep(ONE, axes, **named)


def studied(factors: Any, **named: Any) -> object:  # noqa: ANN401 -- likewise
    runner: Any = lambda config: {"value": 1.0}  # noqa: E731 -- shorter
    return tl.study(None, factors, **{"metric": "value", "runner": runner, **named})


WRONG: dict[str, tuple[Call, str]] = {
    "a list of values": (lambda: asked(ONE, [1, 2]), "Values of a config are a table"),
    "a text of values": (lambda: asked(ONE, "p=0.3"), "not a str"),
    "a number as name": (lambda: asked(ONE, {3: 0.1}), "have texts for names, and 3 is none"),
    "options as a table": (
        lambda: asked(ONE, options={"tags": ["x"]}),
        "options are a taskloom.RunOptions, not a dict.",
    ),
    "options as a class": (lambda: asked(ONE, options=tl.RunOptions), "not RunOptions."),
    "axes as a list": (lambda: swept(["p"]), "axes are a table"),
    "no axes": (lambda: swept(None), "axes are a table"),
    "an axis without values": (lambda: swept({"p": []}), "'p' has no values"),
    "an axis that is fixed": (lambda: swept({"p": [0.1]}, p=0.2), "'p' varies and has a fixed"),
    "factors as a list": (lambda: studied(["kind"]), "factors are a table"),
    "a factor that is fixed": (lambda: studied({"k": [1, 2]}, k=3), "'k' varies and has a fixed"),
    "a number of seeds": (lambda: studied({"k": [1, 2]}, seeds=3), "they are a list: range(10)"),
    "a level of coverage as text": (lambda: studied({"k": [1]}, level="95 %"), "a finite number"),
    "a metric that is a list": (lambda: studied({"k": [1]}, metric=["value"]), "must be a text"),
    "compare as a number": (lambda: studied({"k": [1]}, compare=3), "must be a list of texts"),
    "no table": (lambda: tl.Study.of(None), "A table is a list of rows"),  # type: ignore[arg-type]  # the mistake
    "a width as text": (
        lambda: tl.Study.of(TABLE).required(half_width="1"),  # type: ignore[arg-type]  # the mistake
        "half_width is '1'; it must be a finite number.",
    ),
    "a number for a run": (lambda: tl.open_run(3), "must be a text or a path"),  # type: ignore[arg-type]  # the mistake
    "a number for a store": (
        lambda: tl.open_run("@last", store=3),  # type: ignore[arg-type]  # the mistake
        "store is 3; it must be a path.",
    ),
    "no filter": (lambda: tl.runs(None), "where is None; it must be a list of texts."),  # type: ignore[arg-type]  # the mistake
}


@pytest.mark.parametrize("name", WRONG)
def test_a_call_that_cannot_be_meant_is_refused_in_a_sentence(name: str, folder: Path) -> None:
    call, told = WRONG[name]
    with pytest.raises(TaskloomError) as caught:
        call()
    assert told in caught.value.message
    assert "\n" not in caught.value.message
    assert not (folder / "runs").exists()


def test_what_is_no_list_is_one_value_of_an_axis(folder: Path) -> None:
    quiet = tl.RunOptions(executor="inline", quiet=True)
    swept = tl.sweep(ONE, {"p": 0.25, "seed": np.array(3)}, options=quiet)
    assert [(run.config["p"], run.config["seed"]) for run in swept.runs] == [(0.25, 3)]
    assert repr(swept) == f"Sweep({swept.id}: 1 points, 1 finished)"
    with pytest.raises(TaskloomError) as caught:
        swept.runs[0].read("tos.txt")
    assert (caught.value.hint, "it has: toss.txt" in caught.value.message) == (
        "did you mean 'toss.txt'?",
        True,
    )
