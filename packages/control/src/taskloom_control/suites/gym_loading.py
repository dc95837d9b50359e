"""Gymnasium's MuJoCo environments, imported only where a task of them runs."""

from __future__ import annotations

import warnings
from typing import Any

from taskloom.errors import MissingExtraError

from taskloom_control.errors import ModelError


def load_environment(env_id: str) -> Any:  # noqa: ANN401 -- an optional package
    """Return an environment without its wrappers.

    Args:
        env_id: Its id: `Ant-v5`.

    Raises:
        MissingExtraError: Gymnasium, or something that its MuJoCo environments need, is not installed.
        ModelError: The version that is installed has no such environment.
    """
    try:
        # It warns of what it cannot draw with, and of old forms in its models.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import gymnasium  # heavy: gymnasium

            try:
                return gymnasium.make(env_id).unwrapped
            except gymnasium.error.Error as error:
                raise ModelError(
                    f"Gymnasium {gymnasium.__version__} cannot make '{env_id}', which needs 1.0 or newer: {error}"
                ) from None
    except ImportError as error:
        raise MissingExtraError(
            f"'{env_id}' needs '{error.name or 'gymnasium'}', which is not installed: pip install 'taskloom-control[gym]'"
        ) from None
