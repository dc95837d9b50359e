"""The DeepMind control suite, imported only where a task of it runs."""

from __future__ import annotations

import warnings
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import mujoco
from taskloom.errors import MissingExtraError

from taskloom_control.errors import ModelError

if TYPE_CHECKING:
    import numpy as np

_OLDEST = (1, 0, 20)


def load_environment(domain: str, task: str, random: np.random.RandomState) -> Any:  # noqa: ANN401 -- an optional package
    """Return an environment of the suite.

    Args:
        domain: The domain: `walker`.
        task: The task: `walk`.
        random: Source of everything that an episode draws.

    Raises:
        MissingExtraError: The suite, or something that it needs, is not installed.
        ModelError: The version that is installed has no such task, is too old, or does not work with MuJoCo's version.
    """
    try:
        found = version("dm-control")
        # It tries every way to draw, and warns of those that fail; nothing is drawn through it.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _leave_out_what_is_gone()
            from dm_control import suite  # heavy: mujoco
    except ImportError as error:
        raise MissingExtraError(
            f"the DeepMind control suite needs '{error.name or 'dm_control'}', which is not installed: "
            "pip install 'taskloom-control[dm]'"
        ) from None
    if tuple(int(part) for part in found.split(".")[:3] if part.isdigit()) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        raise ModelError(f"dm-control {found} is too old; {oldest} or newer is needed.")
    try:
        return suite.load(domain, task, task_kwargs={"random": random})
    except (ValueError, AttributeError) as error:
        raise ModelError(
            f"dm-control {found} cannot make '{domain}.{task}' with MuJoCo {mujoco.__version__}: {error}"
        ) from None


def _leave_out_what_is_gone() -> None:
    """Take the names that MuJoCo has no more out of dm-control's table of array sizes, before it looks them up.

    dm-control 1.0.50 lists fields that MuJoCo 4 dropped, and fails on the first. Where none is missing, nothing changes.
    """
    from dm_control.mujoco.wrapper.mjbindings import sizes  # heavy: mujoco

    for kind, owner in (("mjmodel", mujoco.MjModel), ("mjdata", mujoco.MjData)):
        table = sizes.array_sizes.get(kind, {})
        for name in [name for name in table if not hasattr(owner, name)]:
            del table[name]
