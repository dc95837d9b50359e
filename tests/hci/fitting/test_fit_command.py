"""`tasks hci fit` on tables and runs: mappings, bad input, and the same figures under other names."""

# ruff: noqa: ANN401 -- fixtures and cases are of any type

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from taskloom_hci.fitting.fitted import load_fit

CSV = """subjID,cond,x,goal,choice
a,1,0,5,2
a,2,0,5,2
a,2,5,0,1
b,2,5,0,2
"""


@pytest.fixture
def csv(tasks: Any) -> Any:
    """Return a function that fits a table by a command line."""
    Path("d.csv").write_text(CSV, encoding="utf-8")
    usual = ("--map", "person=subjID", "--map", "action=choice:1>-1,2>1", "--map", "position=x")

    def call(*words: str, mapped: Sequence[str] = usual) -> Any:
        return tasks("hci", "fit", "d.csv", "--user=careful", *mapped, *words)

    return call


def test_a_table_is_fitted_through_a_mapping(csv: Any, tasks: Any) -> None:
    done = csv("--where", "cond==2", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)[0]
    assert told["data"] | {"digest": ""} == {
        "digest": "", "read": 4, "used": 3, "left_out": {"without cond==2": 1}, "people": 2,
    }  # fmt: skip
    assert set(told["persons"]) == {"a", "b"}
    assert told["persons"]["a"]["error_rate"]["mean"] < told["persons"]["b"]["error_rate"]["mean"]
    # The same table under other names, in another order of columns, and as TSV, gives the same figures.
    rows = [line.split(",") for line in CSV.splitlines()[1:]]
    lines = [
        "goal\tpick\twho\tposition\tcond",
        *("\t".join([g, c, p, x, k]) for p, k, x, g, c in rows),
    ]
    Path("e.tsv").write_text("\n".join(lines), encoding="utf-8")
    other = tasks("hci", "fit", "e.tsv", "--user=careful", "--map=person=who", "--map",
                  "action=pick:1>-1,2>1", "--where=cond==2", "--json")  # fmt: skip
    assert json.loads(other.out)[0] == told
    # As spreadsheets of many countries write it: semicolons, and commas in numbers.
    Path("f.csv").write_text(CSV.replace(",", ";").replace(";5;", ";5,0;"), encoding="utf-8")
    usual = ["--map=person=subjID", "--map=action=choice:1>-1,2>1", "--map=position=x"]
    foreign = tasks("hci", "fit", "f.csv", "--user=careful", *usual, "--where=cond==2", "--json")
    assert json.loads(foreign.out)[0] == told


def test_answers_of_a_course_are_fitted_and_the_lapse_with_them(tasks: Any) -> None:
    lines = ["person,item,time,action"]
    for row in range(60):
        lines.append(f"p{row % 2},{row // 2 % 5},{10.0 * row},{int(row < 20 or row % 3 > 0)}")
    Path("m.csv").write_text("\n".join(lines), encoding="utf-8")
    done = tasks(
        "hci", "fit", "m.csv", "--user=memory", "--infer-lapse", "--prior=lapse=beta(1,9)", "--json"
    )
    assert done.code == 0, done.err
    told = json.loads(done.out)[0]
    assert set(told["new_person"]) == {"forgetting", "repetition", "lapse"}
    assert told["priors"]["lapse"] == "beta(1, 9)"
    assert told["lapse"] is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--map", "position=xx"], "no column 'xx'"),
        (["--map", "positon=x"], "did you mean 'position'"),
        (["--map", "action=choice:1>-1"], "Line 2 of d.csv, column 'choice': '2' is none of 1"),
        (["--map", "action=choice:1>-1,2>3"], "Line 2 of d.csv: CarefulModel has no action 3"),
        (["--map", "position=subjID"], "Line 2 of d.csv, column 'subjID': 'a' is no number"),
        (["--map", "action=subjID", "--where", "subjID=="], "No decision is left"),
        (["--where", "kond==2"], "no column 'kond' for --where"),
        (["--where", "cond==7"], "No decision is left of 4 rows: 4 without cond==7"),
        (["--prior", "eror_rate=beta(1,2)"], "'eror_rate' is none of error_rate"),
        (["--out", "fit.txt"], "ends with .npz"),
        (["--page", "fit.txt"], "ends with .html"),
    ],
)
def test_bad_tables_are_refused_in_one_sentence(csv: Any, words: list[str], told: str) -> None:
    done = csv(*words)
    assert done.code != 0
    assert told in done.err
    assert "Traceback" not in done.err


def test_a_run_is_fitted_without_a_word_more(tasks: Any) -> None:
    assert tasks("run", "hci", "pointing", "--episodes=60", "--baseline=false").code == 0
    done = tasks("hci", "fit", "@last", "--out", "fit.npz", "--page", "fit.html")
    assert done.code == 0, done.err
    page = Path("fit.html").read_text(encoding="utf-8")
    # The page holds what the command printed: the interval of the person, and every statistic.
    assert all(
        word in page for word in ("error_rate: mean and 90 % interval", "Repeated data", "<svg")
    )
    assert page.count("longest run") == 1
    assert "error_rate" in done.out
    # Shares of three actions and a log-probability in the same situations; three statistics of games played again.
    assert "of 7 statistics like the data's" in done.out
    assert load_fit(Path("fit.npz")).kind == "careful"
    # A run of a user who cannot be fitted says so, and which can.
    tasks("run", "hci", "example", "--episodes=2", "--baseline=false")
    refused = tasks("hci", "fit", "@last")
    assert refused.code != 0
    assert "careful, boltzmann, memory" in refused.err
