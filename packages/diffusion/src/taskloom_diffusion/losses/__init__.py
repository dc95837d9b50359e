"""Training losses: functions of a noised batch, so that they import nothing heavy."""

from taskloom_diffusion.compat.moved import old_names

# Before 0.2 the base of the kind was imported from here.
__getattr__ = old_names(__name__)
