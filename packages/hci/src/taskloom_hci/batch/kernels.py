"""The kernels of the games: the games know the rules, and this module knows which kernel plays them by the thousand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from taskloom_hci.accelerated.control_kernel import control_kernel
from taskloom_hci.accelerated.gaze import gaze_kernel
from taskloom_hci.accelerated.pointing_kernel import pointing_kernel
from taskloom_hci.accelerated.rollout_kernel import rollout_kernel
from taskloom_hci.accelerated.small import coordinated_kernel, example_kernel
from taskloom_hci.accelerated.teaching_kernel import teaching_kernel
from taskloom_hci.batch.kernel import Kernel
from taskloom_hci.bundle.bundle import Bundle
from taskloom_hci.games.control import ClassicControl
from taskloom_hci.games.gaze import Gaze
from taskloom_hci.games.pointing import Pointing
from taskloom_hci.games.simple import Coordinated, Example
from taskloom_hci.games.teaching import Teaching
from taskloom_hci.task import InteractionTask

_KERNELS: Mapping[type[InteractionTask], Callable[[Bundle], Kernel | None]] = {
    Example: example_kernel,
    Coordinated: coordinated_kernel,
    Pointing: lambda bundle: rollout_kernel(bundle) or pointing_kernel(bundle),
    ClassicControl: control_kernel,
    Gaze: gaze_kernel,
    Teaching: teaching_kernel,
}


def kernel_of(bundle: Bundle) -> Kernel | None:
    """Return what plays many episodes of a game at once, or None if its agents can only be played one by one."""
    # By the very class: a subclass may have other rules, which the arrays would not know.
    known = _KERNELS.get(type(bundle.task))
    return bundle.task.kernel() if known is None else known(bundle)
