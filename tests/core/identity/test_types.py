"""Types without a form are refused when the task is loaded, with the name of the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NewType

import pytest
from pydantic import BaseModel, Field, SecretStr
from taskloom import Component, Config, InputPath
from taskloom.errors import PluginError
from taskloom.identity.types import require_identity, types_without_identity

Name = NewType("Name", str)


class Sort(Enum):
    A = 1


class Angle:
    def canonical(self) -> float:
        return 0.0


class Part(Component):
    values: dict[str, tuple[int, ...]] = {}  # noqa: RUF012 -- pydantic copies it


class Good(Config):
    a: Literal["x", 1] = "x"
    b: set[frozenset[int]] = set()  # noqa: RUF012 -- pydantic copies it
    c: Sequence[Path | None] = ()
    d: Mapping[str, list[date]] = {}
    e: timedelta = timedelta(0)
    f: Annotated[float, Field(gt=0)] | None = None
    g: Sort = Sort.A
    h: SecretStr | None = None
    i: InputPath | None = None
    j: Name = Name("n")
    k: Part | None = None
    m: Any = None


class Deep(Component):
    amount: Decimal = Decimal(0)


class Bad(Config):
    deep: list[Deep] = []  # noqa: RUF012 -- pydantic copies it


class Own(BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    angle: Angle


def test_types_of_the_documentation_have_a_form() -> None:
    assert list(types_without_identity(Good)) == []
    assert list(types_without_identity(Own)) == []


def test_type_without_a_form_is_refused_wherever_it_stands() -> None:
    sentence = r"Task 'x y' cannot be used: field deep\.amount of type Decimal has no identity"
    with pytest.raises(PluginError, match=sentence):
        require_identity(Bad, "Task 'x y'")
