"""From what a user wrote to the points of a sweep."""

import math
from pathlib import Path

import pytest
from taskloom.errors import ConfigError, UsageError
from taskloom.sweeps.expand import Choices, Plan, Span, parse_axis
from taskloom.sweeps.planfile import read_plan


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a,b,c", ("a", "b", "c")),
        ("0:5", ("0", "1", "2", "3", "4")),
        ("1:10:3", ("1", "4", "7")),
        ("5:0:-2", ("5", "3", "1")),
        ("0:1:0.25", ("0.0", "0.25", "0.5", "0.75")),
        ("0:1:0.1", tuple(repr(round(i / 10, 1)) for i in range(10))),
        ("1,2,10:12", ("1", "2", "10", "11")),
        ("[1,2],[3]", ("[1,2]", "[3]")),
        ('{"a": 1, "b": 2},none', ('{"a": 1, "b": 2}', "none")),
        ('"x,y",z', ('"x,y"', "z")),
        ("'x,y',z", ("'x", "y'", "z")),
        ('it"s, a', ('it"s', "a")),
        ("12:30pm", ("12:30pm",)),
        ("c:/data", ("c:/data",)),
        ("7", ("7",)),
        ("", ("",)),
    ],
)
def test_axis_values(text: str, values: tuple[str, ...]) -> None:
    assert parse_axis("x", text) == Choices(values)


def test_axis_of_a_text_parameter_has_no_ranges() -> None:
    assert parse_axis("x", "0:5,log:1:2", is_number=False) == Choices(("0:5", "log:1:2"))


@pytest.mark.parametrize(
    "text",
    [
        "0:5:0",
        "5:0",
        "0:inf",
        "0:1:nan",
        "0:1e12",
        "log:0:1",
        "log:-1:1",
        "linear:2:1",
        "log:1",
        "linear:a:b",
        "linear:0:inf",
    ],
)
def test_bad_ranges_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--x="):
        parse_axis("x", text)


def test_product_keeps_the_order_of_the_command_line() -> None:
    plan = Plan({"a": Choices(("1", "2")), "b": Choices(("x", "y"))})
    assert plan.expand() == [
        {"a": "1", "b": "x"},
        {"a": "1", "b": "y"},
        {"a": "2", "b": "x"},
        {"a": "2", "b": "y"},
    ]


def test_repetitions_are_one_point() -> None:
    assert len(Plan({"a": Choices(("1", "1", "2"))}).expand()) == 2


def test_nothing_to_vary_is_one_point() -> None:
    assert Plan().expand() == [{}]
    assert Plan(is_zip=True).expand() == [{}]


def test_zip_pairs_and_repeats_single_values() -> None:
    plan = Plan(
        {"a": Choices(("1", "2")), "b": Choices(("x", "y")), "c": Choices(("k",))}, is_zip=True
    )
    assert plan.expand() == [{"a": "1", "b": "x", "c": "k"}, {"a": "2", "b": "y", "c": "k"}]


def test_zip_of_different_lengths_names_them() -> None:
    with pytest.raises(UsageError, match="--a has 2, --b has 3"):
        Plan({"a": Choices(("1", "2")), "b": Choices(("x", "y", "z"))}, is_zip=True).expand()


def test_listed_points_are_combined_with_the_axes() -> None:
    plan = Plan({"s": Choices(("0", "1"))}, points=[{"a": "x"}, {"b": "y"}])
    assert plan.expand() == [
        {"a": "x", "s": "0"},
        {"a": "x", "s": "1"},
        {"b": "y", "s": "0"},
        {"b": "y", "s": "1"},
    ]


def test_too_many_points_are_refused_before_they_are_made() -> None:
    axis = Choices(tuple(str(i) for i in range(1000)))
    with pytest.raises(UsageError, match="100000"):
        Plan(dict.fromkeys("abcdefgh", axis)).expand()


def test_sample_is_reproducible_and_depends_on_the_seed() -> None:
    axes = {"lr": Span(1e-4, 1e-1, True, False), "k": Choices(("a", "b"))}
    first, again = Plan(axes, sample=20).expand(), Plan(axes, sample=20).expand()
    assert first == again
    assert first != Plan(axes, sample=20, sample_seed=1).expand()


def test_another_axis_leaves_the_draws_of_the_first_alone() -> None:
    span = Span(0.0, 1.0, False, False)
    alone = [point["a"] for point in Plan({"a": span}, sample=10).expand()]
    both = [point["a"] for point in Plan({"b": span, "a": span}, sample=10).expand()]
    assert alone == both


def test_sample_without_a_number_says_so() -> None:
    with pytest.raises(UsageError, match="--sample N"):
        Plan({"a": Span(0.0, 1.0, False, False)}).expand()


def test_log_samples_are_uniform_in_the_logarithm() -> None:
    points = Plan({"a": Span(1e-4, 1e-1, True, False)}, sample=4000).expand()
    logs = [math.log10(float(point["a"])) for point in points]
    # Uniform on [-4, -1]: mean -2.5, standard deviation 3/sqrt(12). Five standard errors: one false alarm in 1.7 million.
    assert abs(sum(logs) / len(logs) + 2.5) < 5 * 3 / math.sqrt(12) / math.sqrt(4000)
    assert min(logs) >= -4
    assert max(logs) <= -1


def test_integer_samples_reach_both_ends() -> None:
    points = Plan({"a": Span(1, 3, False, True)}, sample=100).expand()
    assert sorted({point["a"] for point in points}) == ["1", "2", "3"]


def test_integer_log_samples_are_integers_inside() -> None:
    points = Plan({"a": Span(1, 1000, True, True)}, sample=300).expand()
    assert all(1 <= int(point["a"]) <= 1000 for point in points)


def test_sweep_file(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(
        'sample = 0\n[parameters]\nseed = "0:2"\ndetector.rank = [1, 2]\n[[runs]]\nnote = "a,b"\nflag = true\n'
    )
    plan = read_plan(path)
    assert plan.axes == {"seed": Choices(("0", "1")), "detector.rank": Choices(("1", "2"))}
    assert plan.points == [{"note": "a,b", "flag": "true"}]
    assert len(plan.expand()) == 4


@pytest.mark.parametrize(
    "content",
    [
        "other = 1",
        "parameters = 3",
        "runs = [1]",
        "sample = -1",
        "sample = true",
        "[parameters]\na = []",
        "not toml",
    ],
)
def test_bad_sweep_file_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(content)
    with pytest.raises(ConfigError):
        read_plan(path)
