"""Contents of `study.json`, which lies beside the `sweep.json` of the runs of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from taskloom.errors import RunCorruptError, UsageError
from taskloom.records.checks import read_integer, read_table, read_text, read_texts
from taskloom.records.documents import read_object
from taskloom.records.files import stat_file
from taskloom.records.folders import names_holding
from taskloom.runs.writer import atomic_write_json
from taskloom.studies.looking import StudyLook
from taskloom.studies.question import StudyQuestion
from taskloom.studies.values import Levels

FORMAT = 1
RECORD = "study.json"


@dataclass(frozen=True, slots=True)
class StudyPoint:
    """One run of a study, as its record tells it.

    Attributes:
        identity: Identity of the run.
        levels: Its level of each factor.
        seed: Its seed.
        run: Its id, once there is one; or empty.
    """

    identity: str
    levels: Levels
    seed: int
    run: str = ""


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A study as its folder tells it.

    Attributes:
        question: What is asked.
        factors: Names of the factors.
        seeds: The seeds that were named; one that looks goes on with the next whole numbers.
        points: Its runs so far.
        looks: Looks so far; empty for a study of a fixed number of seeds.
    """

    question: StudyQuestion
    factors: tuple[str, ...]
    seeds: tuple[int, ...]
    points: tuple[StudyPoint, ...] = ()
    looks: tuple[StudyLook, ...] = ()


def write_study(folder: Path, record: StudyRecord) -> None:
    """Write the record of a study into the folder of its sweep.

    Raises:
        StoreError: It cannot be written; the one before is intact.
    """
    looks = [look.to_json() for look in record.looks]
    document = {"format": FORMAT, **asdict(record), "looks": looks}
    atomic_write_json(folder / RECORD, document)


def is_study(folder: Path) -> bool:
    """Return whether a sweep's folder is that of a study."""
    return stat_file(folder, RECORD) is not None


def study_names(store: Path) -> list[str]:
    """Return the names of the studies of a store, the newest first.

    Raises:
        StoreError: The store cannot be read.
    """
    return names_holding(store, RECORD)[::-1]


def read_study(folder: Path) -> StudyRecord:
    """Read a study's record; every field is checked, because it may have been edited.

    Raises:
        RunCorruptError: It is missing or damaged.
    """
    value = read_object(folder, RECORD)
    try:
        if value["format"] != FORMAT:
            raise ValueError(f"it has the format {value['format']!r}; this taskloom reads {FORMAT}")
        factors = read_texts(value, "factors")
        points = tuple(_point(item, len(factors)) for item in _items(value, "points"))
        seeds = tuple(_seed(item) for item in _list(value, "seeds"))
        looks = tuple(_look(item) for item in _items(value, "looks"))
        return StudyRecord(_question(read_table(value, "question")), factors, seeds, points, looks)
    except (KeyError, TypeError, ValueError, UsageError) as error:
        told = f"the field {error} is missing" if isinstance(error, KeyError) else str(error)
        raise RunCorruptError(
            f"{folder / RECORD} is damaged: {told}.", reason=f"{RECORD}: {told}"
        ) from None


def _list(value: Mapping[str, Any], key: str) -> Sequence[Any]:
    if not isinstance(value[key], list):
        raise TypeError(f"the field {key!r} is no list")
    found: list[Any] = value[key]
    return found


def _items(value: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    found = _list(value, key)
    if not all(isinstance(item, dict) for item in found):
        raise TypeError(f"the field {key!r} is no list of tables")
    return found


def _seed(value: object) -> int:
    return read_integer({"seed": value}, "seed", least=-(2**63))


def _point(value: Mapping[str, Any], factors: int) -> StudyPoint:
    levels = tuple(_list(value, "levels"))
    if len(levels) != factors or not all(
        isinstance(level, str | int | float | bool | None) for level in levels
    ):
        raise TypeError("the levels of a point are no list of one value for each factor")
    return StudyPoint(
        read_text(value, "identity"), levels, _seed(value["seed"]), read_text(value, "run")
    )


def _look(value: Mapping[str, Any]) -> StudyLook:
    ends = [
        item if item is None else (float(item[0]), float(item[1])) for item in value["intervals"]
    ]
    if not isinstance(value["decided"], bool):
        raise TypeError("the field 'decided' is no truth value")
    return StudyLook(read_integer(value, "seeds"), value["decided"], tuple(ends))


def _question(value: Mapping[str, Any]) -> StudyQuestion:
    given: dict[str, Any] = {}
    for item in fields(StudyQuestion):
        if item.name not in value:
            continue  # what came later is not in an older record
        raw = value[item.name]
        default = item.default
        kind = (int, float) if isinstance(default, float) else type(default)
        if item.name == "compare":
            raw = read_texts(value, "compare")
        elif isinstance(raw, bool) or not isinstance(raw, str if item.name == "metric" else kind):
            raise TypeError(f"the field {item.name!r} of the question is of another type")
        given[item.name] = raw
    return StudyQuestion(**given)
