"""The seed system's form of a task: the config itself carries the four methods."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias

from pydantic import BeforeValidator, Field
from taskloom.task import Finding, Result

from taskloom_anomaly.config import AnomalyConfig
from taskloom_anomaly.detection.regimes import regime_conflict

if TYPE_CHECKING:
    # Type-only: pydantic does not evaluate methods' annotations, and its metaclass has no public name.
    from pydantic._internal._model_construction import ModelMetaclass
    from taskloom.context import RunContext
else:
    ModelMetaclass = type(AnomalyConfig)


def _all_when_none(given: object) -> object:
    return 0 if given is None else given


AtMost: TypeAlias = Annotated[int, BeforeValidator(_all_when_none), Field(ge=0)]
"""How many samples at most; 0 takes all, and so does the seed system's None."""


class _NoDataclass(ModelMetaclass):
    """Says in a sentence that a config is no dataclass; the decorator alone would fail in the middle of its work."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "__dataclass_params__":
            raise TypeError(
                f"Take the decorator @dataclass off {self.__name__}: a config's annotated fields are its parameters without it."
            )
        super().__setattr__(name, value)


class AnomalyTaskConfig(AnomalyConfig, metaclass=_NoDataclass):
    """A config that is its own task.

    Subclass it, add fields (each becomes an option) and the four methods of `AnomalyTask`:

        class MyTask(AnomalyTaskConfig):
            run_path: Path
            \"\"\"Run of a trained network.\"\"\"

            def __post_init__(self):          # optional, as in the seed system
                self._model = StoredModel(self.run_path)

            def build_reference_data(self): ...
            def build_model(self): ...
            def build_params(self): ...       # None: random parameters
            def build_anomalous_data(self): ...

    Its own fields may be given by position, in the order in which they are declared: `MyTask("runs/a")`.

    Raises:
        TypeError: More values than own fields, or one field twice.
    """

    def __init__(self, *values: object, **named: object) -> None:
        super().__init__(**_by_name(type(self), values, named))

    def model_post_init(self, context: object, /) -> None:
        """Call the seed system's hook where a task has one."""
        hook = getattr(self, "__post_init__", None)
        if hook is not None:
            hook()

    @property
    def config(self) -> Self:
        """Itself."""
        return self

    def run(self, ctx: RunContext, /) -> Result:
        """Fit the detector on the task, score, evaluate."""
        # Imported here because `--help` must not import numpy.
        from taskloom_anomaly.driver import run_task

        return run_task(self, self, ctx)

    def check(self) -> Iterable[Finding]:
        """Say whether the detector gets what it needs."""
        conflict = regime_conflict(
            self.detector.needs, self.regime, hasattr(self, "build_untrusted_data")
        )
        if conflict:
            yield Finding("error", conflict)


TaskConfigBase = AnomalyTaskConfig
"""The seed system's name of it, so that a ported file keeps its class line."""


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
