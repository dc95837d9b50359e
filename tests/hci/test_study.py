"""Studies with people: orders of conditions, what a file may say, and power."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from scipy.stats import nct
from study_people import STUDY, study_of
from taskloom.errors import ConfigError, UsageError
from taskloom.seeding import derive_seed
from taskloom_hci.study.file import read_study
from taskloom_hci.study.orders import free_row, rows_of, williams
from taskloom_hci.study.plan import conditions_of, num_rows, plan
from taskloom_hci.study.power import powers
from taskloom_hci.study.words import words
from taskloom_hci.verbs.study_power import numbers_of

# Orders ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", range(2, 8))
def test_a_williams_design_balances_places_and_neighbours(count: int) -> None:
    rows = williams(count)
    assert len(rows) == (count if count % 2 == 0 else 2 * count)
    places = Counter((place, item) for row in rows for place, item in enumerate(row))
    neighbours = Counter(pair for row in rows for pair in pairwise(row))
    assert set(places.values()) == {len(rows) // count}
    assert len(neighbours) == count * (count - 1)
    assert len(set(neighbours.values())) == 1


def test_a_row_that_was_left_goes_to_the_next_person() -> None:
    assert [free_row(4, taken) for taken in ([], [0], [0, 1, 2, 3], [0, 2, 3], [0, 0, 1, 2, 3])] == [
        0, 1, 0, 1, 1,
    ]  # fmt: skip
    assert len(rows_of(3, "all")) == 6


def test_everyone_plays_the_same_games_in_an_order_of_their_own(tmp_path: Path) -> None:
    config = study_of(tmp_path)
    visits = [plan(config, number, number % num_rows(config)) for number in range(6)]
    played = [
        [(s.condition, s.game, s.seed) for s in visit if s.kind == "game"] for visit in visits
    ]
    assert len({tuple(sorted(one)) for one in played}) == 1
    assert len({tuple(one) for one in played}) == 6
    seeds = {(game, seed) for name, game, seed in played[0] if name in ("big", "gain")}
    assert seeds == {(game, derive_seed(5, "games", game)) for game in range(3)}
    practice = next(s.seed for s in visits[0] if s.is_practice)
    assert practice not in {seed for _, seed in seeds}


def test_conditions_between_people_do_not_go_with_an_order(tmp_path: Path) -> None:
    text = STUDY + '[design]\nwithin = ["eyes", "cards", "number"]\nbetween = ["big", "gain"]\n'
    config = study_of(tmp_path, text)
    rows = num_rows(config)
    told = Counter()
    for number in range(2 * rows):
        order = conditions_of(config, number, number % rows)
        (slot,) = set(order) & {"big", "gain"}
        told[slot, order.index(slot)] += 1
    assert len(set(told.values())) == 1
    assert len(told) == 8


# Files -------------------------------------------------------------------------------------------------------------


def test_all_problems_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "consent.md").write_text("# Yes")
    text = """
[study]
peple = 3
[consent]
text = "consnt.md"
[instructons]
[practice]
condition = "nothing"
[[condition]]
name = "one"
task = "pointng"
[[condition]]
name = "one"
task = "classic_control"
[[condition]]
name = "two"
task = "pointing"
parameters = {cels = 9}
"""
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as told:
        read_study(path)
    for part in (
        "peple",
        "consnt.md cannot be read (No such file or directory); did you mean 'consent.md'",
        "There is no table [instructons]; did you mean 'instructions'",
        "There is no task 'pointng'; did you mean 'pointing'",
        "The task 'classic_control' has no page",
        "cels",
    ):
        assert part in str(told.value), part


@pytest.mark.parametrize(
    ("added", "why"),
    [
        ('[design]\nwithin = ["big"]', "No person gets the condition 'gain'"),
        ('[design]\nwithin = ["bg", "big"]', "which is none; did you mean 'big'"),
        ('[[question]]\nid = "effort"\nask = "?"', "two [[question]] called 'effort'"),
        ('[[question]]\nid = "x"\nask = "?"\nkind = "choice"', "needs at least two options"),
        ('[[question]]\nid = "x"\nask = "?"\nlow = 9', "not below high"),
        ('[[condition]]\nname = "z"\ntask = "gaze"\nseats = ["user", "assistant"]', "needs an assistant"),
        ('[eligibility]\nage = "old"', "[eligibility]: age = 'old' must be an integer"),
        ('[[condition]]\nname = "a b"\ntask = "gaze"', "condition 'a b': name = 'a b' is no name"),
        ('[[condition]]\nname = "c"\ntask = "pointing"\ncells = 9', "parameters = {...}"),
        ('[[condition]]\nname = "c"\ntask = "pointing"\nassistant = "mp"', "assistant = mp: must be"),
        ('[[question]]\nid = "x"\nkind = "likert"', "question 'x': ask must be given"),
        ('[eligibility]\nwidth = -1\n[design]\nwithin = ["bg"]', "did you mean 'big'"),
    ],
)  # fmt: skip
def test_a_study_that_makes_no_sense_is_refused(tmp_path: Path, added: str, why: str) -> None:
    with pytest.raises(ConfigError) as told:
        study_of(tmp_path, STUDY + added + "\n")
    assert why in str(told.value)


def test_a_text_may_be_a_file_and_counts_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "consent.md").write_text("# Consent")
    by_file = study_of(tmp_path, STUDY.replace('text = "# Consent"', 'text = "consent.md"'))
    assert by_file == study_of(tmp_path)


def test_every_language_has_every_word() -> None:
    keys = [set(table) for table in words().values()]
    assert all(one == keys[0] for one in keys)
    marks = [{key: text.count("{") for key, text in table.items()} for table in words().values()]
    assert all(one == marks[0] for one in marks)


# Power -------------------------------------------------------------------------------------------------------------


def test_power_rises_with_people_and_is_that_of_the_t_test(tmp_path: Path) -> None:
    other = 'assistant = {{kind = "gain"}}\nparameters = {{cells = 7, targets = 3}}'
    two = STUDY.partition('[[condition]]\nname = "eyes"')[0]
    text = two.replace(other, 'assistant = "map"')
    few, many = powers(study_of(tmp_path, text), [4, 30], 200, "rounds")
    assert (few.people, many.people) == (4, 30)
    assert few.power < many.power
    assert many.power > 0.95
    # The power of a paired t test at .05 of four people, to what 200 studies tell of it.
    effect, limit = abs(few.difference) / few.deviation * 2, 3.1824
    exact = 1 - nct.cdf(limit, 3, effect) + nct.cdf(-limit, 3, effect)
    assert few.power == pytest.approx(exact, abs=0.12)
    same = two.replace('name = "gain"', 'name = "twin"').replace(other, 'assistant = "big"')
    config = study_of(tmp_path, same)
    (alike,) = powers(config, [10], 200, "rounds")
    assert (alike.power, alike.difference) == (0.0, 0.0)
    assert numbers_of("8:24:8") == [8, 16, 24]
    for wrong in ("", "1", "8:24", "0:9:1", "a"):
        with pytest.raises(UsageError, match="--people"):
            numbers_of(wrong)
