"""The form that cupbearer gives a task: the config itself carries the four methods."""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeAlias

from pydantic import BeforeValidator, Field

from taskloom_anomaly.config import AnomalyConfig


def _all_when_none(given: object) -> object:
    return 0 if given is None else given


AtMost: TypeAlias = Annotated[int, BeforeValidator(_all_when_none), Field(ge=0)]
"""The largest number of samples; 0 takes all, and so does the None of cupbearer."""


class AnomalyTaskConfig(AnomalyConfig):
    """A config that is its own task.

    Subclass it, add fields (each becomes an option) and the four methods of `AnomalyTask`:

        class MyTask(AnomalyTaskConfig):
            run_path: Path
            \"\"\"Run of a trained network.\"\"\"

            def __post_init__(self):          # optional, as in cupbearer
                self._model = StoredModel(self.run_path)

            def build_reference_data(self): ...
            def build_model(self): ...
            def build_params(self): ...       # None: random parameters
            def build_anomalous_data(self): ...

    Its own fields may be given by position, in the order in which they are declared: `MyTask("runs/a")`. The decorator
    `@dataclass` above the class, which cupbearer asks for, may stay; it changes nothing.

    Raises:
        TypeError: More values than own fields, or one field twice.
    """

    def __init__(self, *values: object, **named: object) -> None:
        super().__init__(**_by_name(type(self), values, named))

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401 -- of the class statement
        """Give the class methods of its own where `@dataclass` would write its own versions of them."""
        super().__pydantic_init_subclass__(**options)
        # A class that pydantic has still to complete changes while the decorator reads it.
        cls.model_rebuild(raise_errors=False)
        for name in ("__init__", "__repr__", "__eq__"):
            if name not in vars(cls):
                setattr(cls, name, getattr(cls, name))

    def model_post_init(self, context: object, /) -> None:
        """Call the hook of cupbearer where a task has one."""
        hook = getattr(self, "__post_init__", None)
        if hook is not None:
            hook()

    @property
    def config(self) -> Self:
        """The config, which is the task itself."""
        return self


TaskConfigBase = AnomalyTaskConfig
"""The name in cupbearer, so that a ported file keeps its class line."""


def _by_name(
    cls: type[AnomalyTaskConfig], values: tuple[object, ...], named: dict[str, object]
) -> dict[str, Any]:
    """Give positional values the names of the class's own fields."""
    own = [name for name in cls.model_fields if name not in AnomalyTaskConfig.model_fields]
    if len(values) > len(own):
        raise TypeError(
            f"{cls.__name__} takes at most {len(own)} values by position ({', '.join(own) or 'none'}); {len(values)} were given."
        )
    twice = [name for name, _ in zip(own, values, strict=False) if name in named]
    if twice:
        raise TypeError(f"{cls.__name__} got '{twice[0]}' twice: by position and by name.")
    return dict(zip(own, values, strict=False)) | named
