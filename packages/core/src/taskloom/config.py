"""Typed, frozen configs: the base classes, units, and open unions of components.

    class Spectral(Detector):
        '''Spectral signatures.'''

        kind: Literal["spectral"] = "spectral"
        rank: Annotated[int, Field(ge=1)] = 1
        '''Directions kept.'''

    class BackdoorConfig(Config):
        detector: Annotated[Detector, OneOf("taskloom_anomaly.detectors")] = Mahalanobis()
        '''Detector fitted on trusted data.'''
        horizon: Annotated[float, Field(gt=0), Unit("s")] = 1.0

Write `x: Annotated[int, Field(gt=0)] = 4`, not `x: int = Field(4, gt=0)`: type checkers believe that the second form has no
default. A subclass that redeclares a default overrides it for its own task; there is no global override table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from taskloom.errors import PluginError
from taskloom.registry.components import load_components


class Component(BaseModel):
    """Base of every swappable or nested part of a config.

    A component that belongs to a `OneOf` group declares `kind: Literal["<its registered name>"] = "<its registered name>"`;
    do not declare `kind: str` on a shared base, pyright rejects the override.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        # Open unions look their members up when the schema is built, which must not be when a module is imported.
        defer_build=True,
        protected_namespaces=(),
        allow_inf_nan=False,
    )


class Config(Component):
    """Base of every task config: the frozen model that fully determines a run."""

    seed: int = 0
    """Root of every random stream of the run."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The physical unit of a field, shown in help and in JSON Schema: `Annotated[float, Unit("s")]`."""

    symbol: str

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Record the unit as `x-unit`."""
        json_schema = handler(schema)
        json_schema["x-unit"] = self.symbol
        return json_schema


@dataclass(frozen=True, slots=True)
class ExecutionOnly:
    """Marks a field that says how a run is executed, not what it computes; it is left out of the run's identity."""


# The context in which pydantic validates a config that is read from a run's record. A `mode="before"` validator that finds it
# in `info.context` gives a parameter that older records lack the value that it stood for then, not today's default.
FROM_RECORD: Final = "from a record"


@dataclass(frozen=True, slots=True)
class Secret:
    """Marks a secret field: `api_key: Annotated[SecretStr, Secret(counts=False)]`.

    Attributes:
        counts: Whether its value is part of the run's identity, as a keyed digest; not so for a key that changes no result.
    """

    counts: bool = True


@dataclass(frozen=True, slots=True)
class OneOf:
    """An open tagged union: the field holds one component out of a registered group.

    Attributes:
        group: The entry-point group, such as `"taskloom_anomaly.detectors"`; the members that a domain's manifest lists under
            the group and those that plugins register both count.
    """

    group: str

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Build the tagged union over every member of the group that loads."""
        del source  # the annotation is the common base class; the group says what may stand here
        members = load_components(self.group)
        if not members:
            raise PluginError(f"No component is registered in the group '{self.group}'.")
        return core_schema.tagged_union_schema(
            choices={name: handler.generate_schema(cls) for name, cls in members.items()},
            discriminator="kind",
        )
