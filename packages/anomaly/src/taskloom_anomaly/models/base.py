"""The base of the networks: `--model=mlp --model.hidden_dims=256,256` sets the fields of one."""

from __future__ import annotations

from abc import abstractmethod
from importlib.util import find_spec
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field
from taskloom.config import Component, Config
from taskloom.errors import MissingExtraError

Positive: TypeAlias = Annotated[int, Field(gt=0)]


class Model(Component):
    """Base of the networks."""

    input_dtype: ClassVar[str] = "float32"
    """Data type of a sample."""

    backend: Literal["linen", "nnx", "torch"] = "linen"
    """Framework that the network is written in; torch needs the extra `taskloom-anomaly[torch]`."""

    @classmethod
    def fits(cls, config_class: type[Config]) -> str:
        """Return the reason why no task with such a config can use the network, or an empty string."""
        del config_class
        return ""

    def check(self, config: Config) -> str:
        """Return the reason why the task with this config cannot use the network, or an empty string."""
        return self.fits(type(config))

    @abstractmethod
    def build(self, input_shape: tuple[int, ...], num_outputs: int, seed: int) -> object:
        """Return the module of the chosen framework.

        Args:
            input_shape: Shape of one sample, channels last.
            num_outputs: Width of the logits.
            seed: Seeds the initialisation where the module holds its own parameters (nnx, torch).
        """


def require_torch() -> None:
    """Raise one sentence when torch is not installed.

    Raises:
        MissingExtraError: It is not.
    """
    if find_spec("torch") is None:
        raise MissingExtraError(
            "A torch model needs torch, which is not installed.",
            hint="pip install 'taskloom-anomaly[torch]'",
        )
