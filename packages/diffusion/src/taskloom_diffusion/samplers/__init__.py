"""Samplers, one file each, over the loops in `reveal` and `chain`; `generation` is what they work on."""

from taskloom.moved import moved_names

from taskloom_diffusion.compat.moved import MOVED

# Before 0.2 the base of the kind was imported from here.
__getattr__ = moved_names(__name__, MOVED[__name__])
